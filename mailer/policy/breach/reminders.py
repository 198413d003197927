"""The moments at which staff are reminded of a clock of a breach. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple


class ReminderMoment(StrEnum):
    """A moment of a clock at which staff are told of it."""

    BEGUN = "begun"
    HALF = "half"
    ONE_DAY = "one_day"
    ONE_HOUR = "one_hour"
    MISSED = "missed"


_BEFORE: Final = {ReminderMoment.ONE_DAY: timedelta(days=1), ReminderMoment.ONE_HOUR: timedelta(hours=1)}


class TimedReminder(NamedTuple):
    """A reminder and its time."""

    moment: ReminderMoment
    at: datetime


def reminders_of_clock(starts_at: datetime, due_at: datetime | None) -> list[TimedReminder]:
    """Returns the reminders of a clock, in the order of their times, at most one at each time.

    A moment that would come before half of the time is left out: a clock of four hours has no reminder one day before.

    Args:
        starts_at: an aware time.
        due_at: the deadline; None: no time is named, and there is the first reminder only.
    """
    begun = TimedReminder(ReminderMoment.BEGUN, starts_at)
    if due_at is None or due_at <= starts_at:
        return [begun] if due_at is None else [TimedReminder(ReminderMoment.MISSED, due_at)]
    half = TimedReminder(ReminderMoment.HALF, starts_at + (due_at - starts_at) / 2)
    late = [TimedReminder(moment, due_at - before) for moment, before in _BEFORE.items()]
    return [begun, half, *(one for one in late if one.at > half.at), TimedReminder(ReminderMoment.MISSED, due_at)]


def reminder_at(starts_at: datetime, due_at: datetime | None, now: datetime) -> ReminderMoment | None:
    """Returns the last moment of a clock that has come; None: it has not begun.

    After an outage only this one is told, not each that was passed.
    """
    come = [one.moment for one in reminders_of_clock(starts_at, due_at) if one.at <= now]
    return come[-1] if come else None
