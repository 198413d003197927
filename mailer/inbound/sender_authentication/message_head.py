"""The head of a received message, as far as its authentication depends on it: pure, linear, strict.

A mail program could read a head that is out of form in another way than we do. Such a message proves nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST_HEAD_BYTES = 256 * 1024
MOST_FIELDS = 1000
SINGLE_FIELDS = frozenset(
    b"from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding".split()
)
"""Fields that a message has at most once (RFC 5322 3.6, RFC 2045). Of two, each program shows another one."""
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_NO_LINE = re.compile(rb"\r(?!\n)|\x00")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_MAILBOX = re.compile(
    r"(?:[^<>@,;:()\[\]\\\"]*<)?[ \t]*(?P<address>(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})"
    r"@(?P<domain>(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}))[ \t]*(?P<end>>?)"
)
_MOST_FROM_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A header field.

    Attributes:
        name: in lower case.
        raw_name: as it is written, up to the colon.
        raw_value: all after the colon, with the line ends within, without the last one.
    """

    name: bytes
    raw_name: bytes
    raw_value: bytes


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message in its parts.

    Attributes:
        fields: the header fields from top to bottom.
        body: with CRLF line ends.
    """

    fields: Sequence[HeaderField]
    body: bytes


@dataclass(frozen=True, slots=True)
class FromAddress:
    """The one address of a From.

    Attributes:
        address: as it is written.
        domain: in lower case.
    """

    address: str
    domain: str


def split_message(raw: bytes) -> ReceivedMessage | None:
    """Returns the parts of a message, or None if its head is out of form.

    The head has at most `MOST_HEAD_BYTES` and `MOST_FIELDS`. Each line begins a field or goes on with one, and none is
    only white space. It has no NUL, and no CR without LF. A LF alone is read as a line end, in head and body, since
    files have such lines.

    Args:
        raw: the message.
    """
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    end = raw.find(b"\r\n\r\n", 0, MOST_HEAD_BYTES + 4)
    if end < 0 and len(raw) > MOST_HEAD_BYTES:
        return None
    head, body = (raw.removesuffix(b"\r\n"), b"") if end < 0 else (raw[:end], raw[end + 4 :])
    if _NO_LINE.search(head):
        return None
    fields = _split_fields(head.split(b"\r\n"))
    return None if fields is None else ReceivedMessage(fields, body)


def _split_fields(lines: Sequence[bytes]) -> list[HeaderField] | None:
    if any(line.isspace() for line in lines):
        return None
    starts = [at for at, line in enumerate(lines) if not line.startswith((b" ", b"\t"))]
    if starts[:1] != [0] or len(starts) > MOST_FIELDS:
        return None
    fields = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        found = _NAME.match(lines[start])
        if found is None:
            return None
        whole = b"\r\n".join(lines[start:end])
        fields.append(HeaderField(found[1].lower(), whole[: found.end() - 1], whole[found.end() :]))
    return fields


def read_from_address(message: ReceivedMessage) -> FromAddress | None:
    """Returns the address of the From, or None if it is not exactly one plain ASCII address.

    Several From fields, several addresses, groups, comments, quoted local parts and anything beyond ASCII give None,
    since readers show them in different ways (RFC 9989 4.4, 11.5). So does any of `SINGLE_FIELDS` that is twice there.
    """
    names = Counter(field.name for field in message.fields)
    value = next((field.raw_value for field in message.fields if field.name == b"from"), b"")
    if any(names[name] > 1 for name in SINGLE_FIELDS) or not value.isascii() or len(value) > _MOST_FROM_CHARACTERS:
        return None
    text = value.decode("ascii").replace("\r\n", "")
    found = _MAILBOX.fullmatch(_QUOTED.sub("", text).strip(" \t"))
    if found is None or ("<" in found[0]) != bool(found["end"]) or not _is_dot_atom(found["local"]):
        return None
    if len(found["domain"]) > 253:
        return None
    return FromAddress(found["address"], found["domain"].lower())


def _is_dot_atom(local: str) -> bool:
    return all(local.split("."))
