"""Days that a text names, as its language writes them: 10 March 2026, March 10, 2026, 2026年3月10日. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache

from babel.dates import get_month_names

from mailer.rendering.jinja_environment import babel_locale

_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_NUMBERS = re.compile(r"(?<![\d./-])(\d{1,2})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{4})(?!\d)")


def find_days_in_text(text: str, locale: str) -> Iterator[date]:
    """Yields the days that a text names with their year. Days in numbers are read both ways: 3/10/2026 is two days."""
    plain = "".join(_plain_digit(char) for char in text)
    for year, month, day in (*_ISO.findall(plain), *_EAST_ASIAN.findall(plain)):
        yield from _day(year, int(month), day)
    for first, second, year in _NUMBERS.findall(plain):
        yield from _day(year, int(second), first)
        yield from _day(year, int(first), second)
    months, written = _months_of_locale(locale)
    for found in written.finditer(plain.lower()):
        month = months[found["month"] or found["month_first"]]
        yield from _day(found["year"] or found["year_last"], month, found["day"] or found["day_second"])


def _plain_digit(char: str) -> str:
    return char if char.isascii() or not char.isdecimal() else str(unicodedata.decimal(char))


def _day(year: str, month: int, day: str) -> Iterator[date]:
    try:
        yield date(int(year), month, int(day))
    except ValueError:  # 30 February, or a month 13
        return


@lru_cache(maxsize=100)
def _months_of_locale(locale: str) -> tuple[Mapping[str, int], re.Pattern[str]]:
    """Returns the numbers of months by name in lower case, and the pattern of a day with a month in words."""
    known = babel_locale(locale)
    months = {
        name.lower().rstrip("."): number
        for width in ("abbreviated", "wide")
        for context in ("format", "stand-alone")
        for number, name in get_month_names(width, context, known).items()
        if not name.isdecimal()
    }
    names = "|".join(re.escape(name) for name in sorted(months, key=len, reverse=True))
    between = r"[\s.,،]*(?:de |del |of )?\s*"
    pattern = (
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:er|st|nd|rd|th|º)?{between}(?P<month>{names}){between}(?P<year>\d{{4}})(?!\d)"
        rf"|(?P<month_first>{names})\.?\s+(?P<day_second>\d{{1,2}})(?:st|nd|rd|th)?{between}(?P<year_last>\d{{4}})(?!\d)"
    )
    return months, re.compile(pattern)
