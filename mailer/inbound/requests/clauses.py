"""Sentences and clauses of a text. Pure, in linear time."""

import re
from dataclasses import dataclass

_WRAPPED_FROM = 45
_SENTENCE_END = re.compile(
    r"(?<![.!?\u3002\u061f\u2026])[.!?\u3002\u061f\u2026]++(?=[\s\"')\u300d\u00bb\u201d]|$)|[!?\u3002\u061f\u2026]+|\n+"
)
_THANKFUL = re.compile(
    r"(dankbar|verbunden|nett|freundlich|sch\u00f6n|toll|super|lieb|klasse|reconnaissante?|gr\u00e9|grateful"
    r"|appreciate it|agradecid[oa]s?|agradecer\u00eda),\s{1,3}(wenn|si|if|dass)(?!\w)",
    re.IGNORECASE,
)
"""A comma within a polite request."""
_TITLE = re.compile(r"(?<!\w)(mrs?|ms|dr|prof|hr|fr|sra?|mme|mlle|st)\.(?=\s)", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:()\[\]\u060c\u061b\u3001\u00bf\u00a1\u30fb/\u2014\u2013]+|\s-+\s|\.{2,}")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a sentence.

    Attributes:
        text: as written.
        sentence: the number of its sentence.
        is_asked: the sentence ends with a question mark.
    """

    text: str
    sentence: int
    is_asked: bool


def join_wrapped_lines(lines: tuple[str, ...]) -> str:
    """Returns the lines as one text; a line that was wrapped goes on with the next one."""
    text: list[str] = []
    for place, line in enumerate(lines):
        text.append(line)
        if place + 1 < len(lines):
            text.append(" " if _is_wrapped(line, lines[place + 1]) else "\n")
    return "".join(text)


def _is_wrapped(line: str, following: str) -> bool:
    if not line or not following or line[-1] in ".!?:;\u3002\u061f\uff01\uff1f":
        return False
    return len(line) >= _WRAPPED_FROM or (following[0].islower() and len(line.split()) > 1)


def split_clauses(text: str) -> list[Clause]:
    """Returns the clauses of a text in order, without empty ones."""
    text = _THANKFUL.sub(r"\1 \2", text)
    text = _TITLE.sub(r"\1", text)
    clauses = []
    start = 0
    for number, end in enumerate([*_SENTENCE_END.finditer(text), None]):
        stop = end.start() if end else len(text)
        is_asked = end is not None and any(mark in end[0] for mark in "?\u061f")
        is_asked = is_asked or "\u00bf" in text[start:stop]
        pieces = _CLAUSE_END.split(text[start:stop])
        clauses += [Clause(piece.strip(), number, is_asked) for piece in pieces if piece.strip()]
        start = end.end() if end else stop
    return clauses
