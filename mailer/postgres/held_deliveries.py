"""Deliveries that are held until a person says how they go on, in PostgreSQL."""

from uuid import UUID

from mailer.database.statements import Pool, statements
from mailer.ledger.writers import Writers, append
from mailer.ports.deliveries import IN_DOUBT, NO_WAY_OUT, SET_UP
from mailer.ports.held_deliveries import Doubted
from mailer.ports.ledger_entry import Entry, Kind

_SQL = statements("held")


class PostgresHeld:
    """Implements `ports.held_deliveries.Held`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def release(self, mailing_id: UUID, by: str) -> int:
        """See the port."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                row = await connection.fetchrow(_SQL["release"], mailing_id, [IN_DOUBT, SET_UP, NO_WAY_OUT])
                entries = []
                if row is not None and row["n"]:
                    said = f"held_released {row['n']}"
                    entries = [
                        Entry(Kind.MAILING, row["brand"], mailing_id, reason=said, rule=f"action:{by}"),
                    ]
                linked = await append(connection, writer, entries)
            writer.advance(linked)
        return int(row["n"]) if row is not None else 0

    async def doubted(self, mailing_id: UUID, limit: int) -> list[Doubted]:
        """See the port."""
        return [Doubted(**row) for row in await self._pool.fetch(_SQL["doubted"], mailing_id, IN_DOUBT, limit)]
