"""Macros in the domains that an SPF record names (RFC 7208 7): pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_PIECE = re.compile(r"%\{([slodiphv])([0-9]*)(r?)([.\-+,/_=]*)\}|%([%_-])|([!-$&-~]+)", re.IGNORECASE)
_TOP_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ESCAPED = {"%": "%", "_": " ", "-": "%20"}
_ESCAPES = ("%%", "%_", "%-")
_MESSAGE_LETTERS = frozenset("slh")
"""The macros whose values depend on the message, not only on the address and the domain."""
MOST_NAME_CHARACTERS = 253


class SpfRecordError(Exception):
    """A record cannot be evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One macro, such as `%{ir}`.

    Attributes:
        letter: its name in lower case.
        parts: the number of parts on the right that are kept; 0 for all.
        is_reversed: the parts are turned round.
        delimiters: the characters that separate the parts.
        is_escaped: characters that are not allowed in a URL are escaped.
    """

    letter: str
    parts: int
    is_reversed: bool
    delimiters: str
    is_escaped: bool

    def expand(self, value: str) -> str:
        """Returns the text that stands for the macro."""
        found = re.split(f"[{re.escape(self.delimiters)}]", value)
        if self.is_reversed:
            found.reverse()
        text = ".".join(found[-self.parts :])
        return quote(text, safe="") if self.is_escaped else text


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """The domain of a term: texts and macros.

    Attributes:
        pieces: its texts and macros in their order.
    """

    pieces: tuple[str | Macro, ...]

    def letters(self) -> frozenset[str]:
        """Returns the names of its macros."""
        return frozenset(piece.letter for piece in self.pieces if isinstance(piece, Macro))

    def depends_on_message(self) -> bool:
        """Tells whether its macros need the local part of the sender or the name of the client."""
        return bool(self.letters() & _MESSAGE_LETTERS)

    def expand(self, values: Mapping[str, str]) -> str:
        """Returns the domain, without labels on the left if it is too long, and without a final dot.

        Args:
            values: the value of each macro, by its letter.
        """
        name = "".join(
            [piece if isinstance(piece, str) else piece.expand(values[piece.letter]) for piece in self.pieces]
        )
        name = name.removesuffix(".")
        if len(name) > MOST_NAME_CHARACTERS:
            name = name[-MOST_NAME_CHARACTERS - 1 :].partition(".")[2]
        return name


OWN_DOMAIN = DomainSpec((Macro("d", 0, False, ".", False),))
"""The target of a term that names none: the domain of the record."""


def parse_domain_spec(text: str) -> DomainSpec:
    """Reads the domain of a term.

    Raises:
        SpfRecordError: it breaks the grammar.
    """
    pieces = tuple(_pieces(text))
    if not _has_domain_end(text, pieces):
        raise SpfRecordError(f"{text[:80]!r} is no domain")
    return DomainSpec(pieces)


def _has_domain_end(text: str, pieces: Sequence[str | Macro]) -> bool:
    """Tells whether a domain ends in a macro, or in a top-level label that is no number."""
    if not pieces or isinstance(pieces[-1], Macro) or text[-2:] in _ESCAPES:
        return bool(pieces)
    _, dot, label = text.removesuffix(".").rpartition(".")
    return bool(dot and _TOP_LABEL.fullmatch(label)) and not label.isdigit()


def check_macro_string(text: str) -> None:
    """Checks the value of a modifier that nobody uses.

    Raises:
        SpfRecordError: it breaks the grammar.
    """
    for _ in _pieces(text):
        pass


def is_queryable_name(name: str) -> bool:
    r"""Tells whether the DNS can be asked for a name.

    It has labels of 1 to 63 printable ASCII characters without `\`, quotes and parentheses, and is no IPv4 address.
    """
    labels = name.split(".")
    is_short = len(name) <= MOST_NAME_CHARACTERS and all(_LABEL.fullmatch(label) for label in labels)
    return is_short and not labels[-1].isdigit()


_LABEL = re.compile(r"[ !#-'*-\[\]-~]{1,63}")


def _pieces(text: str) -> Iterator[str | Macro]:
    start = 0
    while start < len(text):
        found = _PIECE.match(text, start)
        if found is None:
            raise SpfRecordError(f"{text[start : start + 40]!r} is neither a macro nor a text")
        start = found.end()
        letter, parts, turned, delimiters, escaped, plain = found.groups()
        if letter is None:
            yield plain or _ESCAPED[escaped]
        elif parts and not int(parts):
            raise SpfRecordError(f"{found[0]!r} keeps no part")
        else:
            yield Macro(letter.lower(), int(parts or 0), bool(turned), delimiters or ".", letter.isupper())
