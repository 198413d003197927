"""The timekeeper's statements in PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from mailer.database.connections import execute_unhurried
from mailer.database.statements import Pool, statements
from mailer.ledger.export import PostgresLedger
from mailer.ledger.writers import Writers, append
from mailer.policy.category import CATEGORIES, Lane
from mailer.ports.deliveries import State
from mailer.ports.pending_requests import LASTS
from mailer.ports.timekeeping import Due, Ending, Open, Queued, Stale
from mailer.postgres.dead_letters import forget as forget_letters
from mailer.postgres.erasure import end_farewells, end_stubs
from mailer.postgres.halts import HALTED
from mailer.postgres.mailings import BATCH_SIZE
from mailer.postgres.notices import take_over
from mailer.postgres.processors import note_purges
from mailer.postgres.quarantine import fold_answers
from mailer.postgres.rates import forget
from mailer.postgres.suppressions import lapse

_SQL = {name: text.replace("{halted}", HALTED) for name, text in statements("upkeep").items()}
_FINISH = statements("deliveries")["finish"]
_MAILINGS_AT_ONCE = 10_000
_SENDS_AT_ONCE = 50_000
_ALONE_SECONDS = 10
"""How long a process that was frozen keeps the others from publishing."""


class PostgresUpkeep:
    """Implements `ports.timekeeping.Upkeep`.

    Args:
        pool: connections. ledger: is sealed. writers: of the ledger.
        forgetful: (brand, processor), where an outside processor is to keep nothing of a finished mailing.
    """

    def __init__(
        self, pool: Pool, ledger: PostgresLedger, writers: Writers, forgetful: Collection[tuple[str, str]]
    ) -> None:
        self._pool = pool
        self._ledger = ledger
        self._writers = writers
        self._forgetful = forgetful

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_ALONE_SECONDS}s'")
            yield bool(await connection.fetchval(_SQL["alone"]))

    async def unpublished(self, limit: int) -> list[Due]:
        """See the port."""
        return [Due(row["id"], row["lane"]) for row in await self._pool.fetch(_SQL["unpublished"], limit, [*Lane])]

    async def late_lanes(self, seconds: float) -> list[str]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["late_lanes"], [*Lane], timedelta(seconds=seconds))
        return [row["lane"] for row in rows]

    async def lost(self, lane: str, seconds: float, limit: int) -> list[Due]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["lost"], lane, timedelta(seconds=seconds), limit)
        return [Due(row["id"], row["lane"]) for row in rows]

    async def published(self, batches: Sequence[int]) -> None:
        """See the port."""
        await self._pool.execute(_SQL["published"], batches)

    async def stale(self, limit: int) -> list[Stale]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["stale"], limit, [*CATEGORIES])
        return [Stale(**{**row, "state": State(row["state"])}) for row in rows]

    async def give_back(self, limit: int) -> int:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            claims = {row["claim"] for row in await connection.fetch(_SQL["expired_claims"], limit)}
            for claim in claims:
                await connection.execute(_FINISH, claim, None)
        return len(claims)

    async def batch_due(self, limit: int) -> int:
        """See the port."""
        return int(await self._pool.fetchval(_SQL["batch_due"], limit, BATCH_SIZE))

    async def ending(self, limit: int) -> list[Ending]:
        """See the port."""
        return [Ending(**row) for row in await self._pool.fetch(_SQL["ending"], limit)]

    async def open_of(self, mailing_id: UUID, after: int, limit: int) -> list[Open]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["open_of"], mailing_id, after, limit)
        return [Open(**{**row, "state": State(row["state"])}) for row in rows]

    async def queued_of(self, batch: int) -> list[Queued]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["queued_of"], batch)
        return [Queued(**{**row, "state": State(row["state"])}) for row in rows]

    async def retry_held(self, mailing_id: UUID, reason: str) -> int:
        """See the port."""
        return int((await self._pool.execute(_SQL["retry_held"], mailing_id, reason)).split()[-1])

    async def sweep(self, mailing_id: UUID) -> None:
        """See the port."""
        await self._pool.execute(_SQL["sweep"], mailing_id)

    async def finish_mailings(self) -> int:
        """See the port."""
        async with self._writers.lease() as writer, self._pool.acquire() as connection:
            async with connection.transaction():
                finished = [row["id"] for row in await connection.fetch(_SQL["finish_mailings"], _MAILINGS_AT_ONCE)]
                await take_over(connection, finished)
                linked = await append(connection, writer, await note_purges(connection, finished, self._forgetful))
            writer.advance(linked)
        return len(finished)

    async def fold(self) -> None:
        """See the port."""
        for name in ("fold", "fold_handed"):
            await execute_unhurried(self._pool, _SQL[name])
        await fold_answers(self._pool)

    async def forget_sends(self, days: int) -> None:
        """See the port."""
        await execute_unhurried(self._pool, _SQL["forget_sends"], timedelta(days=days), _SENDS_AT_ONCE)

    async def forget_rates(self) -> None:
        """See the port."""
        await forget(self._pool, _SENDS_AT_ONCE)

    async def forget_letters(self, days: int) -> None:
        """See the port."""
        await forget_letters(self._pool, timedelta(days=days), _SENDS_AT_ONCE)

    async def end_erasures(self, limit: int) -> int:
        """See the port."""
        return await end_farewells(self._pool, self._writers, limit) + await end_stubs(self._pool, limit)

    async def forget_wishes(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget_wishes"], LASTS)

    async def lapse(self, limit: int) -> int:
        """See the port."""
        return await lapse(self._pool, self._writers, limit)

    async def partitions(self) -> None:
        """See the port."""
        await self._pool.execute("SELECT ensure_partitions(3)")

    async def seal(self) -> None:
        """See the port."""
        await self._ledger.seal_moved()
