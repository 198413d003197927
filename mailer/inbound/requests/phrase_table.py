"""Tables of phrases, one for each language, and the search for the longest phrase at each word. Pure, in linear time.

A table gives each mark its phrases, separated by `|` or a new line. `(a/b)` stands for either word, `(a/)` for a word
that may be missing, and `~` for up to eight words between the two parts of a phrase: `take ~ off`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from mailer.inbound.requests.marks import Mark
from mailer.inbound.requests.word_folding import FoldingRules, fold_words

_GAP = 8
_MISSPELT_FROM = 8
_MISSPELT_TO = 24


class MarkedPhrase(NamedTuple):
    """A phrase of a clause with its mark. `text` is folded."""

    mark: Mark
    text: str


class _Entry(NamedTuple):
    first: tuple[str, ...]
    second: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """The phrases of one language.

    Attributes:
        language: its code.
        entries: phrases by their first word, longest first.
        vocabulary: all words of all phrases.
        splits: phrases before which another clause begins.
        misspellable: long single words whose misspellings are understood, by their first two letters.
    """

    language: str
    rules: FoldingRules
    entries: Mapping[str, tuple[_Entry, ...]]
    vocabulary: frozenset[str]
    splits: frozenset[str]
    misspellable: Mapping[str, tuple[_Entry, ...]] = field(default_factory=dict)

    def mark_words(self, words: tuple[str, ...]) -> list[MarkedPhrase]:
        """Returns the phrases of a clause in order; words that no phrase has are `UNKNOWN`, one by one."""
        known = [self._canonical(word) for word in words]
        marked: list[MarkedPhrase] = []
        taken: set[int] = set()
        place = 0
        while place < len(known):
            if place in taken:
                place += 1
                continue
            mark, length, gap = self._longest_at(known, place)
            marked.append(MarkedPhrase(mark, " ".join(known[place : place + length])))
            if mark is Mark.STOP and self._names_newsletter(known[place : place + length] + [known[i] for i in gap]):
                marked.append(MarkedPhrase(Mark.NEWSLETTER, ""))
            for second in gap:
                taken.add(second)
                known[second] = ""
            place += length
        return marked

    def _names_newsletter(self, words: list[str]) -> bool:
        return any(
            entry.mark is Mark.NEWSLETTER and tuple(words[place : place + len(entry.first)]) == entry.first
            for place, word in enumerate(words)
            for entry in self.entries.get(word, ())
        )

    def _longest_at(self, words: list[str], place: int) -> tuple[Mark, int, range]:
        for entry in self.entries.get(words[place], ()):
            end = place + len(entry.first)
            if tuple(words[place:end]) != entry.first:
                continue
            if not entry.second:
                return entry.mark, len(entry.first), range(0)
            size = len(entry.second)
            for start in range(end, min(end + _GAP + 1, len(words) - size + 1)):
                if tuple(words[start : start + size]) == entry.second:
                    return entry.mark, len(entry.first), range(start, start + size)
        return self._mark_of_misspelt(words[place]), 1, range(0)

    def _mark_of_misspelt(self, word: str) -> Mark:
        if not _MISSPELT_FROM <= len(word) <= _MISSPELT_TO:
            return Mark.UNKNOWN
        for entry in self.misspellable.get(word[:2], ()):
            allowed = 1 if len(entry.first[0]) < 11 else 2
            if is_within_edits(word, entry.first[0], allowed):
                return entry.mark
        return Mark.UNKNOWN

    def _canonical(self, word: str) -> str:
        if word in self.vocabulary:
            return word
        for prefix in self.rules.prefixes:
            rest = word.removeprefix(prefix)
            if rest != word and rest in self.vocabulary:
                return rest
        return word


def is_within_edits(word: str, other: str, allowed: int) -> bool:
    """Tells whether one word becomes the other by so many inserted, removed, replaced or swapped letters."""
    if abs(len(word) - len(other)) > allowed:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(word, 1):
        older, before, row = before, row, [place]
        for at, letter_of_other in enumerate(other, 1):
            cost = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (letter != letter_of_other))
            if place > 1 and at > 1 and letter == other[at - 2] and word[place - 2] == letter_of_other:
                cost = min(cost, older[at - 2] + 1)
            row.append(cost)
    return row[-1] <= allowed


def compile_phrase_table(language: str, rules: FoldingRules, phrases: Mapping[Mark, str]) -> PhraseTable:
    """Returns the table of a language.

    Raises:
        ValueError: one phrase has two marks.
    """
    entries = [entry for mark, text in phrases.items() for entry in _entries_of(mark, text, rules)]
    splits = [entry for entry in entries if entry.mark is Mark.SPLIT]
    by_words: dict[tuple[tuple[str, ...], tuple[str, ...]], _Entry] = {}
    for entry in [entry for entry in entries if entry.mark is not Mark.SPLIT]:
        old = by_words.setdefault((entry.first, entry.second), entry)
        if old.mark != entry.mark:
            raise ValueError(f"{language}: {entry.first} is both {old.mark.name} and {entry.mark.name}")
    for entry in splits:
        by_words.setdefault((entry.first, entry.second), entry._replace(mark=Mark.FILL))
    ordered = sorted(by_words.values(), key=lambda entry: -len(entry.first) - len(entry.second))
    by_first: dict[str, list[_Entry]] = {}
    for entry in ordered:
        by_first.setdefault(entry.first[0], []).append(entry)
    by_start: dict[str, list[_Entry]] = {}
    if not rules.splits_characters:
        for entry in ordered:
            if (
                entry.mark in (Mark.STOP, Mark.BARE)
                and len(entry.first) == 1
                and not entry.second
                and len(entry.first[0]) >= _MISSPELT_FROM
            ):
                by_start.setdefault(entry.first[0][:2], []).append(entry)
    return PhraseTable(
        language,
        rules,
        {first: tuple(found) for first, found in by_first.items()},
        frozenset(word for entry in ordered for word in entry.first + entry.second),
        frozenset(" ".join(entry.first) for entry in splits),
        {start: tuple(found) for start, found in by_start.items()},
    )


def _entries_of(mark: Mark, text: str, rules: FoldingRules) -> Iterator[_Entry]:
    for phrase in re.split(r"[|\n]", text):
        for spelling in _expand_alternatives(phrase):
            first, _, second = spelling.partition("~")
            words = fold_words(first, rules)
            if words:
                yield _Entry(words, fold_words(second, rules), mark)


def _expand_alternatives(phrase: str) -> Iterator[str]:
    pieces = re.split(r"\(([^()]*)\)", phrase)
    choices = [piece.split("/") if place % 2 else [piece] for place, piece in enumerate(pieces)]
    for chosen in product(*choices):
        yield " ".join(chosen) if len(chosen) > 1 else chosen[0]
