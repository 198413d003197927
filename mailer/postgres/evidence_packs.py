"""Reads breach cases for their evidence packs, from PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.campaign_manifest import ManifestTemplate
from mailer.ports.evidence_packs import PackedCase, PackedRelease, PackReason, Record
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_SQL = load_statements("evidence_packs")
_PAGE: Final = 2000
_TABLES: Final = ("checks", "public_notices", "public_notice_gaps", "clocks", "duties", "stops", "letter_runs")
"""The statements of which a pack has a file each, of the same name."""


class PostgresEvidencePacks:
    """Implements `ports.evidence_packs.EvidenceReader`.

    Args:
        pool: connections. writers: of the ledger.
    """

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def record_export(self, case: PackedCase, reason: PackReason, *, with_names: bool) -> None:
        """See the port."""
        entry = LedgerEntry(
            EntryKind.ACCESS,
            case.brand,
            category="breach",
            reason="breach_pack_exported",
            rule=f"breach:{case.id}",
            fields=(f"why:{reason}", f"names:{'yes' if with_names else 'no'}"),
        )
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.append_entries([entry])

    async def find_packed_case(self, case_id: UUID) -> PackedCase | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["case"], case_id)
        if row is None:
            return None
        tables = {name: await self._read_table(name, case_id) for name in _TABLES}
        phases = [one["phase"] for one in row["phases"]]
        content = {**row["content"], "facts_revisions": row["facts"], "phases": row["phases"]}
        return PackedCase(case_id, row["brand"], row["created_at"], phases, content, tables)

    async def list_packed_releases(self, case_id: UUID) -> Sequence[PackedRelease]:
        """See the port."""
        return [_release_from_row(row) for row in await self._pool.fetch(_SQL["releases"], case_id)]

    async def iterate_drafts(self, case_id: UUID, phase: int) -> AsyncIterator[Record]:
        """See the port."""
        after = 0
        while rows := await self._pool.fetch(_SQL["drafts"], case_id, phase, after):
            for row in rows:
                yield {**row, "at": row["at"].isoformat()}
            after = rows[-1]["revision"]

    async def iterate_lines(self, manifest_id: UUID) -> AsyncIterator[Sequence[str]]:
        """See the port."""
        async for row in self._pages("lines", manifest_id):
            due = row["due_at"].isoformat(timespec="seconds") if row["due_at"] else ""
            yield [str(row["recipient_id"]), *list(row.values())[1:6], due]

    async def iterate_outcomes(self, manifest_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        async for row in self._pages("outcomes", manifest_id):
            yield dict(row)

    async def iterate_letters(self, case_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        async for row in self._pages("letters", case_id):
            yield row["row"]

    async def iterate_names(self, case_id: UUID) -> AsyncIterator[Record]:
        """See the port."""
        async for row in self._pages("names", case_id):
            yield dict(row)

    async def _pages(self, statement: str, key: UUID) -> AsyncIterator[asyncpg.Record]:
        """Yields the rows of a statement, page by page along their first column."""
        after = 0
        while rows := await self._pool.fetch(_SQL[statement], key, after, _PAGE):
            for row in rows:
                yield row
            after = rows[-1][0]

    async def _read_table(self, name: str, case_id: UUID) -> Sequence[Record]:
        return [row["row"] for row in await self._pool.fetch(_SQL[name], case_id)]


def _release_from_row(row: asyncpg.Record) -> PackedRelease:
    frozen: dict[str, Any] = {name: row[name] for name in ("facts", "draft", "rules", "templates", "policy")}
    digest = row["hash"].hex()
    mailings: dict[str, str] = row["mailings"] or {}
    release = {**row["release"], "hash": digest, "mailings": mailings}
    templates = {name: ManifestTemplate(*one) for name, one in row["templates"].items()}
    return PackedRelease(
        row["case_id"],
        row["phase"],
        row["id"],
        row["brand"],
        digest,
        row["released_at"],
        release,
        [UUID(one) for one in mailings.values()],
        frozen,
        templates,
    )
