"""The parts of a notice by place and kind of data, forbidden parts, titles, and the variants that follow."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings

from mailer.policy.breach.draft import ELSEWHERE, BreachPhaseDraft, NoticePart, NoticeVariant
from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.breach.required_parts import required_parts, suggest_variants
from tests.breach_rules import EMAIL, FACTS, FIVE, HEALTH, MAILBOX, PASSWORD, PLACES, RULES, SSN, facts, rules

P = NoticePart
FOUR = {P.WHAT_HAPPENED, P.WHAT_INFORMATION, P.CONSEQUENCES, P.WHAT_YOU_CAN_DO}
EU = {*FOUR, P.WHAT_WE_DO, P.MORE_INFORMATION}
UK = EU - {P.WHAT_INFORMATION}
CALIFORNIA = EU - {P.CONSEQUENCES}
NEW_YORK = {P.WHAT_INFORMATION, P.WHAT_YOU_CAN_DO, P.MORE_INFORMATION}
MASSACHUSETTS = {P.POLICE_REPORT, P.CREDIT_FREEZE, P.MORE_INFORMATION}
IDENTITY = {P.CREDIT_AGENCIES, P.IDENTITY_PROTECTION}
LAW = "FBI, no. 7"


@pytest.mark.parametrize(
    ("said", "place", "required"),
    [
        (facts("DE"), "DE", EU),
        (facts("DE", data=(EMAIL,), is_encrypted=True), "DE", EU),
        (facts("DE"), "DE-BY", EU),
        (facts("GB"), "GB", UK),
        (facts("US-CA"), "US-CA", CALIFORNIA | IDENTITY),
        (facts("US-CA", is_our_fault=False), "US-CA", CALIFORNIA | {P.CREDIT_AGENCIES}),
        (facts("US-CA", data=(PASSWORD,)), "US-CA", CALIFORNIA | {P.CHANGE_PASSWORD}),
        (facts("US-CA", data=(MAILBOX,)), "US-CA", CALIFORNIA | {P.CHANGE_PASSWORD}),
        (facts("US-CA", data=(HEALTH,)), "US-CA", CALIFORNIA),
        (facts("US-CA", data=()), "US-CA", CALIFORNIA | IDENTITY | {P.CHANGE_PASSWORD}),
        (facts("US-CA", data=(EMAIL,)), "US-CA", set()),
        (facts("US-CA", is_encrypted=True), "US-CA", set()),
        (facts("US-CA", data=(DataKind.OTHER,)), "US-CA", CALIFORNIA | IDENTITY | {P.CHANGE_PASSWORD}),
        (
            facts("US-CA", data=(HEALTH,), law_enforcement_delay_until="2027-01-01", law_enforcement=LAW),
            "US-CA",
            CALIFORNIA | {P.LAW_ENFORCEMENT_DELAY},
        ),
        (facts("US-MA"), "US-MA", MASSACHUSETTS | {P.IDENTITY_PROTECTION}),
        (facts("US-MA", data=(PASSWORD,)), "US-MA", set()),
        (facts("US-NY"), "US-NY", NEW_YORK),
        (facts("US-NY", data=(HEALTH,), sector_laws={"hipaa"}), "US-NY", CALIFORNIA),
        (facts("US-NV", data=(HEALTH,)), "US-NV", EU),
        (facts("BR"), "BR", EU | IDENTITY | MASSACHUSETTS),
    ],
)
def test_parts_of_a_place(said: BreachFacts, place: str, required: set[NoticePart]) -> None:
    """Each law asks for its parts, by the data that were involved; where nobody knows the law, all laws do."""
    assert set(required_parts(said, RULES, [place]).required) == required


def test_massachusetts_forbids_to_describe_the_breach() -> None:
    """The nature of the breach and the number of residents stand in no letter there, unless federal law asks for it."""
    found = required_parts(facts("US-MA"), RULES, ["US-MA"])
    assert found.forbidden == {P.WHAT_HAPPENED: ("us-ma-nature",)}
    assert P.WHAT_HAPPENED not in found.required
    assert [notice.words for notice in found.notices if notice.is_forbidden] == [
        "the nature of the breach",
        "the number of residents affected",
    ]
    assert not required_parts(facts("US-MA", data=(HEALTH, SSN), sector_laws={"hipaa"}), RULES, ["US-MA"]).forbidden
    for place in ("DE", "US-CA", "US-NY", "US-NV", "BR"):
        assert not required_parts(facts(place), RULES, [place]).forbidden


def test_one_national_text_is_unlawful() -> None:
    """A variant for California and Massachusetts has to say what happened, and must not."""
    both = required_parts(facts("US-CA", "US-MA"), RULES, ["US-CA", "US-MA"])
    assert P.WHAT_HAPPENED in both.required
    assert P.WHAT_HAPPENED in both.forbidden


def test_california_sets_title_headings_and_size() -> None:
    """They are the law's own words; no other place has them but those whose law nobody knows."""
    found = required_parts(facts("US-CA"), RULES, ["US-CA"])
    assert (found.title, found.title_rule, found.least_points) == ("Notice of Data Breach", "us-ca-form", 10)
    assert found.headings["en"] == {
        P.WHAT_HAPPENED: "What Happened",
        P.WHAT_INFORMATION: "What Information Was Involved",
        P.WHAT_WE_DO: "What We Are Doing",
        P.WHAT_YOU_CAN_DO: "What You Can Do",
        P.MORE_INFORMATION: "For More Information",
    }
    for place in ("DE", "GB", "US-MA", "US-NY"):
        other = required_parts(facts(place), RULES, [place])
        assert (other.title, other.headings, other.least_points) == (None, {}, 0), place
    assert required_parts(facts("BR"), RULES, []).title == "Notice of Data Breach"


def test_what_a_text_must_say_has_its_part_and_rule() -> None:
    """The date of the notice, the credit agencies' numbers and the data protection officer are told to the writer."""
    words = {
        notice.words: notice.rule for notice in required_parts(facts(*FIVE), RULES, ["DE", "US-CA", "US-MA"]).notices
    }
    assert words["the date of the notice"] == "us-ca-headings"
    assert (
        words["the toll-free telephone numbers and the addresses of the major credit reporting agencies"]
        == "us-ca-credit-agencies"
    )
    assert words["the right to a police report"] == "us-ma-rights"
    assert words["the name and contact of the data protection officer or another contact point"] == "gdpr-contact"


def test_variants_of_five_jurisdictions() -> None:
    """Places with the same demands share a variant, with all their neighbours under the same law."""
    found = suggest_variants(facts(*FIVE, "FR", "US-NV", "BR"), RULES)
    assert list(found) == ["eu", "gb", "us-ca", "us-ma", "us-ny", ELSEWHERE]
    assert {"DE", "FR", "AT", "NO"} <= set(found["eu"])
    assert (found["gb"], found["us-ma"], found[ELSEWHERE]) == (("GB",), ("US-MA",), ())


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (facts(), [ELSEWHERE]),
        (facts("BR", "US-NV", "US"), [ELSEWHERE]),
        (facts("US-CA", "US-MA", data=(EMAIL,)), [ELSEWHERE]),
        (facts("DE-BY"), ["eu", ELSEWHERE]),
        (facts("US-CA", "US-TX", data=(HEALTH,), sector_laws={"hipaa"}), ["us-ca", ELSEWHERE]),
    ],
)
def test_variants_that_facts_ask_for(said: BreachFacts, names: list[str]) -> None:
    """There is a variant for each set of demands that somebody's law makes; all others share the strictest."""
    assert list(suggest_variants(said, RULES)) == names


AUSTRIA = {
    **{"kind": "parts", "name": "Austria", "law": "DSG", "places": ["AT"], "source": "counsel", "sure": "unsure"},
    **{"checked": date(2026, 11, 30), "parts": ["police_report"]},
}


@pytest.mark.parametrize(("row", "name"), [(AUSTRIA, "at"), ({**AUSTRIA, "variant": "eu"}, "eu")])
def test_a_state_with_a_row_of_its_own_has_a_variant(row: dict[str, Any], name: str) -> None:
    """Its people get both laws' parts; its neighbours keep their variant, and no two variants have one name."""
    mine = rules(at_text=row)
    found = suggest_variants(facts("AT", "DE"), mine)
    assert found[name] == ("AT",)
    [neighbours] = [places for places in found.values() if "DE" in places]
    assert "AT" not in neighbours
    assert len(found) == 3
    assert P.POLICE_REPORT in required_parts(facts("AT"), mine, ["AT"]).required
    assert set(required_parts(facts("AT"), mine, ["AT"]).required) >= EU


@settings(max_examples=60, deadline=None)
@given(said=FACTS)
def test_suggested_variants_are_a_good_draft(said: BreachFacts) -> None:
    """The variants can be saved as they are, no two have the same place, and no variant forbids what it needs."""
    found = suggest_variants(said, RULES)
    BreachPhaseDraft(variants={name: NoticeVariant(places=places) for name, places in found.items()})
    for places in found.values():
        demands = required_parts(said, RULES, places)
        assert not set(demands.required) & set(demands.forbidden)


@settings(max_examples=60, deadline=None)
@given(said=FACTS, place=PLACES)
def test_an_unknown_place_asks_for_all_parts(said: BreachFacts, place: str) -> None:
    """A part that any law asks for stands in the notice for people of unknown places; each has a rule that exists."""
    known, unknown = required_parts(said, RULES, [place]), required_parts(said, RULES, [])
    assert set(known.required) <= set(unknown.required)
    assert known.least_points <= unknown.least_points
    for names in (*unknown.required.values(), *known.forbidden.values()):
        assert names
        assert set(names) <= set(RULES.by_id)


def test_a_low_risk_needs_no_clock_but_its_text_keeps_its_parts() -> None:
    """Whoever tells people although no law asks for it still tells them everything."""
    assert set(required_parts(facts("DE", risk=Risk.UNLIKELY), RULES, ["DE"]).required) == EU
