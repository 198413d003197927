"""Opens in PostgreSQL: a mailing, a day, and whether a machine fetched; nothing else is stored (paltalk06-18)."""

from uuid import UUID

from mailer.ledger.database import Pool


class PostgresOpens:
    """Implements `ports.counts.Opens`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, mailing_id: UUID, *, machine: bool) -> None:
        """See the port."""
        await self._pool.execute("INSERT INTO opens VALUES ($1, current_date, $2, 1)", mailing_id, machine)
