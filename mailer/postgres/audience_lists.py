"""Lists of people in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.policy_file import Policy
from mailer.ports.audience_lists import AudienceList, ListRefused
from mailer.ports.database_errors import StatementTimedOut
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.person_history import ListedRecipient
from mailer.ports.segments import COUNT_SECONDS, FREEZE_SECONDS
from mailer.postgres.audiences import EVERYONE
from mailer.postgres.segments import (
    limited_transaction,
    segment_ledger_entry,
    set_statement_limit,
    slow_segment,
    usable_segment_query,
)

_COLUMNS: Final = (
    "$1::text, n.audience, l.people, l.counted_at, coalesce(l.origin, ''), coalesce(l.created_by, ''), "
    "CASE WHEN l.created_by <> '' THEN l.created_at END"
)
_LISTED: Final = load_statements("directory")["listed"]
_SQL: Final = {
    name: text.replace("{columns}", _COLUMNS).replace("{listed}", _LISTED)
    for name, text in load_statements("audience_lists").items()
}


class PostgresAudienceLists:
    """Implements `ports.audience_lists.AudienceListStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def list_lists(self, brand: str, after: str, limit: int) -> Sequence[AudienceList]:
        """See the port."""
        return [AudienceList(*row) for row in await self._pool.fetch(_SQL["list"], brand, after, limit)]

    async def find_list(self, brand: str, name: str) -> AudienceList | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["find"], brand, name)
        return AudienceList(*row) if row else None

    async def read_people_of_list(self, brand: str, name: str, after: int, limit: int) -> Sequence[ListedRecipient]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["people"], brand, name, after, limit)
        return [ListedRecipient(*row) for row in rows]

    async def count_list(self, brand: str, name: str) -> AudienceList:
        """See the port."""
        async with limited_transaction(self._pool, COUNT_SECONDS, "counting it") as connection:
            await connection.execute(_SQL["lock_name"], brand, name)
            people = await connection.fetchval(_SQL["count"], brand, name, timeout=COUNT_SECONDS + 10)
            if people:
                await connection.execute(_SQL["keep_count"], brand, name, people)
            row = await connection.fetchrow(_SQL["find"], brand, name)
        if row is None:
            raise ListRefused(f"{brand} has no list {name!r}")
        return AudienceList(*row)

    async def freeze_segment(
        self, policy: Policy, segment: str, name: str, by: str, seconds: float = FREEZE_SECONDS
    ) -> AudienceList:
        """See the port."""
        brand = policy.brand
        if name == EVERYONE:
            raise ListRefused(f"no list is named {EVERYONE}, which is all people of a brand; choose another name")
        try:
            async with open_unit_of_work(self._pool, self._writers) as work:
                connection = work.connection
                await set_statement_limit(connection, seconds)
                await connection.execute(_SQL["lock_name"], brand, name)
                if await connection.fetchrow(_SQL["find"], brand, name):
                    raise ListRefused(f"{brand} has a list {name!r} already; choose another name")
                query, parameters = await usable_segment_query(connection, policy, segment)
                insert = _SQL["freeze"].replace("{name}", f"${len(parameters) + 1}").replace("{query}", query)
                done = await connection.execute(insert, *parameters, name, timeout=seconds + 10)
                people = int(done.rpartition(" ")[2])
                if not people:
                    raise ListRefused(f"the segment {segment} chooses nobody now, and an empty list is none")
                await connection.execute(_SQL["keep_list"], brand, name, people, segment, by)
                row = await connection.fetchrow(_SQL["find"], brand, name) or ()
                await work.append_entries([segment_ledger_entry(brand, f"segment_frozen {segment}", f"list:{name}")])
        except (StatementTimedOut, asyncpg.QueryCanceledError):
            raise slow_segment(seconds, "freezing it") from None
        return AudienceList(*row)

    async def remove_people_from_list(self, brand: str, name: str, recipients: Sequence[int]) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await work.connection.execute(_SQL["lock_name"], brand, name)
            gone = await work.connection.fetch(_SQL["remove"], brand, name, recipients)
            entries = [
                LedgerEntry(
                    EntryKind.CONTROL, brand, recipient_id=row["recipient_id"], reason="list_left", rule=f"list:{name}"
                )
                for row in gone
            ]
            if entries:
                await work.append_entries(entries)
        return len(gone)

    async def delete_list(self, brand: str, name: str) -> bool:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            await set_statement_limit(work.connection, FREEZE_SECONDS)
            await work.connection.execute(_SQL["lock_name"], brand, name)
            done = await work.connection.execute(_SQL["delete"], brand, name, timeout=FREEZE_SECONDS + 10)
            await work.connection.execute(_SQL["forget"], brand, name)
            is_gone = not done.endswith(" 0")
            if is_gone:
                await work.append_entries([segment_ledger_entry(brand, "list_deleted", f"list:{name}")])
        return is_gone
