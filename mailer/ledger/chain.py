"""The chain: each entry's hash covers the entry and the hash before it. Pure.

One chain a writer; the key lies outside the database, so that whoever can write to the database cannot rewrite a chain
(invariant 11). What may identify somebody is covered by a salted commitment only, so that erasing it breaks nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json import JSONEncoder
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple
from uuid import UUID

from mailer.ledger.texts import storable
from mailer.macs import Mac
from mailer.ports.ledger import Entry

GENESIS = bytes(32)
"""What stands before a writer's first entry."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SALT = 16
_json = JSONEncoder(separators=(",", ":")).encode


class Shape(NamedTuple):
    """What many entries have in common, and where it stands in the canonical form.

    Attributes:
        number: by which each of them names it.
        columns: kind, brand, category, reason, rule, policy, processor, country, contract, purpose, fields.
        head, tail: of the canonical form, before the mailing, and after the attempt.
    """

    number: int
    columns: tuple[Any, ...]
    head: str
    tail: str


@dataclass(slots=True)
class Links:
    """Entries one behind the other, as columns. `salts`, `commitments` and `hashes` are the octets of all entries.

    Attributes:
        first: the number of the first entry.
        texts: what is only committed to; None where there is nothing, and then salt and commitment mean nothing.
    """

    writer: UUID
    first: int
    at: datetime
    shapes: list[Shape] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    mailings: list[UUID | None] = field(default_factory=list)
    recipients: list[int | None] = field(default_factory=list)
    attempts: list[int | None] = field(default_factory=list)
    message_ids: list[str | None] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    salts: bytes = b""
    commitments: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)


def commit_to(salt: bytes, text: str) -> bytes:
    """A commitment to a text: SHA-256 over a random salt and the text."""
    return hashlib.sha256(salt + text.encode()).digest()


def link_hash(
    mac: Mac, previous: bytes, writer: UUID, n: int, at: datetime, entry: Entry, commitment: bytes | None
) -> bytes:
    """HMAC-SHA-256 over the hash before and the entry's canonical form (a JSON array in the order of the columns)."""
    head, tail = _fragments(_columns(entry))
    return mac(previous + _canonical(writer.hex, n, (at - _EPOCH) // _MICROSECOND, head, tail, entry, commitment))


def link_all(
    mac: Mac, previous: bytes, writer: UUID, first: int, at: datetime, entries: Sequence[Entry], salts: bytes
) -> Links:
    """Chains entries one behind the other.

    What entries share is written once, so that an entry costs 3 µs: as many as there are for each mail, the chain would
    else cost an eighth of it.

    Args:
        mac: keyed with the chain's key.
        previous: the hash before the first of them.
        writer: whose chain it is.
        first: the number of the first of them.
        at: when they were written.
        entries: what they say.
        salts: 16 random bytes an entry.
    """
    links = Links(writer, first, at, salts=salts)
    shapes: dict[tuple[Any, ...], Shape] = {}
    owner, moment = writer.hex, (at - _EPOCH) // _MICROSECOND
    for offset, entry in enumerate(entries):
        columns = _columns(entry)
        shape = shapes.get(columns)
        if shape is None:
            shape = shapes[columns] = Shape(len(shapes), columns, *_fragments(columns))
        text, commitment = entry.reply, None
        if text is not None:
            text = storable(text)
            commitment = commit_to(salts[offset * _SALT : offset * _SALT + _SALT], text)
        previous = mac(previous + _canonical(owner, first + offset, moment, shape.head, shape.tail, entry, commitment))
        links.numbers.append(shape.number)
        links.mailings.append(entry.mailing_id)
        links.recipients.append(entry.recipient_id)
        links.attempts.append(entry.attempt)
        links.message_ids.append(entry.message_id)
        links.texts.append(text)
        links.commitments.append(commitment or GENESIS)
        links.hashes.append(previous)
    links.shapes = list(shapes.values())
    return links


def _columns(entry: Entry) -> tuple[Any, ...]:
    """What an entry has in common with others: all but mailing, recipient, attempt, reply and Message-ID."""
    return entry[:2] + entry[5:14]


def _fragments(columns: tuple[Any, ...]) -> tuple[str, str]:
    return _json(columns[:2])[1:-1], _json(columns[2:])[1:-1]


def _canonical(writer: str, n: int, moment: int, head: str, tail: str, entry: Entry, commitment: bytes | None) -> bytes:
    """The JSON of the whole entry, put together from its parts."""
    mailing = "null" if entry.mailing_id is None else f'"{entry.mailing_id.hex}"'
    recipient = "null" if entry.recipient_id is None else entry.recipient_id
    attempt = "null" if entry.attempt is None else entry.attempt
    committed = "null" if commitment is None else f'"{commitment.hex()}"'
    message_id = "null" if entry.message_id is None else encode_basestring_ascii(entry.message_id)
    return f'["{writer}",{n},{moment},{head},{mailing},{recipient},{attempt},{tail},{committed},{message_id}]'.encode()
