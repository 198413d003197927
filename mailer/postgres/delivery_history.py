"""The history of one delivery in PostgreSQL: ledger entries, state, halts, changes of the standing."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.policy.past_standing import StandingChange
from mailer.ports.delivery_history import DeliveryLedgerEntry, MailingAndDeliveryState
from mailer.ports.halts import Halt, HaltScope

_SQL = load_statements("records")


class PostgresDeliveryHistory:
    """Implements `ports.delivery_history.DeliveryHistoryReader`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read_ledger_entries(self, mailing_id: UUID, recipient_id: int) -> list[DeliveryLedgerEntry]:
        """See the port."""
        return [DeliveryLedgerEntry(**row) for row in await self._pool.fetch(_SQL["entries"], mailing_id, recipient_id)]

    async def read_delivery_status(self, mailing_id: UUID, recipient_id: int) -> MailingAndDeliveryState | None:
        """See the port."""
        row = await self._pool.fetchrow(_SQL["delivered"], mailing_id, recipient_id)
        return MailingAndDeliveryState(**row) if row else None

    async def list_halts_in_force_for_brand(self, brand: str, mailing_id: UUID | None) -> list[Halt]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["halts"], brand, str(mailing_id))
        return [Halt(HaltScope(row["scope"]), row["key"], row["by"], row["reason"], row["at"]) for row in rows]

    async def read_standing_changes_of_recipient(self, brand: str, recipient_id: int) -> list[StandingChange]:
        """See the port."""
        return [StandingChange(**row) for row in await self._pool.fetch(_SQL["acts"], brand, recipient_id)]

    async def read_recipient_known_since(self, recipient_id: int) -> datetime:
        """See the port."""
        since: datetime = await self._pool.fetchval(_SQL["known_since"], recipient_id)
        return since

    async def read_template_names_of_mailings(self, mailings: Collection[UUID]) -> Mapping[UUID, str]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["named"], list(mailings))
        return {row["id"]: row["template"] for row in rows}
