"""Where mails came from, in PostgreSQL."""

from uuid import UUID

from mailer.database.statements import Pool, statements
from mailer.ports.mail_origins import Origin

_SQL = statements("origins")


class PostgresOrigins:
    """Implements `ports.mail_origins.Origins`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, brand: str, recipient_id: int, mailing_id: UUID) -> Origin | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of"], brand, recipient_id, mailing_id)
        return Origin(**row) if row else None
