"""The timekeeper's statements in PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from mailer.database.connections import execute_with_long_timeout
from mailer.database.statements import Pool, load_statements
from mailer.ledger.ledger_operations import LedgerOperations
from mailer.ledger.unit_of_work import open_unit_of_work
from mailer.ledger.writers import LedgerWriters
from mailer.policy.category import CATEGORIES, Lane
from mailer.ports.deliveries import DeliveryState
from mailer.ports.pending_requests import LASTS
from mailer.ports.timekeeping import (
    DueBatch,
    MailingWithDeliveriesToEnd,
    OpenDelivery,
    OrphanedDelivery,
    QueuedDelivery,
)
from mailer.postgres.dead_letters import delete_old_dead_letters as forget_letters
from mailer.postgres.erasure import delete_erased_stubs, finish_erasures_after_answering_person
from mailer.postgres.expired_recipient_attributes import KeptDays, delete_expired_attribute_values
from mailer.postgres.halts import HALTED
from mailer.postgres.mailings import BATCH_SIZE
from mailer.postgres.non_email_notices import insert_notices_missed_by_old_workers
from mailer.postgres.processor_duties_and_states import insert_purge_duties_of_finished_mailings
from mailer.postgres.rates import delete_finished_rate_windows
from mailer.postgres.received_mail import delete_old_received_mail, queue_late_received_mail
from mailer.postgres.received_webhooks import delete_old_webhook_requests
from mailer.postgres.refusal_quarantine import fold_counters_and_delete_old_refusals
from mailer.postgres.soft_bounces import delete_old_soft_bounces
from mailer.postgres.suppressions import end_expired_suppressions

_SQL = {name: text.replace("{halted}", HALTED) for name, text in load_statements("upkeep").items()}
_FINISH = load_statements("deliveries")["finish"]
_MAILINGS_AT_ONCE = 10_000
_SENDS_AT_ONCE = 50_000
_ALONE_SECONDS = 10
"""The longest time in seconds that a frozen process keeps the others from publishing."""


class PostgresTimekeeping:
    """Implements `ports.timekeeping.TimekeeperStore`.

    Args:
        pool: the connections. ledger: the ledger to seal. writers: the writers of the ledger.
        forgetful: (brand, processor), if an outside processor must keep nothing of a finished mailing.
        kept_days: the days that values of attributes are kept.
    """

    def __init__(
        self,
        pool: Pool,
        ledger: LedgerOperations,
        writers: LedgerWriters,
        forgetful: Collection[tuple[str, str]],
        kept_days: KeptDays,
    ) -> None:
        self._pool = pool
        self._ledger = ledger
        self._writers = writers
        self._forgetful = forgetful
        self._kept_days = kept_days
        self._attributes_looked_at = 0

    @asynccontextmanager
    async def holding_publishing_lock_if_free(self) -> AsyncIterator[bool]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_ALONE_SECONDS}s'")
            yield bool(await connection.fetchval(_SQL["alone"]))

    async def due_unpublished_batches(self, limit: int) -> list[DueBatch]:
        """See the port."""
        return [DueBatch(row["id"], row["lane"]) for row in await self._pool.fetch(_SQL["unpublished"], limit, [*Lane])]

    async def lanes_with_lost_batches(self, seconds: float) -> list[str]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["late_lanes"], [*Lane], timedelta(seconds=seconds))
        return [row["lane"] for row in rows]

    async def published_unclaimed_batches_of_lane(self, lane: str, seconds: float, limit: int) -> list[DueBatch]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["lost"], lane, timedelta(seconds=seconds), limit)
        return [DueBatch(row["id"], row["lane"]) for row in rows]

    async def mark_batches_published(self, batches: Sequence[int]) -> None:
        """See the port."""
        await self._pool.execute(_SQL["published"], batches)

    async def deliveries_with_unknown_outcome(self, limit: int) -> list[OrphanedDelivery]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["stale"], limit, [*CATEGORIES])
        return [OrphanedDelivery(**{**row, "state": DeliveryState(row["state"])}) for row in rows]

    async def end_expired_claims_without_intents(self, limit: int) -> int:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            claims = {row["claim"] for row in await connection.fetch(_SQL["expired_claims"], limit)}
            for claim in claims:
                await connection.execute(_FINISH, claim, None)
        return len(claims)

    async def put_due_deliveries_into_new_batches(self, limit: int) -> int:
        """See the port."""
        return int(await self._pool.fetchval(_SQL["batch_due"], limit, BATCH_SIZE))

    async def mailings_with_deliveries_to_end(self, limit: int) -> list[MailingWithDeliveriesToEnd]:
        """See the port."""
        return [MailingWithDeliveriesToEnd(**row) for row in await self._pool.fetch(_SQL["ending"], limit)]

    async def list_open_deliveries_of_mailing(self, mailing_id: UUID, after: int, limit: int) -> list[OpenDelivery]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["open_of"], mailing_id, after, limit)
        return [OpenDelivery(**{**row, "state": DeliveryState(row["state"])}) for row in rows]

    async def queued_deliveries_of_batch(self, batch: int) -> list[QueuedDelivery]:
        """See the port."""
        rows = await self._pool.fetch(_SQL["queued_of"], batch)
        return [QueuedDelivery(**{**row, "state": DeliveryState(row["state"])}) for row in rows]

    async def delete_empty_batches_of_mailing(self, mailing_id: UUID) -> None:
        """See the port."""
        await self._pool.execute(_SQL["sweep"], mailing_id)

    async def finish_completed_mailings(self) -> int:
        """See the port."""
        async with open_unit_of_work(self._pool, self._writers) as work:
            finished = [row["id"] for row in await work.connection.fetch(_SQL["finish_mailings"], _MAILINGS_AT_ONCE)]
            await insert_notices_missed_by_old_workers(work.connection, finished)
            await work.append_entries(
                await insert_purge_duties_of_finished_mailings(work.connection, finished, self._forgetful)
            )
        return len(finished)

    async def fold_older_counter_deltas(self) -> None:
        """See the port."""
        for name in ("fold", "fold_handed"):
            await execute_with_long_timeout(self._pool, _SQL[name])
        await fold_counters_and_delete_old_refusals(self._pool)

    async def delete_old_send_counts(self, days: int) -> None:
        """See the port."""
        await execute_with_long_timeout(self._pool, _SQL["forget_sends"], timedelta(days=days), _SENDS_AT_ONCE)

    async def delete_old_rate_windows(self) -> None:
        """See the port."""
        await delete_finished_rate_windows(self._pool, _SENDS_AT_ONCE)

    async def queue_late_received_mail(self, minutes: int) -> None:
        """See the port."""
        await queue_late_received_mail(self._pool, timedelta(minutes=minutes))

    async def delete_old_received_mail(self, days: int) -> None:
        """See the port."""
        await delete_old_received_mail(self._pool, timedelta(days=days))
        await delete_old_soft_bounces(self._pool, _SENDS_AT_ONCE)

    async def delete_old_webhook_requests(self, days: int) -> None:
        """See the port."""
        await delete_old_webhook_requests(self._pool, timedelta(days=days))

    async def delete_expired_attribute_values(self, limit: int) -> None:
        """See the port."""
        self._attributes_looked_at = await delete_expired_attribute_values(
            self._pool, self._kept_days, self._attributes_looked_at, limit
        )

    async def delete_old_dead_letters(self, days: int) -> None:
        """See the port."""
        await forget_letters(self._pool, timedelta(days=days), _SENDS_AT_ONCE)

    async def delete_remaining_data_after_erasures(self, limit: int) -> int:
        """See the port."""
        return await finish_erasures_after_answering_person(
            self._pool, self._writers, limit
        ) + await delete_erased_stubs(self._pool, limit)

    async def delete_expired_wishes(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget_wishes"], LASTS)

    async def end_expired_suppressions(self, limit: int) -> int:
        """See the port."""
        return await end_expired_suppressions(self._pool, self._writers, limit)

    async def create_partitions_of_coming_months(self) -> None:
        """See the port."""
        await self._pool.execute("SELECT ensure_partitions(3)")

    async def seal_ledger(self) -> None:
        """See the port."""
        await self._ledger.seal_grown_chains()
