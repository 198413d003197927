"""The one form in which people read a moment, on pages and in sentences."""

import re
from datetime import UTC, date, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOMENT_IN_WORDS = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}}), (\d\d:\d\d) UTC\b")
"""The text of a moment within a sentence: its day, month, year, and time of day."""


def moment_in_words(at: datetime | None) -> str:
    """Returns a moment in UTC, to the minute: `24 Nov 2026, 12:00 UTC`. None is an unknown day."""
    if at is None:
        return "an unknown day"
    utc = at.astimezone(UTC)
    return f"{day_in_words(utc)}, {utc:%H:%M} UTC"


def day_in_words(at: date) -> str:
    """Returns a day, or that of a moment in UTC: `24 Nov 2026`."""
    day = at.astimezone(UTC) if isinstance(at, datetime) else at
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def datetime_attribute_of_words(day: str, month: str, year: str, time: str) -> str:
    """Returns the groups of `MOMENT_IN_WORDS` as HTML writes a moment: `2026-11-24T12:00Z`."""
    return f"{int(year):04}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{time}Z"
