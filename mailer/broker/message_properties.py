"""The properties of a message as its publisher wrote them, read so that no value of any of them is an error.

RabbitMQ passes on what a publisher puts into the header frame of a message (AMQP 0-9-1, 4.2.6.1): times of any year,
texts of any bytes, tables of any depth. What mailer does not use is skipped; what cannot be read is left out.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from pamqp import encode

from mailer.broker.topology import DEAD, DEAD_QUEUE
from mailer.ports.broker import HeaderName

_BITS = {
    "content_type": 15,
    "content_encoding": 14,
    "headers": 13,
    "delivery_mode": 12,
    "priority": 11,
    "correlation_id": 10,
    "reply_to": 9,
    "expiration": 8,
    "message_id": 7,
    "timestamp": 6,
    "type": 5,
    "user_id": 4,
    "app_id": 3,
    "cluster_id": 2,
}
"""Each property's bit of the flags, in their order on the wire; RabbitMQ ignores the two lowest bits."""
_FIXED = {"delivery_mode": 1, "priority": 1, "timestamp": 8}
_PLAIN = sum(1 << _BITS[name] for name in ("content_type", "delivery_mode", "message_id", "user_id"))
_SIZES = {
    b: n for n, letters in ((0, b"V"), (1, b"tbB"), (2, b"su"), (4, b"Iif"), (5, b"D"), (8, b"lLdT")) for b in letters
}
"""Octets of a value in a table, by the letter of its type; those not here say themselves how long they are."""
_LONG = b"SxAF"
_MOST_HEADERS = 100
_LONGEST_HEADER = 4_096
"""In octets. No header of ours is longer; a longer one is left out."""


@dataclass(slots=True)
class MessageProperties:
    """The properties of a message that mailer uses.

    Attributes:
        message_id: with U+FFFD for what is no UTF-8.
        user_id: None also where it is no UTF-8: no user that mailer knows is called so.
        headers: those whose value is a text.
        death: the reason why RabbitMQ itself made a dead letter of the message, and the exchange that it came by.
    """

    message_id: str | None = None
    user_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    death: tuple[str, str] | None = None


def is_plain_header(payload: bytes) -> bool:
    """Tells whether a header frame has nothing that needs care: few properties, of ASCII, as those of mailer."""
    return not int.from_bytes(payload[12:14], "big") & ~_PLAIN and payload[14:].isascii()


def rewrite_header(payload: bytes, too_large: bool) -> bytes:
    """A header frame's payload with the properties that mailer uses and no others, which any client can read.

    Args:
        payload: class, weight, size of the body, flags and properties.
        too_large: the body will be left out, and a header says how large it was.
    """
    properties, size = read_properties(payload), int.from_bytes(payload[4:12], "big")
    headers = {name: value for name, value in properties.headers.items() if name != HeaderName.SIZE}
    if too_large:
        headers[HeaderName.SIZE], size = str(size), 0
    if properties.death is not None:
        headers[_DEATH_REASON], headers[_DEATH_EXCHANGE] = properties.death
    flags, parts = 0, []
    if headers:
        flags |= 1 << _BITS["headers"]
        parts.append(encode.field_table(dict(headers)))
    for name, text in (("message_id", properties.message_id), ("user_id", properties.user_id)):
        if text is not None:
            flags |= 1 << _BITS[name]
            parts.append(short_string(text))
    return payload[:4] + struct.pack(">QH", size, flags) + b"".join(parts)


_DEATH_REASON, _DEATH_EXCHANGE = "mailer-death-reason", "mailer-death-exchange"
"""RabbitMQ's own words on a dead letter, on their way through the client library; see `split_death_headers`."""


def split_death_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """The headers without those that `rewrite_header` has added for RabbitMQ's words, and these words."""
    plain = dict(headers)
    reason, exchange = plain.pop(_DEATH_REASON, None), plain.pop(_DEATH_EXCHANGE, None)
    return plain, (reason, exchange) if reason is not None and exchange is not None else None


def read_properties(payload: bytes) -> MessageProperties:
    """Reads the payload of a header frame as far as it can be read."""
    found = MessageProperties()
    flags, at = int.from_bytes(payload[12:14], "big"), 14
    for name, bit in _BITS.items():
        if not flags >> bit & 1:
            continue
        if name in _FIXED:
            at += _FIXED[name]
            continue
        if name == "headers":
            size = int.from_bytes(payload[at : at + 4], "big")
            _read_headers(found, payload[at + 4 : at + 4 + size])
            at += 4 + size
            continue
        text, at = (
            payload[at + 1 : at + 1 + payload[at]] if at < len(payload) else b"",
            at + 1 + _read_octet(payload, at),
        )
        if name == "message_id":
            found.message_id = text.decode(errors="replace")
        elif name == "user_id":
            found.user_id = _read_text(text)
    return found


def short_string(text: str) -> bytes:
    """A short string (AMQP 0-9-1, 4.2.5.3), cut to the 255 octets that it can have."""
    octets = text.encode(errors="replace")[:255].decode(errors="ignore").encode()
    return bytes((len(octets),)) + octets


def _read_octet(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def _read_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _read_headers(found: MessageProperties, table: bytes) -> None:
    for name, kind, value in _table_entries(table):
        if name is None:
            continue
        if kind == ord("S") and len(found.headers) < _MOST_HEADERS and len(value) <= _LONGEST_HEADER:
            text = _read_text(value)
            if text is not None and len(name) <= 128 and name not in (_DEATH_REASON, _DEATH_EXCHANGE):
                found.headers[name] = text
        elif kind == ord("A") and name == "x-death":
            found.death = _newest_death(value)


def _newest_death(array: bytes) -> tuple[str, str] | None:
    """Reason and exchange of the newest entry of `x-death`; the reason is empty where a dead letter itself died.

    Of a message that RabbitMQ had made a dead letter before, the older entry counts.
    """
    deaths = list(islice(_death_entries(array), 2))
    if not deaths:
        return None
    queue, reason, exchange = deaths[0]
    if queue != DEAD_QUEUE:
        return reason, exchange
    return deaths[1][1:] if exchange == DEAD and len(deaths) > 1 else ("", exchange)


def _death_entries(array: bytes) -> Iterator[tuple[str, str, str]]:
    """Queue, reason and exchange of the entries of `x-death`, an array of tables of which the newest is first."""
    at = 0
    while array[at : at + 1] == b"F":
        size = int.from_bytes(array[at + 1 : at + 5], "big")
        entries = _table_entries(array[at + 5 : at + 5 + size])
        values = {name: _read_text(value) for name, kind, value in entries if kind == ord("S")}
        queue, reason, exchange = (values.get(name) for name in ("queue", "reason", "exchange"))
        if queue is None or reason is None or exchange is None:
            return
        yield queue, reason, exchange
        at += 5 + size


def _table_entries(table: bytes) -> Iterator[tuple[str | None, int, bytes]]:
    """The entries of a table: name (None if it is no text), letter of the type, octets of the value.

    It ends at a type that nobody knows, since nobody knows how long that is. Tables within are not looked into.
    """
    at, end = 0, len(table)
    while at + 1 < end:
        name = _read_text(table[at + 1 : at + 1 + table[at]])
        at += 1 + table[at]
        kind = _read_octet(table, at)
        at += 1
        if kind in _LONG:
            size, at = int.from_bytes(table[at : at + 4], "big"), at + 4
        elif kind in _SIZES:
            size = _SIZES[kind]
        elif kind == 0:  # not in the specification, and seen: a value that is not there
            size = 0
        else:
            return
        yield name, kind, table[at : at + size]
        at += size
