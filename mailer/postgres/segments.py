"""Segments in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from mailer.database.statements import Connection, Pool, load_statements
from mailer.ledger.unit_of_work import UnitOfWork, open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.policy.segment_checks import condition_with_typed_values
from mailer.policy.segment_parsing import SegmentRefused, plain_condition
from mailer.policy.segments import SEGMENT_PREFIX, Condition
from mailer.ports.database_errors import StatementTimedOut
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.person_history import ListedRecipient
from mailer.ports.segments import (
    COUNT_SECONDS,
    SAMPLE_PEOPLE,
    SAMPLE_SECONDS,
    Segment,
    SegmentChanged,
    SegmentSlow,
)
from mailer.postgres.audiences import AudienceUnknown, audience_query, faults_of_condition_now, find_audience_fault

_COLUMNS: Final = "brand, name, condition, revision, people, counted_at, created_by, created_at, updated_by, updated_at"
_LISTED: Final = load_statements("directory")["listed"]
_SQL: Final = {
    name: text.replace("{columns}", _COLUMNS).replace("{listed}", _LISTED)
    for name, text in load_statements("segments").items()
}


class PostgresSegments:
    """Implements `ports.segments.SegmentStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_segments(self, brand: str, after: str, limit: int) -> Sequence[Segment]:
        """See the port."""
        return [Segment(*row) for row in await self._pool.fetch(_SQL["list"], brand, after, limit)]

    async def find_segment(self, brand: str, name: str) -> Segment | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], brand, name)
        return Segment(*row) if row else None

    async def save_segment(
        self, policy: Policy, name: str, condition: Condition, by: str, seen_revision: int | None = None
    ) -> Segment:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            if faults := await faults_of_condition_now(work.connection, policy, condition):
                raise SegmentRefused(faults)
            known = await work.connection.fetchval(_SQL["lock"], policy.brand, name)
            if seen_revision is not None and seen_revision != (known or 0):
                raise SegmentChanged
            plain = plain_condition(condition_with_typed_values(policy, condition))
            row = await work.connection.fetchrow(_SQL["update" if known else "insert"], policy.brand, name, plain, by)
            if row is None:  # somebody has made it in between
                raise SegmentChanged
            await _append_entry(work, policy.brand, "segment_saved", name)
        return Segment(*row)

    async def delete_segment(self, brand: str, name: str) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            is_gone = bool(await work.connection.fetchval(_SQL["delete"], brand, name))
            if is_gone:
                await _append_entry(work, brand, "segment_deleted", name)
        return is_gone

    async def list_drafts_using_segment(self, brand: str, name: str) -> Sequence[str]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["drafts"], brand, f"{SEGMENT_PREFIX}{name}")
        return [row["name"] for row in rows]

    async def count_segment(self, policy: Policy, name: str, seconds: float = COUNT_SECONDS) -> Segment:
        """See the port. One segment of a brand is counted at a time."""
        await self._pool.execute(_SQL["name_turn"], policy.brand)
        async with limited_transaction(self._pool, seconds, "counting it") as connection:
            if not await connection.fetchval(_SQL["try_to_count_alone"], policy.brand):
                raise SegmentSlow("another count of this brand is running; try again in a moment")
            query, parameters = await usable_segment_query(connection, policy, name)
            known = await connection.fetchrow(_SQL["find"], policy.brand, name)
            people = await connection.fetchval(
                _SQL["count"].replace("{query}", query), *parameters, timeout=seconds + 10
            )
            revision = known["revision"] if known else 0
            row = await connection.fetchrow(_SQL["keep_count"], policy.brand, name, people, revision)
        if row is None:
            raise SegmentSlow("somebody has saved it while it was counted; count it again")
        return Segment(*row)

    async def read_people_of_segment(self, policy: Policy, name: str) -> Sequence[ListedRecipient]:
        """See the port."""
        async with limited_transaction(self._pool, SAMPLE_SECONDS, "finding its people") as connection:
            query, parameters = await usable_segment_query(connection, policy, name)
            statement = _SQL["people"].replace("{query}", query).replace("{limit}", str(SAMPLE_PEOPLE))
            rows = await connection.fetch(statement, *parameters, timeout=SAMPLE_SECONDS + 10)
        return [ListedRecipient(*row) for row in rows]


async def usable_segment_query(connection: Connection, policy: Policy, name: str) -> tuple[str, list[object]]:
    """Returns the query of a segment that can be used now.

    Raises:
        SegmentRefused: it cannot.
    """
    if fault := await find_audience_fault(connection, policy, f"{SEGMENT_PREFIX}{name}"):
        raise SegmentRefused([fault])
    try:
        return await audience_query(connection, policy.brand, f"{SEGMENT_PREFIX}{name}")
    except AudienceUnknown as error:  # deleted in between
        raise SegmentRefused([str(error)]) from None


@asynccontextmanager
async def limited_transaction(pool: Pool, seconds: float, what: str) -> AsyncIterator[Connection]:
    """A transaction whose statements the server ends after some seconds.

    Raises:
        SegmentSlow: it did; nothing was changed.
    """
    try:
        async with pool.acquire() as connection, connection.transaction():
            await set_statement_limit(connection, seconds)
            yield connection
    except StatementTimedOut:
        raise slow_segment(seconds, what) from None
    except asyncpg.QueryCanceledError:
        raise slow_segment(seconds, what) from None


async def set_statement_limit(connection: Connection, seconds: float) -> None:
    """Limits each further statement of the transaction, and gives it memory for a hash of a million ids."""
    await connection.execute(f"SET LOCAL statement_timeout = {round(seconds * 1000)}; SET LOCAL work_mem = '64MB'")


def slow_segment(seconds: float, what: str) -> SegmentSlow:
    """Returns the refusal of a query that was stopped at its time limit."""
    return SegmentSlow(f"{what} took longer than {seconds:g} seconds and was stopped; make the condition simpler")


async def _append_entry(work: UnitOfWork, brand: str, what: str, name: str) -> None:
    await work.append_entries([segment_ledger_entry(brand, what, f"segment:{name}")])


def segment_ledger_entry(brand: str, what: str, subject: str) -> LedgerEntry:
    """Returns the entry of a change of a segment or a list."""
    return LedgerEntry(EntryKind.CONTROL, brand, reason=what, rule=subject)
