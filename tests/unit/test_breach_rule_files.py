"""Files and policies with rules of breaches: what is refused and how, and a new jurisdiction in a policy alone."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailer.cli import app
from mailer.cli.policy_check import _print_promise_report as print_promise_report
from mailer.policy.breach.channels import PersonToTell, choose_channel
from mailer.policy.breach.clocks import clocks_of_case
from mailer.policy.breach.draft import NoticePart
from mailer.policy.breach.required_parts import required_parts, suggest_variants
from mailer.policy.breach.rule_rows import KINDS
from mailer.policy.breach.rule_set import (
    BreachRulesError,
    BreachTerms,
    breach_rules_of_policy,
    parse_rules_file,
    shipped_rules,
)
from mailer.policy.breach.rule_words import conditions_in_words, rule_in_words
from mailer.policy.breach.thresholds import substitutes_due, thresholds_reached
from mailer.policy.policy_file import Policy, PolicyError, parse_policy
from mailer.policy.policy_file_errors import describe_one_pydantic_error
from mailer.policy.promise_report import build_promise_report
from tests.breach_rules import RULES, facts
from tests.unit.test_policies_page import DEFAULT
from tests.unit.test_policy_document import ODD, leaves

HEAD = """name = "Atlantis"
places = ["AQ"]
zone = "Antarctica/Troll"
variant = "aq"
checked = 2026-11-30
sure = "primary"
"""
CLOCK = """
[rules.aq-people]
kind = "clock"
law = "Act 1"
source = "The Act"
to = "people"
whom = "residents"
days = 7
"""


def test_shipped_rows_are_whole() -> None:
    """Each row has a law, a source, a day and a sentence, and what it begins after exists."""
    assert len(shipped_rules()) > 50
    for name, row in shipped_rules().items():
        assert row.id == name
        assert row.name in rule_in_words(row)
        assert row.law in rule_in_words(row)
        assert date(2026, 11, 1) < row.checked <= date(2026, 11, 30)
        assert not conditions_in_words(row).endswith(";")
        after = getattr(row, "after", None)
        assert after is None or after in shipped_rules()


def test_rules_as_json_are_complete_and_in_order() -> None:
    """A manifest keeps the rows: by name in order, each with its kind, and the same from equal policies."""
    said = RULES.as_json()
    assert [row["id"] for row in said] == sorted(shipped_rules())
    assert {row["kind"] for row in said} == set(KINDS)
    assert said == breach_rules_of_policy(parse_policy(DEFAULT, "default.toml")).as_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "aq.toml:1: is not TOML"),
        (HEAD, "aq.toml:1: rules is empty; write one entry at least"),
        (HEAD + CLOCK + "hour = 7\n", "aq.toml:15: rules.aq-people.hour is no key that belongs here"),
        (HEAD.replace("places", "place") + CLOCK, "aq.toml:2: place is no key that belongs here"),
        (HEAD + CLOCK.replace("days = 7", "days = 0"), "aq.toml:14: rules.aq-people.days is 0; write 1 or more"),
        (HEAD + CLOCK.replace('law = "Act 1"\n', ""), "aq.toml:8: rules.aq-people.law is missing; add it"),
        (HEAD + CLOCK.replace('"people"', '"pets"'), 'aq.toml:12: rules.aq-people.to is "pets"; write people, '),
        (HEAD + CLOCK.replace('"clock"', '"alarm"'), "aq.toml:8: rules.aq-people has no kind that is known; write"),
        (HEAD + CLOCK + "hours = 2\n", "aq.toml:14: rules.aq-people.days stands beside hours; write one of them"),
        (HEAD.replace('"AQ"', '"XX"') + CLOCK, 'rules.aq-people.places is "XX", which is in no country'),
        (HEAD.replace('"AQ"', '"US-California"') + CLOCK, "write a country or a part of one by ISO 3166"),
        (HEAD.replace("Troll", "Trolls") + CLOCK, 'zone is "Antarctica/Trolls"; write the name of a time zone'),
        (HEAD.replace("2026-11-30", '"today"') + CLOCK, 'checked is "today"; write a date without quotation marks'),
        (HEAD + CLOCK + 'id = "other"\n', "rules.aq-people.id is no key that belongs here"),
        (HEAD + CLOCK.replace("aq-people", "AQ_people"), "rules.AQ_people is"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(text: str, message: str) -> None:
    """File, line, key and remedy stand in the message."""
    with pytest.raises(BreachRulesError) as refused:
        parse_rules_file(text, "aq.toml")
    assert message in str(refused.value)


def test_a_row_of_a_file_takes_what_stands_above() -> None:
    """Name, places, zone, variant, day and certainty stand once, and a row may say otherwise."""
    [row] = parse_rules_file(HEAD + CLOCK + 'sure = "unsure"\n', "aq.toml")
    assert (row.name, row.places, row.zone, row.sure) == ("Atlantis", ("AQ",), "Antarctica/Troll", "unsure")


EVERY_KIND = """
[breach]
break_glass = "with_reason"
""" + "".join(
    f"""
[breach.rules.{name}]
name = "Atlantis"
places = ["AQ"]
law = "Act"
source = "The Act"
checked = 2026-11-30
sure = "primary"
{rest}
"""
    for name, rest in {
        "aq-clock": 'kind = "clock"\nto = "people"\nwhom = "residents"\ndays = 7\nmore_than = 5\nzone = "UTC"',
        "aq-parts": 'kind = "parts"\nparts = ["consequences"]\nmust_say = ["sorry"]\ndata = ["health"]',
        "aq-not": 'kind = "forbidden_parts"\nparts = ["what_happened"]\nmust_not_say = ["why"]',
        "aq-form": 'kind = "form"\ntitle = "T"\nleast_points = 10\nheadings = { en = { consequences = "C" } }',
        "aq-channel": 'kind = "channel"\nreason = "address_dead"\nchannel = "letter"\nleast_risk = "high"',
        "aq-other": 'kind = "substitute"\nunreachable_at_least = 1\nsteps = [{ step = "media", words = "w" }]',
        "aq-duty": 'kind = "duty"\nduty = "ring the bell"\nis_for_delay = true',
    }.items()
)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_whatever_is_written_in_a_row_has_a_message(odd: object) -> None:
    """Any value at any place of a row of any kind is good, or refused in words, never with a crash."""
    text = DEFAULT + EVERY_KIND
    whole: dict[str, Any] = tomllib.loads(text)
    assert {row["kind"] for row in whole["breach"]["rules"].values()} == set(KINDS)
    for path in list(leaves(whole["breach"], ("breach",))):
        inner: Any = whole
        for part in path[:-1]:
            inner = inner[part]
        right, inner[path[-1]] = inner[path[-1]], odd
        try:
            BreachTerms.model_validate(whole["breach"])
        except ValueError as error:
            for detail in error.errors():  # type: ignore[attr-defined]  # pydantic's, which has them
                assert "; " in describe_one_pydantic_error(detail, text, "p.toml"), detail
        inner[path[-1]] = right


NEW_JURISDICTION = """
[breach.rules.aq-people]
kind = "clock"
name = "Atlantis"
places = ["AQ"]
zone = "Antarctica/Troll"
law = "Act 1"
source = "The Act, section 1"
checked = 2026-11-30
sure = "primary"
to = "people"
whom = "residents"
days = 7

[breach.rules.aq-minister]
kind = "clock"
name = "Atlantis"
places = ["AQ"]
law = "Act 2"
source = "The Act, section 2"
checked = 2026-11-30
sure = "primary"
to = "authority"
whom = "the minister"
what = "notify"
hours = 12
more_than = 20

[breach.rules.aq-text]
kind = "parts"
name = "Atlantis"
places = ["AQ"]
variant = "atlantis"
law = "Act 3"
source = "The Act, section 3"
checked = 2026-11-30
sure = "primary"
parts = ["consequences", "police_report"]

[breach.rules.aq-paper]
kind = "channel"
name = "Atlantis"
places = ["AQ"]
law = "Act 4"
source = "The Act, section 4"
checked = 2026-11-30
sure = "primary"
reason = "no_electronic_consent"
channel = "letter"

[breach.rules.aq-crier]
kind = "substitute"
name = "Atlantis"
places = ["AQ"]
law = "Act 5"
source = "The Act, section 5"
checked = 2026-11-30
sure = "primary"
unreachable_at_least = 3
steps = [{ step = "media", words = "the town crier", days = 2 }]
"""


def brand_rules(text: str) -> Policy:
    """The model policy with a section about breaches."""
    return parse_policy(DEFAULT + text, "my-brand.toml")


def test_a_policy_file_alone_adds_a_jurisdiction() -> None:
    """Clocks, parts, variant, channel, threshold and substitute of a new place follow from rows of a policy."""
    policy = brand_rules(NEW_JURISDICTION)
    mine = breach_rules_of_policy(policy)
    said = facts("AQ", "DE", people=21, found_at=datetime(2026, 12, 1, 12, tzinfo=UTC))
    clocks = {clock.rule: clock for clock in clocks_of_case(said, mine) if "AQ" in clock.places}
    assert set(clocks) == {"aq-people", "aq-minister"}
    assert clocks["aq-people"].because == (
        "Atlantis: tell residents by 8 December 2026, 7 days after 1 December 2026, Act 1"
    )
    assert clocks["aq-minister"].due_at == datetime(2026, 12, 2, tzinfo=UTC)
    assert set(required_parts(said, mine, ["AQ"]).required) == {NoticePart.CONSEQUENCES, NoticePart.POLICE_REPORT}
    assert list(suggest_variants(said, mine)) == ["atlantis", "eu", "elsewhere"]
    person = PersonToTell("AQ", has_address=True, has_postal_address=True)
    assert (choose_channel(person, said, mine).rule, choose_channel(person, said, RULES).rule) == (
        "aq-paper",
        "channel-mail",
    )
    assert [one.rule for one in thresholds_reached({"AQ": 21}, said, mine)] == ["aq-minister"]
    assert not thresholds_reached({"AQ": 20}, said, mine)
    assert [one.rule for one in substitutes_due({"AQ": 3}, {"AQ": 21}, said, mine)] == ["aq-crier"]
    unknown = [clock for clock in clocks_of_case(facts(), mine) if clock.rule == "aq-people"]
    assert unknown, "the shortest clock of all also holds where nobody knows the law"
    assert policy.breach.break_glass == "never"


def test_a_policy_replaces_and_switches_off_rows() -> None:
    """A row with the name of a shipped one stands in its place; one that is off holds nowhere, and its reason stays."""
    policy = brand_rules(
        NEW_JURISDICTION.replace("aq-people", "us-ca-people").replace('"AQ"', '"US-CA"')
        + '\n[breach.rules.gdpr-people]\noff = "counsel, 2026-11-02"\n[breach]\nbreak_glass = "with_reason"\n'
    )
    mine = breach_rules_of_policy(policy)
    assert mine.switched_off == {"gdpr-people": "counsel, 2026-11-02"}
    assert "gdpr-people" not in mine.by_id
    keys = {clock.key: clock for clock in clocks_of_case(facts("US-CA", "DE"), mine)}
    assert keys["us-ca-people"].due_at == datetime(2026, 12, 22, 23, 59, 59, tzinfo=UTC)
    assert "gdpr-people" not in keys
    assert policy.breach.break_glass == "with_reason"
    assert "gdpr-people" in shipped_rules()


def test_without_the_people_clock_a_place_has_the_strictest() -> None:
    """Switching a law's clock off leaves nobody without one: the place then is one whose law nobody knows."""
    mine = breach_rules_of_policy(brand_rules('\n[breach.rules.us-ny-people]\noff = "a test"\n'))
    assert "us-ca-people:strictest" in {clock.key for clock in clocks_of_case(facts("US-NY"), mine)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[breach]\nbreak_glass = "always"', 'breach.break_glass is "always"; write never or with_reason'),
        ('[breach.rules.no-such]\noff = "x"', "breach.rules.no-such is no rule that comes with mailer"),
        ('[breach.rules.us-ca-people]\noff = ""', 'breach.rules.us-ca-people.off is ""; write a text in one line'),
        (
            '[breach.rules.us-ca-people]\noff = "x"\ndays = 3',
            "breach.rules.us-ca-people.days is no key that belongs here",
        ),
        ('[breach.rules.us-ca-people]\noff = "x"', "is what us-ca-attorney-general begins after; switch that off"),
        (NEW_JURISDICTION.replace("days = 7", 'days = 7\nafter = "aq-minster"'), 'after is "aq-minster", which leads'),
        (NEW_JURISDICTION.replace("days = 7", 'days = 7\nafter = "aq-people"'), 'after is "aq-people", which leads to'),
        (
            NEW_JURISDICTION.replace("days = 7", 'after = "aq-minister"'),
            "after needs a period of hours, days or months",
        ),
        (
            NEW_JURISDICTION.replace("more_than = 20", "more_than = 20\nat_least = 2"),
            "breach.rules.aq-minister.at_least stands beside more_than",
        ),
        (
            NEW_JURISDICTION.replace('"atlantis"', '"elsewhere"'),
            'breach.rules.aq-text.variant is "elsewhere"; write another name than elsewhere, of 30 characters at most',
        ),
        ("[breach]\nrules = 7", "breach.rules is 7; write a section with keys of its own"),
    ],
)
def test_a_bad_section_is_refused_with_its_place(text: str, message: str) -> None:
    """A policy whose rules cannot be used is refused, with file, line, key and remedy."""
    with pytest.raises(PolicyError) as refused:
        brand_rules(f"\n{text}\n")
    assert message in str(refused.value)
    assert str(refused.value).startswith("my-brand.toml:")
    assert "[" not in str(refused.value).partition(";")[0], "no tag of a union"


def test_two_clocks_that_wait_for_each_other_are_refused() -> None:
    """A circle of clocks never begins."""
    text = NEW_JURISDICTION.replace("days = 7", 'days = 7\nafter = "aq-minister"').replace(
        "hours = 12", 'hours = 12\nafter = "aq-people"'
    )
    with pytest.raises(PolicyError, match="leads to no clock from the finding on"):
        brand_rules(text)


def test_commands_tell_of_a_policys_own_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`mailer policy show` and `check` say which rows a policy adds, replaces and switches off, and why."""
    text = NEW_JURISDICTION + '\n[breach.rules.gdpr-people]\noff = "counsel said so"\n'
    (tmp_path / "my-brand.toml").write_text(DEFAULT + text, "utf-8")
    monkeypatch.setenv("MAILER_POLICIES", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    shown = CliRunner().invoke(app, ["policy", "show", "my-brand"]).output
    policy = brand_rules(text)
    print_promise_report({"my-brand": policy}, build_promise_report([policy], {}, None, {}), None, {})
    for said in (shown, capsys.readouterr().out):
        assert "gdpr-people is switched off: counsel said so" in said
        assert "aq-people is added" in said


def test_the_command_shows_the_rules() -> None:
    """`mailer policy breach-rules` shows the shipped rows or those of a brand, as a table, JSON or page."""
    shown = CliRunner().invoke(app, ["policy", "breach-rules", "interpals", "--json"])
    assert shown.exit_code == 0
    assert '"id": "us-ca-people"' in shown.output
    refused = CliRunner().invoke(app, ["policy", "breach-rules", "nobody"])
    assert (refused.exit_code, "there is no policy of nobody" in refused.output) == (2, True)
    assert "us-ca-people" in CliRunner().invoke(app, ["policy", "breach-rules"]).output
