"""Measures of how easy a text reads: the length of its sentences, and for English the Flesch reading ease. Pure.

They count, they do not understand: a text of short sentences can still be hard to follow.
"""

import re
from dataclasses import dataclass
from typing import Final

_SENTENCE_END = re.compile(r"(?<=[.!?\u061f])\s+|(?<=[\u3002\uff01\uff1f])|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_LANGUAGES_WITHOUT_SPACES: Final = frozenset({"ja", "zh", "th"})


@dataclass(frozen=True, slots=True)
class Readability:
    """The measures of a text.

    Attributes:
        unit: the unit of lengths: `words`, or `characters` in languages without spaces.
        total: the length of the text. average, longest: of its sentences.
        longest_sentence: the longest one.
        flesch: the Flesch reading ease of an English text, mostly between 0 (hard) and 100 (easy); None: not English.
            Syllables are guessed by groups of vowels.
    """

    unit: str
    total: int
    average: float
    longest: int
    longest_sentence: str
    flesch: float | None


def measure_readability(text: str, locale: str) -> Readability | None:
    """Returns the measures of a text, or None if it has no words."""
    language = locale.partition("-")[0]
    unit = "characters" if language in _LANGUAGES_WITHOUT_SPACES else "words"
    sentences = [one.strip() for one in _SENTENCE_END.split(text)]
    lengths = [(_length(one, unit), one) for one in sentences]
    lengths = [(length, one) for length, one in lengths if length]
    if not lengths:
        return None
    total = sum(length for length, _ in lengths)
    average, (longest, sentence) = total / len(lengths), max(lengths)
    return Readability(unit, total, average, longest, sentence, _flesch(text, average) if language == "en" else None)


def _length(sentence: str, unit: str) -> int:
    if unit == "characters":
        return sum(char.isalnum() for char in sentence)
    return len(_WORD.findall(sentence))


def _flesch(text: str, words_per_sentence: float) -> float:
    """Returns the reading ease by Flesch (1948)."""
    words = _WORD.findall(text.lower())
    return 206.835 - 1.015 * words_per_sentence - 84.6 * sum(map(_syllables, words)) / len(words)


def _syllables(word: str) -> int:
    groups = len(_VOWELS.findall(word))
    is_silent_end = word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1
    return max(groups - is_silent_end, 1)
