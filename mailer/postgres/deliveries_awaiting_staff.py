"""Deliveries in PostgreSQL that are held until a person decides about them."""

from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.ports.deliveries import BUG, IN_DOUBT, NO_WAY_OUT, SET_UP
from mailer.ports.held_deliveries import HeldDoubtfulDelivery
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_SQL = load_statements("held")


class PostgresHeldDeliveries:
    """Implements `ports.held_deliveries.HeldDeliveryStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def release_held_deliveries_of_mailing(self, mailing_id: UUID, by: str) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            row = await work.connection.fetchrow(_SQL["release"], mailing_id, [IN_DOUBT, SET_UP, NO_WAY_OUT], BUG)
            entries = []
            if row is not None and row["n"]:
                said = f"held_released {row['n']}"
                entries = [
                    LedgerEntry(EntryKind.MAILING, row["brand"], mailing_id, reason=said, rule=f"action:{by}"),
                ]
            await work.append_entries(entries)
        return int(row["n"]) if row is not None else 0

    async def list_held_doubtful_deliveries_of_mailing(
        self, mailing_id: UUID, limit: int
    ) -> list[HeldDoubtfulDelivery]:
        """See the port."""
        return [
            HeldDoubtfulDelivery(**row) for row in await self._pool.fetch(_SQL["doubted"], mailing_id, IN_DOUBT, limit)
        ]
