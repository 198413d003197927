"""The law as data: the effect of each row on a person who lives there, files that are refused, and the command."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from mailer.bundled_files import read_texts_of_toml_files
from mailer.cli import app
from mailer.policy.country_codes import COUNTRIES
from mailer.policy.decision_types import Send
from mailer.policy.jurisdiction import (
    DEMANDS,
    JurisdictionError,
    LawByCountry,
    advertising_mark_for_countries,
    parse_jurisdiction,
    parse_law_by_country,
)
from mailer.policy.policy_file import PolicyError, parse_policy
from mailer.policy.switches import strictest_switches
from tests.factories import law
from tests.unit.test_decision import ADA, POLICY, decided, reason, revised
from tests.unit.test_policies_page import DEFAULT

STRICTEST = ("opt_in", "on_request", "mailing")
EEA = "BE BG HR CY CZ DK EE FI AX GR HU IE LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO SJ DE AT GB"
STRICT = "FR GF GP MQ YT RE MF BL PM IT CH CA AU CC CX NF NZ JP KR CN BR IN ZA IL SG TR IM JE GG GI"
FEDERAL = "US PR GU VI AS MP UM"
LAW = {
    **dict.fromkeys(EEA.split(" "), ("opt_in", "on_request", "unlinkable")),
    **dict.fromkeys(STRICT.split(" "), STRICTEST),
    **dict.fromkeys(FEDERAL.split(" "), ("opt_out", "allowed", "individual")),
}
"""Demands of the law by country, as somebody knows them apart from the files: promotions, partners' mail, opens."""
LAX = revised(
    POLICY,
    switches=POLICY.switches.model_copy(
        update={"promo_basis": "opt_out", "partner_mail": "allowed", "tracking": "individual"}
    ),
)
"""A policy that asks for as little as can be."""
GOOD = """
name = "Nowhere"
countries = ["AQ"]

[promo_basis]
value = "opt_out"
source = "a law, Art. 1"
checked = 2026-11-28
sure = "primary"

[partner_mail]
value = "allowed"
source = "a law, Art. 2"
checked = 2026-11-28
sure = "primary"

[tracking]
value = "individual"
source = "a law, Art. 3"
checked = 2026-11-28
sure = "primary"
"""


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_each_countrys_law_decides(country: str) -> None:
    """A person in each country gets just what the law there allows, under the laxest policy."""
    promo, partner, tracking = LAW.get(country, STRICTEST)
    somebody = replace(ADA, country=country, consents=frozenset[str]())
    for category in ("promotional", "newsletter"):
        assert reason(decided(category, somebody, LAX)) == ("no_opt_in" if promo == "opt_in" else None)
    refused = "not_requested" if partner == "on_request" else None
    assert reason(decided("partner", somebody, LAX)) == refused
    assert LAX.strictest_switches_for_person("2024", country).tracking == tracking
    for category in ("breach", "policy_change", "rights"):
        assert isinstance(decided(category, somebody, LAX), Send)


def test_the_rows_are_all_there() -> None:
    """No country has a file that is not expected here, and no expected one is missing."""
    assert set(law().reviewed_countries) == set(LAW)


@pytest.mark.parametrize("country", [None, "EU", "ZZ", "AR", "XK"])
def test_an_unknown_country_has_the_strictest_floor_of_all(country: str | None) -> None:
    """No reviewed country is stricter; where the country is unknown, neither is what the policy says of one."""
    own = revised(LAX, jurisdictions={"SE": law().switch_floor("SE").model_copy(update={"tracking": "off"})})
    found = own.strictest_switches_for_person("2024", country)
    for reviewed in own.law.reviewed_countries if country is None else set(own.law.reviewed_countries) - {"SE"}:
        assert found == strictest_switches(found, own.law_and_policy_switch_floor(reviewed))
    assert (found.tracking == "off") is (country is None)


@pytest.mark.parametrize("said", ["US\nDE", "DE\nUS", "US\nFR\nDE", "US\nXK", "US\nPR"])
def test_of_several_countries_the_strictest_holds(said: str) -> None:
    """The floor of each country that was said of somebody holds, in any order."""
    each = said.split("\n")
    found = LAX.strictest_switches_for_person("2024", said)
    assert found == strictest_switches(LAX.switches, *(LAX.law_and_policy_switch_floor(country) for country in each))
    somebody = replace(ADA, country=said, consents=frozenset[str]())
    asks = set(each) - set(FEDERAL.split(" "))
    assert reason(decided("promotional", somebody, LAX)) == ("no_opt_in" if asks else None)
    own = revised(LAX, jurisdictions={each[-1]: law().switch_floor(each[-1]).model_copy(update={"tracking": "off"})})
    assert own.strictest_switches_for_person("2024", said).tracking == "off"


@pytest.mark.parametrize(
    ("said", "label", "line"),
    [
        ("US\nKR", "(광고)", "Advertisement"),
        ("KR\nUS", "(광고)", "Advertisement"),
        ("JP\nSG", "<ADV>", None),
        ("FR\nGB", None, "Advertisement"),
        ("JP\nCH", None, None),
    ],
)
def test_marks_of_several_countries_are_joined(said: str, label: str | None, line: str | None) -> None:
    """The mail bears the label and the line that the laws of all countries said want; the same mark each time."""
    found = advertising_mark_for_countries(LAX.advertising_mark_by_country, said)
    assert found is advertising_mark_for_countries(LAX.advertising_mark_by_country, said)
    assert (found and found.label, found and found.advertising_line_in_language("en")) == (label, line)


def test_an_unsure_demand_allows_no_more_than_an_unreviewed_country() -> None:
    """The same file allows what it says while it is sure, and is as strict as any once it is not."""
    sure, unsure = (parse_law_by_country({"a": text}) for text in (GOOD, GOOD.replace('"primary"', '"unsure"')))
    assert sure.switch_floor("AQ").model_dump(exclude_none=True) == {
        "promo_basis": "opt_out", "partner_mail": "allowed", "tracking": "individual"
    }  # fmt: skip
    assert unsure.switch_floor("AQ") == unsure.unreviewed == LawByCountry().unreviewed == sure.switch_floor(None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"opt_out"', '"opt-out"', 'aq.toml:6: promo_basis.value is "opt-out"; write opt_in or opt_out'),
        ('source = "a law, Art. 1"\n', "", "aq.toml:5: promo_basis.source is missing; add it"),
        ("checked = 2026-11-28", 'checked = "lately"', "aq.toml:8: promo_basis.checked is .* write a date"),
        ('sure = "primary"', 'sure = "quite"', 'sure is "quite"; write primary, secondary or unsure'),
        ('"AQ"', '"EU"', 'aq.toml:3: countries is "EU"; write the two letters of ISO 3166-1'),
        ("[tracking]", "[pixels]", "aq.toml:.*: tracking is missing; add it"),
        ("[tracking]", "[tracking", "aq.toml:.* is not TOML"),
        ("name =", "nam =", "aq.toml:.*: nam is no key that belongs here; remove it, or mend its spelling"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    """A file says what is wrong with it, on which line, and what to write."""
    with pytest.raises(JurisdictionError, match=message):
        parse_law_by_country({"aq.toml": GOOD.replace(old, new, 1)})


def test_a_country_has_one_law() -> None:
    """A country in two files is refused, and so is a folder without any; both as faults of policies are."""
    with pytest.raises(PolicyError, match=r"b\.toml:3: countries has AQ, and so has a\.toml; a country has one law"):
        parse_law_by_country({"a.toml": GOOD, "b.toml": GOOD})
    with pytest.raises(PolicyError, match="MAILER_JURISDICTIONS: the folder holds no jurisdiction"):
        parse_law_by_country({})


RECORDS = {"JP": 30}
"""Days for which the law of a country has the record of a consent kept, as somebody knows them apart from the files."""


def test_records_are_kept_as_long_as_each_law_says() -> None:
    """No country's file says more days or fewer, and no other one says any."""
    found = {country: law().reviewed_jurisdiction_or_none(country) for country in law().reviewed_countries}
    assert {country: one.records.value for country, one in found.items() if one and one.records} == RECORDS


def test_a_policy_keeps_records_as_long_as_the_law_wants() -> None:
    """A policy that forgets an erased account's consents earlier than some law lets it is refused, with its line."""
    row = '\n[records]\nvalue = {}\nsource = "a law, Art. 4"\nchecked = 2026-11-28\nsure = "unsure"\n'
    for days, refused in ((365, False), (366, True)):
        own = parse_law_by_country({"aq": GOOD + row.format(days)})
        with (
            pytest.raises(PolicyError, match=f"retention_days is 365; write {days} or more: the law of Nowhere")
            if refused
            else nullcontext()
        ):
            parse_policy(DEFAULT, "p.toml", own)


def test_every_demand_is_made_by_some_file() -> None:
    """Each key is used by some jurisdiction, and each demand names its source."""
    shipped = [parse_jurisdiction(text, name) for name, text in read_texts_of_toml_files("jurisdictions").items()]
    assert {name for one in shipped for name in one.legal_requirements_by_key} == set(DEMANDS)
    assert all(any(char.isdigit() for char in demand.source) or demand.sure == "unsure"
               for one in shipped for demand in one.legal_requirements_by_key.values())  # fmt: skip


FILES = """
at  opt_in  on_request unlinkable sssss -      en,de,fr,it,es,pt,nl,sv,pl,ar
au  opt_in  on_request unlinkable ssu  -      -
br  opt_in  on_request unlinkable uuu  -      -
ca  opt_in  on_request unlinkable ssu  -      -
ch  opt_in  on_request unlinkable ssu  -      -
cn  opt_in  on_request unlinkable ssus 广告   -
crown-dependencies opt_in on_request unlinkable uuu - -
de  opt_in  on_request unlinkable sssss -      en,de,fr,it,es,pt,nl,sv,pl,ar
eea opt_in  on_request unlinkable ssss -      en,de,fr,it,es,pt,nl,sv,pl,ar
fr  opt_in  on_request mailing    ssss -      en,de,fr,it,es,pt,nl,sv,pl,ar
gb  opt_in  on_request unlinkable ssss -      en
il  opt_in  on_request unlinkable ssus פרסומת: -
in  opt_in  on_request mailing    uuu  -      -
it  opt_in  on_request mailing    ssss -      en,de,fr,it,es,pt,nl,sv,pl,ar
jp  opt_in  on_request unlinkable ssuu -      -
kr  opt_in  on_request unlinkable ssuss (광고) -
nz  opt_in  on_request unlinkable ssu  -      -
sg  opt_in  on_request unlinkable ssus <ADV>  -
tr  opt_in  on_request unlinkable ssus -      en,tr
us  opt_out allowed    individual ssss -      en,es
za  opt_in  on_request unlinkable ssu  -      -
"""
"""Each file's demands: three switches, how sure each demand is (secondary, unsure), the label, the line's languages."""


@pytest.mark.parametrize("row", FILES.strip().splitlines(), ids=lambda row: row.split()[0])
def test_each_file_says_what_is_expected(row: str) -> None:
    """Somebody has thought about each demand: a file that says something else changes this table, too."""
    file, promo, partner, tracking, sure, label, languages = row.split()
    found = parse_jurisdiction(read_texts_of_toml_files("jurisdictions")[f"{file}.toml"], file)
    assert (found.promo_basis.value, found.partner_mail.value, found.tracking.value) == (promo, partner, tracking)
    assert "".join(demand.sure[0] for demand in found.legal_requirements_by_key.values()) == sure
    assert (found.label.value if found.label else "-") == label
    assert (",".join(found.line.value) if found.line else "-") == languages
    assert len(read_texts_of_toml_files("jurisdictions")) == len(FILES.strip().splitlines())


ADVERTISING = {
    "en": "Advertisement",
    "de": "Werbung",
    "fr": "Publicité",
    "it": "Comunicazione commerciale",
    "es": "Publicidad",
    "pt": "Publicidade",
    "nl": "Reclame",
    "sv": "Reklam",
    "pl": "Reklama",
    "ar": "إعلان",
    "tr": "Reklam",
}
"""Words by language that tell a reader that it is advertising."""


def test_a_line_tells_each_reader_that_it_is_advertising() -> None:
    """The line tells each reader that it is advertising, in the reader's language, wherever the law wants it."""
    for country, mark in law().marks.items():
        for language, line in mark.lines.items():
            assert line == ADVERTISING[language], country
            assert mark.advertising_line_in_language(f"{language}-{country}") == line


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 0, "all others, and unknown ones"),
        (("uk",), 0, "PECR 2003, reg. 22(2)"),
        (("AR",), 0, "AR: not reviewed, so the strictest holds"),
        (("EU",), 2, "EU is no country"),
        (("DE", "--json"), 0, '"sure": "secondary"'),
        (("--json",), 0, '"unreviewed": {'),
        (("--page",), 0, "# Jurisdictions"),
    ],
)
def test_the_command_shows_the_law(arguments: tuple[str, ...], status: int, said: str) -> None:
    """The list, one country and the page show the law with its source. A word that is no country is bad input."""
    result = CliRunner().invoke(app, ["policy", "jurisdictions", *arguments])
    assert result.exit_code == status
    assert said in result.output
