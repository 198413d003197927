"""Reads dates as people write them. Whether the day or the month stands first is never guessed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cache
from typing import Final

from babel import Locale

from mailer.actions.importing.place_names import fold_name

EARLIEST_DAY: Final = date(1900, 1, 1)
_LONGEST: Final = 60
"""The characters of the longest text that is looked at as a date."""
LATEST_DAY: Final = date(2200, 1, 1)
_NUMBERS: Final = re.compile(r"(\d{1,4})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{1,4})\.?")
_YEAR_FIRST: Final = re.compile(
    r"(\d{4})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{1,2})|(\d{4})年(\d{1,2})月(\d{1,2})日|(\d{4})(\d\d)(\d\d)"
)
_WORDS: Final = re.compile(
    r"(?:(?P<first>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[\s-]+(?:de\s+)?)?(?P<month>[^\W\d_]{3,}\.?)"
    r"(?:\s+(?P<second>\d{1,2})(?:st|nd|rd|th)?,?)?[\s,-]+(?:de\s+|del\s+)?(?P<year>\d{4})"
)
_CLOCK: Final = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?\s?(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s?(?P<zone>Z|z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_NO_DATE: Final = frozenset({"0000-00-00", "00.00.0000", "00/00/0000", "00-00-0000", "0000/00/00"})
"""Placeholders of databases for a date that is not known."""


class DateOrder(StrEnum):
    """The order of day, month and year in the dates of a column."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"
    YEAR_FIRST = "year_first"
    """The year stands first, or the month is a word: nothing is open."""
    ASK = "ask"
    """Its values fit both orders, or contradict each other. A person has to say which one it is."""


@dataclass(frozen=True, slots=True)
class DateEvidence:
    """The facts about a column's values that tell the order of its dates.

    Attributes:
        values: the number of values. dates: how many of them look like dates.
        day_first, month_first: the number of values that can only have this order.
        either: the number of values that fit both orders. example: one of these.
    """

    values: int = 0
    dates: int = 0
    day_first: int = 0
    month_first: int = 0
    either: int = 0
    example: str = ""

    @property
    def order(self) -> DateOrder:
        """The order that the values prove."""
        if self.day_first and not self.month_first:
            return DateOrder.DAY_FIRST
        if self.month_first and not self.day_first:
            return DateOrder.MONTH_FIRST
        return DateOrder.ASK if self.either or self.day_first else DateOrder.YEAR_FIRST


def evidence_of_values(values: Iterable[str]) -> DateEvidence:
    """Looks at the values of a column, and tells which orders of day and month they allow."""
    seen = dates = day = month = either = 0
    example = ""
    for value in values:
        seen += 1
        text = _date_part(value)
        found = _NUMBERS.fullmatch(text)
        if found is None or _YEAR_FIRST.fullmatch(text):
            dates += bool(_YEAR_FIRST.fullmatch(text) or _WORDS.fullmatch(text))
            continue
        one, two, year = int(found[1]), int(found[3]), int(found[4])
        if max(one, two) > 31 or min(one, two, year) == 0:
            continue
        dates += 1
        day, month = day + (one > 12 >= two), month + (two > 12 >= one)
        if one <= 12 and two <= 12 and one != two:
            either += 1
            example = example or text
    return DateEvidence(seen, dates, day, month, either, example)


def parse_local_date(text: str, order: DateOrder) -> date | None:
    """Reads the date in a text, and leaves a time of the day out.

    Args:
        text: as the file has it.
        order: the order of the column.

    Returns:
        The date; None if the text is a placeholder for none, such as 00.00.0000.

    Raises:
        ValueError: it is no date, has no year of four digits, or lies outside of the years 1900 to 2199.
    """
    part = _date_part(text)
    if part in _NO_DATE:
        return None
    year, month, day = _numbers_of_date(part, order)
    try:
        found = date(year, month, day)
    except ValueError:
        raise ValueError("is no date of the calendar") from None
    if not EARLIEST_DAY <= found < LATEST_DAY:
        raise ValueError("is not between the years 1900 and 2199")
    return found


def parse_local_moment(text: str, order: DateOrder) -> datetime | None:
    """Reads a date with an optional time of the day. Without a zone it is in UTC.

    Returns:
        The moment; None if the text is a placeholder for none.

    Raises:
        ValueError: as `parse_local_date`, and if the time of the day is none.
    """
    if (day := parse_local_date(text, order)) is None:
        return None
    rest = text.strip()[len(_date_part(text)) :].lstrip(" Tt,")
    return datetime.combine(day, _time_of_day(rest)).astimezone(UTC) if rest else datetime.combine(day, time(), UTC)


def age_in_years(born: date, today: date) -> int:
    """Returns the age of somebody in whole years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _date_part(text: str) -> str:
    """Returns the date in a text, without the time of the day behind it."""
    text = text.strip()
    if len(text) > _LONGEST:
        return ""
    found = re.search(r"[Tt,]?\s*\d{1,2}:\d\d", text)
    return text[: found.start()].strip() if found else text


def _numbers_of_date(text: str, order: DateOrder) -> tuple[int, int, int]:
    """Returns year, month and day."""
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = [group for group in found.groups() if group and group.isdigit()]
        return int(year), int(month), int(day)
    if found := _NUMBERS.fullmatch(text):
        one, two, year = found[1], found[3], found[4]
        if len(year) != 4:
            raise ValueError("has a year without four digits; write it as 2026-12-24")
        if order is DateOrder.MONTH_FIRST:
            return int(year), int(one), int(two)
        if order is DateOrder.DAY_FIRST or one == two:
            return int(year), int(two), int(one)
    elif found := _WORDS.fullmatch(text):
        month = _month_names().get(fold_name(found["month"]))
        day = found["first"] or found["second"]
        if month and day:
            return int(found["year"]), month, int(day)
    raise ValueError("is no date; write it as 2026-12-24")


def _time_of_day(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError("has a time of the day that is none; write it as 09:30:00")
    hour, half = int(found["hour"]), (found["half"] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        raise ValueError("has a time of the day that is none; write it as 09:30:00")
    hour = hour % 12 + 12 * (half == "p") if half else hour
    zone = found["zone"] or "Z"
    zone = "+00:00" if zone[0].isalpha() else zone
    return time.fromisoformat(f"{hour:02}:{found['minute']}:{found['second'] or '00'}{zone}")


@cache
def _month_names() -> Mapping[str, int]:
    """Returns the names of months in several languages, in full and short."""
    made: dict[str, int] = {}
    for language in ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "tr"):
        months = Locale.parse(language).months
        for form in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[form][width].items():
                    made.setdefault(fold_name(name), number)
    return {**made, "marz": 3, "maerz": 3, "mrz": 3, "sept": 9, "janner": 1}
