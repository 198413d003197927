"""The origins of mails in PostgreSQL: category, inviter, source of the address, consent."""

from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ports.mail_origins import DeliveryToPerson, MailAndAddressOrigin

_SQL = load_statements("origins")


class PostgresMailAndAddressOrigins:
    """Implements `ports.mail_origins.MailAndAddressOriginReader`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read_mail_and_address_origin(
        self, brand: str, recipient_id: int, mailing_id: UUID
    ) -> MailAndAddressOrigin | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["of"], brand, recipient_id, mailing_id)
        return MailAndAddressOrigin(**row) if row else None

    async def read_delivery_to_person(self, brand: str, recipient_id: int, mailing_id: UUID) -> DeliveryToPerson | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["sent"], brand, recipient_id, mailing_id)
        return DeliveryToPerson(**row) if row else None
