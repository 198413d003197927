"""Segments: the language with its limits, the judgement of a policy, and the sentence in plain words."""

import json
from typing import Any

import pytest

from mailer.policy.segment_checks import condition_with_typed_values, faults_of_condition
from mailer.policy.segment_parsing import SegmentRefused, condition_to_json, parse_condition, plain_condition
from mailer.policy.segments import DEEPEST, MOST_CONDITIONS, MOST_LOOK_UPS
from mailer.rendering.segment_sentences import sentence_of_condition
from tests.segments import ATTRIBUTES, condition, policy_with_attributes

GERMANY = {"type": "country", "operator": "is", "values": ["DE"]}


def nested(depth: int) -> dict[str, Any]:
    """A condition inside so many negations."""
    value: dict[str, Any] = GERMANY
    for _ in range(depth):
        value = {"type": "not", "condition": value}
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (nested(10_000), f"more than {DEEPEST} deep"),
        (nested(DEEPEST), f"more than {DEEPEST} deep"),
        ({"type": "all", "conditions": [GERMANY] * MOST_CONDITIONS}, f"more than {MOST_CONDITIONS} conditions"),
        ({"type": "any", "conditions": [{"type": "list", "name": "a"}] * (MOST_LOOK_UPS + 1)}, "lists and mail"),
        ({"type": "all", "conditions": []}, "conditions: Tuple should have at least 1 item"),
        ({"type": "list", "name": "segment:other"}, "a segment names lists, and no segments"),
        ({"type": "list", "name": "a' OR 1=1 --"}, "list.name"),
        ({"type": "country", "values": ["XX"]}, "is no country"),
        ({"type": "country", "values": ["DE"], "sql": "true"}, "sql: Extra inputs"),
        ({"type": "country"}, "values: is needs one"),
        ({"type": "country", "operator": "is_known", "values": ["DE"]}, "is_known takes none"),
        ({"type": "country", "values": ["DE"] * 101}, "at most 100 items"),
        ({"type": "locale", "values": ["German"]}, "locale.values.0"),
        ({"type": "known_since", "operator": "before", "value": "2026-02-30"}, "is no day"),
        ({"type": "known_since", "operator": "in_last_days", "value": "36501"}, "no number of days"),
        ({"type": "known_since", "operator": "in_last_days", "value": "\u0663"}, "no number of days"),
        ({"type": "attribute", "name": "plan", "operator": "is", "values": ["a\0b"]}, "attribute.values.0"),
        ({"type": "attribute", "name": "plan", "operator": "is", "values": ["\ud800"]}, "attribute.values.0"),
        ({"type": "attribute", "name": "visits", "operator": "is", "values": [float("nan")]}, "no number below"),
        ({"type": "attribute", "name": "visits", "operator": "at_least", "values": [1, 2]}, "takes one, not 2"),
        ({"type": "attribute", "name": "visits", "operator": "is", "values": [None]}, "is no text, number"),
        ({"type": "attribute", "name": "plan; DROP TABLE", "operator": "is_known"}, "attribute.name"),
        ({"type": "mail", "campaign": "spring", "operator": "read"}, "mail.operator"),
        ({"type": "sql", "text": "true"}, "does not match any of the expected tags"),
        ([GERMANY], "valid dictionary"),
        (None, "valid dictionary"),
    ],
)
def test_bad_condition_is_refused(value: Any, problem: str) -> None:
    """A condition that is none, or is too large, is refused with the place and what is wrong."""
    with pytest.raises(SegmentRefused, match=problem.replace("(", r"\(")):
        parse_condition(value)


def test_condition_that_is_too_long_is_refused() -> None:
    """Values that together are longer than any segment needs are refused, each of which is short enough."""
    long = {"type": "source", "values": ["x" * 500] * 100}
    with pytest.raises(SegmentRefused, match="longer than 100,000 characters"):
        parse_condition({"type": "any", "conditions": [long] * 3})


def test_largest_condition_is_read_as_it_was_written() -> None:
    """A condition at its limits is read, and its JSON is read as the same condition."""
    value = {"type": "all", "conditions": [GERMANY] * (MOST_CONDITIONS - DEEPEST - 1) + [nested(DEEPEST - 2)]}
    known = parse_condition(value)
    assert parse_condition(json.loads(condition_to_json(known))) == known


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"type": "attribute", "name": "nope", "operator": "is_known"}, "nope is no attribute of the policy"),
        ({"type": "attribute", "name": "shoe_size", "operator": "is_known"}, "shoe_size may not choose an audience"),
        ({"type": "attribute", "name": "first_name", "operator": "is_known"}, "first_name may not choose an audience"),
        ({"type": "attribute", "name": "plan", "operator": "at_least", "values": [3]}, "plan is a text, and at_least"),
        ({"type": "attribute", "name": "is_member", "operator": "is", "values": ["maybe"]}, "it takes yes or no"),
        ({"type": "attribute", "name": "last_order", "operator": "before", "values": ["soon"]}, "a date as YYYY-MM-DD"),
        ({"type": "consent", "scope": "service"}, "nobody can consent to service"),
        ({"type": "opt_out", "scope": "breach"}, "nobody can leave breach"),
        ({"type": "mail", "operator": "opened", "campaign": "spring"}, 'has tracking = "off"'),
        ({"type": "mail", "operator": "did_not_click", "campaign": "spring"}, "use got or did_not_get"),
    ],
)
def test_policy_refuses_condition(value: Any, fault: str) -> None:
    """A policy refuses what it does not declare, and what its level of tracking does not tell, also inside groups."""
    inside = parse_condition({"type": "not", "condition": {"type": "any", "conditions": [value]}})
    [said] = faults_of_condition(policy_with_attributes(), inside)
    assert fault in said


def test_opened_is_allowed_where_opens_are_recorded_for_each_person() -> None:
    """The level of tracking `individual` allows conditions over who opened."""
    opened = condition(type="mail", operator="opened", campaign="spring")
    assert faults_of_condition(policy_with_attributes("individual"), opened) == []
    assert faults_of_condition(policy_with_attributes("unlinkable"), opened)


def test_region_chooses_in_each_brand() -> None:
    """The region is used like the country, without a declaration, and only with codes that exist."""
    california = condition(type="attribute", name="region", operator="is", values=["us-ca"])
    assert faults_of_condition(policy_with_attributes(attributes={}), california) == []
    typed = condition_with_typed_values(policy_with_attributes(), california)
    assert typed == condition(type="attribute", name="region", operator="is", values=["US-CA"])
    [fault] = faults_of_condition(
        policy_with_attributes(), condition(type="attribute", name="region", operator="is", values=["California"])
    )
    assert "a part of a country by ISO 3166-2" in fault


def test_removed_attribute_makes_condition_unusable() -> None:
    """A policy that no longer declares an attribute refuses the conditions over it."""
    plan = condition(type="attribute", name="plan", operator="is", values=["Plus"])
    assert faults_of_condition(policy_with_attributes(), plan) == []
    fewer = {name: one for name, one in ATTRIBUTES.items() if name != "plan"}
    assert faults_of_condition(policy_with_attributes(attributes=fewer), plan)


def test_values_get_the_type_of_their_attribute() -> None:
    """A text of a form is stored as the type of the attribute, so that the database compares like with like."""
    said = condition(
        type="all",
        conditions=[
            {"type": "attribute", "name": "visits", "operator": "is", "values": ["12", "2.50", 7]},
            {
                "type": "not",
                "condition": {"type": "attribute", "name": "is_member", "operator": "is", "values": ["yes"]},
            },
            {"type": "attribute", "name": "plan", "operator": "is", "values": [12, True]},
            {"type": "attribute", "name": "last_order", "operator": "in_last_days", "values": [30]},
        ],
    )
    typed = condition_with_typed_values(policy_with_attributes(), said)
    first, second, third, fourth = plain_condition(typed)["conditions"]
    assert (first["values"], second["condition"]["values"], third["values"]) == ([12, 2.5, 7], [True], ["12", "yes"])
    assert fourth["values"] == [30]
    assert condition_with_typed_values(policy_with_attributes(), typed) == typed


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            {
                "type": "all",
                "conditions": [
                    {"type": "country", "values": ["DE", "AT"]},
                    {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus"]},
                    {"type": "mail", "operator": "did_not_get", "campaign": "spring-offer"},
                ],
            },
            "People in Germany or Austria whose plan is Plus and who did not get spring-offer.",
        ),
        (
            {"type": "attribute", "name": "plan", "operator": "is_not", "values": ["Plus"]},
            "People whose plan is not Plus (or is not known).",
        ),
        (
            {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus and who are on the list x"]},
            "People whose plan is “Plus and who are on the list x”.",
        ),
        (
            {
                "type": "any",
                "conditions": [
                    {"type": "list", "name": "vip"},
                    {
                        "type": "not",
                        "condition": {
                            "type": "all",
                            "conditions": [
                                {"type": "opt_out", "scope": "*"},
                                {"type": "locale", "operator": "is_not_known"},
                            ],
                        },
                    },
                ],
            },
            "People who are on the list vip or except those (who have opted out of all optional mail and whose "
            "language is not known).",
        ),
        ({"type": "locale", "values": ["pt-br", "qq"]}, "People whose language is Portuguese (Brazil) or qq."),
        (
            {"type": "known_since", "operator": "in_last_days", "value": "30"},
            "People who became known in the last 30 days.",
        ),
        (
            {"type": "known_since", "operator": "over_days_ago", "value": "1"},
            "People who became known more than 1 day ago.",
        ),
        (
            {"type": "source", "operator": "is_not", "values": ["fair"]},
            "People whose source is not fair (or is not known).",
        ),
    ],
)
def test_sentence(value: Any, sentence: str) -> None:
    """The sentence says whom a condition chooses, also that people without a value are not the value."""
    assert sentence_of_condition(parse_condition(value)) == sentence
