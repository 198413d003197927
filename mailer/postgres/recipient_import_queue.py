"""The work on uploaded files of people, in PostgreSQL: leases, progress, and the transactions of an import."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from mailer.database.statements import Connection, Pool
from mailer.database.storable_text import storable_text
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.recipient_import import RecipientImporter, RecipientImportRow, WrittenRows
from mailer.ports.recipient_imports import (
    KEPT,
    ChunkResult,
    FileReading,
    ImportLost,
    ImportState,
    PeopleErasedSinceUpload,
    RecipientImport,
)
from mailer.postgres.address_hashing import AddressHasher
from mailer.postgres.recipient_import import PostgresRecipientImporter
from mailer.postgres.recipient_imports import SQL, import_entry, import_from_row, iterate_parts

LEASE: Final = timedelta(seconds=60)
"""The time after which another process goes on with the work of one that has died."""
_AT_ONCE: Final = 100


class PostgresRecipientImportQueue:
    """Implements `ports.recipient_imports.RecipientImportQueue`.

    Args:
        pool: the connections. writers: the writers of the ledger.
        hasher: hashes addresses and refs. policies: by brand.
    """

    def __init__(
        self, pool: Pool, writers: LedgerWriters, hasher: AddressHasher, policies: Mapping[str, Policy]
    ) -> None:
        self._pool = pool
        self._writers = writers
        self._hasher = hasher
        self._policies = policies

    async def claim_import(self, owner: str) -> RecipientImport | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["claim"], owner, LEASE)
        return import_from_row(row) if row else None

    async def renew_lease(self, import_id: UUID, owner: str) -> bool:
        """See the port."""
        return await self._pool.fetchval(SQL["renew"], import_id, owner, LEASE) is not None

    async def release_import(self, import_id: UUID, owner: str) -> None:
        """See the port."""
        await self._pool.execute(SQL["release"], import_id, owner)

    def iterate_content(self, import_id: UUID) -> AsyncIterator[bytes]:
        """See the port."""
        return iterate_parts(self._pool, import_id, "content")

    async def store_reading(
        self, import_id: UUID, owner: str, reading: FileReading, mapping: Mapping[str, Any], rows: int
    ) -> None:
        """See the port."""
        done = await self._pool.fetchval(SQL["store_reading"], import_id, owner, asdict(reading), dict(mapping), rows)
        if done is None:
            raise ImportLost

    async def store_chunk(self, import_id: UUID, owner: str, result: ChunkResult) -> None:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _store_progress(connection, import_id, owner, result)

    def importer_storing_chunk(
        self, job: RecipientImport, owner: str, result_of: Callable[[WrittenRows], ChunkResult] | None
    ) -> RecipientImporter:
        """See the port."""
        return _ChunkImporter(self._pool, self._writers, self._hasher, self._policies[job.brand], job, owner, result_of)

    async def finish_import(self, job: RecipientImport, owner: str, state: ImportState) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            counts = await work.connection.fetchval(SQL["finish"], job.id, owner, state.value)
            if counts is None:
                raise ImportLost
            if state is ImportState.DONE:
                await work.connection.execute(SQL["delete_parts"], job.id, ["content"])
                await work.append_entries([_end_entry(job, "import_done", counts)])

    async def fail_import(self, job: RecipientImport, owner: str, problem: str) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            counts = await work.connection.fetchval(SQL["fail"], job.id, owner, problem)
            if counts is None:
                raise ImportLost
            await work.append_entries([_end_entry(job, "import_failed", counts)])

    async def delete_old_files(self) -> None:
        """See the port."""
        await self._pool.execute(SQL["forget"], KEPT, _AT_ONCE)


class _ChunkImporter:
    """Imports the rows of a chunk, and stores the progress with them."""

    def __init__(
        self,
        pool: Pool,
        writers: LedgerWriters,
        hasher: AddressHasher,
        policy: Policy,
        job: RecipientImport,
        owner: str,
        result_of: Callable[[WrittenRows], ChunkResult] | None,
    ) -> None:
        self._pool, self._writers, self._hasher, self._policy = pool, writers, hasher, policy
        self._job, self._owner, self._result_of = job, owner, result_of

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """See `ports.recipient_import`."""
        policy = self._policy
        return await PostgresRecipientImporter(
            self._pool,
            self._writers.writers_with_actor(self._job.started_by or self._job.created_by),
            self._hasher,
            policy.brand,
            policy.controller.id,
            policy.source_vocabulary,
            partial(self._check_and_store_progress, rows),
        ).import_rows_in_one_transaction(rows, said_at, dry_run=dry_run)

    async def _check_and_store_progress(
        self, rows: Sequence[RecipientImportRow], connection: Connection, written: WrittenRows
    ) -> None:
        if erased := await self._find_erased(rows, connection):
            raise PeopleErasedSinceUpload(erased)
        if self._result_of is not None:
            await _store_progress(connection, self._job.id, self._owner, self._result_of(written))

    async def _find_erased(self, rows: Sequence[RecipientImportRow], connection: Connection) -> frozenset[str]:
        """Returns the refs of rows whose person was erased after the upload, by ref or by address."""
        brand, hasher = self._policy.brand, self._hasher
        by_ref = {hasher.hash_replacing_ref(brand, row.person.ref): row.person.ref for row in rows}
        by_address: dict[bytes, list[str]] = {}
        for row in rows:
            if row.person.email is not None:
                by_address.setdefault(hasher.hash_address(row.person.email), []).append(row.person.ref)
        found = await connection.fetch(
            SQL["erased_since"],
            brand,
            self._policy.controller.id,
            list(by_ref),
            self._job.created_at,
            list(by_address),
            hasher.key_id,
        )
        refs = {by_ref[row["ref"]] for row in found if row["ref"] is not None}
        alike = (by_address[bytes(row["address_hash"])] for row in found if row["address_hash"] is not None)
        return frozenset(refs.union(*alike))


async def _store_progress(connection: Connection, import_id: UUID, owner: str, result: ChunkResult) -> None:
    reasons = [[row, is_refused, storable_text(reason)] for row, is_refused, reason in result.reasons]
    stored = await connection.fetchval(
        SQL["store_progress"], import_id, owner, result.rows_done, dict(result.counts), reasons, LEASE
    )
    if stored is None:
        raise ImportLost
    if result.refused:
        await connection.execute(SQL["add_part"], import_id, "refused", result.rows_done, result.refused)


def _end_entry(job: RecipientImport, what: str, counts: Mapping[str, int]) -> LedgerEntry:
    told = ", ".join(f"{number} {end}" for end, number in counts.items()) or "0 rows"
    return import_entry(job.brand, job.id, what, told, actor=job.started_by or job.created_by)
