"""Texts as a reader sees them: without invisible characters, and with one letter for all letters that look like it."""

# ruff: noqa: RUF001 - letters that look alike are the point

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from itertools import pairwise
from typing import Final, Literal
from urllib.parse import unquote

UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Invisible characters that can stand within a word."""
_MARKS_AT_ONCE: Final = 30
"""More than any language puts on a letter (UAX #15, 13: the stream-safe text format)."""
_NEWER: Final = re.compile(
    "[\u05c8\u05c9\u0897\u1acf-\u1af0\U00010d69-\U00010d6d\U00010ecb-\U00010ecf\U00010ef0-\U00010eff\U000113ce-\U000113d0"
    "\U00011f41\U00011f42\U0001612f\U0001d127\U0001d128\U0001d250-\U0001d252\U0001d25b\U0001d25c\U0001d25f\U0001d280"
    "\U0001d281\U0001e08f\U0001e4ec-\U0001e4ef\U0001e5ee\U0001e5ef\U0001e6e3\U0001e6e6\U0001e6ee\U0001e6ef\U0001e6f5]"
)
"""Marks of Unicode 15 to 18. Python may know an older one than PostgreSQL, which puts them in order all the same."""
_SIGN: Final = re.compile("[^\\w\\s\\x00-\\x7f]|[\uff9e\uff9f]")
"""A character that may be a mark; two letters become marks."""
_SIGNS: Final = re.compile(rf"[\W\uff9e\uff9f](?<![\W\uff9e\uff9f].)[\W\uff9e\uff9f]{{{_MARKS_AT_ONCE},}}", re.DOTALL)
"""A row of characters that may have too many marks. It starts at the first one, so each row is looked at once."""
_MARKS: Final = re.compile(rf"{UNSEEN.pattern}|[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_LIKE: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТХУԌԚԜҺӀавеѕіјкмнорстхуѵԁԛԝһӏґɡɑı" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχγω" + "ՕՍՏօսոհ",
    "ABESIJKMHOPCTXYGQWHlabesijkmhopctxyvdqwhlrgai" + "ABEZHIKMNOPTYXabeikvoptuxyw" + "OUSounh",
)
"""Letters of Cyrillic, Greek and Armenian that look like Latin ones (Unicode UTS 39, confusables)."""
_NO_CHARACTER: Final = re.compile("&#[xX]?[0-9a-fA-F]{8,};?")
"""A character reference with too many digits for any character. `int` refuses 4,300 digits and more."""
_SEPARATORS: Final = re.compile(r"[\W_]+")
_ASCII_SEPARATORS: Final = {code: None for code in range(128) if not chr(code).isalnum()}
_SPELT: Final = re.compile(r"(?<!\w)(?:\w[.·*_-]){3,}\w(?!\w)")
_SPREAD: Final = re.compile(r"(?<!\w)(?:\w[ .·*_-]){3,}\w(?!\w)")


def decode_entities(text: str) -> str:
    """Decodes the character references of HTML. One with too many digits becomes U+FFFD."""
    return unescape(_NO_CHARACTER.sub("\ufffd", text))


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """Returns a text in one of Unicode's normalization forms, in time linear to its length.

    Python sorts the marks on one letter by comparing each with each: 64 KiB of them take a second, 1 MiB some minutes.
    So at most 30 are sorted together. For text that people write, the result is the form of Unicode.

    Args:
        form: its name.
        text: of any length.
    """
    if text.isascii():
        return text
    pieces = pairwise([0, *_split_positions_in_long_combining_runs(text), len(text)])
    return "".join([unicodedata.normalize(form, text[start:end]) for start, end in pieces])  # noqa: TID251 - they are short


def has_too_many_combining_marks(text: str) -> bool:
    """Tells whether more marks stand on one letter than any language puts there."""
    return not text.isascii() and next(_split_positions_in_long_combining_runs(text), None) is not None


def _split_positions_in_long_combining_runs(text: str) -> Iterator[int]:
    """Yields the places that split a run of marks into pieces which are short enough to sort."""
    if _SIGN.search(text[_MARKS_AT_ONCE :: _MARKS_AT_ONCE + 1]) is None:  # one of them would stand there
        return
    for run in _SIGNS.finditer(text):
        marks = 0
        for place in range(run.start(), run.end()):
            marks = marks + 1 if _is_combining_mark(text[place]) else 0
            if marks > _MARKS_AT_ONCE:
                yield place
                marks = 1


@lru_cache(maxsize=4096)
def _is_combining_mark(char: str) -> bool:
    first = unicodedata.normalize("NFKD", char)[0]  # noqa: TID251 - one character
    return unicodedata.combining(first) != 0 or _NEWER.match(char) is not None


def fold_text_for_comparison(text: str) -> str:
    """Returns a text in lower case for comparison.

    Codes of HTML and URLs are decoded, accents and invisible characters removed, look-alike letters replaced by one.
    """
    if "%" in text or "&" in text:
        text = decode_entities(unquote(unquote(text)))
    if text.isascii():
        return text.casefold()
    return _MARKS.sub("", normalized("NFKD", text)).translate(_LIKE).casefold()


def remove_separators(text: str) -> str:
    """Returns a folded text without anything between its letters and digits."""
    return text.translate(_ASCII_SEPARATORS) if text.isascii() else _SEPARATORS.sub("", text)


def join_spread_letters(text: str) -> str:
    """Returns a text in which spelt-out words are joined again: `s a l e` and `s-a-l-e` become `sale`."""
    for words in (_SPELT, _SPREAD):  # in this order, or a word of one letter before would be taken for a part of it
        text = words.sub(lambda found: re.sub(r"[ .·*_-]", "", found[0]), text)
    return text
