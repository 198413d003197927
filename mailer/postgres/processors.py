"""Processors that were handed data and have to forget, and their states, in PostgreSQL."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from mailer.database.statements import Connection, Pool, statements
from mailer.ledger.writers import Writers, append
from mailer.ports.ledger_entry import Entry, Kind
from mailer.ports.processor_states import RelayState
from mailer.ports.rights import Holder, Keeper, Purge

_SQL = statements("rights")
_STATES = statements("relays")


class PostgresProcessors:
    """Implements `ports.rights.Processors` and `ports.processor_states.RelayStates`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def holders(self) -> list[Holder]:
        """See the port."""
        return [Holder(**row) for row in await self._pool.fetch(_SQL["holders"])]

    async def note_states(self, worker: str, states: Sequence[RelayState]) -> None:
        """See `ports.processor_states`."""
        columns = [(one.relay, one.state, one.since, one.error, one.remedy, one.times) for one in states]
        await self._pool.execute(_STATES["note"], worker, *map(list, zip(*columns, strict=True)))

    async def forget_states(self, worker: str) -> None:
        """See `ports.processor_states`."""
        await self._pool.execute(_STATES["forget"], worker)

    async def states(self) -> list[RelayState]:
        """See `ports.processor_states`."""
        return [RelayState(**row) for row in await self._pool.fetch(_STATES["states"])]

    async def keepers(self) -> list[Keeper]:
        """See the port."""
        return [Keeper(**row) for row in await self._pool.fetch(_SQL["keepers"], None)]

    async def purges(self) -> list[Purge]:
        """See the port."""
        return [Purge(**row) for row in await self._pool.fetch(_SQL["purges"])]

    async def erasure_confirmed(self, recipient_id: int, processor: str, person: str) -> bool:
        """See the port."""
        return await self._confirm("erasure", recipient_id, processor, person)

    async def purge_confirmed(self, mailing_id: UUID, processor: str, person: str) -> bool:
        """See the port."""
        return await self._confirm("purge", mailing_id, processor, person)

    async def _confirm(self, what: str, about: int | UUID, processor: str, person: str) -> bool:
        """Marks what is due as confirmed, with its entry, which names who noted it."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                row = await connection.fetchrow(_SQL[f"confirm_{what}"], about, processor, person)
                if row is None:
                    return False
                entry = Entry(
                    Kind.ACTION if isinstance(about, int) else Kind.MAILING,
                    row["brand"],
                    mailing_id=None if isinstance(about, int) else about,
                    recipient_id=about if isinstance(about, int) else None,
                    reason=f"{what}_confirmed",
                    rule=f"action:{person}",
                    processor=processor,
                    country=row["country"],
                    contract=row["contract"],
                )
                linked = await append(connection, writer, [entry])
            writer.advance(linked)
        return True


async def note_purges(
    connection: Connection, finished: Sequence[UUID], outside: Collection[tuple[str, str]]
) -> list[Entry]:
    """Notes who is to keep nothing of finished mailings; the entries to be written for it.

    Args:
        connection: the caller's, in a transaction.
        finished: mailings.
        outside: (brand, processor), where the brand has promised that outside systems retain nothing.
    """
    if not finished or not outside:
        return []
    brands, processors = zip(*sorted(outside), strict=True)
    return [_due(row) for row in await connection.fetch(_SQL["note_purges"], finished, brands, processors)]


def _due(row: asyncpg.Record) -> Entry:
    return Entry(
        Kind.MAILING,
        row["brand"],
        mailing_id=row["mailing_id"],
        reason="purge_due",
        rule="no-retention",
        processor=row["processor"],
        country=row["country"],
        contract=row["contract"],
    )
