"""`mailer policy jurisdictions`: the legal demands of each country, with sources. It writes a page of the docs."""

from collections.abc import Iterator
from typing import Annotated

import typer

from mailer import bundled_files
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, print_note, print_table, read_command_settings
from mailer.policy.consent_validity import ConsentValidityTerms
from mailer.policy.country_codes import country_code
from mailer.policy.jurisdiction import (
    SWITCHES,
    Jurisdiction,
    JurisdictionError,
    LawByCountry,
    LegalRequirement,
    parse_law_by_country,
)
from mailer.settings import SettingsError

NO_ADVICE = "These are defaults, not legal advice: have them checked by somebody who may give it."
HEAD = f"""\
# Jurisdictions

What the law of a country demands whatever a policy says, as the files in `jurisdictions/` have it.
`mailer policy jurisdictions --page` writes this page. {NO_ADVICE}

`sure` says how sure a demand is: `primary` was read in the law itself, `secondary` in what others write of it, and
`unsure` not even that. An unsure demand never allows more than a country that nobody has reviewed. `checked` is the
day on which somebody looked.

`MAILER_JURISDICTIONS` points at a folder of your own, which then is all the law there is. A file is one jurisdiction:
its `name`, its `countries`, and a section for each demand. `promo_basis`, `partner_mail` and `tracking` are required.
A country stands in one file. States of a federation and business addresses are not told apart, nor does a consent
count that a law only implies, from a sale or an inquiry. Of ages, only `under_13` is known.

`confirmed` says that a consent to mail counts once a link in a mail has confirmed it, whatever a policy says, and
`renewal`, for how many months it counts. `records` are the days for which the record of a consent is kept: a policy
whose `retention_days` are fewer is refused. Where several countries were said of somebody, all of their demands hold.
The authority to which people complain is named in the answer to a complaint by mail. It is no demand.

"""
Code = Annotated[str | None, typer.Argument(help="A country by ISO 3166-1, such as DE or UK.")]


def register(app: typer.Typer) -> None:
    """Adds the command to those of `mailer policy`."""
    app.command()(jurisdictions)


def jurisdictions(
    code: Code = None,
    json: AsJson = False,
    page: Annotated[bool, typer.Option("--page", help="As a page of the documentation, in Markdown.")] = False,
) -> None:
    """Shows what the law of each country demands, on which article that rests, and how sure it is."""
    law = _load_law_or_exit()
    if page:
        for line in jurisdictions_page_in_markdown(law).splitlines():
            out.print(line)
        return
    if code is None:
        _print_all_jurisdictions(law, json)
        return
    try:
        country = country_code(code)
    except ValueError as error:
        exit_with_error(f"{code} {error}", 2)
    _print_jurisdiction_of_country(law, country, json)


def _load_law_or_exit() -> LawByCountry:
    try:
        return parse_law_by_country(bundled_files.read_texts_of_toml_files(read_command_settings().jurisdictions))
    except (JurisdictionError, SettingsError) as error:
        exit_with_error(str(error), 2)


def _print_all_jurisdictions(law: LawByCountry, json: bool) -> None:
    if json:
        said = [
            {"name": one.name, "countries": one.countries, "floor": laxest_legal_value_by_policy_switch(law, one)}
            for one in _jurisdictions_sorted_by_name(law)
        ]
        print_json({"jurisdictions": said, "unreviewed": law.unreviewed.model_dump(exclude_none=True)})
        return
    rows = [
        (one.name, ", ".join(one.countries), *laxest_legal_value_by_policy_switch(law, one).values())
        for one in _jurisdictions_sorted_by_name(law)
    ]
    unreviewed = [getattr(law.unreviewed, name) for name in SWITCHES]
    print_table(("jurisdiction", "countries", *SWITCHES), [*rows, ("all others, and unknown ones", "", *unreviewed)])
    print_note(NO_ADVICE)


def _print_jurisdiction_of_country(law: LawByCountry, country: str, json: bool) -> None:
    one = law.reviewed_jurisdiction_or_none(country)
    floor = law.switch_floor(country).model_dump(exclude_none=True)
    if json:
        demands = {} if one is None else one.model_dump(mode="json", exclude_none=True)
        print_json({"country": country, "reviewed": one is not None, "floor": floor, **demands})
        return
    if one is None:
        print_table(("switch", "at least"), list(floor.items()), f"{country}: not reviewed, so the strictest holds")
    else:
        print_table(("demand", "value", "law", "checked", "sure"), list(_demand_rows(one)), f"{country}: {one.name}")
    print_note(NO_ADVICE)


def jurisdictions_page_in_markdown(law: LawByCountry) -> str:
    """Returns the page docs/jurisdictions.md in Markdown."""
    least = ", ".join(f'`{name} = "{getattr(law.unreviewed, name)}"`' for name in SWITCHES)
    parts = [
        HEAD,
        f"In a country that is not on this page, and where nobody knows the country, at least {least} holds;\n",
        f"a consent is {_consent_terms_in_words(law.consent_validity_terms(None))}.\n",
    ]
    for one in _jurisdictions_sorted_by_name(law):
        parts.append(f"\n## {one.name}\n\n{', '.join(one.countries)}\n\n")
        parts.extend([f"Complaints: {one.authority}\n\n"] if one.authority else [])
        parts.append("| demand | value | law | checked | sure |\n|---|---|---|---|---|\n")
        parts.extend(f"| `{name}` | {' | '.join(cells)} |\n" for name, *cells in _demand_rows(one))
    return "".join(parts)


def _consent_terms_in_words(terms: ConsentValidityTerms) -> str:
    """Returns the terms of a consent in words."""
    return (
        f"{'' if terms.confirmed else 'not '}to be confirmed, and counts for {terms.months or 'any number of'} months"
    )


def laxest_legal_value_by_policy_switch(law: LawByCountry, one: Jurisdiction) -> dict[str, str]:
    """Returns the laxest allowed value of each switch in a jurisdiction, by the switch's name."""
    return {name: getattr(law.switch_floor(one.countries[0]), name) for name in SWITCHES}


def _jurisdictions_sorted_by_name(law: LawByCountry) -> list[Jurisdiction]:
    return sorted(law.jurisdictions, key=lambda one: one.name)


def _demand_rows(one: Jurisdiction) -> Iterator[tuple[str, str, str, str, str]]:
    for name, demand in one.legal_requirements_by_key.items():
        yield name, _demand_value_text(demand), demand.source, demand.checked.isoformat(), demand.sure


def _demand_value_text(demand: LegalRequirement[object]) -> str:
    match demand.value:
        case dict() as by_language:
            return ", ".join(f"{language}: {text}" for language, text in by_language.items())
        case said:
            return str(said)
