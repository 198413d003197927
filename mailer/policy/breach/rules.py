"""A stand-in for the rules of part A (its file of the same name takes the place of this one at the merge): no rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.policy_file import Policy


@dataclass(frozen=True, slots=True)
class BreachRules:
    """The rules in force."""

    rows: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class ThresholdReached:
    """A number of people from which on others are to be told."""

    rule: str
    to_whom: str
    whom: str
    what: str
    people: int
    least_people: int
    places: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class SubstituteDue:
    """A substitute notice that is due."""

    rule: str
    places: tuple[str, ...]
    unreachable: int
    people: int
    steps: Sequence[object]
    because: str


def breach_rules_of_policy(policy: Policy) -> BreachRules:
    """Returns the rules of a policy."""
    return BreachRules()


def due_to_people(place: str, facts: BreachFacts, rules: BreachRules) -> datetime | None:
    """Returns the first deadline by which people of a place are to be told."""
    return None


def thresholds_reached(
    counts_by_place: Mapping[str, int], facts: BreachFacts, rules: BreachRules
) -> tuple[ThresholdReached, ...]:
    """Returns the thresholds that numbers of people reach."""
    return ()


def substitutes_due(
    unreachable_by_place: Mapping[str, int], counts_by_place: Mapping[str, int], facts: BreachFacts, rules: BreachRules
) -> tuple[SubstituteDue, ...]:
    """Returns the substitute notices that are due."""
    return ()
