"""Public notices of a data breach, in PostgreSQL."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.public_notices import PublicNotice
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.postgres.releaser_independence import has_either_issued_one_time_link_for_other

_SQL = load_statements("public_notices")


class PostgresPublicNotices:
    """Implements `ports.public_notices.PublicNoticeStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def add_draft(self, notice: PublicNotice) -> None:
        """See the port."""
        values = notice.digest, notice.first_day, notice.last_day, notice.drafted_by
        await self._change_notice(
            "drafted", notice.brand, notice.digest, "add", notice.id, notice.brand, notice.texts, *values
        )

    async def find_notice(self, id_: UUID) -> PublicNotice | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["one"], id_)
        return _notice_from_row(row) if row else None

    async def list_notices(self, brand: str | None) -> list[PublicNotice]:
        """See the port."""
        return [_notice_from_row(row) for row in await self._pool.fetch(_SQL["list"], brand)]

    async def list_public_notices_in_force(self, brand: str | None, today: date) -> list[PublicNotice]:
        """See the port."""
        return [_notice_from_row(row) for row in await self._pool.fetch(_SQL["standing"], brand, today)]

    async def release(self, id_: UUID, by: str) -> bool:
        """See the port."""
        notice, releaser = await self.find_notice(id_), parse_person_identity(by)
        if notice is None:
            return False
        drafter = parse_person_identity(notice.drafted_by)
        if releaser == drafter or await has_either_issued_one_time_link_for_other(self._pool, releaser, drafter):
            return False
        return await self._change_notice("released", notice.brand, notice.digest, "release", id_, releaser.name)

    async def withdraw(self, id_: UUID, by: str) -> bool:
        """See the port."""
        return await self._change_notice_if_found("withdrawn", id_, "withdraw", id_, by)

    async def record_whether_notice_is_online(self, notice: PublicNotice, *, is_there: bool) -> None:
        """See the port."""
        step = "seen" if is_there else "missed"
        async with open_unit_of_work(self._pool, self._writers) as work:
            is_new = await work.connection.fetchval(_SQL[step], notice.id)
            entries = [_build_public_notice_ledger_entry(step, notice.brand, notice.digest)] if is_new else []
            await work.append_entries(entries)

    async def _change_notice_if_found(self, step: str, id_: UUID, statement: str, *values: Any) -> bool:
        notice = await self.find_notice(id_)
        return notice is not None and await self._change_notice(step, notice.brand, notice.digest, statement, *values)

    async def _change_notice(self, step: str, brand: str, digest: str, statement: str, *values: Any) -> bool:
        """Runs a statement with its ledger entry. Returns False, and writes none, if it changed nothing."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            is_done = await _execute_and_report_change(work.connection, statement, values)
            entries = [_build_public_notice_ledger_entry(step, brand, digest)] if is_done else []
            await work.append_entries(entries)
        return is_done


async def _execute_and_report_change(connection: Connection, statement: str, values: tuple[Any, ...]) -> bool:
    status = await connection.execute(_SQL[statement], *values)
    return not status.endswith(" 0")


def _build_public_notice_ledger_entry(step: str, brand: str, digest: str) -> LedgerEntry:
    """Returns the entry of a step, with the digest of the text: `public_notice released 9f86d08…`."""
    return LedgerEntry(EntryKind.CONTROL, brand, category="breach", reason=f"public_notice {step} {digest}")


def _notice_from_row(row: asyncpg.Record) -> PublicNotice:
    return PublicNotice(**row)
