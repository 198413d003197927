"""The languages of the pages, and the choice of one for a request."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_decimal

from mailer.policy.text_formats import LOCALE

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class PageLanguage:
    """The texts of one language, and the locale by which its dates and lists are written.

    Attributes:
        code: the language tag (BCP 47). dir: the direction of text, `ltr` or `rtl`.
        texts: the texts by name; `kinds` holds a title and a description for each optional category.
        locale: the locale of the reader, such as `en_GB`; the language's own where no region is known.
    """

    code: str
    dir: str
    texts: Mapping[str, Any]
    locale: str

    def isolate_name_in_rtl_text(self, name: str) -> str:
        """Returns a name for use in a text; right-to-left text needs isolates, or its last full stop moves (UAX 9)."""
        return f"\u2068{name}\u2069" if self.dir == "rtl" else name

    def format_day(self, day: date) -> str:
        """Returns a day as the reader writes it, such as 1 November 2026."""
        return format_date(day, "long", locale=self.locale)

    def format_moment(self, moment: datetime) -> str:
        """Returns day and minute in UTC as the reader writes them, such as 1 November 2026, 14:05 UTC."""
        at = moment.astimezone(UTC)
        day, time = self.format_day(at.date()), format_time(at, "short", locale=self.locale)
        pattern = str(get_datetime_format("medium", locale=self.locale))
        return f"{pattern.replace('{1}', day).replace('{0}', time)} UTC"

    def format_number(self, number: int) -> str:
        """Returns a whole number as the reader writes it, such as 1,095."""
        return format_decimal(number, locale=self.locale)

    def join_words(self, words: Sequence[str]) -> str:
        """Returns words as a list in a sentence, such as "news, offers and invitations"."""
        return format_list(list(words), locale=self.locale)

    def format_day_of_moment(self, moment: datetime) -> str:
        """Returns the day of a moment in UTC, as the reader writes it."""
        return self.isolate_name_in_rtl_text(self.format_day(moment.astimezone(UTC).date()))


def _load_page_languages(folder: Path) -> dict[str, PageLanguage]:
    tables = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.toml"))}
    return {code: PageLanguage(code, texts["dir"], texts, code) for code, texts in tables.items()}


LANGUAGES = _load_page_languages(Path(__file__).with_name("texts"))
"""Every language that has texts, by its code."""


@dataclass(frozen=True, slots=True)
class LanguagePreferences:
    """The languages that a reader may want, in the order in which they count.

    Attributes:
        chosen: the language of the page's switch; the reader chose it just now.
        own: the locale on record for the person whom the link names, if the link is for the current address.
        accepted: the Accept-Language field as sent; unreadable parts are ignored.
        fallback: the locale of the brand.
    """

    chosen: str = ""
    own: str | None = None
    accepted: str = ""
    fallback: str = DEFAULT

    def tags_from_chosen_to_fallback(self) -> Iterator[str]:
        """Yields the language tags, the most wanted first (RFC 9110 12.5.4)."""
        accepted = sorted(map(_parse_accept_language_item, self.accepted.split(",")), key=lambda wish: -wish[1])
        yield from (self.chosen, self.own or "")
        yield from (tag for tag, weight in accepted if weight > 0)
        yield from (self.fallback, DEFAULT)


def choose_language_by_accept_language(accepted: str, fallback: str = DEFAULT) -> PageLanguage:
    """Returns the best language for an Accept-Language field; regions and scripts only matter for dates and lists."""
    return choose_preferred_language(LanguagePreferences(accepted=accepted, fallback=fallback))


def choose_preferred_language(
    wishes: LanguagePreferences, languages: Mapping[str, PageLanguage] = LANGUAGES
) -> PageLanguage:
    """Returns the first wished language that has texts, with the first wished region of that language."""
    tags = list(wishes.tags_from_chosen_to_fallback())
    code = next(code for tag in tags if (code := primary_subtag(tag)) in languages)
    locales = (_babel_locale_name_or_none(tag) for tag in tags if primary_subtag(tag) == code)
    return replace(languages[code], locale=next((found for found in locales if found and found != code), code))


def primary_subtag(tag: str) -> str:
    """Returns the language of a tag: `de` of `de-AT`. Any text is taken."""
    return tag.strip().lower().replace("_", "-").partition("-")[0]


def _parse_accept_language_item(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, value = parameter.strip().partition("=")
    try:
        weight = float(value) if name == "q" else 1.0
    except ValueError:
        weight = 0.0
    return tag.strip(), weight


@lru_cache(maxsize=1000)
def _babel_locale_name_or_none(tag: str) -> str | None:
    """Returns a tag as Babel names its locale, such as `en_GB`; None if it is none, or is unknown."""
    if not re.fullmatch(LOCALE, tag):
        return None
    try:
        return str(Locale.parse(tag.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        return None
