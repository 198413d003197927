"""Operations on the ledger: export of entries, making and reading of seals, verification."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.extracts import LedgerExtract
from mailer.ledger.seals import Record, SealSigner, SealStore
from mailer.ledger.verification_since_last_seal import verify_since_last_seal
from mailer.ledger.verifying import MOST_FAULTS, Progress, VerificationResult, verify_chains, verify_seals
from mailer.ports.ledger_inspection import ListedSeal, RecentVerification

_SQL, _SEALS = load_statements("ledger", "ledger"), load_statements("seals", "ledger")


class LedgerOperations:
    """Exports, seals and verifies the ledger.

    Args:
        pool: connections.
        key: `LEDGER_KEY`; it is the key of the chains, and the key that signs seals is derived from it.
    """

    def __init__(self, pool: Pool, key: str) -> None:
        self._pool = pool
        self._key = key.encode()
        self._signer = SealSigner(key)
        self._seals = SealStore(pool, self._signer)

    async def iterate_entries(self, mailing_id: UUID | None = None) -> AsyncIterator[dict[str, Any]]:
        """Yields the entries of a mailing, or all entries, in the order of their chains. Memory use stays constant."""
        async for row in self._entry_rows(mailing_id):
            yield {
                "writer": str(row["writer"]),
                "n": row["n"],
                "at": row["at"].isoformat(),
                "brand": row["brand"],
                "mailing": str(row["mailing_id"]) if row["mailing_id"] else None,
                "recipient": row["recipient_id"],
                **{key: row[key] for key in ("attempt", "category", "kind", "reason", "rule", "policy", "processor")},
                **{
                    key: row[key]
                    for key in ("country", "contract", "purpose", "fields", "reply", "message_id", "actor")
                },
                "hash": row["hash"].hex(),
            }

    async def _entry_rows(self, mailing_id: UUID | None) -> AsyncIterator[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_SQL["export"], mailing_id, prefetch=1000):
                yield row

    async def open_extract(self, mailings: Sequence[UUID], rule: str, since: datetime) -> LedgerExtract:
        """See `ports.evidence_packs.LedgerExtractor`."""
        await self._seals.seal_grown_chains()
        extract = LedgerExtract(self._pool, self._key, self._signer, mailings, rule, since)
        await extract.find_parts()
        return extract

    async def decisions_of_delivery(self, mailing_id: UUID, recipient_id: int) -> list[dict[str, Any]]:
        """Returns the decisions about one recipient of a mailing, for each attempt."""
        return [dict(row) for row in await self._pool.fetch(_SQL["decisions"], mailing_id, recipient_id)]

    async def store_one_seal_of_all_chains(self) -> Record:
        """Signs the heads of all chains, stores the seal and returns it.

        Publish it where an intruder cannot change it.
        """
        return await self._seals.store_one_seal_of_all_chains()

    async def seal_grown_chains(self) -> Record | None:
        """Seals the chains that grew since the last seal. Returns the seal, or None if no chain grew."""
        return await self._seals.seal_grown_chains()

    async def latest_seal(self) -> Record | None:
        """Returns the newest seal, or None."""
        return await self._seals.latest_seal()

    def iterate_seals_after_published_one(self, last: Record | None) -> AsyncIterator[Record]:
        """Yields the seals that were made after a published one, oldest first.

        Raises:
            SealRefused: the published seal is not ours, or is not stored here.
        """
        return self._seals.iterate_seals_after_published_one(last)

    async def list_seals(self, before: int | None, limit: int) -> list[ListedSeal]:
        """See `ports.ledger_inspection`."""
        return [ListedSeal(*row) for row in await self._pool.fetch(_SEALS["newest"], before, limit)]

    async def verify_since_last_seal(self, most: int) -> RecentVerification:
        """See `ports.ledger_inspection`."""
        async with self._pool.acquire() as connection:
            return await verify_since_last_seal(connection, self._key, self._signer, most)

    async def verify_ledger(
        self,
        published: Sequence[Record] = (),
        url: str | None = None,
        processes: int = 1,
        progress: Progress = lambda done, total: None,
        since: Record | None = None,
    ) -> VerificationResult:
        """Recomputes every chain, and compares the ledger with all stored and published seals.

        Args:
            published: seals that were stored elsewhere.
            url: the URL of the database, if several processes share the work.
            processes: the number of processes.
            progress: called after each part of the work.
            since: a seal that was stored elsewhere, up to which the ledger was verified before. Only chains that may
                have grown since are recomputed.

        Raises:
            SealRefused: a published seal or the newest stored one is not ours, or `since` is not stored here.
        """
        async with self._pool.acquire() as connection:
            # The seals are read first, so the chains already have the entries of every seal that was read.
            faults = await verify_seals(connection, self._signer, published, since)
            seal = self._signer.verify_and_parse_seal_record(since) if since else None
            slices = await verify_chains(connection, self._key, url, processes, progress, seal)
        faults += [fault for found in slices for fault in found.faults]
        faults.sort(key=lambda fault: (fault.writer, fault.n))
        entries, writers = sum(found.entries for found in slices), sum(found.writers for found in slices)
        return VerificationResult(entries, writers, tuple(faults[:MOST_FAULTS]))
