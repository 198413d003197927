"""The clocks of a case as its pages show them: with the deadline in three zones, what is left, and the rule."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mailer.policy.breach.clock_wording import time_in_zone, time_left_in_words
from mailer.policy.breach.rules import BreachRules, Clock
from mailer.policy.campaign_schedule import zone_of_person_or_none
from mailer.ports.breach_desk import DutyDone


class ClockRow(NamedTuple):
    """A clock of a case.

    Attributes:
        clock: with whom to tell, what, and why.
        state: done, overdue, urgent (less than a day is left), running, or untimed.
        left: how long is left, in words; empty: no time is named, or it is done.
        viewer, place: the deadline by the clocks of the viewer's zone, and of the place's only one; empty: there is
            none, or it is shown already.
        source, checked, sure: of the rule.
        done: who was told, and when; None: it is not done.
    """

    clock: Clock
    state: str
    left: str
    viewer: str
    place: str
    source: str
    checked: str
    sure: str
    done: DutyDone | None


def clock_rows(
    clocks: Sequence[Clock], rules: BreachRules, done: Mapping[str, DutyDone], zone: ZoneInfo, now: datetime
) -> list[ClockRow]:
    """Returns the rows: open ones by their deadline, then those without one, then done ones."""
    rows = [_row_of_clock(one, rules, done.get(one.key), zone, now) for one in clocks]
    return sorted(rows, key=lambda row: (row.done is not None, row.clock.due_at is None, row.clock.due_at or now))


def next_open_row(rows: Sequence[ClockRow]) -> ClockRow | None:
    """Returns the open clock with the earliest deadline, or None if there is none."""
    return next((row for row in rows if row.done is None and row.clock.due_at is not None), None)


def _row_of_clock(clock: Clock, rules: BreachRules, done: DutyDone | None, zone: ZoneInfo, now: datetime) -> ClockRow:
    rule, due = rules.by_id[clock.rule], clock.due_at
    country = clock.place.partition("-")[0]
    place_zone = zone_of_person_or_none(rule.zone, country or None)
    is_place_shown = place_zone is not None and place_zone.key not in (zone.key, "UTC")
    return ClockRow(
        clock,
        _state_of_clock(due, done, now),
        time_left_in_words(due, now) if due and done is None else "",
        time_in_zone(due, zone) if due and zone.key != "UTC" else "",
        time_in_zone(due, place_zone) if due and place_zone and is_place_shown else "",
        rule.source,
        str(rule.checked),
        rule.sure,
        done,
    )


def _state_of_clock(due: datetime | None, done: DutyDone | None, now: datetime) -> str:
    if done is not None:
        return "done"
    if due is None:
        return "untimed"
    if due <= now:
        return "overdue"
    return "urgent" if (due - now).days < 1 else "running"
