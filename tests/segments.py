"""People and conditions of segments: a policy with attributes, and the judgement of a condition without a database."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import AttributeValue, RecipientAttribute
from mailer.policy.segment_parsing import parse_condition
from mailer.policy.segments import (
    NEGATIONS,
    AllConditions,
    AnyCondition,
    AttributeCondition,
    Condition,
    ConsentCondition,
    CountryCondition,
    KnownSinceCondition,
    Leaf,
    ListCondition,
    LocaleCondition,
    MailCondition,
    NotCondition,
    OptOutCondition,
    SourceCondition,
)
from tests.factories import BRAND, policies

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
HOSTILE = """Robert'); DROP TABLE recipients; -- " \\ $1 {value} %"""
ATTRIBUTES = {
    name: RecipientAttribute.model_validate(
        {"type": kind, "purpose": "newsletter", "retention_days": 365, "may_choose_audience": usable}
    )
    for name, kind, usable in (
        ("plan", "text", True),
        ("visits", "number", True),
        ("last_order", "date", True),
        ("is_member", "yes_no", True),
        ("zone", "time_zone", True),
        ("shoe_size", "number", False),
    )
}
"""Attributes of each type, and one that may not choose an audience."""


def policy_with_attributes(tracking: str = "off", attributes: Mapping[str, RecipientAttribute] = ATTRIBUTES) -> Policy:
    """The policy of the tests' brand, with attributes and a level of tracking."""
    known = policies()[BRAND]
    switches = known.switches.model_copy(update={"tracking": tracking})
    return known.model_copy(update={"attributes": dict(attributes), "switches": switches})


@dataclass
class Somebody:
    """All that a segment may ask about a person."""

    country: str | None = None
    locale: str | None = None
    sources: tuple[str, ...] = ()
    known_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    opted_out: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    got: frozenset[str] = frozenset()
    is_personalisation_refused: bool = False


def is_chosen(condition: Condition, one: Somebody, now: datetime) -> bool:
    """Tells whether a condition holds for a person. It is written from the docs, and shares nothing with the SQL."""
    match condition:
        case AllConditions(conditions=inner):
            return all(is_chosen(part, one, now) for part in inner)
        case AnyCondition(conditions=inner):
            return any(is_chosen(part, one, now) for part in inner)
        case NotCondition(condition=part):
            return not is_chosen(part, one, now)
        case KnownSinceCondition(operator=operator, value=value):
            return _is_known_since(operator, value, one.known_at, now)
        case _:
            positive = NEGATIONS.get(condition.operator)
            holds = _holds(condition, positive or condition.operator, one, now)
            return not holds if positive else holds


def _is_known_since(operator: str, value: str, known_at: datetime, now: datetime) -> bool:
    day = known_at.date().isoformat()
    if operator == "before":
        return day < value
    if operator == "on_or_after":
        return day >= value
    oldest = (now - timedelta(int(value))).date().isoformat()
    return day >= oldest if operator == "in_last_days" else day < oldest


def _holds(leaf: Leaf, operator: str, one: Somebody, now: datetime) -> bool:
    match leaf:
        case AttributeCondition():
            value = None if one.is_personalisation_refused else one.attributes.get(leaf.name)
            return value is not None and _attribute_holds(operator, leaf.values, value, now)
        case CountryCondition():
            return bool(one.country) if operator == "is_known" else one.country in leaf.values
        case LocaleCondition():
            if operator == "is_known":
                return bool(one.locale)
            return any(one.locale == tag or (one.locale or "").startswith(f"{tag}-") for tag in leaf.values)
        case SourceCondition():
            return bool(one.sources) if operator == "is_known" else not set(one.sources).isdisjoint(leaf.values)
        case ConsentCondition():
            return leaf.scope in one.consents
        case OptOutCondition():
            return not one.opted_out.isdisjoint({"*", leaf.scope, leaf.scope.split("/")[0]})
        case ListCondition():
            return leaf.name in one.lists
        case MailCondition():
            return leaf.campaign in one.got
        case _:
            raise AssertionError(leaf)


def _attribute_holds(operator: str, values: tuple[Any, ...], value: Any, now: datetime) -> bool:
    if operator == "is_known":
        return True
    if operator == "is":
        return any(value == wanted and isinstance(value, bool) == isinstance(wanted, bool) for wanted in values)
    first = values[0]
    if operator == "begins_with":
        return bool(value.startswith(first))
    if operator in ("at_least", "at_most"):
        return bool(value >= first if operator == "at_least" else value <= first)
    if operator in ("before", "on_or_after"):
        return bool(value < first if operator == "before" else value >= first)
    today, other = now.date().isoformat(), (now - timedelta(int(first))).date().isoformat()
    if operator == "in_next_days":
        return bool(today <= value <= (now + timedelta(int(first))).date().isoformat())
    return bool(other <= value <= today if operator == "in_last_days" else value < other)


def condition(**plain: Any) -> Condition:
    """A condition from its plain values."""
    return parse_condition(plain)


def random_person(chance: random.Random) -> Somebody:
    """Somebody of whom some things are known."""
    texts, numbers = ["Plus", "Free", HOSTILE, "プラス", "plus"], [0, 12, 12.5, -3, 100]
    values: dict[str, Any] = {
        "plan": chance.choice(texts),
        "visits": chance.choice(numbers),
        "last_order": (NOW + timedelta(chance.randint(-40, 40))).date().isoformat(),
        "is_member": chance.random() < 0.5,
        "zone": chance.choice(["Europe/Berlin", "Asia/Tokyo"]),
        "region": chance.choice(["US-CA", "US-NY", "DE-BY"]),
    }
    return Somebody(
        country=chance.choice([None, "DE", "AT", "JP"]),
        locale=chance.choice([None, "de", "de-AT", "den", "ja"]),
        sources=chance.choice([(), ("sign-up",), ("sign-up", HOSTILE)]),
        known_at=NOW - timedelta(chance.randint(0, 40), chance.randint(0, 86_400)),
        attributes={name: value for name, value in values.items() if chance.random() < 0.7},
        consents=frozenset(chance.sample(["newsletter", "newsletter/chat", "promotional"], chance.randint(0, 2))),
        opted_out=frozenset(chance.sample(["*", "newsletter", "newsletter/chat", "promotional"], chance.randint(0, 1))),
        lists=frozenset(chance.sample(["vip", "staff"], chance.randint(0, 2))),
        got=frozenset(chance.sample(["spring", "summer"], chance.randint(0, 2))),
        is_personalisation_refused=chance.random() < 0.2,
    )


def random_condition(chance: random.Random, depth: int = 3) -> dict[str, Any]:
    """A condition of any kind."""
    if depth and chance.random() < 0.6:
        kind = chance.choice(["all", "any", "not"])
        if kind == "not":
            return {"type": "not", "condition": random_condition(chance, depth - 1)}
        return {"type": kind, "conditions": [random_condition(chance, depth - 1) for _ in range(chance.randint(1, 3))]}
    kind = chance.choice(
        ["attribute"] * 5 + ["country", "locale", "source", "known_since", "consent", "opt_out", "list", "mail"]
    )
    if kind == "attribute":
        return {"type": kind, **_random_attribute_test(chance)}
    if kind in ("country", "locale", "source"):
        operator = chance.choice(["is", "is_not", "is_known", "is_not_known"])
        values = {
            "country": ["DE", "AT", "FR"],
            "locale": ["de", "de-AT", "ja"],
            "source": ["sign-up", HOSTILE, "fair"],
        }[kind]
        some = chance.sample(values, chance.randint(1, 2)) if operator in ("is", "is_not") else []
        return {"type": kind, "operator": operator, "values": some}
    if kind == "known_since":
        operator = chance.choice(["before", "on_or_after", "in_last_days", "over_days_ago"])
        value = (NOW - timedelta(20)).date().isoformat() if operator in ("before", "on_or_after") else "20"
        return {"type": kind, "operator": operator, "value": value}
    if kind == "list":
        return {
            "type": kind,
            "operator": chance.choice(["is_on", "is_not_on"]),
            "name": chance.choice(["vip", "staff"]),
        }
    if kind == "mail":
        return {
            "type": kind,
            "operator": chance.choice(["got", "did_not_get"]),
            "campaign": chance.choice(["spring", "summer"]),
        }
    operators = {"consent": ["given", "not_given"], "opt_out": ["has_left", "has_not_left"]}[kind]
    return {
        "type": kind,
        "operator": chance.choice(operators),
        "scope": chance.choice(["newsletter", "newsletter/chat"]),
    }


def _random_attribute_test(chance: random.Random) -> dict[str, Any]:
    days = str(chance.randint(1, 30))
    day = (NOW + timedelta(chance.randint(-20, 20))).date().isoformat()
    return chance.choice(
        [
            {
                "name": "plan",
                "operator": chance.choice(["is", "is_not"]),
                "values": chance.sample(["Plus", "Free", HOSTILE, "プラス"], 2),
            },
            {"name": "plan", "operator": "is", "values": [chance.choice(["Plus", HOSTILE, "プラス"])]},
            {"name": "plan", "operator": "begins_with", "values": [chance.choice(["P", "Robert');", "プ", "%", "_"])]},
            {
                "name": "visits",
                "operator": chance.choice(["at_least", "at_most"]),
                "values": [chance.choice(["12", 12.5, -3])],
            },
            {
                "name": "visits",
                "operator": chance.choice(["is", "is_not"]),
                "values": [chance.choice([12, "12.0", 12.5])],
            },
            {"name": "last_order", "operator": chance.choice(["before", "on_or_after", "is"]), "values": [day]},
            {
                "name": "last_order",
                "operator": chance.choice(["in_last_days", "in_next_days", "over_days_ago"]),
                "values": [days],
            },
            {
                "name": "is_member",
                "operator": chance.choice(["is", "is_not"]),
                "values": [chance.choice(["yes", False])],
            },
            {
                "name": "region",
                "operator": chance.choice(["is", "is_not"]),
                "values": [chance.choice(["us-ca", "DE-BY"])],
            },
            {"name": chance.choice(["plan", "zone"]), "operator": chance.choice(["is_known", "is_not_known"])},
        ]
    )
