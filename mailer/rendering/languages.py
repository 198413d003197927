"""Languages of readers and texts, and their fallbacks, by the Unicode locale data (UTS #35).

Codes have the canonical form of `mailer.input_types.parse_locale`, such as zh-Hant-TW.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from mailer.policy.rule_registry import rule

_LIKELY, _ALIASES, _PARENTS = (get_global(name) for name in ("likely_subtags", "language_aliases", "parent_exceptions"))
_LEFTWARD = frozenset(("Adlm", "Arab", "Aran", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"))
"""Scripts that are written from right to left (Unicode 17, 9.2 and 19.8)."""


class LanguageCodeWithScriptAndRegion(NamedTuple):
    """A code with its likely script and region filled in: zh-TW is Chinese, in traditional characters, of Taiwan.

    Attributes:
        language: the common language of variants: Norwegian for Bokmål and Nynorsk.
        own: the language in the code, or the newer code for it.
        has_region: whether the code names its region.
    """

    language: str
    own: str
    script: str
    region: str
    has_region: bool


def _split_code(code: str) -> tuple[str, str, str]:
    """Returns language, script and region of a code; empty texts for missing ones."""
    language, *rest = code.split("-")
    script = next((subtag for subtag in rest if len(subtag) == 4), "")
    return language, script, next((subtag for subtag in rest if len(subtag) < 4), "")


@lru_cache(maxsize=1000)
def add_likely_script_and_region(code: str) -> LanguageCodeWithScriptAndRegion:
    """Returns a code with its likely script and region; they stay empty for an unknown language."""
    said, script, region = _split_code(code)
    own, *more = _ALIASES.get(said, said).split("_")
    script = script or next((subtag for subtag in more if len(subtag) == 4), "")
    known = (f"{own}_{region}" if region and not script else "", f"{own}_{script}", own)
    likely = next((_LIKELY[key] for key in known if key in _LIKELY), f"{own}__").split("_")
    parent = _PARENTS.get(own, own)
    language = own if "_" in parent else parent
    return LanguageCodeWithScriptAndRegion(language, own, script or likely[1], region or likely[2], bool(region))


def locale_and_fallbacks(locale: str, default: str) -> Iterator[str]:
    """Yields a locale and its fallbacks: en-GB, en, then the default and its fallbacks; zh-TW, zh-Hant, zh."""
    for code in (locale, default):
        language, script, region = _split_code(code)
        likely = add_likely_script_and_region(code).script
        yield code
        if region and (script or (likely and likely != add_likely_script_and_region(language).script)):
            yield f"{language}-{script or likely}"
        if script or region:
            yield language


@rule("local-language", "peerstream-04")
def best_locale_in_same_language(wanted: str | None, spoken: tuple[str, ...]) -> str | None:
    """A person gets mail in their own locale, or else in their language. Returns None if none of it is available."""
    return _nearest_locale(wanted, spoken) if wanted else None


@lru_cache(maxsize=10_000)
def _nearest_locale(wanted: str, spoken: tuple[str, ...]) -> str | None:
    if wanted in spoken:
        return wanted
    theirs = add_likely_script_and_region(wanted)
    same = [code for code in spoken if add_likely_script_and_region(code).language == theirs.language]
    return min(same, key=partial(_locale_distance, wanted), default=None)


def _locale_distance(wanted: str, code: str) -> tuple[object, ...]:
    """Returns a sort key for codes of one language: the same script first, then the nearest region."""
    theirs, other = add_likely_script_and_region(wanted), add_likely_script_and_region(code)
    parent = _parent_locale(wanted)
    near = (
        theirs.region == other.region,
        code == parent,  # es-419 for es-MX
        not other.has_region,
        parent is not None and _parent_locale(code) == parent,  # en-GB for en-AU
        other.region == add_likely_script_and_region(f"{other.own}-{other.script}").region,
    )
    region = near.index(True) if True in near else len(near)
    return theirs.script != other.script, theirs.own != other.own, region, len(code), code


def _parent_locale(code: str) -> str | None:
    full = add_likely_script_and_region(code)
    keys = (code.replace("-", "_"), f"{full.own}_{full.script}_{full.region}")
    return next((_PARENTS[key].replace("_", "-") for key in keys if key in _PARENTS), None)


def has_same_language_and_script(one: str, other: str) -> bool:
    """Tells whether two codes are of one language in one script."""
    return add_likely_script_and_region(one)[1:3] == add_likely_script_and_region(other)[1:3]


@lru_cache(maxsize=1000)
def date_locale_for_reader(reader: str | None, text: str) -> str:
    """Returns the locale of the dates in a text: the reader's, if it has a region and the text's language and script.

    Args:
        reader: the reader's code, or None.
        text: the code of the text.
    """
    return (
        reader
        if reader and add_likely_script_and_region(reader).has_region and has_same_language_and_script(reader, text)
        else text
    )


@lru_cache(maxsize=1000)
def is_known_locale(code: str) -> bool:
    """Tells whether the Unicode locale data have a code's language, and its script and territory if it has them."""
    names = Locale("en")
    language, *rest = code.split("-")
    known = {4: names.scripts, 2: names.territories, 3: names.territories}
    try:
        Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return False
    return all(subtag in known.get(len(subtag), {}) for subtag in rest)


def is_left_to_right(code: str) -> bool:
    """Tells whether a locale is written from left to right."""
    return add_likely_script_and_region(code).script not in _LEFTWARD
