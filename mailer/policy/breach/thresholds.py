"""Thresholds: whom to tell beside the people, by their number, and which substitute notice is due. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailer.policy.breach.clocks import people_counted
from mailer.policy.breach.facts import BreachFacts, Place
from mailer.policy.breach.rule_rows import Addressee, ClockRule, SubstituteRule, SubstituteStep
from mailer.policy.breach.rule_set import BreachRules, is_place_known
from mailer.policy.breach.rule_words import number_in_words, people_in_words, substitute_in_words, threshold_in_words


@dataclass(frozen=True, slots=True)
class ThresholdReached:
    """A number of people from which on others are to be told.

    Attributes:
        rule: the id of the row. to_whom: those who are told; whom: in words. what: the verb.
        people: the people who count. least_people: the least number for which the row holds.
        places: where they live.
        because: the sentence that says what is due, and by which law.
    """

    rule: str
    to_whom: Addressee
    whom: str
    what: str
    people: int
    least_people: int
    places: tuple[Place, ...]
    because: str


@dataclass(frozen=True, slots=True)
class SubstituteDue:
    """A substitute notice that is due.

    Attributes:
        rule: the id of the row. places: for whose people.
        unreachable, people: of these places. steps: all of which are to be done.
        is_strictest: no row tells the demands of these places, so the row with the most steps holds.
        because: the sentence that says why, and by which law.
    """

    rule: str
    places: tuple[Place, ...]
    unreachable: int
    people: int
    steps: tuple[SubstituteStep, ...]
    is_strictest: bool
    because: str


def thresholds_reached(
    counts_by_place: Mapping[Place, int], facts: BreachFacts, rules: BreachRules
) -> tuple[ThresholdReached, ...]:
    """Returns the thresholds that numbers of people reach, in the order of the rows.

    Args:
        counts_by_place: people concerned, by place.
        facts: of the case.
        rules: the rows of the brand.
    """
    return tuple(
        found
        for row in rules.rows_of_kind(ClockRule)
        if row.least_people and row.is_true_of(facts)
        for found in _thresholds_of_row(row, counts_by_place)
    )


def _thresholds_of_row(row: ClockRule, counts: Mapping[Place, int]) -> Iterator[ThresholdReached]:
    places = tuple(sorted(place for place in counts if row.is_of_place(place)))
    for several in [(place,) for place in places] if row.counted == "each_place" else [places]:
        people = people_counted(row, several[0], counts) if several else 0
        if several and people >= row.least_people:
            because = threshold_in_words(row, people, several)
            yield ThresholdReached(row.id, row.to, row.whom, row.what, people, row.least_people, several, because)


def substitutes_due(
    unreachable_by_place: Mapping[Place, int],
    counts_by_place: Mapping[Place, int],
    facts: BreachFacts,
    rules: BreachRules,
) -> tuple[SubstituteDue, ...]:
    """Returns the substitute notices that are due or allowed, in the order of the rows.

    Args:
        unreachable_by_place: people whom no mail and no letter reaches; the place is empty if nobody knows it.
        counts_by_place: all people concerned.
        facts: of the case.
        rules: the rows of the brand.
    """
    rows = [row for row in rules.rows_of_kind(SubstituteRule) if row.is_true_of(facts)]
    places = sorted({*unreachable_by_place, *counts_by_place})
    known = [place for place in places if is_place_known(rules.rows_of_kind(SubstituteRule), place)]
    unknown = [place for place in places if place not in known]
    by_row = [(row, [place for place in places if row.is_of_place(place)], False) for row in rows]
    if rows and unknown:
        by_row.append((max(rows, key=lambda row: len(row.steps)), unknown, True))
    return tuple(
        due
        for row, there, is_strictest in by_row
        if (due := _substitute_of_row(row, there, is_strictest, unreachable_by_place, counts_by_place, facts))
    )


def _substitute_of_row(
    row: SubstituteRule,
    places: Sequence[Place],
    is_strictest: bool,
    unreachable_by_place: Mapping[Place, int],
    counts_by_place: Mapping[Place, int],
    facts: BreachFacts,
) -> SubstituteDue | None:
    unreachable = sum(unreachable_by_place.get(place, 0) for place in places)
    people = sum(counts_by_place.get(place, 0) for place in places)
    reasons = list(_reasons(row, unreachable, people, facts.notice_cost if places else None))
    if not reasons:
        return None
    because = substitute_in_words(row, reasons, is_strictest)
    return SubstituteDue(row.id, tuple(places), unreachable, people, row.steps, is_strictest, because)


def _reasons(row: SubstituteRule, unreachable: int, people: int, cost: int | None) -> Iterator[str]:
    if row.unreachable_at_least is not None and unreachable >= row.unreachable_at_least:
        yield f"{people_in_words(unreachable)} cannot be reached"
    if row.people_more_than is not None and people > row.people_more_than:
        yield f"{number_in_words(people)} people are concerned"
    if row.cost_more_than is not None and cost is not None and cost > row.cost_more_than:
        yield f"telling everybody would cost {number_in_words(cost)} US dollars"
