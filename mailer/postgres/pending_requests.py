"""Wishes in PostgreSQL. Only `actions` calls what adds to them."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from mailer.database.statements import Pool, statements
from mailer.ledger.writers import Writers
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.broker import Message
from mailer.ports.consents import Consent
from mailer.ports.pending_requests import BETWEEN_MAILS, LASTS, Act, Confirmation, Wish
from mailer.ports.uuids import uuid7
from mailer.postgres import people
from mailer.postgres.consents import note_asked
from mailer.postgres.outbox import park
from mailer.postgres.standings import action
from mailer.postgres.suppressions import changing

_SQL = statements("wishes")


class PostgresWishes:
    """Implements `ports.pending_requests.Wishes`."""

    def __init__(self, pool: Pool, writers: Writers) -> None:
        self._pool = pool
        self._writers = writers

    async def ask(
        self,
        brand: str,
        recipient_id: int,
        wishes: Sequence[Wish],
        letter: Callable[[Confirmation], Message],
        evidence: Sequence[Consent] = (),
        *,
        by_owner: bool = True,
    ) -> Confirmation | None:
        """See the port."""
        async with changing(self._pool, self._writers) as (connection, entries):
            await people.lock_sharing(connection, [recipient_id])
            whose = await connection.fetchrow(_SQL["whose"], brand, recipient_id)
            if whose is None:
                return None
            generation = whose["generation"]
            mailed = await connection.fetchval(_SQL["mailed"], recipient_id, generation, BETWEEN_MAILS)
            later = None if mailed else await connection.fetchval(_SQL["next"], recipient_id, BETWEEN_MAILS)
            made = Confirmation(mailed or uuid7(), whose["ref"], generation, later)
            asked = wishes if by_owner else [] if whose["gone"] else _not_left(wishes, whose["opted_out"])
            columns = zip(*((wish.what, wish.version, wish.words, wish.asked_at) for wish in asked), strict=True)
            added = (
                await connection.fetch(_SQL["add"], made.id, recipient_id, generation, later, *columns) if asked else []
            )
            entries += [await note_asked(connection, brand, recipient_id, consent) for consent in evidence]
            acts = [wish.what for wish in wishes if wish.what in set(Act)]
            entries += [action(brand, recipient_id, f"asked {act}", None, "page") for act in acts]
            if mailed is None and added:
                await park(connection, "mailer.events", [letter(made)])
        return made

    async def of(self, brand: str, recipient_id: int, confirmation: UUID) -> list[Wish]:
        """See the port."""
        return [Wish(**row) for row in await self._pool.fetch(_SQL["of"], brand, recipient_id, confirmation, LASTS)]

    async def waiting(self, brand: str, recipient_id: int) -> set[str]:
        """See the port."""
        return {row["what"] for row in await self._pool.fetch(_SQL["waiting"], brand, recipient_id, LASTS)}

    async def answered(self, confirmation: UUID, what: str) -> None:
        """See the port."""
        await self._pool.execute(_SQL["answered"], confirmation, what)


def _not_left(wishes: Sequence[Wish], left: Collection[str]) -> list[Wish]:
    """The wishes for mail that somebody has not left."""
    return [wish for wish in wishes if {EVERYTHING_OPTIONAL, wish.what, wish.what.partition("/")[0]}.isdisjoint(left)]
