"""Files of people for breach cases in PostgreSQL, as staff upload them and look at them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.database.storable_text import storable_text
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.breach_files import MAX_BREACH_FILE_OCTETS, BreachFile, BreachFileRefused
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7

_RAW = load_statements("breach_files")
SQL = {name: text.replace("{columns}", _RAW["columns"]) for name, text in _RAW.items()}
"""The statements about files of breach cases, by name."""


class PostgresBreachFiles:
    """Implements `ports.breach_files.BreachFileStore`.

    Args:
        pool: the connections. writers: the writers of the ledger, which name whoever acts.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def add_file(self, case_id: UUID, file_name: str, digest: bytes, size: int, parts: Iterable[bytes]) -> UUID:
        """See the port."""
        if size > MAX_BREACH_FILE_OCTETS:
            raise BreachFileRefused(f"the file has {size:,} octets; at most {MAX_BREACH_FILE_OCTETS:,}: split it")
        file_id, name, by = uuid7(), storable_text(file_name)[:200], self._writers.actor or ""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(SQL["add"], file_id, case_id, name, digest, size, by)
            if brand is None:
                raise BreachFileRefused("there is no such case, or it is not open; open it again first")
            for number, part in enumerate(parts, 1):
                await work.connection.execute(SQL["add_part"], file_id, "content", number, part)
            await work.append_entries([file_entry(brand, case_id, file_id, "breach_file_uploaded", f"{size} octets")])
        return file_id

    async def find_file(self, file_id: UUID) -> BreachFile | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], file_id)
        return breach_file_from_row(row) if row else None

    async def list_files(self, case_id: UUID, limit: int) -> Sequence[BreachFile]:
        """See the port."""
        return [breach_file_from_row(row) for row in await self._pool.fetch(SQL["list"], case_id, limit)]

    async def open_refused_rows(self, file_id: UUID) -> AsyncIterator[bytes]:
        """See the port."""
        found = await self.find_file(file_id)
        if found is None:
            raise LookupError("there is no such file")
        rows = f"{found.counts.get('refused', 0) + found.counts.get('nobody', 0)} rows"
        entry = file_entry(found.brand, found.case_id, file_id, "breach_file_refused_rows_read", rows, EntryKind.ACCESS)
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.append_entries([entry])
        return iterate_file_parts(self._pool, file_id, "refused")


async def iterate_file_parts(pool: Pool, file_id: UUID, kind: str) -> AsyncIterator[bytes]:
    """Yields the parts of a file, one at a time. No connection is held between them."""
    number = -1
    while row := await pool.fetchrow(SQL["next_part"], file_id, kind, number):
        number = row["number"]
        yield row["content"]


def breach_file_from_row(row: asyncpg.Record) -> BreachFile:
    """Returns a file for a row with the columns of `columns`."""
    return BreachFile(**{**row, "reasons": [(number, bad, why) for number, bad, why in row["reasons"]]})


def file_entry(
    brand: str, case_id: UUID, file_id: UUID, what: str, number: str, kind: EntryKind = EntryKind.CONTROL
) -> LedgerEntry:
    """Returns the entry of something that was done with a file of a case, and with how much of it."""
    rule, fields = f"breach:{case_id}", (f"file:{file_id}",)
    return LedgerEntry(kind, brand, category="breach", reason=what, rule=rule, reply=number, fields=fields)
