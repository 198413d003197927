"""Header values by RFC 5322 3.2, 2047 and 6532: encoded where they must be, folded, without any line break inside."""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NewType
from urllib.parse import quote

import idna

MAX_LINE = 76
"""The longest line, by RFC 2047 2 for lines with encoded words."""
MAX_WORD = 75
"""The longest encoded word (RFC 2047 2)."""
MAX_STRUCTURED = 998
"""The longest line at all (RFC 5322 2.1.1)."""
MAX_LIST_ID = 255
"""The longest identifier of a list (RFC 2919 3)."""
_WORD_COST = len("=?utf-8?b??=")
_LONG_WORD = MAX_WORD - 10
"""A word of this length or more is encoded, since it may not fit into a line."""

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that no header value may have: they could begin another header."""
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of text, so that a name reads as another one (UAX #9 2.1 to 2.5). New names with
them are refused; names that were stored earlier may still have them."""
_OVERRIDES = re.compile("[\u202d\u202e]")
"""Characters that reverse all letters after them, Latin ones too."""
_CLOSERS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
"""The mark that ends each embedding and isolate."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ADDR_SPEC = re.compile(r'([^\s<>()\[\]\\,;:@"]+|"[^\s<>()\[\]\\,;:@"]+")@([^\s<>()\[\]\\,;:@"]+)')
_TOKEN = re.compile(r"[A-Za-z0-9._-]+(?: [A-Za-z0-9._-]+)*")


AddrSpec = NewType("AddrSpec", str)
"""An address as `check_and_encode_addr_spec` writes it."""


class HeaderRefused(ValueError):
    """A value that cannot stand in a header; the message names the header, never the value."""


def check_one_line(value: str, header: str) -> str:
    """Returns the value unchanged.

    Raises:
        HeaderRefused: it has a line break or another control character.
    """
    # Every refused character is unprintable, and `isprintable` is several times as fast as the pattern.
    if not value.isprintable() and CONTROL.search(value):
        raise HeaderRefused(f"{header}: has a line break or control character")
    return value


def encode_unstructured_header_value(value: str, header: str) -> str:
    """Returns the value of a header such as Subject, encoded and folded (see `without_direction_overrides`).

    `header` is its name.

    Raises:
        HeaderRefused: it has a line break or another control character.
    """
    if not value.isprintable():
        value = without_direction_overrides(check_one_line(value, header))
    column = len(header) + 2
    if _needs_no_encoding(value):
        return _fold_text(value, column)
    return encoded_words(value, column)


def without_direction_overrides(text: str) -> str:
    """Returns a line without characters that reverse it or the text after it.

    Removes all overrides. Removes the other direction marks too if they are not properly nested and closed.
    """
    text = _OVERRIDES.sub("", text)
    awaited: list[str] = []
    for mark in _TURNS.findall(text):
        if mark in _CLOSERS:
            awaited.append(_CLOSERS[mark])
        elif not awaited or awaited.pop() != mark:
            return _TURNS.sub("", text)
    return _TURNS.sub("", text) if awaited else text


def check_structured_value(value: str, header: str) -> str:
    """Returns the value of a field for machines unchanged, since no encoded word is allowed there.

    Raises:
        HeaderRefused: it has something else than printable ASCII, or is too long for one line (RFC 5322 2.1.1).
    """
    if not (value.isascii() and value.isprintable()) or len(header) + 2 + len(value) > MAX_STRUCTURED:
        raise HeaderRefused(f"{header}: is not printable ASCII on one line of at most {MAX_STRUCTURED}")
    return value


def mailbox_header_value(address: str, name: str | None, header: str) -> str:
    """`Name <address>`, or the address alone.

    Raises:
        HeaderRefused: name or address has a control character, or the address is none.
    """
    return addr_spec_with_name(check_and_encode_addr_spec(address, header), name, header)


def addr_spec_with_name(spec: AddrSpec, name: str | None, header: str) -> str:
    """Returns `Name <address>`, or the address alone if there is no name.

    Raises:
        HeaderRefused: the name has a control character.
    """
    if name and not name.isprintable():
        name = _TURNS.sub("", check_one_line(name, header))
    name = name.strip() if name else ""
    if not name:
        return spec
    column = len(header) + 2
    if not _needs_no_encoding(name) or len(name) > MAX_LINE - column - 2:
        phrase = encoded_words(name, column)
    else:
        phrase = name if _ATOMS.fullmatch(name) else _quoted_string(name)
    separator = " " if len(phrase) + len(spec) + column + 3 <= MAX_LINE else "\r\n "
    return f"{phrase}{separator}<{spec}>"


def list_id_value(name: str, labels: Sequence[str], domain: str) -> str:
    """Returns the value of List-Id (RFC 2919): a phrase for people, and an identifier.

    Args:
        name: the phrase, printable ASCII, since no encoded word may stand in the field.
        labels: the labels before the domain. If they are too long, a digest of them is used instead.
        domain: of the list's owner.

    Raises:
        HeaderRefused: something else than printable ASCII is in it, or it is too long.
    """
    before, domain = ".".join(labels), domain_as_a_labels(domain)
    if len(before) + 1 + len(domain) > MAX_LIST_ID:
        before = sha256(before.encode()).hexdigest()[:32]
    phrase, column = name if _ATOMS.fullmatch(name) else _quoted_string(name), len("List-Id: ")
    value = check_structured_value(f"{phrase} <{before}.{domain}>", "List-Id")
    return value if column + len(value) <= MAX_LINE else "\r\n <".join(value.rsplit(" <", 1))


def check_and_encode_addr_spec(address: str, header: str) -> AddrSpec:
    """Returns an address with its domain as A-labels (RFC 5890); a UTF-8 local part stays as it is (RFC 6532).

    Raises:
        HeaderRefused: it is no address that we can write.
    """
    found = _ADDR_SPEC.fullmatch(check_one_line(address, header))
    if not found:
        raise HeaderRefused(f"{header}: not an address")
    return AddrSpec(f"{found[1]}@{domain_as_a_labels(found[2])}")


@lru_cache(maxsize=20_000)
def domain_as_a_labels(domain: str) -> str:
    """Returns a domain as A-labels (RFC 5890); an ASCII domain stays as it is.

    Raises:
        HeaderRefused: it is not a domain.
    """
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise HeaderRefused(f"not a domain: {error}") from error


def encoded_words(text: str, column: int) -> str:
    """Returns a text as encoded words of whole characters, folded (RFC 2047 5). The first one begins at `column`."""
    words: list[str] = []
    chunk, size = "", 0
    room = _octets_fitting_encoded_word(min(MAX_WORD, MAX_LINE - column))
    for char in text:
        octets = len(char.encode())
        if chunk and size + octets > room:
            words.append(_encoded_word(chunk))
            chunk, size, room = "", 0, _octets_fitting_encoded_word(MAX_WORD)
        chunk += char
        size += octets
    words.append(_encoded_word(chunk))
    return "\r\n ".join(words)


def format_header_parameter(name: str, value: str) -> str:
    """Returns a parameter such as filename, folded onto lines of its own; a non-ASCII value is encoded by RFC 2231.

    Raises:
        HeaderRefused: it has a line break or another control character.
    """
    value = _TURNS.sub("", check_one_line(value, name))
    if len(value) <= 60 and _TOKEN.fullmatch(value):
        return f';\r\n {name}="{value}"'
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,20}", "utf-8''" + quote(value, safe=""))
    if len(pieces) == 1:
        return f";\r\n {name}*={pieces[0]}"
    return "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(pieces))


def _quoted_string(name: str) -> str:
    """Returns an ASCII text as a quoted string (RFC 5322 3.2.4)."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _needs_no_encoding(text: str) -> bool:
    """Tells whether mail programs show exactly this text if it is not encoded."""
    plain = text.isascii() and "=?" not in text and "  " not in text and text == text.strip()
    return plain and (len(text) < _LONG_WORD or all(len(word) < _LONG_WORD for word in text.split(" ")))


def _fold_text(text: str, column: int) -> str:
    if len(text) + column <= MAX_LINE:
        return text
    lines, line = [], ""
    room = MAX_LINE - column
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, MAX_LINE - 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def _octets_fitting_encoded_word(length: int) -> int:
    """Returns the number of octets that fit into an encoded word of a length in characters."""
    return (length - _WORD_COST) // 4 * 3


def _encoded_word(chunk: str) -> str:
    return f"=?utf-8?b?{b2a_base64(chunk.encode(), newline=False).decode()}?="
