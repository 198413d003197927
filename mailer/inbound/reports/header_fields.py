"""Header fields of strangers: unfolded, decoded, with limits on number and size. Every step is linear."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Final

MAX_FIELDS: Final = 1000
MAX_VALUE: Final = 4000
"""Characters of one value; the rest is left out."""
MAX_ADDRESSES: Final = 200

_FIELD: Final = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_WORD: Final = re.compile(r"=\?([\w:.*-]{1,40})\?([bBqQ])\?([^?\s]{0,1000})\?=")
_BETWEEN_WORDS: Final = re.compile(r"(?<=\?=)\s+(?==\?)")
_PARAMETER: Final = re.compile(r';\s*([\w*-]{1,40})\s*=\s*(?:"([^"\\]{0,300})"|([^;\s"]{0,300}))')
_CHARSETS: Final = re.compile(
    r"(?:utf-?8|us-ascii|ascii|(?:iso|windows|cp|koi8|gb|big5|euc|shift|sjis|ks|mac|tis|hz)[\w-]{0,20}|utf-?16\w*)",
    re.IGNORECASE,
)
"""Charsets of mail. Other codecs of Python can be slow, or decode something else than text."""


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """The fields of one header, in order, with their names in lower case."""

    pairs: tuple[tuple[str, str], ...] = ()
    by_name: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str) -> str:
        """Returns the first value of a field, decoded, or an empty text. `name` is in lower case."""
        values = self.by_name.get(name)
        return decode_words(values[0]) if values else ""

    def all_values(self, name: str) -> list[str]:
        """Returns the values of a field, decoded. `name` is in lower case."""
        return [decode_words(value) for value in self.by_name.get(name, ())]

    def addresses(self, name: str) -> list[tuple[str, str]]:
        """Returns the (display name, address) pairs of a field, at most `MAX_ADDRESSES`."""
        return read_addresses(", ".join(self.by_name.get(name, ()))[:MAX_VALUE])


def read_header_fields(text: str) -> HeaderFields:
    """Returns the fields of a header without its blank line. Lines that are no field are left out."""
    pairs: list[tuple[str, str]] = []
    by_name: dict[str, list[str]] = {}
    for line in _unfolded_lines(text):
        if found := _FIELD.match(line):
            name, value = found[1].lower(), found[2].strip()[:MAX_VALUE]
            pairs.append((name, value))
            by_name.setdefault(name, []).append(value)
            if len(pairs) == MAX_FIELDS:
                break
    return HeaderFields(tuple(pairs), by_name)


def _unfolded_lines(text: str) -> Iterator[str]:
    pieces: list[str] = []
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if line[:1] in (" ", "\t") and pieces:
            if len(pieces) < MAX_VALUE:
                pieces.append(" " + line.strip())
            continue
        if pieces:
            yield "".join(pieces)
        pieces = [line]
    if pieces:
        yield "".join(pieces)


def read_addresses(value: str) -> list[tuple[str, str]]:
    """Returns the (display name, address) pairs of a field's value; a value that cannot be read has none."""
    if value.count("(") > 50 or value.count('"') > 200:  # the library is recursive for comments
        return []
    try:
        return [(decode_words(name), address) for name, address in getaddresses([value])][:MAX_ADDRESSES]
    except (ValueError, IndexError, RecursionError, AttributeError, TypeError):
        return []


def read_parameters(value: str) -> dict[str, str]:
    """Returns the parameters of a structured field (RFC 2045 5.1), with their names in lower case."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        found.setdefault(match[1].lower(), match[2] if match[2] is not None else match[3])
    return found


def decode_words(value: str) -> str:
    """Returns a value with its encoded words decoded (RFC 2047); a word that cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    return _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub("", value))


def _decoded_word(match: re.Match[str]) -> str:
    charset, encoding, text = match[1].split("*")[0], match[2].lower(), match[3]
    try:
        if encoding == "b":
            octets = binascii.a2b_base64(text + "=" * (-len(text) % 4))
        else:
            octets = binascii.a2b_qp(text.encode("ascii", "replace"), header=True)
    except (binascii.Error, ValueError):
        return match[0]
    return " ".join(decode_octets(octets, charset).split("\n"))


def decode_octets(octets: bytes, charset: str = "") -> str:
    """Returns octets as text: by their charset if it is one of mail, else as UTF-8, else as Latin-1."""
    if charset and _CHARSETS.fullmatch(charset):
        try:
            return octets.decode("cp1252" if charset.lower() == "iso-8859-1" else charset, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
