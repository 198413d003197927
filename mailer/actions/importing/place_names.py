"""Reads the names of countries and languages, in English, German, French, Spanish and others, and in their own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Final
from unicodedata import combining, normalize

from babel import Locale, UnknownLocaleError, localedata
from babel.languages import get_official_languages

from mailer.input_types import MAX_LOCALE, parse_locale
from mailer.policy.country_codes import COUNTRIES, country_code_or_none

_IN_LANGUAGES: Final = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "hu", "tr", "ru", "uk", "el", "ro"),
    *("ja", "zh", "zh_Hant", "ko", "ar", "he"),
)
"""The languages in which all names are known. The first one decides about a name that means different things."""
_OTHER_COUNTRY_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("england", "scotland", "wales", "northern ireland", "great britain", "britain"), "GB"),
    **dict.fromkeys(("grossbritannien", "großbritannien", "grande bretagne", "gran bretana", "angleterre"), "GB"),
    **dict.fromkeys(("u s a", "u s", "united states of america", "america", "amerika", "vereinigte staaten"), "US"),
    **dict.fromkeys(
        ("etats unis d amerique", "estados unidos de america", "ee uu", "eeuu", "vereinigte staaten von amerika"), "US"
    ),
    **dict.fromkeys(("holland", "the netherlands", "pays bas", "los paises bajos"), "NL"),
    **dict.fromkeys(("czech republic", "tschechische republik", "republique tcheque", "republica checa"), "CZ"),
    **dict.fromkeys(("turkey", "turkei", "turkiye"), "TR"),
    **dict.fromkeys(("russian federation", "russische foderation"), "RU"),
    **dict.fromkeys(("korea", "south korea", "republic of korea"), "KR"),
    **dict.fromkeys(("ivory coast", "elfenbeinkuste"), "CI"),
    **dict.fromkeys(("brd", "bundesrepublik deutschland", "federal republic of germany"), "DE"),
    **dict.fromkeys(("republic of ireland", "eire"), "IE"),
    **dict.fromkeys(("uae", "emirates"), "AE"),
    **dict.fromkeys(("people s republic of china", "pr china", "mainland china", "volksrepublik china"), "CN"),
    **{"hongkong": "HK", "macedonia": "MK", "swaziland": "SZ", "burma": "MM", "cape verde": "CV", "vatican": "VA"},
    **{"viet nam": "VN", "slovak republic": "SK", "moldavia": "MD", "brasil": "BR", "suisse": "CH", "schweiz ch": "CH"},
    **{
        "slowakische republik": "SK",
        "weissrussland": "BY",
        "republic of moldova": "MD",
        "islamic republic of iran": "IR",
    },
}
_OTHER_LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    **{
        "mandarin": "zh",
        "farsi": "fa",
        "flemish": "nl-BE",
        "castellano": "es",
        "castilian": "es",
        "brazilian": "pt-BR",
    },
    **{"british english": "en-GB", "american english": "en-US", "simplified chinese": "zh-Hans", "tagalog": "fil"},
    **{"traditional chinese": "zh-Hant", "gaelic": "ga", "norwegian": "no", "norwegisch": "no", "norsk": "no"},
}
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_LONGEST: Final = 100
"""The characters of the longest name of a country or language that is looked for."""
_AND: Final = frozenset({"and", "und", "et", "y"})
"""Words that other texts write as `&`."""
_BETWEEN: Final = re.compile(r"[\W_]+")
_IN_BRACKETS: Final = re.compile(r"\s*[(\[]([^)\]]*)[)\]]\s*$")


def fold_name(text: str) -> str:
    """Returns the form in which names are compared: without case, accents and signs.

    Args:
        text: a short text; it is bounded by the longest cell.
    """
    letters = normalize("NFKD", text[:500]).casefold()
    words = _BETWEEN.sub(" ", "".join(char for char in letters if not combining(char))).split()
    return " ".join(word for word in words if word not in _AND)


def country_of_text(text: str) -> str | None:
    """Returns the code of a country (ISO 3166-1 alpha-2) from a code or a name; None if it is no country."""
    return _country_of_short_text(text.strip()) if len(text) <= _LONGEST else None


@lru_cache(maxsize=2000)
def _country_of_short_text(text: str) -> str | None:
    if found := country_code_or_none(text):
        return found
    name, inner = _without_brackets(text)
    names = _country_names()
    return names.get(fold_name(text)) or names.get(fold_name(name)) or (country_code_or_none(inner) if inner else None)


def locale_of_text(text: str) -> str | None:
    """Returns a language tag from a tag or the name of a language; None if it is none.

    A region in brackets is kept: `English (United Kingdom)` is en-GB.
    """
    return _locale_of_short_text(text.strip()) if len(text) <= _LONGEST else None


@lru_cache(maxsize=2000)
def _locale_of_short_text(text: str) -> str | None:
    names = _language_names()
    name, inner = _without_brackets(text)
    if found := names.get(fold_name(text)):
        return found
    if (language := names.get(fold_name(name))) and inner:
        country = country_of_text(inner)
        return f"{language}-{country}" if country and "-" not in language else language
    try:
        tag = parse_locale(text) if len(text) <= MAX_LOCALE else ""
    except ValueError:
        return None
    return tag if tag.partition("-")[0] in _known_languages() else None


def _without_brackets(text: str) -> tuple[str, str]:
    found = _IN_BRACKETS.search(text)
    return (text[: found.start()], found[1].strip()) if found else (text, "")


@cache
def _country_names() -> Mapping[str, str]:
    made: dict[str, str] = {}
    for locale in _locales(_IN_LANGUAGES):
        for code, name in locale.territories.items():
            if code in COUNTRIES:
                _add_name(made, name, code)
    spoken: dict[str, list[str]] = {}
    for code in sorted(COUNTRIES):
        for language in get_official_languages(code, de_facto=True):
            spoken.setdefault(language, []).append(code)
    for locale in _locales(spoken):
        for code in spoken.get(str(locale), ()):
            _add_name(made, locale.territories.get(code, ""), code)
    return {**made, **_OTHER_COUNTRY_NAMES}


@cache
def _language_names() -> Mapping[str, str]:
    made: dict[str, str] = {}
    for locale in _locales(_IN_LANGUAGES):
        for code, name in locale.languages.items():
            if tag := _language_tag_or_none(code):
                _add_name(made, name, tag)
    for locale in _locales(sorted(_known_languages())):
        _add_name(made, locale.languages.get(str(locale), ""), str(locale))
    return {**made, **_OTHER_LANGUAGE_NAMES}


@cache
def _known_languages() -> frozenset[str]:
    codes = (str(code) for code in Locale("en").languages)
    return frozenset(code for code in codes if code.isalpha() and code not in ("und", "mul", "zxx", "root"))


def _add_name(names: dict[str, str], name: str, code: str) -> None:
    """Adds a name with its spellings, unless it is known already."""
    for spelling in (fold_name(name), fold_name(name.casefold().translate(_UMLAUTS))):
        if len(spelling) > 1 or not spelling.isascii():
            names.setdefault(spelling, code)
    names.pop("", None)


def _language_tag_or_none(code: str) -> str | None:
    try:
        return parse_locale(code)
    except ValueError:
        return None


def _locales(names: Iterable[str]) -> Iterator[Locale]:
    """Yields the locales that Babel has. Its cache is emptied behind each, since all together would take 150 MB."""
    for name in names:
        try:
            yield Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
        with localedata._cache_lock:
            localedata._cache.clear()
