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
"""From here on a word is encoded, since it may not fit into a line."""

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What has no place in a header's value: it could begin a header of its own."""
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn text's direction: a name with one reads as another (UAX #9 2.1 to 2.5). New ones are
refused, and some people were known before."""
_OVERRIDES = re.compile("[\u202d\u202e]")
"""Characters that turn each letter behind them, Latin ones too."""
_CLOSERS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
"""The mark that ends each embedding and isolate."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ADDR_SPEC = re.compile(r'([^\s<>()\[\]\\,;:@"]+|"[^\s<>()\[\]\\,;:@"]+")@([^\s<>()\[\]\\,;:@"]+)')
_TOKEN = re.compile(r"[A-Za-z0-9._-]+(?: [A-Za-z0-9._-]+)*")


AddrSpec = NewType("AddrSpec", str)
"""An address as `addr_spec` writes it."""


class HeaderRefused(ValueError):
    """A value that cannot stand in a header; the message names the header, never the value."""


def check_one_line(value: str, header: str) -> str:
    """The value as it is.

    Raises:
        HeaderRefused: it has a line break or another control character.
    """
    # Whatever is refused does not print, and that is seen several times as fast.
    if not value.isprintable() and CONTROL.search(value):
        raise HeaderRefused(f"{header}: has a line break or control character")
    return value


def unstructured_value(value: str, header: str) -> str:
    """The value of a header such as Subject, folded, without what turns its direction (see `without_overrides`).

    `header` is its name.

    Raises:
        HeaderRefused: it has a line break or another control character.
    """
    if not value.isprintable():
        value = without_overrides(check_one_line(value, header))
    column = len(header) + 2
    if _needs_no_encoding(value):
        return _fold_text(value, column)
    return encoded_words(value, column)


def without_overrides(text: str) -> str:
    """A line that reads in the order in which it was written, and turns nothing that is shown behind it.

    Overrides are left out, and all other marks of direction if one of them is not ended or ends another's.
    """
    text = _OVERRIDES.sub("", text)
    awaited: list[str] = []
    for mark in _TURNS.findall(text):
        if mark in _CLOSERS:
            awaited.append(_CLOSERS[mark])
        elif not awaited or awaited.pop() != mark:
            return _TURNS.sub("", text)
    return _TURNS.sub("", text) if awaited else text


def structured_value(value: str, header: str) -> str:
    """The value of a field that machines read: as it is, on one line, since no encoded word may stand there.

    Raises:
        HeaderRefused: it has something else than printable ASCII, or is too long for one line (RFC 5322 2.1.1).
    """
    if not (value.isascii() and value.isprintable()) or len(header) + 2 + len(value) > MAX_STRUCTURED:
        raise HeaderRefused(f"{header}: is not printable ASCII on one line of at most {MAX_STRUCTURED}")
    return value


def mailbox_value(address: str, name: str | None, header: str) -> str:
    """`Name <address>`, or the address alone.

    Raises:
        HeaderRefused: name or address has a control character, or the address is none.
    """
    return named_address(addr_spec(address, header), name, header)


def named_address(spec: AddrSpec, name: str | None, header: str) -> str:
    """`Name <address>`, or the address alone.

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
    """The value of List-Id (RFC 2919): a phrase that people read, and an identifier.

    Args:
        name: the phrase, printable ASCII, since no encoded word may stand in the field.
        labels: what comes before the domain. Where they are too long, a digest stands for them.
        domain: of the list's owner.

    Raises:
        HeaderRefused: something else than printable ASCII is in it, or it is too long.
    """
    before, domain = ".".join(labels), a_labels(domain)
    if len(before) + 1 + len(domain) > MAX_LIST_ID:
        before = sha256(before.encode()).hexdigest()[:32]
    phrase, column = name if _ATOMS.fullmatch(name) else _quoted_string(name), len("List-Id: ")
    value = structured_value(f"{phrase} <{before}.{domain}>", "List-Id")
    return value if column + len(value) <= MAX_LINE else "\r\n <".join(value.rsplit(" <", 1))


def addr_spec(address: str, header: str) -> AddrSpec:
    """An address with its domain as A-labels (RFC 5890); a UTF-8 local part stays as it is (RFC 6532).

    Raises:
        HeaderRefused: it is no address that we can write.
    """
    found = _ADDR_SPEC.fullmatch(check_one_line(address, header))
    if not found:
        raise HeaderRefused(f"{header}: not an address")
    return AddrSpec(f"{found[1]}@{a_labels(found[2])}")


@lru_cache(maxsize=20_000)
def a_labels(domain: str) -> str:
    """A domain as it travels.

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
    """Encoded words of whole characters, folded (RFC 2047 5); `column` is where the first one begins."""
    words: list[str] = []
    chunk, size = "", 0
    room = _octets_for_length(min(MAX_WORD, MAX_LINE - column))
    for char in text:
        octets = len(char.encode())
        if chunk and size + octets > room:
            words.append(_encoded_word(chunk))
            chunk, size, room = "", 0, _octets_for_length(MAX_WORD)
        chunk += char
        size += octets
    words.append(_encoded_word(chunk))
    return "\r\n ".join(words)


def header_parameter(name: str, value: str) -> str:
    """A parameter such as filename, folded onto lines of its own; beyond plain ASCII by RFC 2231.

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
    """ASCII as a quoted string (RFC 5322 3.2.4)."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _needs_no_encoding(text: str) -> bool:
    """Whether a reader gets back exactly this text without any encoding."""
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


def _octets_for_length(length: int) -> int:
    """How many octets an encoded word of so many characters holds."""
    return (length - _WORD_COST) // 4 * 3


def _encoded_word(chunk: str) -> str:
    return f"=?utf-8?b?{b2a_base64(chunk.encode(), newline=False).decode()}?="
