"""Wishes in PostgreSQL that wait for a confirmation. Only `actions` calls the functions that add wishes."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ledger.writers import LedgerWriters
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.broker import BrokerMessage
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import BETWEEN_MAILS, LASTS, ConfirmationMail, PendingRequest, RequestedAct
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres import people
from mailer.postgres.consents import record_consent_request
from mailer.postgres.outbox import insert_outbox_messages
from mailer.postgres.standings import build_standing_change_ledger_entry
from mailer.postgres.suppressions import open_suppression_transaction

_SQL = load_statements("wishes")


class PostgresPendingRequests:
    """Implements `ports.pending_requests.PendingRequestStore`."""

    def __init__(self, pool: Pool, writers: LedgerWriters) -> None:
        self._pool = pool
        self._writers = writers

    async def store_wishes_and_ask_to_confirm(
        self,
        brand: str,
        recipient_id: int,
        wishes: Sequence[PendingRequest],
        letter: Callable[[ConfirmationMail], BrokerMessage],
        evidence: Sequence[Consent] = (),
        *,
        by_owner: bool = True,
    ) -> ConfirmationMail | None:
        """See the port."""
        async with open_suppression_transaction(self._pool, self._writers) as (connection, entries):
            await people.lock_address_sharers_returning_ids(connection, [recipient_id])
            whose = await connection.fetchrow(_SQL["whose"], brand, recipient_id)
            if whose is None:
                return None
            generation = whose["generation"]
            mailed = await connection.fetchval(_SQL["mailed"], recipient_id, generation, BETWEEN_MAILS)
            later = None if mailed else await connection.fetchval(_SQL["next"], recipient_id, BETWEEN_MAILS)
            made = ConfirmationMail(mailed or uuid7(), whose["ref"], generation, later)
            asked = (
                wishes
                if by_owner
                else []
                if whose["gone"]
                else _filter_out_requests_covered_by_opt_outs(wishes, whose["opted_out"])
            )
            columns = zip(*((wish.what, wish.version, wish.words, wish.asked_at) for wish in asked), strict=True)
            added = (
                await connection.fetch(_SQL["add"], made.id, recipient_id, generation, later, *columns) if asked else []
            )
            entries += [await record_consent_request(connection, brand, recipient_id, consent) for consent in evidence]
            acts = [wish.what for wish in wishes if wish.what in set(RequestedAct)]
            entries += [
                build_standing_change_ledger_entry(brand, recipient_id, f"asked {act}", None, "page") for act in acts
            ]
            if mailed is None and added:
                await insert_outbox_messages(connection, "mailer.events", [letter(made)])
        return made

    async def read_wishes_of_confirmation_mail(
        self, brand: str, recipient_id: int, confirmation: UUID
    ) -> list[PendingRequest]:
        """See the port."""
        return [
            PendingRequest(**row)
            for row in await self._pool.fetch(_SQL["of"], brand, recipient_id, confirmation, LASTS)
        ]

    async def names_of_waiting_wishes(self, brand: str, recipient_id: int) -> set[str]:
        """See the port."""
        return {row["what"] for row in await self._pool.fetch(_SQL["waiting"], brand, recipient_id, LASTS)}

    async def mark_wish_confirmed(self, confirmation: UUID, what: str) -> None:
        """See the port."""
        await self._pool.execute(_SQL["answered"], confirmation, what)


def _filter_out_requests_covered_by_opt_outs(
    wishes: Sequence[PendingRequest], left: Collection[str]
) -> list[PendingRequest]:
    """Returns the wishes that no opt-out of the person covers."""
    return [wish for wish in wishes if {EVERYTHING_OPTIONAL, wish.what, wish.what.partition("/")[0]}.isdisjoint(left)]
