"""Clocks of a case: the deadlines that follow from its facts by the rules. Pure.

A period in hours is counted to the minute. A period in days or months does not count the day on which it begins, and
ends with its last day, in the time zone of the place: at its last second. If a country has several zones, the day of
the zone counts in which it ends first; of an unknown place, that of all zones of the world. A last day that is a
holiday moves nothing, though some laws would allow it.
"""

from calendar import monthrange
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rule_rows import Addressee, ClockRule
from mailer.policy.breach.rule_set import BreachRules, is_place_known
from mailer.policy.breach.rule_words import clock_in_words, whom_in_words
from mailer.policy.time_zones_by_country import ZONES

UNKNOWN_PLACE: Final = ""
"""The place of people whose country nobody knows."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that runs.

    Attributes:
        rule: the id of the row. to_whom: those who are told; whom: in words. what: the verb, such as `notify`.
        starts_at: when it began, in UTC.
        due_at: when it ends, in UTC; None: the law says `without undue delay`.
        place: the place where it ends first; empty: an unknown one. places: all places for which it runs.
        is_strictest: no row tells the demands of these places, so this one holds as the strictest.
        because: the sentence that says what is due when, and by which law.
    """

    rule: str
    to_whom: Addressee
    whom: str
    what: str
    starts_at: datetime
    due_at: datetime | None
    place: str
    places: tuple[str, ...]
    is_strictest: bool
    because: str

    @property
    def key(self) -> str:
        """The name of the clock, unique in its case, and the same as long as the rule and its role are."""
        return f"{self.rule}:strictest" if self.is_strictest else self.rule


@dataclass(frozen=True, slots=True)
class _Period:
    """The period of a clock at one place."""

    row: ClockRule
    place: str
    is_strictest: bool
    starts_at: datetime
    due_at: datetime | None


def clocks_of_case(facts: BreachFacts, rules: BreachRules, people_told_at: datetime | None = None) -> tuple[Clock, ...]:
    """Returns the clocks of a case, the first deadline first; those without one come last.

    Args:
        facts: without `found_at`, no clock runs. Without places, those of an unknown place run.
        rules: the rows of the brand.
        people_told_at: when people were told, if they were; clocks after this begin here, if it is earlier than
            the deadline for it.
    """
    if facts.found_at is None:
        return ()
    places = tuple(sorted(facts.people_by_place)) or (UNKNOWN_PLACE,)
    found: dict[tuple[str, bool], list[_Period]] = {}
    for place in places:
        for row, is_strictest in _rows_at_place(place, facts, rules):
            if period := _period_of_row(row, place, is_strictest, facts, rules, people_told_at):
                found.setdefault((row.id, is_strictest), []).append(period)
    return tuple(sorted((_clock_of_periods(several, facts) for several in found.values()), key=_order))


def due_to_people(place: str, facts: BreachFacts, rules: BreachRules) -> datetime | None:
    """Returns the first deadline by which people of a place are to be told, in UTC; None if no law sets one.

    Args:
        place: empty: unknown.
        facts: of the case.
        rules: the rows of the brand.
    """
    if facts.found_at is None:
        return None
    ends = (
        period.due_at
        for row, is_strictest in _people_rows_at_place(place, facts, rules)
        if (period := _period_of_row(row, place, is_strictest, facts, rules, None)) and period.due_at is not None
    )
    return min(ends, default=None)


def people_counted(row: ClockRule, place: str, counts: Mapping[str, int]) -> int:
    """Returns the people who count for a row's threshold: of one place, or of all places for which it holds."""
    if row.counted == "each_place":
        return counts.get(place, 0)
    return sum(people for other, people in counts.items() if row.is_of_place(other))


def _order(clock: Clock) -> tuple[bool, datetime, str]:
    return clock.due_at is None, clock.due_at or clock.starts_at, clock.key


def _rows_at_place(place: str, facts: BreachFacts, rules: BreachRules) -> Iterator[tuple[ClockRule, bool]]:
    """Yields the rows whose clocks run for a place, each with True if it only holds as the strictest one."""
    yield from _people_rows_at_place(place, facts, rules)
    others = [row for row in rules.rows_of_kind(ClockRule) if row.to is not Addressee.PEOPLE]
    for row in others:
        is_reached = people_counted(row, place, facts.people_by_place) >= row.least_people
        if row.is_of_place(place) and row.is_true_of(facts) and is_reached:
            yield row, False
    if not any(row.places and row.is_of_place(place) for row in rules.rows):
        authorities = [row for row in others if row.to is Addressee.AUTHORITY and not row.least_people]
        yield from _strictest_rows(authorities, place, facts, rules)


def _people_rows_at_place(place: str, facts: BreachFacts, rules: BreachRules) -> Iterator[tuple[ClockRule, bool]]:
    rows = [row for row in rules.rows_of_kind(ClockRule) if row.to is Addressee.PEOPLE]
    yield from ((row, False) for row in rows if row.is_true_of(facts) and row.is_of_place(place))
    if not is_place_known(rows, place):
        yield from _strictest_rows(rows, place, facts, rules)


def _strictest_rows(
    rows: Iterable[ClockRule], place: str, facts: BreachFacts, rules: BreachRules
) -> Iterator[tuple[ClockRule, bool]]:
    """Yields the row for a place whose law nobody knows: the one that ends first, else one without undue delay."""
    held = [row for row in rows if row.is_true_of(facts) and row.after is None]
    ends = [
        (period.due_at, number)
        for number, row in enumerate(held)
        if (period := _period_of_row(row, place, True, facts, rules, None)) and period.due_at is not None
    ]
    if held:
        yield held[min(ends)[1] if ends else 0], True


def _period_of_row(
    row: ClockRule,
    place: str,
    is_strictest: bool,
    facts: BreachFacts,
    rules: BreachRules,
    people_told_at: datetime | None,
) -> _Period | None:
    """Returns the period of a row at a place; None if the clock after which it begins does not run there."""
    starts_at = _start_of_row(row, place, facts, rules, people_told_at)
    if starts_at is None:
        return None
    zones = zones_of_rule(row, place)
    due_at = _end_of_period(row, starts_at, zones)
    if due_at is not None and row.waits_for_law_enforcement and facts.law_enforcement_delay_until is not None:
        due_at = max(due_at, _end_of_day(facts.law_enforcement_delay_until + timedelta(days=1), zones))
    return _Period(row, place, is_strictest, starts_at, due_at)


def _start_of_row(
    row: ClockRule, place: str, facts: BreachFacts, rules: BreachRules, people_told_at: datetime | None
) -> datetime | None:
    if row.after is None:
        return facts.found_at and facts.found_at.astimezone(UTC)
    before = rules.by_id.get(row.after)
    if not isinstance(before, ClockRule) or not before.is_true_of(facts):
        return None
    period = _period_of_row(before, place, False, facts, rules, people_told_at)
    if period is None:
        return None
    end = period.due_at or period.starts_at
    if people_told_at is not None and before.to is Addressee.PEOPLE:
        return min(end, people_told_at.astimezone(UTC))
    return end


def _end_of_period(row: ClockRule, starts_at: datetime, zones: Iterable[ZoneInfo]) -> datetime | None:
    if row.hours is not None:
        return starts_at + timedelta(hours=row.hours)
    if row.days is None and row.months is None:
        return None
    return min(_end_of_day(_last_day(row, starts_at.astimezone(zone).date()), [zone]) for zone in zones)


def _last_day(row: ClockRule, first: date) -> date:
    if row.days is not None:
        return first + timedelta(days=row.days)
    month = first.month - 1 + (row.months or 0)
    year, month = first.year + month // 12, month % 12 + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))


def _end_of_day(day: date, zones: Iterable[ZoneInfo]) -> datetime:
    """Returns the last second of a day where it ends first, in UTC."""
    midnights = (datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) for zone in zones)
    return min(midnights) - timedelta(seconds=1)


def zones_of_rule(row: ClockRule, place: str) -> Collection[ZoneInfo]:
    """Returns the zones in which the days of a rule end at a place: the rule's own, if the rule is made for it."""
    return _zones(row.zone if row.zone and place in row.places else None, place.partition("-")[0])


@lru_cache(maxsize=1000)
def _zones(name: str | None, country: str) -> tuple[ZoneInfo, ...]:
    if name is not None:
        return (ZoneInfo(name),)
    names = ZONES.get(country) or sorted({zone for zones in ZONES.values() for zone in zones})
    return tuple(ZoneInfo(zone) for zone in names)


def _clock_of_periods(several: list[_Period], facts: BreachFacts) -> Clock:
    """Makes one clock of the periods of a row at several places: the first one that ends."""
    first = min(several, key=lambda period: (period.due_at or period.starts_at, period.place))
    row = first.row
    clock = Clock(
        rule=row.id,
        to_whom=row.to,
        whom=whom_in_words(row, first.is_strictest),
        what=row.what,
        starts_at=first.starts_at,
        due_at=first.due_at,
        place=first.place,
        places=tuple(period.place for period in several),
        is_strictest=first.is_strictest,
        because="",
    )
    zone = min(zones_of_rule(row, first.place), key=lambda zone: (_local_end(first, zone), zone.key))
    return replace(clock, because=clock_in_words(row, clock.starts_at, clock.due_at, zone, first.is_strictest, facts))


def _local_end(period: _Period, zone: ZoneInfo) -> datetime:
    return _end_of_period(period.row, period.starts_at, [zone]) or period.starts_at
