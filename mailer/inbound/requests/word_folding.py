"""Words of a text in one spelling: without accents, widths and invisible characters. Pure, in linear time."""

import re
from dataclasses import dataclass

from mailer.policy.text_folding_for_comparison import UNSEEN, normalized

_MARKS = re.compile("[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u20d0-\u20ff]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019\u02bc`\u00b4][^\W_]+)*")
_APOSTROPHE = re.compile("['\u2019\u02bc`\u00b4]")
_EMAIL = re.compile(r"(?<![^\W_])e[-\u2010\u2011 ]?mail", re.IGNORECASE)
_ALEFS = str.maketrans("أإآٱىةؤئ", "اااايهوي")
_CONTRACTED = re.compile(r"(?<!\w)(do|does|did) not(?!\w)")
_LATIN_OR_DIGITS = re.compile(r"[0-9a-z]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FoldingRules:
    """The rules by which a language's words are folded.

    Attributes:
        joins_apostrophes: don't is one word, and do not too. Else d'accord is two.
        folds_umlauts: ae, oe, ue are ä, ö, ü.
        splits_characters: each character is a word, as in Japanese.
        prefixes: letters that can stand before a word and belong to it, as in Arabic.
        article: is taken off a word of which three letters remain.
    """

    joins_apostrophes: bool = False
    folds_umlauts: bool = False
    splits_characters: bool = False
    prefixes: tuple[str, ...] = ()
    article: str = ""


def fold_letters(text: str) -> str:
    """Returns a text in lower case, in one width, without accents, Arabic vowel marks, kashida and unseen characters.

    Line breaks and punctuation stay.
    """
    text = UNSEEN.sub("", text)
    if not text.isascii():
        text = normalized("NFKC", _MARKS.sub("", normalized("NFKD", text))).translate(_ALEFS)
    return _EMAIL.sub("email", text.casefold())


def fold_words(text: str, rules: FoldingRules) -> tuple[str, ...]:
    """Returns the words of a text, folded by the rules of a language."""
    folded = fold_letters(text)
    words = _WORD.findall(folded)
    if rules.splits_characters:
        return tuple(piece for word in words for piece in _LATIN_OR_DIGITS.findall(_APOSTROPHE.sub("", word)))
    if rules.joins_apostrophes:
        joined = _CONTRACTED.sub(r"\1nt", " ".join(_APOSTROPHE.sub("", word) for word in words))
        words = joined.split()
    else:
        words = [piece for word in words for piece in _APOSTROPHE.split(word)]
    if rules.folds_umlauts:
        words = [word.replace("ae", "a").replace("oe", "o").replace("ue", "u") for word in words]
    if rules.article:
        words = [word.removeprefix(rules.article) if len(word) >= len(rules.article) + 3 else word for word in words]
    return tuple(words)
