"""The duties that follow from the counted figures of a case: substitute notices, and thresholds of numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.outcomes import BreachFigures
from mailer.policy.breach.rules import (
    BreachRules,
    SubstituteDue,
    ThresholdReached,
    due_to_people,
    substitutes_due,
    thresholds_reached,
)


@dataclass(frozen=True, slots=True)
class DutiesAfterRelease:
    """The duties by the counted figures; before anything is released, by the estimates of the facts.

    Attributes:
        substitutes: each with the first deadline by which people of its places are to be told; None: no law sets one.
        is_estimated: nothing is counted yet.
    """

    substitutes: Sequence[tuple[SubstituteDue, datetime | None]]
    thresholds: Sequence[ThresholdReached]
    is_estimated: bool


def duties_after_release(figures: BreachFigures, facts: BreachFacts, rules: BreachRules) -> DutiesAfterRelease:
    """Returns the substitute notices that are due, and the thresholds that are reached.

    Of each place the larger number counts: the estimate of the facts, or the people who are to be told.

    Args:
        figures: of the case.
        facts: of the case.
        rules: in force.
    """
    counted, estimated = figures.people_by_place, facts.people_by_place
    people = {place: max(counted.get(place, 0), estimated.get(place, 0)) for place in sorted({*counted, *estimated})}
    substitutes = [
        (due, min(filter(None, (due_to_people(place, facts, rules) for place in due.places)), default=None))
        for due in substitutes_due(figures.unreachable_by_place, people, facts, rules)
    ]
    return DutiesAfterRelease(
        substitutes,
        thresholds_reached(people, facts, rules),
        is_estimated=not figures.counts,
    )
