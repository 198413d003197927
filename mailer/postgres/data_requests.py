"""Requests of people for their data, in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.data_requests import (
    CONFIRM_WITHIN,
    KEPT_AFTER_ANSWER,
    DataRequest,
    DataRequestKind,
    DataRequestStep,
)
from mailer.ports.broker import BrokerMessage
from mailer.ports.data_requests import MAX_COPIES
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.standings import build_ledger_rule_text_from_known_source
from mailer.postgres.outbox import insert_outbox_messages

HANDED_OUT = "handed_out"
"""The step of the ledger at which a person saved their copy."""
_AT_ONCE = 1000
_SQL = load_statements("data_requests")


class PostgresDataRequests:
    """Implements `ports.data_requests.DataRequests`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def find_data_request(self, request_id: UUID) -> DataRequest | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["one"], request_id)
        return _request_from_row(row) if row else None

    async def record_confirmation(self, request: DataRequest, note: str | None) -> bool:
        """See the port."""
        async with self._open_transaction(request, DataRequestStep.WAITING) as (connection, entries):
            if await connection.fetchval(_SQL["confirm"], request.id, note) is None:
                entries.clear()
        return bool(entries)

    async def record_answer(
        self,
        request: DataRequest,
        answer: str,
        reason: str | None = None,
        by: str | None = None,
        letter: BrokerMessage | None = None,
    ) -> bool:
        """See the port."""
        async with self._open_transaction(request, answer, by) as (connection, entries):
            if await connection.fetchval(_SQL["answer"], request.id, answer, reason, by) is None:
                entries.clear()
            elif letter is not None:
                await insert_outbox_messages(connection, "mailer.events", [letter])
        return bool(entries)

    async def record_copy_handed_out(self, request: DataRequest) -> bool:
        """See the port."""
        async with self._open_transaction(request, HANDED_OUT) as (connection, entries):
            if await connection.fetchval(_SQL["save"], request.id, MAX_COPIES) is None:
                entries.clear()
        return bool(entries)

    async def list_open_data_requests(self, brand: str | None, limit: int) -> list[DataRequest]:
        """See the port."""
        return [_request_from_row(row) for row in await self._pool.fetch(_SQL["open"], brand, limit)]

    async def delete_old_data_requests(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget"], CONFIRM_WITHIN, KEPT_AFTER_ANSWER, _AT_ONCE)

    @asynccontextmanager
    async def _open_transaction(
        self, request: DataRequest, step: str, by: str | None = None
    ) -> AsyncIterator[tuple[Connection, list[LedgerEntry]]]:
        """Opens a transaction with the ledger entry of a step. Whoever clears the list takes the entry back."""
        entries = [build_data_request_ledger_entry(request, step, by)]
        async with open_unit_of_work(self._pool, self._writers) as work:
            yield work.connection, entries
            await work.append_entries(entries)


def build_data_request_ledger_entry(request: DataRequest, step: str, by: str | None = None) -> LedgerEntry:
    """Returns the ledger entry of a step: `data_request copy done`. `by` is the person of staff who took it."""
    return _build_data_request_step_ledger_entry(
        request.brand, request.recipient_id, request.wanted, step, "page" if by is None else "operator"
    )


async def mark_erasure_requests_as_answered(
    connection: Connection, brand: str, recipient_id: int, source: str
) -> list[LedgerEntry]:
    """Answers the open requests for the erasure of a person, in its transaction, and returns the ledger entries."""
    rows = await connection.fetch(_SQL["answer_by_erasure"], recipient_id)
    entry = _build_data_request_step_ledger_entry(
        brand, recipient_id, DataRequestKind.ERASURE, DataRequestStep.DONE, source
    )
    return [entry for _ in rows]


def _build_data_request_step_ledger_entry(
    brand: str, recipient_id: int, wanted: DataRequestKind, step: str, source: str
) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.ACTION,
        brand,
        recipient_id=recipient_id,
        reason=f"data_request {wanted} {step}",
        rule=build_ledger_rule_text_from_known_source(source),
    )


async def insert_data_requests(connection: Connection, requests: Sequence[DataRequest]) -> None:
    """Inserts new requests, in the transaction of the connection."""
    rows = [
        (one.id, one.brand, one.recipient_id, one.wanted, one.generation, one.asked_at, one.due_at) for one in requests
    ]
    if rows:
        await connection.execute(_SQL["add"], *map(list, zip(*rows, strict=True)))


def _request_from_row(row: asyncpg.Record) -> DataRequest:
    return DataRequest(**{**row, "wanted": DataRequestKind(row["wanted"])})
