"""Messages of strangers as trees of parts (RFC 2045, 2046), with limits on depth, number and size.

A part is a pair of offsets, so that a message is never copied. Python's parser would cost seconds for some messages of
10 MB: it asks every open multipart about every line.
"""

import binascii
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailer.inbound.reports.header_fields import HeaderFields, decode_octets, read_header_fields, read_parameters

MAX_MESSAGE: Final = 25_000_000
"""Octets. A longer message is unreadable."""
MAX_DEPTH: Final = 8
MAX_PARTS: Final = 200
MAX_HEADER: Final = 256_000
"""Octets of one header."""
MAX_TEXT: Final = 100_000
"""Octets of one part that are read as text."""

_END_OF_HEADER: Final = re.compile(rb"\r?\n[ \t]{0,80}\r?\n")
_TAG: Final = re.compile(r"<[^<>]*>")
_LINE_TAG: Final = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?table|hr)\b[^<>]*>", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"<(/?)(?:script|style|title|head)\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message, or the message itself.

    Attributes:
        data: the octets of the whole message. start, end: the offsets of this part's body in it.
        content_type: in lower case, without parameters.
        children: the parts of a multipart, or the message in a message/rfc822.
    """

    data: bytes = field(repr=False)
    start: int
    end: int
    header: HeaderFields
    content_type: str
    parameters: dict[str, str]
    children: tuple["Part", ...] = ()

    def walk_with_messages(self) -> Iterator["Part"]:
        """Yields this part and all parts inside it, those of attached messages too."""
        yield self
        for child in self.children:
            yield from child.walk_with_messages()

    def walk(self) -> Iterator["Part"]:
        """Yields this part and all parts inside it, without the insides of attached messages."""
        yield self
        if not is_attached_message(self):
            for child in self.children:
                yield from child.walk()

    def read_octets(self, limit: int) -> bytes:
        """Returns the body without its transfer encoding, at most `limit` octets of it."""
        encoding = self.header.first("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            raw = self.data[self.start : min(self.end, self.start + limit // 3 * 4 + limit // 16 + 100)]
            return _decode_base64(raw)[:limit]
        raw = self.data[self.start : min(self.end, self.start + limit)]
        if encoding == "quoted-printable":
            return binascii.a2b_qp(raw)
        return raw

    def read_text(self, limit: int = MAX_TEXT) -> str:
        """Returns the body as text with plain line ends, at most `limit` octets of it; HTML without its marks."""
        text = decode_octets(self.read_octets(limit), self.parameters.get("charset", ""))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text_of_html(text) if self.content_type == "text/html" else text


def is_attached_message(part: Part) -> bool:
    """Tells whether a part is a whole message (RFC 2046 5.2.1, RFC 6532)."""
    return part.content_type in ("message/rfc822", "message/global")


def parse_message(data: bytes) -> Part | None:
    """Returns the tree of a message, or None if it is none: too long, or without a single header field."""
    if len(data) > MAX_MESSAGE:
        return None
    if b"\n" not in data[:8192] and b"\r" in data[:8192]:
        data = data.replace(b"\r", b"\n")
    start = _skip_envelope_line(data)
    message = _TreeReader(data).read_entity(start, len(data), 0)
    return message if message.header.pairs else None


def text_of_html(text: str) -> str:
    """Returns the words of an HTML text, with a line end for each block."""
    kept: list[str] = []
    at = 0
    hidden = False
    for mark in _HIDDEN.finditer(text):
        if not hidden:
            kept.append(text[at : mark.start()])
        hidden, at = not mark[1], mark.end()
    kept.append(text[at:])  # also after a mark that nobody closes
    words = html.unescape(_TAG.sub(" ", _LINE_TAG.sub("\n", "".join(kept))))
    return "\n".join(" ".join(line.split()) for line in words.split("\n"))


def _skip_envelope_line(data: bytes) -> int:
    """Returns the offset of the first field, after blank lines and the "From " line of an mbox."""
    at = 0
    while at < min(len(data), 1000) and data[at] in b"\r\n \t":
        at += 1
    if data[at : at + 5] == b"From " or data[at : at + 6] == b">From ":
        at = data.find(b"\n", at, at + 1000) + 1 or at
    return at


def _decode_base64(raw: bytes) -> bytes:
    kept = raw.translate(None, b"\r\n \t=")
    try:
        return binascii.a2b_base64(kept[: len(kept) // 4 * 4] + (kept[len(kept) // 4 * 4 :] + b"===")[:4])
    except binascii.Error:
        return b""


class _TreeReader:
    """Reads the tree of one message, and stops at `MAX_PARTS` parts in all."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_PARTS

    def read_entity(self, start: int, end: int, depth: int, default: str = "text/plain") -> Part:
        self._left -= 1
        header, body = self._read_header(start, end)
        value = header.first("content-type") or default
        content_type = value.partition(";")[0].strip().lower()
        parameters = read_parameters(value)
        children: list[Part] = []
        if depth < MAX_DEPTH and self._left > 0:
            if content_type.startswith("multipart/"):
                inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
                children = self._read_parts(body, end, depth, parameters.get("boundary", ""), inner)
            elif content_type in ("message/rfc822", "message/global"):
                children = [self._read_attached_message(header, body, end, depth)]
        return Part(self._data, body, end, header, content_type, parameters, tuple(children))

    def _read_attached_message(self, header: HeaderFields, body: int, end: int, depth: int) -> Part:
        encoding = header.first("content-transfer-encoding").strip().lower()
        if encoding not in ("base64", "quoted-printable"):
            return self.read_entity(_skip_blank(self._data, body, end), end, depth + 1)
        # RFC 2046 5.2.1 forbids it, and some programs do it.
        decoded = Part(self._data, body, end, header, "", {}).read_octets(1_000_000)
        inner = _TreeReader(decoded)
        inner._left = self._left
        message = inner.read_entity(0, len(decoded), depth + 1)
        self._left = inner._left
        return message

    def _read_header(self, start: int, end: int) -> tuple[HeaderFields, int]:
        if self._data[start : start + 1] == b"\n":
            return HeaderFields(), start + 1
        if self._data[start : start + 2] == b"\r\n":
            return HeaderFields(), start + 2
        limit = min(end, start + MAX_HEADER)
        found = _END_OF_HEADER.search(self._data, start, limit)
        stop, body = (found.start(), found.end()) if found else (limit, limit)
        return read_header_fields(decode_octets(self._data[start:stop])), body

    def _read_parts(self, start: int, end: int, depth: int, boundary: str, default: str) -> list[Part]:
        name = boundary.encode("utf-8", "replace").rstrip()
        if not name:
            return []
        delimiter = re.compile(rb"\n--" + re.escape(name) + rb"(--)?[ \t]{0,80}\r?(?:\n|\Z)")
        parts: list[Part] = []
        at = max(start - 1, 0)
        begun = -1
        while self._left > 0 and (found := delimiter.search(self._data, at, end)):
            if begun >= 0:
                parts.append(self.read_entity(begun, max(found.start(), begun), depth + 1, default))
            if found[1]:
                return parts
            begun = found.end()
            at = max(found.end() - 1, found.start() + 1)
        if begun >= 0 and self._left > 0:
            parts.append(self.read_entity(begun, end, depth + 1, default))
        return parts


def _skip_blank(data: bytes, start: int, end: int) -> int:
    while start < min(end, start + 1000) and data[start] in b"\r\n":
        start += 1
    return start
