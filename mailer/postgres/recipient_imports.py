"""Uploaded files of people in PostgreSQL, as people and publishers change them."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.database.storable_text import storable_text
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.recipient_imports import (
    FileReading,
    ImportChangeRefused,
    ImportListPage,
    ImportState,
    RecipientImport,
)
from mailer.ports.time_ordered_uuids import uuid7


def _load_statements_with_columns() -> dict[str, str]:
    found = dict(load_statements("recipient_imports"))
    return {name: text.replace("{columns}", found["columns"]) for name, text in found.items()}


SQL: Final = _load_statements_with_columns()


class PostgresRecipientImports:
    """Implements `ports.recipient_imports.RecipientImportDesk`.

    Args:
        pool: the connections. writers: the writers of the ledger, which name whoever acts.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def add_upload(self, brand: str, file_name: str, digest: bytes, size: int, parts: Iterable[bytes]) -> UUID:
        """See the port."""
        import_id = uuid7()
        async with open_unit_of_work(self._pool, self._writers) as work:
            by = self._writers.actor or ""
            await work.connection.execute(
                SQL["add"], import_id, brand, storable_text(file_name)[:200], digest, size, by
            )
            for number, part in enumerate(parts, 1):
                await work.connection.execute(SQL["add_part"], import_id, "content", number, part)
            await work.append_entries([import_entry(brand, import_id, "import_uploaded", f"{size} octets")])
        return import_id

    async def find_import(self, import_id: UUID) -> RecipientImport | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["find"], import_id)
        return import_from_row(row) if row else None

    async def list_imports(self, brands: Collection[str], before: UUID | None, limit: int) -> ImportListPage:
        """See the port."""
        rows = await self._pool.fetch(SQL["list"], sorted(brands), before, limit + 1)
        shown = [import_from_row(row) for row in rows[:limit]]
        return ImportListPage(shown, shown[-1].id if len(rows) > limit else None)

    async def find_same_file(self, import_id: UUID) -> RecipientImport | None:
        """See the port."""
        row = await self._pool.fetchrow(SQL["same_file"], import_id)
        return import_from_row(row) if row else None

    async def record_reading(self, import_id: UUID) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(SQL["brand"], import_id)
            await work.append_entries([import_entry(brand, import_id, "import_read", kind=EntryKind.ACCESS)])

    async def save_mapping(self, import_id: UUID, mapping: Mapping[str, Any]) -> None:
        """See the port."""
        await self._save_mapping(import_id, mapping, ImportState.UPLOADED)

    async def save_mapping_and_request_dry_run(self, import_id: UUID, mapping: Mapping[str, Any]) -> None:
        """See the port."""
        await self._save_mapping(import_id, mapping, ImportState.DRY_RUN)

    async def _save_mapping(self, import_id: UUID, mapping: Mapping[str, Any], state: ImportState) -> None:
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(SQL["save_mapping"], import_id, dict(mapping), state.value)
            if brand is None:
                raise ImportChangeRefused("it is at work or over, or its file is gone; open its page again")
            await work.connection.execute(SQL["delete_parts"], import_id, ["refused"])
            await work.append_entries([import_entry(brand, import_id, "import_mapped")])

    async def start_import(self, import_id: UUID, seen: datetime, is_again: bool) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(SQL["lock_same_files"], import_id)
            if not is_again and await work.connection.fetchrow(SQL["same_file"], import_id):
                raise ImportChangeRefused("this same file was imported before; say that you want it again")
            row = await work.connection.fetchrow(SQL["start"], import_id, seen, self._writers.actor or "")
            if row is None:
                raise ImportChangeRefused("there is no dry run of it, or a newer one; look at its result first")
            await work.connection.execute(SQL["delete_parts"], import_id, ["refused"])
            await work.append_entries(
                [import_entry(row["brand"], import_id, "import_started", f"{row['rows_total']} rows")]
            )

    async def discard_import(self, import_id: UUID) -> None:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            brand = await work.connection.fetchval(SQL["discard"], import_id)
            if brand is None:
                raise ImportChangeRefused("its import has begun, or it is over")
            await work.connection.execute(SQL["delete_parts"], import_id, ["content", "refused"])
            await work.append_entries([import_entry(brand, import_id, "import_discarded")])

    async def open_refused_rows(self, import_id: UUID) -> AsyncIterator[bytes]:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(SQL["refused_rows"], import_id)
            if row is None:
                raise LookupError("there is no such import")
            number = f"{row['refused'] or 0} rows"
            await work.append_entries(
                [import_entry(row["brand"], import_id, "import_refused_rows_read", number, kind=EntryKind.ACCESS)]
            )
        return iterate_parts(self._pool, import_id, "refused")


async def iterate_parts(pool: Pool, import_id: UUID, kind: str) -> AsyncIterator[bytes]:
    """Yields the parts of a file, one at a time. No connection is held between them."""
    number = -1
    while row := await pool.fetchrow(SQL["next_part"], import_id, kind, number):
        number = row["number"]
        yield row["content"]


def import_entry(
    brand: str,
    import_id: UUID,
    what: str,
    number: str | None = None,
    *,
    kind: EntryKind = EntryKind.CONTROL,
    actor: str | None = None,
) -> LedgerEntry:
    """Returns the entry of something that was done with an uploaded file, and with how many rows."""
    return LedgerEntry(kind, brand, reason=what, rule=f"import:{import_id}", reply=number, actor=actor)


def import_from_row(row: asyncpg.Record) -> RecipientImport:
    """Returns an import from a row with the `columns`."""
    values = dict(row)
    reasons = [(number, refused, reason) for number, refused, reason in values["reasons"]]
    reading = FileReading(**values["reading"]) if values["reading"] else None
    return RecipientImport(**{**values, "state": ImportState(values["state"]), "reasons": reasons, "reading": reading})
