"""Reading the ledger: its entries, and whether they are still what was written."""

import hmac
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.ledger.chain import GENESIS, commit_to, link_hash
from mailer.ledger.database import Pool, statements
from mailer.ports.ledger import Entry

_SQL = statements("ledger")

MOST_FAULTS = 1000
"""Named by one verification: with a wrong key every entry is at fault."""


class HeadRefused(ValueError):
    """A published head that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written."""

    writer: str
    n: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: no faults if the ledger is sound, else the first of them."""

    entries: int
    writers: int
    faults: tuple[Fault, ...]


class PostgresLedger:
    """Exports, seals and verifies.

    Args:
        pool: connections.
        key: `LEDGER_KEY`; chains are keyed with it, and seals are signed with an Ed25519 key derived from it.
    """

    def __init__(self, pool: Pool, key: str) -> None:
        self._pool = pool
        self._key = key.encode()
        self._signer = Ed25519PrivateKey.from_private_bytes(hmac.digest(self._key, b"seal", "sha256"))

    async def export(self, mailing_id: UUID | None = None) -> AsyncIterator[dict[str, Any]]:
        """The entries of a mailing, or all, in the order of their chains. Memory does not grow with their number."""
        async for row in self._rows(mailing_id):
            yield {
                "writer": str(row["writer"]),
                "n": row["n"],
                "at": row["at"].isoformat(),
                "brand": row["brand"],
                "mailing": str(row["mailing_id"]) if row["mailing_id"] else None,
                "recipient": row["recipient_id"],
                **{key: row[key] for key in ("attempt", "category", "kind", "reason", "rule", "policy", "processor")},
                **{key: row[key] for key in ("country", "contract", "purpose", "fields", "reply", "message_id")},
                "hash": row["hash"].hex(),
            }

    async def decisions(self, mailing_id: UUID, recipient_id: int) -> list[dict[str, Any]]:
        """What was decided about one recipient of a mailing, at each attempt."""
        return [dict(row) for row in await self._pool.fetch(_SQL["decisions"], mailing_id, recipient_id)]

    async def seal(self) -> dict[str, Any]:
        """Signs the heads of all writers and keeps the record. Publish it where an intruder cannot reach."""
        heads = [
            {"writer": str(row["writer"]), "n": row["n"], "hash": row["hash"].hex()}
            for row in await self._pool.fetch(_SQL["heads"])
        ]
        body = json.dumps({"at": datetime.now(UTC).isoformat(), "heads": heads}, separators=(",", ":"))
        signature = self._signer.sign(body.encode())
        await self._pool.execute(_SQL["seal"], body, signature)
        return self._published(body, signature)

    async def latest_seal(self) -> dict[str, Any] | None:
        """The newest signed record."""
        row = await self._pool.fetchrow(_SQL["latest_seal"])
        return self._published(row["body"], row["signature"]) if row else None

    def _published(self, body: str, signature: bytes) -> dict[str, Any]:
        public = self._signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"body": body, "signature": signature.hex(), "public_key": public.hex()}

    async def verify(self, published: dict[str, Any] | None = None) -> Verdict:
        """Recomputes every chain, and holds their heads against the newest seal, or a published one.

        Raises:
            HeadRefused: the published record is not one of ours.
        """
        sealed = await self.latest_seal() if published is None else published
        heads = {} if sealed is None else self._heads(sealed)
        walk = _Walk(self._key, heads)
        async for row in self._rows(None):
            walk.step(row)
        walk.end()
        return Verdict(walk.entries, walk.writers, tuple(walk.faults))

    def _heads(self, sealed: dict[str, Any]) -> dict[UUID, tuple[int, bytes]]:
        try:
            body, signature = sealed["body"], bytes.fromhex(sealed["signature"])
            public = self._signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            Ed25519PublicKey.from_public_bytes(public).verify(signature, body.encode())
            heads = json.loads(body)["heads"]
            return {UUID(head["writer"]): (head["n"], bytes.fromhex(head["hash"])) for head in heads}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise HeadRefused("the head is not a record that `mailer ledger seal` prints") from error
        except InvalidSignature as error:
            raise HeadRefused("the head's signature is not by this ledger's key; check MAILER_LEDGER_KEY") from error

    async def _rows(self, mailing_id: UUID | None) -> AsyncIterator[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["export"], mailing_id, prefetch=1000):
                yield row


class _Walk:
    """One pass over all chains, in the order of writer and number."""

    def __init__(self, key: bytes, heads: dict[UUID, tuple[int, bytes]]) -> None:
        self._key = key
        self._heads = heads
        self._writer: UUID | None = None
        self._n = 0
        self._previous = GENESIS
        self._seen: set[UUID] = set()
        self.entries = 0
        self.faults: list[Fault] = []

    @property
    def writers(self) -> int:
        return len(self._seen)

    def step(self, row: asyncpg.Record) -> None:
        if row["writer"] != self._writer:
            self._leave()
            self._writer, self._n, self._previous = row["writer"], 0, GENESIS
            self._seen.add(row["writer"])
        self.entries += 1
        if row["n"] != self._n + 1:
            missing = f"entry {self._n + 1}" if row["n"] == self._n + 2 else f"entries {self._n + 1} to {row['n'] - 1}"
            self._fault(row["n"], f"missing: {missing} before it")
        elif not hmac.compare_digest(row["hash"], self._expected(row)):
            self._fault(row["n"], "changed or reordered: its hash does not follow from the entry and the one before")
        elif row["salt"] is not None and commit_to(row["salt"], row["reply"]) != row["commitment"]:
            self._fault(row["n"], "changed: its reply text is not the one that was committed to")
        self._n, self._previous = row["n"], row["hash"]
        self._check_head()

    def end(self) -> None:
        self._leave()
        for writer in self._heads.keys() - self._seen:
            self.faults.append(Fault(str(writer), self._heads[writer][0], "missing: all entries of a sealed writer"))
        self.faults.sort(key=lambda fault: (fault.writer, fault.n))

    def _expected(self, row: asyncpg.Record) -> bytes:
        entry = Entry(
            kind=row["kind"],
            fields=tuple(row["fields"]) if row["fields"] is not None else None,
            **{name: row[name] for name in _PLAIN},
        )
        return link_hash(self._key, self._previous, row["writer"], row["n"], row["at"], entry, row["commitment"])

    def _check_head(self) -> None:
        n, sealed = self._heads.get(self._writer, (0, b"")) if self._writer else (0, b"")
        if n == self._n and sealed != self._previous:
            self._fault(self._n, "changed: it is not the entry that was sealed")

    def _leave(self) -> None:
        if self._writer is not None and self._n < self._heads.get(self._writer, (0, b""))[0]:
            self._fault(
                self._n + 1, f"missing: the last entries, up to {self._heads[self._writer][0]}, which was sealed"
            )

    def _fault(self, n: int, what: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(str(self._writer), n, what))


_PLAIN: Sequence[str] = (
    "brand",
    "mailing_id",
    "recipient_id",
    "attempt",
    "category",
    "reason",
    "rule",
    "policy",
    "processor",
    "country",
    "contract",
    "purpose",
    "message_id",
)
