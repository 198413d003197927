"""Reads the properties of a message. No value that a publisher wrote causes an error.

RabbitMQ passes on all that a publisher puts into the header frame of a message (AMQP 0-9-1, 4.2.6.1): times of any
year, texts of any bytes, tables of any depth. This module skips unused properties, and leaves out unreadable ones.
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
"""The bit of each property in the flags, in the order of the wire format. RabbitMQ ignores the two lowest bits."""
_FIXED = {"delivery_mode": 1, "priority": 1, "timestamp": 8}
_PLAIN = sum(1 << _BITS[name] for name in ("content_type", "delivery_mode", "message_id", "user_id"))
_SIZES = {
    b: n for n, letters in ((0, b"V"), (1, b"tbB"), (2, b"su"), (4, b"Iif"), (5, b"D"), (8, b"lLdT")) for b in letters
}
"""The octets of a value in a table, by the letter of its type. Values of other types begin with their length."""
_LONG = b"SxAF"
_MOST_HEADERS = 100
_LONGEST_HEADER = 4_096
"""The most octets of a header's value. A longer header is left out; none of ours is longer."""


@dataclass(slots=True)
class MessagePropertiesReadByMailer:
    """The properties of a message that mailer uses.

    Attributes:
        message_id: the message id; octets that are not UTF-8 become U+FFFD.
        user_id: the validated user; None also if it is not UTF-8, as no user of mailer has such a name.
        headers: the headers with a text as value.
        death: if RabbitMQ itself made the message a dead letter: the reason, and the exchange before.
    """

    message_id: str | None = None
    user_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    death: tuple[str, str] | None = None


def is_plain_header_frame(payload: bytes) -> bool:
    """Returns True if a header frame has only mailer's usual properties, in ASCII. It then needs no rewriting."""
    return not int.from_bytes(payload[12:14], "big") & ~_PLAIN and payload[14:].isascii()


def rewrite_header_frame(payload: bytes, too_large: bool) -> bytes:
    """Returns the payload of a header frame with only the properties that mailer uses. Any client can read it.

    Args:
        payload: class, weight, size of the body, flags and properties.
        too_large: True if the body is dropped. A header then says how large it was.
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
            parts.append(encode_short_string(text))
    return payload[:4] + struct.pack(">QH", size, flags) + b"".join(parts)


_DEATH_REASON, _DEATH_EXCHANGE = "mailer-death-reason", "mailer-death-exchange"
"""Headers that carry RabbitMQ's reason for a dead letter through the client library; see `split_death_headers`."""


def split_death_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Returns the headers without those of `rewrite_header_frame`, and RabbitMQ's (reason, exchange) or None."""
    plain = dict(headers)
    reason, exchange = plain.pop(_DEATH_REASON, None), plain.pop(_DEATH_EXCHANGE, None)
    return plain, (reason, exchange) if reason is not None and exchange is not None else None


def read_properties(payload: bytes) -> MessagePropertiesReadByMailer:
    """Returns the properties in the payload of a header frame, as far as they are readable."""
    found = MessagePropertiesReadByMailer()
    flags, at = int.from_bytes(payload[12:14], "big"), 14
    for name, bit in _BITS.items():
        if not flags >> bit & 1:
            continue
        if name in _FIXED:
            at += _FIXED[name]
            continue
        if name == "headers":
            size = int.from_bytes(payload[at : at + 4], "big")
            _parse_text_headers_and_death(found, payload[at + 4 : at + 4 + size])
            at += 4 + size
            continue
        text, at = (
            payload[at + 1 : at + 1 + payload[at]] if at < len(payload) else b"",
            at + 1 + _octet_or_zero(payload, at),
        )
        if name == "message_id":
            found.message_id = text.decode(errors="replace")
        elif name == "user_id":
            found.user_id = _decode_utf8_or_none(text)
    return found


def encode_short_string(text: str) -> bytes:
    """Encodes a text as a short string (AMQP 0-9-1, 4.2.5.3), cut to 255 octets."""
    octets = text.encode(errors="replace")[:255].decode(errors="ignore").encode()
    return bytes((len(octets),)) + octets


def _octet_or_zero(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def _decode_utf8_or_none(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _parse_text_headers_and_death(found: MessagePropertiesReadByMailer, table: bytes) -> None:
    for name, kind, value in _parse_amqp_table_entries(table):
        if name is None:
            continue
        if kind == ord("S") and len(found.headers) < _MOST_HEADERS and len(value) <= _LONGEST_HEADER:
            text = _decode_utf8_or_none(value)
            if text is not None and len(name) <= 128 and name not in (_DEATH_REASON, _DEATH_EXCHANGE):
                found.headers[name] = text
        elif kind == ord("A") and name == "x-death":
            found.death = _newest_death_reason_and_exchange(value)


def _newest_death_reason_and_exchange(array: bytes) -> tuple[str, str] | None:
    """Returns reason and exchange of the newest entry of `x-death`; None if there is none.

    If a dead letter became a dead letter once more, the older entry counts; without one, the reason is empty.
    """
    deaths = list(islice(_parse_x_death_entries(array), 2))
    if not deaths:
        return None
    queue, reason, exchange = deaths[0]
    if queue != DEAD_QUEUE:
        return reason, exchange
    return deaths[1][1:] if exchange == DEAD and len(deaths) > 1 else ("", exchange)


def _parse_x_death_entries(array: bytes) -> Iterator[tuple[str, str, str]]:
    """Yields queue, reason and exchange of each entry of `x-death`, an array of tables. The newest is the first."""
    at = 0
    while array[at : at + 1] == b"F":
        size = int.from_bytes(array[at + 1 : at + 5], "big")
        entries = _parse_amqp_table_entries(array[at + 5 : at + 5 + size])
        values = {name: _decode_utf8_or_none(value) for name, kind, value in entries if kind == ord("S")}
        queue, reason, exchange = (values.get(name) for name in ("queue", "reason", "exchange"))
        if queue is None or reason is None or exchange is None:
            return
        yield queue, reason, exchange
        at += 5 + size


def _parse_amqp_table_entries(table: bytes) -> Iterator[tuple[str | None, int, bytes]]:
    """Yields the entries of a table: name (None if it is not UTF-8), letter of the type, octets of the value.

    Stops at an unknown type, as its length is unknown. Does not read tables within the table.
    """
    at, end = 0, len(table)
    while at + 1 < end:
        name = _decode_utf8_or_none(table[at + 1 : at + 1 + table[at]])
        at += 1 + table[at]
        kind = _octet_or_zero(table, at)
        at += 1
        if kind in _LONG:
            size, at = int.from_bytes(table[at : at + 4], "big"), at + 4
        elif kind in _SIZES:
            size = _SIZES[kind]
        elif kind == 0:  # not in the specification, but seen: an absent value
            size = 0
        else:
            return
        yield name, kind, table[at : at + size]
        at += size
