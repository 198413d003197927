"""`mailer policy breach-rules`: the rules of breaches with their sources. It writes a page of the docs."""

from collections.abc import Iterator
from typing import Annotated

import typer

from mailer.cli.jurisdictions import NO_ADVICE
from mailer.cli.policy_check import load_policies_or_exit
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, print_note, print_table
from mailer.policy.breach.rule_rows import AnyRule
from mailer.policy.breach.rule_set import BreachRules, BreachTerms, breach_rules_of_policy, breach_rules_of_terms
from mailer.policy.breach.rule_words import conditions_in_words, demand_in_words

HEAD = f"""\
# The rules of breaches

The clocks, the parts of a notice, the channels, the thresholds and the substitute notices that follow from the facts of
a breach. The rows come with mailer, and `mailer policy breach-rules --page` writes this page. {NO_ADVICE}

`sure` says how sure a row is: `primary` was read in the law itself or at the authority, `secondary` in what others
write of it, and `unsure` not even that. `checked` is the day on which somebody looked. A policy adds, replaces and
switches off rows in `[breach.rules.ID]`, see [policies](policies.md#rules-of-breaches).

- A place gets its own rows and those of its country. Clocks to people, texts and substitute notices for places that no
  row names, and for people of unknown places, are the strictest of all: the shortest clock, all parts, the substitute
  notice with the most steps. What only some law forbids, such as to describe the breach, is not forbidden there.
- Facts that nobody knows count as the worst ones: an unknown risk is high, and unknown data are of all kinds.
- A period in hours is counted to the minute. A period in days or months does not count the day on which it begins. It
  ends with the last second of its last day in the time zone of the row. If a row has no zone, the zone of the country
  counts in which the day ends first, and of an unknown place the one of all zones. Holidays move nothing.
- If an agency has asked to wait, the clocks that wait for it end with the first day after that, or later.
- A clock that begins after people were told begins when they were told, or at the end of their clock, whichever is
  earlier.
- A letter is due to people without a consent to electronic notices where a row says so; nobody's consent is assumed. If
  no postal address is known, they get mail as a substitute. If credentials of mailboxes were taken, and no list says
  whose, each mailbox counts as open to strangers.

"""
Brand = Annotated[str | None, typer.Argument(help="Such as interpals; without one, the rows that come with mailer.")]


def register(app: typer.Typer) -> None:
    """Adds the command to those of `mailer policy`."""
    app.command("breach-rules")(breach_rules)


def breach_rules(
    brand: Brand = None,
    json: AsJson = False,
    page: Annotated[bool, typer.Option("--page", help="As a page of the documentation, in Markdown.")] = False,
) -> None:
    """Shows the rules of breaches: clocks, parts, channels, thresholds, with the law, the source and its date."""
    rules = _rules_or_exit(brand)
    if page:
        for line in breach_rules_page_in_markdown(rules).splitlines():
            out.print(line)
    elif json:
        print_json({"rules": rules.as_json(), "switched_off": dict(rules.switched_off)})
    else:
        columns = ("rule", "place", "asks for", "if", "law", "checked", "sure")
        print_table(columns, [(row.id, row.name, *_cells(row)) for row in rules.rows])
        if rules.switched_off:
            print_table(("switched off", "because"), list(rules.switched_off.items()))
        print_note(NO_ADVICE)


def _rules_or_exit(brand: str | None) -> BreachRules:
    if brand is None:
        return breach_rules_of_terms(BreachTerms())
    policies = load_policies_or_exit()
    if brand not in policies:
        exit_with_error(f"there is no policy of {brand}; there are {', '.join(policies)}", 2)
    return breach_rules_of_policy(policies[brand])


def _cells(row: AnyRule) -> tuple[str, str, str, str, str]:
    return demand_in_words(row), conditions_in_words(row), row.law, row.checked.isoformat(), row.sure


def breach_rules_page_in_markdown(rules: BreachRules) -> str:
    """Returns the page docs/breach-rules.md in Markdown."""
    return HEAD + "\n".join(_page_lines(rules)) + "\n"


def _page_lines(rules: BreachRules) -> Iterator[str]:
    names = dict.fromkeys((row.name, row.places) for row in rules.rows)
    for name, places in names:
        yield f"## {name}\n\n{', '.join(places) or 'all places'}\n"
        yield "| rule | asks for | if | law | source | checked | sure |\n|---|---|---|---|---|---|---|"
        for row in rules.rows:
            if (row.name, row.places) == (name, places):
                demand, conditions, law, checked, sure = _cells(row)
                yield f"| `{row.id}` | {demand} | {conditions} | {law} | {row.source} | {checked} | {sure} |"
        yield ""
