"""The origins of mails in PostgreSQL: category, inviter, source of the address, consent."""

from uuid import UUID

from mailer.database.statements import Pool, statements
from mailer.ports.mail_origins import MailOrigin

_SQL = statements("origins")


class PostgresOrigins:
    """Implements `ports.mail_origins.MailOrigins`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_origin(self, brand: str, recipient_id: int, mailing_id: UUID) -> MailOrigin | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of"], brand, recipient_id, mailing_id)
        return MailOrigin(**row) if row else None
