"""The plan of a phase's pace: when each person's mail is due, and how many people that makes on each day. Pure."""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from mailer.policy.breach.draft import BreachPace

SLICE: Final = timedelta(minutes=5)
"""The time between two parts of mail that is spread."""


class PacePlanner:
    """Gives each person of an audience the time at which their mail is due.

    Args:
        pace: of the phase. begin: an aware time in UTC, from which it counts.
        engaged: people who come first; 0 unless the pace says so. others: those who come after them.
    """

    def __init__(self, pace: BreachPace, begin: datetime, engaged: int, others: int) -> None:
        self._begin = begin.replace(microsecond=0)
        self._slices = pace.over_hours * int(timedelta(hours=1) / SLICE)
        self._people = max(1, engaged + others)
        self._next = {True: 0, False: engaged}

    def next_due_time(self, is_engaged: bool) -> datetime | None:
        """Returns the time of the next person of a group; None: at once. Call it once for each person."""
        rank = self._next[is_engaged]
        self._next[is_engaged] += 1
        if not self._slices:
            return None
        return self._begin + SLICE * min(rank * self._slices // self._people, self._slices - 1)


class PaceDay(NamedTuple):
    """A day of the plan, and the people whose mail is due on it."""

    day: date
    people: int


def plan_days(pace: BreachPace, people: int, begin: datetime, zone: ZoneInfo) -> list[PaceDay]:
    """Returns the days of a plan, with how many people get the mail on each. They add up.

    Args:
        pace: of the phase.
        people: who get the mail.
        begin: an aware time: the release.
        zone: in which the days are.
    """
    if not people:
        return []
    end = begin + timedelta(hours=pace.over_hours)
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    days, done = list[PaceDay](), 0
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
        share = 1.0 if day == last else (midnight - begin) / (end - begin)
        until = min(people, round(people * share))
        days.append(PaceDay(day, until - done))
        done = until
    return [day for day in days if day.people]


def is_over_before(pace: BreachPace, begin: datetime, deadline: datetime) -> bool:
    """Tells whether all mail is due before a deadline, if it begins at a time."""
    return begin + timedelta(hours=pace.over_hours) <= deadline
