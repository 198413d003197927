"""The timekeeper: publishes due and lost batches, and resolves deliveries of dead workers. All its steps can repeat."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from mailer.actions.delivery_transitions import FIRST_RETRY, TransitionCause, find_transition
from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import DOUBTED, LAST_TICK, log
from mailer.pipeline.delivery_state_moves import commit_delivery_moves_and_count_refused, move_of_unclaimed_delivery
from mailer.pipeline.intake import BATCHES, publish_batches
from mailer.pipeline.queue_depths import read_queue_depths
from mailer.policy.category import CATEGORIES
from mailer.policy.required_frequency_counts import LONGEST_DAYS
from mailer.ports.broker import Broker, BrokerUnavailable, MessageUnroutable
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.dead_letters import DAYS_KEPT
from mailer.ports.deliveries import DeliveryMove, DeliveryState, DeliveryStore
from mailer.ports.ledger_entry import LedgerEntry
from mailer.ports.received_mail import CONTENT_DAYS_KEPT, LATE_MINUTES
from mailer.ports.received_webhooks import REQUEST_DAYS_KEPT
from mailer.ports.timekeeping import (
    DueBatch,
    MailingWithDeliveriesToEnd,
    OpenDelivery,
    OrphanedDelivery,
    TimekeeperStore,
)
from mailer.runtime.error_kinds import ErrorKind, classify_error
from mailer.runtime.repeating import rounds_until_stopped

AT_ONCE = 1000
"""The most rows of one statement. Statements are short, so that no other process waits for the timekeeper."""
PEOPLE_AT_ONCE = 10_000
"""The people whose attributes are looked at in one round of the less urgent steps."""
PUBLISHED_AT_ONCE = 100
"""Batches that are published before the list is read again: other processes may be publishing them, too."""
ROUNDS = 10
"""The most rounds of publishing in one tick. The next tick goes on."""
ENDING_SECONDS = 1.0
"""The most seconds in which one tick ends open deliveries of cancelled mailings. The next tick goes on."""
AT_ONCE_TWICE = 2
"""The attempts up to which mandatory mail in doubt is sent again at once. After them it waits."""
LOST_AFTER = 30.0
"""Seconds after which a published batch that nobody claimed may be published again, if its lane is idle."""
COPIES = 3
"""Copies of a mandatory mail that may have gone out, until it waits for a person."""
RARELY = 60.0
"""Seconds between two rounds of the less urgent steps, such as counters, seals and partitions."""


class Timekeeper:
    """Runs its steps every second.

    Args:
        upkeep, deliveries: the stores. broker: publishes batches.
        copies: of a mandatory mail that may have gone out, before it waits for a person.
    """

    def __init__(
        self, upkeep: TimekeeperStore, deliveries: DeliveryStore, broker: Broker, copies: int = COPIES
    ) -> None:
        self._upkeep = upkeep
        self._deliveries = deliveries
        self._broker = broker
        self._copies = copies
        self._rarely_at = 0.0
        self._ended_to: dict[UUID, int] = {}

    async def run_until_stopped(self, stop: asyncio.Event, period: float = 1.0) -> None:
        """Runs a round each `period` seconds until `stop` is set. A failed step is logged, and repeated next time."""
        async for _ in rounds_until_stopped(period, stop):
            if await self.run_all_steps_once():
                LAST_TICK.set_to_current_time()

    async def run_all_steps_once(self) -> bool:
        """Runs all steps once. A step that fails does not stop the others, unless the database is away.

        Returns:
            True if all steps succeeded.
        """
        steps: list[Callable[[], Awaitable[object]]] = [
            self._resolve_orphans,
            partial(self._upkeep.end_expired_claims_without_intents, AT_ONCE),
            self._batch_due_deliveries,
            self._publish_due_and_lost_batches,
            self._end_open_deliveries_of_ended_mailings,
            self._upkeep.finish_completed_mailings,
        ]
        rarely = time.monotonic() >= self._rarely_at
        if rarely:
            steps += [
                self._upkeep.create_partitions_of_coming_months,
                self._upkeep.fold_older_counter_deltas,
                partial(self._upkeep.end_expired_suppressions, AT_ONCE),
                partial(self._upkeep.delete_old_send_counts, LONGEST_DAYS),
                self._upkeep.delete_old_rate_windows,
                partial(self._upkeep.delete_old_dead_letters, DAYS_KEPT),
                partial(self._upkeep.queue_late_received_mail, LATE_MINUTES),
                partial(self._upkeep.delete_old_received_mail, CONTENT_DAYS_KEPT),
                partial(self._upkeep.delete_old_webhook_requests, REQUEST_DAYS_KEPT),
                self._upkeep.delete_expired_wishes,
                partial(self._upkeep.delete_expired_attribute_values, PEOPLE_AT_ONCE),
                partial(self._upkeep.delete_remaining_data_after_erasures, AT_ONCE),
                self._upkeep.seal_ledger,
            ]
        done = 0
        for step in steps:
            try:
                await step()
            except Exception as error:
                log.exception("a step of the timekeeper failed; trying again", step=_step_name_for_log(step))
                if isinstance(error, DatabaseUnavailable) and classify_error(error) is ErrorKind.AWAY:
                    return False  # the other steps would fail, too
            else:
                done += 1
        if rarely and done == len(steps):
            self._rarely_at = time.monotonic() + RARELY
        return done == len(steps)

    async def _batch_due_deliveries(self) -> None:
        cut = AT_ONCE
        while cut == AT_ONCE:
            cut = await self._upkeep.put_due_deliveries_into_new_batches(AT_ONCE)
            if cut:
                crash_if_armed(CrashPoint.IN_TIMEKEEPER)

    async def _publish_due_and_lost_batches(self) -> None:
        """Publishes batches that are due or were lost. Only one timekeeper does at a time, so that none goes twice."""
        async with self._upkeep.holding_publishing_lock_if_free() as alone:
            if alone:
                failed = await self._publish_due_batches()
                await self._republish_lost_batches(failed)

    async def _publish_due_batches(self) -> set[str]:
        """Publishes due batches that never were. Returns the lanes whose queue did not take them."""
        failed = set[str]()
        for _ in range(ROUNDS):
            due = defaultdict[str, list[DueBatch]](list)
            for item in await self._upkeep.due_unpublished_batches(PUBLISHED_AT_ONCE):
                due[item.lane].append(item)
            failed |= await self._publish_batches_of_lanes({lane: due[lane] for lane in due if lane not in failed})
            if all(len(due[lane]) < PUBLISHED_AT_ONCE for lane in due.keys() - failed):
                break
        return failed

    async def _republish_lost_batches(self, failed: Collection[str]) -> None:
        """Publishes batches again that nobody has claimed, if their lane's queue is known to be empty."""
        late = await self._upkeep.lanes_with_lost_batches(LOST_AFTER)
        queues = {lane: f"{BATCHES}.{lane}" for lane in late if lane not in failed}
        depths = await read_queue_depths(self._broker, list(queues.values()))
        if unknown := queues.values() - depths.keys():
            log.warning("batches wait: it cannot be told how many are in their queues", queues=sorted(unknown))
        idle = [lane for lane, queue in queues.items() if depths.get(queue) == 0]
        await self._publish_batches_of_lanes(
            {lane: await self._upkeep.published_unclaimed_batches_of_lane(lane, LOST_AFTER, AT_ONCE) for lane in idle}
        )

    async def _publish_batches_of_lanes(self, due: Mapping[str, Sequence[DueBatch]]) -> set[str]:
        """Publishes batches, each lane separately. Returns the lanes whose queue did not take them."""
        publishing = (publish_batches(self._broker, self._upkeep, some) for some in due.values())
        results = await asyncio.gather(*publishing, return_exceptions=True)
        failed = {lane: error for lane, error in zip(due, results, strict=True) if error is not None}
        for error in failed.values():
            if not isinstance(error, MessageUnroutable | BrokerUnavailable):
                raise error
        if failed:
            said = str(next(iter(failed.values())))
            log.warning("batches wait: their queues did not take them", lanes=sorted(failed), error=said)
        return set(failed)

    async def _end_open_deliveries_of_ended_mailings(self) -> None:
        """Ends the open deliveries of cancelled mailings, in passes over their deliveries, until none is open."""
        until = time.monotonic() + ENDING_SECONDS
        await _await_all_raise_first_error(
            self._end_deliveries_of_mailing(mailing, until)
            for mailing in await self._upkeep.mailings_with_deliveries_to_end(AT_ONCE)
        )

    async def _end_deliveries_of_mailing(self, mailing: MailingWithDeliveriesToEnd, until: float) -> None:
        """Ends the open deliveries of a mailing until `until` (`time.monotonic()` seconds)."""
        while time.monotonic() < until and await self._end_some_deliveries_of_mailing(mailing):
            continue

    async def _end_some_deliveries_of_mailing(self, mailing: MailingWithDeliveriesToEnd) -> bool:
        """Ends the next open deliveries. Returns True if there may be more. Claimed ones are left to a later pass."""
        after = self._ended_to.pop(mailing.mailing_id, 0)
        some = await self._upkeep.list_open_deliveries_of_mailing(mailing.mailing_id, after, AT_ONCE)
        if some:
            await commit_delivery_moves_and_count_refused(
                self._deliveries, None, [_build_move_ending_delivery(mailing, item) for item in some]
            )
        if len(some) < AT_ONCE:
            await self._upkeep.delete_empty_batches_of_mailing(mailing.mailing_id)
            return False
        self._ended_to[mailing.mailing_id] = some[-1].recipient_id
        return True

    async def _resolve_orphans(self) -> None:
        """Resolves deliveries whose worker died after the intent: in doubt, then failed (optional) or tried again."""
        stale = defaultdict[UUID | None, list[OrphanedDelivery]](list)
        for item in await self._upkeep.deliveries_with_unknown_outcome(AT_ONCE):
            stale[item.claim].append(item)
        await _await_all_raise_first_error(self._move_orphans_of_claim(some) for some in stale.values())

    async def _move_orphans_of_claim(self, stale: Sequence[OrphanedDelivery]) -> None:
        now = datetime.now(UTC)
        resolved = [_build_move_of_orphaned_delivery(item, now, self._copies) for item in stale]
        await commit_delivery_moves_and_count_refused(self._deliveries, stale[0].claim, resolved)
        _log_mail_held_in_doubt(
            Counter(move.mailing_id for move, _ in resolved if move.to_state is DeliveryState.HELD), self._copies
        )


async def _await_all_raise_first_error(work: Iterable[Awaitable[object]]) -> None:
    """Awaits one after the other, also after an error, unless the database is away. Then raises the first error."""
    first: Exception | None = None
    for one in work:
        try:
            await one
        except Exception as error:
            if classify_error(error) is ErrorKind.AWAY:
                raise
            first = first or error
    if first is not None:
        raise first


def _step_name_for_log(step: object) -> str:
    """Returns the name of a step, for the log."""
    function = step.func if isinstance(step, partial) else step
    return str(getattr(function, "__name__", function)).strip("_")


def _log_mail_held_in_doubt(held: Mapping[UUID, int], copies: int) -> None:
    """Logs and counts mandatory mail that waits for a person's decision."""
    for mailing_id, n in held.items():
        DOUBTED.inc(n)
        log.error(
            "mandatory mail waits for a person: it may have arrived, and how often is not known",
            mailing=str(mailing_id),
            deliveries=n,
            copies=copies,
            remedy=f"ask the relay's operator; then `mailer mailing resume {mailing_id}` sends one more copy, and"
            f" `mailer mailing end {mailing_id}` ends them",
        )


def _build_move_of_orphaned_delivery(
    item: OrphanedDelivery, now: datetime, copies: int
) -> tuple[DeliveryMove, tuple[LedgerEntry]]:
    """Returns the move of an orphan: from intended to in doubt; from in doubt to failed (optional) or to a new try."""
    age = now - (item.tried_at or now)
    change = find_transition(
        item.state,
        _transition_cause_for_orphan(item, age, copies),
        category=CATEGORIES.get(item.category),
        at=now,
        age=age,
        spread=random.random(),  # noqa: S311 - jitter, not a secret
    )
    from_reason = "" if item.state is DeliveryState.INTENDED else item.reason
    return move_of_unclaimed_delivery(item, item.mailing_id, item.brand, change, from_reason)


def _transition_cause_for_orphan(item: OrphanedDelivery, age: timedelta, copies: int) -> TransitionCause:
    """Returns the cause of an orphan's move.

    Mandatory mail in doubt is sent again at once. If it was in doubt again and again since its first offer, the delays
    grow. After as many doubts as `copies`, it is held for a person.
    """
    if item.state is DeliveryState.INTENDED:
        return TransitionCause.OWNER_LOST
    if CATEGORIES[item.category].is_optional:
        return TransitionCause.DOUBT_OF_OPTIONAL_MAIL
    if item.doubts >= copies:
        return TransitionCause.DOUBT_AFTER_MOST_COPIES
    is_fresh = age < FIRST_RETRY and item.attempt <= AT_ONCE_TWICE
    return TransitionCause.FRESH_DOUBT if is_fresh else TransitionCause.DOUBT


def _build_move_ending_delivery(
    mailing: MailingWithDeliveriesToEnd, item: OpenDelivery
) -> tuple[DeliveryMove, tuple[LedgerEntry]]:
    """Returns the move that ends a delivery: cancelled by a person, or failed after a restore, since it may be out."""
    is_cancelled = mailing.state == "cancelled"
    cause = TransitionCause.MAILING_CANCELLED if is_cancelled else TransitionCause.MAILING_ENDED_BY_RESTORE
    return move_of_unclaimed_delivery(item, mailing.mailing_id, mailing.brand, find_transition(item.state, cause))
