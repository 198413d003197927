"""Reading the ledger: its entries, its seals, and whether it is still what was written."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, statements
from mailer.ledger.seals import Record, SealSigner, SealStore
from mailer.ledger.verifying import MOST_FAULTS, Progress, VerificationResult, verify_chains, verify_seals

_SQL = statements("ledger", "ledger")


class LedgerExport:
    """Exports, seals and verifies.

    Args:
        pool: connections.
        key: `LEDGER_KEY`; chains are keyed with it, and seals are signed with a key derived from it.
    """

    def __init__(self, pool: Pool, key: str) -> None:
        self._pool = pool
        self._key = key.encode()
        self._signer = SealSigner(key)
        self._seals = SealStore(pool, self._signer)

    async def export_entries(self, mailing_id: UUID | None = None) -> AsyncIterator[dict[str, Any]]:
        """The entries of a mailing, or all, in the order of their chains. Memory does not grow with their number."""
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

    async def decisions_about(self, mailing_id: UUID, recipient_id: int) -> list[dict[str, Any]]:
        """What was decided about one recipient of a mailing, at each attempt."""
        return [dict(row) for row in await self._pool.fetch(_SQL["decisions"], mailing_id, recipient_id)]

    async def seal_ledger(self) -> Record:
        """Signs the heads of all writers and keeps the record. Publish it where an intruder cannot reach."""
        return await self._seals.seal_every_writer()

    async def seal_if_moved(self) -> Record | None:
        """Seals what has moved since the last seal; None, and no seal, if nothing has."""
        return await self._seals.seal_moved_writers()

    async def latest_seal(self) -> Record | None:
        """The newest signed record."""
        return await self._seals.latest_seal()

    def seals_after(self, last: Record | None) -> AsyncIterator[Record]:
        """The seals made since one that was published, oldest first.

        Raises:
            HeadRefused: that one is not ours, or is not kept here.
        """
        return self._seals.seals_after(last)

    async def verify_ledger(
        self,
        published: Sequence[Record] = (),
        url: str | None = None,
        processes: int = 1,
        progress: Progress = lambda done, total: None,
        since: Record | None = None,
    ) -> VerificationResult:
        """Recomputes every chain, and holds all seals and the published ones against it.

        Args:
            published: seals that were kept elsewhere.
            since: a seal that was kept elsewhere, up to which the ledger was verified before: only what may have been
                written since is recomputed.
            url: the database's, where several processes are to share the work.
            processes: how many.
            progress: told as it goes on.

        Raises:
            HeadRefused: a published record, or the newest seal, is not one of ours; or `since` is not kept here.
        """
        async with self._pool.acquire() as connection:
            # The seals first: what is sealed meanwhile is of entries that the chains have by then.
            faults = await verify_seals(connection, self._signer, published, since)
            seal = self._signer.read_record(since) if since else None
            slices = await verify_chains(connection, self._key, url, processes, progress, seal)
        faults += [fault for found in slices for fault in found.faults]
        faults.sort(key=lambda fault: (fault.writer, fault.n))
        entries, writers = sum(found.entries for found in slices), sum(found.writers for found in slices)
        return VerificationResult(entries, writers, tuple(faults[:MOST_FAULTS]))
