"""The chain: each entry's hash covers the entry and the hash before it. Pure.

Each writer has one chain. The key is outside of the database, so that a person who can write to the database cannot
rewrite a chain (invariant 11). Text that may identify a person is covered by a salted commitment only, so that the
chain still verifies after the text is erased.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from json import JSONEncoder
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple
from uuid import UUID

from mailer.database.storable_text import storable_text
from mailer.keyed_hash import KeyedHash
from mailer.ports.ledger_entry import LedgerEntry

GENESIS = bytes(32)
"""The previous hash of a writer's first entry."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SALT = 16
_json = JSONEncoder(separators=(",", ":")).encode


class SharedEntryColumnsAndJson(NamedTuple):
    """The columns that many entries share, and their parts of the canonical form.

    Attributes:
        number: the number by which entries refer to it.
        columns: kind, brand, category, reason, rule, policy, processor, country, contract, purpose, fields, actor.
        head, tail, end: parts of the canonical form, before the mailing, after the attempt, and after the Message-ID.
    """

    number: int
    columns: tuple[Any, ...]
    head: str
    tail: str
    end: str


@dataclass(slots=True)
class ChainedEntries:
    """Entries with their hashes, chained in their order, as columns. `salts` has the octets for all entries.

    Attributes:
        first: the number of the first entry.
        mailings: the mailings of the entries. places: for each entry, the position of its mailing there, from 1 on.
        texts: texts that only a commitment covers; None for no text, and then salt and commitment have no meaning.
    """

    writer: UUID
    first: int
    at: datetime
    shapes: Sequence[SharedEntryColumnsAndJson] = ()
    numbers: Sequence[int] = ()
    mailings: Sequence[UUID] = ()
    places: Sequence[int | None] = ()
    recipients: Sequence[int | None] = ()
    attempts: Sequence[int | None] = ()
    message_ids: Sequence[str | None] = ()
    texts: list[str | None] = field(default_factory=list)
    salts: bytes = b""
    commitments: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)


def text_commitment(salt: bytes, text: str) -> bytes:
    """Returns the commitment to a text: SHA-256 over a random salt and the text."""
    return hashlib.sha256(salt + text.encode()).digest()


def entry_hash(
    mac: KeyedHash, previous: bytes, writer: UUID, n: int, at: datetime, entry: LedgerEntry, commitment: bytes | None
) -> bytes:
    """Returns an entry's hash: HMAC-SHA-256 over the previous hash and the entry's canonical form.

    The canonical form is a JSON array in the order of the columns. The actor is its last element. An entry without an
    actor has no such element, like all entries from the time before that column.
    """
    shape = _build_shared_entry_columns_and_json(0, (*entry[:2], *entry[5:14], entry.actor))
    mailing, recipient, attempt = entry[2:5]
    moment = (at - _EPOCH) // _MICROSECOND
    mail = _mailing_id_json(mailing), recipient, attempt
    return mac(previous + _canonical_entry_json(writer.hex, n, moment, shape, *mail, commitment, entry.message_id))


def link_entries(
    mac: KeyedHash,
    previous: bytes,
    writer: UUID,
    first: int,
    at: datetime,
    entries: Sequence[LedgerEntry],
    salts: bytes,
) -> ChainedEntries:
    """Chains entries in their order.

    The parts that entries share are formatted once, so that an entry costs 3 µs. Each mail has several entries; without
    this, the chain would cost an eighth of the time of a mail.

    Args:
        mac: keyed with the chain's key.
        previous: the hash before the first entry.
        writer: the owner of the chain.
        first: the number of the first entry.
        at: the time of writing.
        entries: the entries.
        salts: 16 random bytes an entry.
    """
    links = ChainedEntries(writer, first, at, salts=salts)
    if not entries:
        return links
    columns = list(zip(*entries, strict=True))
    mailings, links.recipients, links.attempts = columns[2:5]
    replies, links.message_ids, actors = columns[14:]
    # Entries share all columns but mailing, recipient, attempt, reply and Message-ID. Each entry looks its shared
    # columns up only once, since one look-up of so many columns takes as long as hashing the entry.
    shapes: dict[tuple[Any, ...], SharedEntryColumnsAndJson] = {}
    shaped = list[SharedEntryColumnsAndJson]()
    for one in zip(*columns[:2], *columns[5:14], actors, strict=True):
        shape = shapes.get(one)
        if shape is None:
            shape = shapes[one] = _build_shared_entry_columns_and_json(len(shapes), one)
        shaped.append(shape)
    links.shapes, links.numbers = list(shapes.values()), [shape.number for shape in shaped]
    quoted = {mailing: _mailing_id_json(mailing) for mailing in dict.fromkeys(mailings)}
    links.mailings = [mailing for mailing in quoted if mailing is not None]
    place = {mailing: number for number, mailing in enumerate(links.mailings, 1)}
    links.places = [place.get(mailing) for mailing in mailings]
    owner, moment = writer.hex, (at - _EPOCH) // _MICROSECOND
    each = zip(count(first), shaped, mailings, links.recipients, links.attempts, replies, links.message_ids)
    for n, shape, mailing, recipient, attempt, text, message_id in each:
        commitment = None
        if text is not None:
            text = storable_text(text)
            commitment = text_commitment(salts[(n - first) * _SALT : (n - first + 1) * _SALT], text)
        previous = mac(
            previous
            + _canonical_entry_json(
                owner, n, moment, shape, quoted[mailing], recipient, attempt, commitment, message_id
            )
        )
        links.texts.append(text)
        links.commitments.append(commitment or GENESIS)
        links.hashes.append(previous)
    return links


def _build_shared_entry_columns_and_json(number: int, columns: tuple[Any, ...]) -> SharedEntryColumnsAndJson:
    actor = columns[-1]
    end = "" if actor is None else f",{_json(actor)}"
    return SharedEntryColumnsAndJson(number, columns, _json(columns[:2])[1:-1], _json(columns[2:-1])[1:-1], end)


def _canonical_entry_json(
    writer: str,
    n: int,
    moment: int,
    shape: SharedEntryColumnsAndJson,
    mailing: str,
    recipient_id: int | None,
    attempt: int | None,
    commitment: bytes | None,
    message_id: str | None,
) -> bytes:
    """Joins the JSON of a whole entry from its parts."""
    recipient = "null" if recipient_id is None else recipient_id
    tried = "null" if attempt is None else attempt
    committed = "null" if commitment is None else f'"{commitment.hex()}"'
    message = "null" if message_id is None else encode_basestring_ascii(message_id)
    return (
        f'["{writer}",{n},{moment},{shape.head},{mailing},{recipient},{tried},{shape.tail},{committed},{message}'
        f"{shape.end}]"
    ).encode()


def _mailing_id_json(mailing_id: UUID | None) -> str:
    return "null" if mailing_id is None else f'"{mailing_id.hex}"'
