"""The chain: each entry's hash covers the entry and the hash before it. Pure.

One chain a writer; the key lies outside the database, so that whoever can write to the database cannot rewrite a chain
(invariant 11). What may identify somebody is covered by a salted commitment only, so that erasing it breaks nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mailer.ports.ledger import Entry

GENESIS = bytes(32)
"""What stands before a writer's first entry."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Linked:
    """An entry in its place. `salt` is None where there is no reply to commit to."""

    writer: UUID
    n: int
    at: datetime
    entry: Entry
    salt: bytes | None
    commitment: bytes | None
    hash: bytes


def commit_to(salt: bytes, text: str) -> bytes:
    """A commitment to a text: SHA-256 over a random salt and the text."""
    return hashlib.sha256(salt + text.encode()).digest()


def link_hash(
    key: bytes, previous: bytes, writer: UUID, n: int, at: datetime, entry: Entry, commitment: bytes | None
) -> bytes:
    """HMAC-SHA-256 over the hash before and the entry's canonical form (a JSON array in the order of the columns)."""
    canonical = json.dumps(
        [
            writer.hex,
            n,
            (at - _EPOCH) // _MICROSECOND,
            entry.kind,
            entry.brand,
            entry.mailing_id and entry.mailing_id.hex,
            entry.recipient_id,
            entry.attempt,
            entry.category,
            entry.reason,
            entry.rule,
            entry.policy,
            entry.processor,
            entry.country,
            entry.contract,
            entry.purpose,
            entry.fields,
            commitment and commitment.hex(),
            entry.message_id,
        ],
        separators=(",", ":"),
    )
    return hmac.digest(key, previous + canonical.encode(), "sha256")


def link_all(
    key: bytes, previous: bytes, writer: UUID, first: int, at: datetime, entries: Sequence[Entry], salts: bytes
) -> list[Linked]:
    """Chains entries one behind the other.

    Args:
        key: the chain's.
        previous: the hash before the first of them.
        writer: whose chain it is.
        first: the number of the first of them.
        at: when they were written.
        entries: what they say.
        salts: 16 random bytes an entry.
    """
    linked = []
    for offset, entry in enumerate(entries):
        salt = salts[offset * 16 : offset * 16 + 16] if entry.reply is not None else None
        commitment = commit_to(salt, entry.reply) if salt is not None and entry.reply is not None else None
        previous = link_hash(key, previous, writer, first + offset, at, entry, commitment)
        linked.append(Linked(writer, first + offset, at, entry, salt, commitment, previous))
    return linked
