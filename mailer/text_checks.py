"""The checks of texts from outside: names and ids on one line, and free text on any number of lines.

A function returns the text unchanged, or raises `ValueError` with the remedy.
"""

import re
from unicodedata import category

from mailer.policy.text_folding_for_comparison import has_too_many_combining_marks

CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
_BIDI = re.compile("[\\u202a-\\u202e\\u2066-\\u2069]")
"""Embeddings, overrides and isolates (UAX #9 2.1 to 2.5): text after them reads in another order than it is stored."""
_READ = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So"})
"""Categories of letters, digits and pictograms."""
_SEEN = _READ | {"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk"}
"""The same, with punctuation and other signs."""
_BLANK = frozenset("\u00ad\u115f\u1160\u180e\u200b\u2060\u2800\u3164\uffa0\ufeff")
"""Characters that are no space by their category, and look like one or like nothing."""
SLOT_MARKS = "\ue000", "\ue001"
"""Private use. Our own renderer marks with them where a person's values stand, so that texts cannot have them."""
_UNFIT = re.compile("[\\ud800-\\udfff\\ue000\\ue001]")


def check_one_line(text: str) -> str:
    """Returns a text on one line unchanged.

    Raises:
        ValueError: it has a line break or control character, a bidirectional override, half of a surrogate pair, or
            more than 30 marks on one letter.
    """
    if text.isascii() and text.isprintable():  # quicker, and holds for nearly all
        return text
    if CONTROL.search(text):
        raise ValueError("has a line break or control character; write it on one line")
    if _BIDI.search(text):
        raise ValueError("has a character that turns the direction of text (U+202A to 202E, 2066 to 2069); remove it")
    return _check_no_surrogate_or_excess_marks(text)


def check_name(text: str) -> str:
    """Returns a name unchanged: on one line, with a letter, digit or pictogram, and no blank around it.

    Raises:
        ValueError: it is no name, or only has letters that look blank.
    """
    # Quicker, and holds for nearly all.
    if text.isascii() and text.isprintable() and text[0].isalnum() and text[-1] != " ":
        return text
    return _check_not_blank(text, _READ, "a letter, a digit or a pictogram")


def check_identifier(text: str) -> str:
    """Returns an id unchanged. Unlike a name, it may have signs only.

    Raises:
        ValueError: it is no id.
    """
    if text.isascii() and text.isprintable() and text[0].isalnum() and text[-1] != " ":
        return text
    return _check_not_blank(text, _SEEN, "a character that can be seen")


def _check_not_blank(text: str, kinds: frozenset[str], what: str) -> str:
    check_one_line(text)
    if all(char in _BLANK or category(char) not in kinds for char in text):
        raise ValueError(f"is blank: it has not {what}; write what it is, or leave it out")
    if text[0] in _BLANK or text[-1] in _BLANK or text != text.strip():
        raise ValueError("begins or ends with a blank; remove it")
    return text


def check_storable_text(text: str) -> str:
    """Returns a text of any number of lines unchanged.

    Raises:
        ValueError: it has U+0000, which PostgreSQL cannot store, half of a surrogate pair, or more than 30 marks on one
            letter, whose normalization holds PostgreSQL for seconds.
    """
    if "\0" in text:
        raise ValueError("has the character U+0000; remove it")
    return _check_no_surrogate_or_excess_marks(text)


def _check_no_surrogate_or_excess_marks(text: str) -> str:
    if found := _UNFIT.search(text):
        if found[0] in SLOT_MARKS:
            raise ValueError("has one of the characters U+E000 and U+E001, which are not for texts; remove it")
        raise ValueError("has half of a surrogate pair; write it whole")
    if has_too_many_combining_marks(text):
        raise ValueError("has more than 30 marks on one letter, which no language has; leave them out")
    return text
