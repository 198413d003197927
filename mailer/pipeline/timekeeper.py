"""The timekeeper: what is due, what was lost, what a dead worker held. It does again only what is safe to repeat."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from mailer.crash_points import CrashPoint, reach
from mailer.pipeline.delivery_moves import move_unchanged_deliveries, unclaimed_move
from mailer.pipeline.intake import BATCHES, publish_batches
from mailer.pipeline.queue_depths import read_queue_depths
from mailer.pipeline.transitions import FIRST_RETRY, give_up_state, retry_delay
from mailer.policy.category import CATEGORIES
from mailer.policy.frequency_counts import LONGEST_DAYS
from mailer.ports.broker import Broker, BrokerUnavailable, Unroutable
from mailer.ports.database_errors import DatabaseAway
from mailer.ports.dead_letters import DAYS_KEPT
from mailer.ports.deliveries import IN_DOUBT, Deliveries, Move, State
from mailer.ports.ledger_entry import Entry
from mailer.ports.timekeeping import Due, Ending, Open, Stale, Upkeep
from mailer.runtime.error_kinds import Trouble, trouble_of
from mailer.telemetry import DOUBTED, LAST_TICK, log

AT_ONCE = 1000
"""Rows a step: short statements, so that nothing waits for the timekeeper."""
PUBLISHED_AT_ONCE = 100
"""Batches that are published between two looks at which ones are: whoever cut them may be publishing them, too."""
ROUNDS = 10
"""How often a tick looks what is to be published; the next one goes on with it."""
ENDING_SECONDS = 1.0
"""How long a tick ends what is open of cancelled mailings; the next one goes on with it."""
AT_ONCE_TWICE = 2
"""Attempts after which mandatory mail in doubt waits before it goes again."""
LOST_AFTER = 30.0
"""Seconds after which a published batch that nobody claimed may be published again, if its lane is idle."""
COPIES = 3
"""Copies of a mandatory mail that may have gone out, until it waits for a person."""
RARELY = 60.0
"""Seconds between two rounds of what need not be prompt: folding, sealing, partitions."""


class Timekeeper:
    """Looks every second.

    Args:
        upkeep, deliveries: the rows. broker: where batches go.
        copies: of a mandatory mail that may have gone out, until it waits for a person.
    """

    def __init__(self, upkeep: Upkeep, deliveries: Deliveries, broker: Broker, copies: int = COPIES) -> None:
        self._upkeep = upkeep
        self._deliveries = deliveries
        self._broker = broker
        self._copies = copies
        self._rarely_at = 0.0
        self._ended_to: dict[UUID, int] = {}

    async def run(self, stop: asyncio.Event, period: float = 1.0) -> None:
        """Ticks until told to stop. What fails is logged; the next tick does it."""
        while not stop.is_set():
            if await self.run_once():
                LAST_TICK.set_to_current_time()
            try:
                await asyncio.wait_for(stop.wait(), period)
            except TimeoutError:
                continue

    async def run_once(self) -> bool:
        """One round. Each step stands by itself: one that fails keeps no other from being done.

        Returns:
            Whether all steps succeeded.
        """
        steps: list[Callable[[], Awaitable[object]]] = [
            self._resolve_orphans,
            partial(self._upkeep.give_back, AT_ONCE),
            self._cut_batches,
            self._publish_batches,
            self._end_mailings,
            self._upkeep.finish_mailings,
        ]
        rarely = time.monotonic() >= self._rarely_at
        if rarely:
            steps += [
                self._upkeep.partitions,
                self._upkeep.fold,
                partial(self._upkeep.lapse, AT_ONCE),
                partial(self._upkeep.forget_sends, LONGEST_DAYS),
                self._upkeep.forget_rates,
                partial(self._upkeep.forget_letters, DAYS_KEPT),
                self._upkeep.forget_wishes,
                partial(self._upkeep.end_erasures, AT_ONCE),
                self._upkeep.seal,
            ]
        done = 0
        for step in steps:
            try:
                await step()
            except Exception as error:
                log.exception("a step of the timekeeper failed; trying again", step=_step_name(step))
                if isinstance(error, DatabaseAway) and trouble_of(error) is Trouble.AWAY:
                    return False  # none of the others would get through
            else:
                done += 1
        if rarely and done == len(steps):
            self._rarely_at = time.monotonic() + RARELY
        return done == len(steps)

    async def _cut_batches(self) -> None:
        cut = AT_ONCE
        while cut == AT_ONCE:
            cut = await self._upkeep.batch_due(AT_ONCE)
            if cut:
                reach(CrashPoint.IN_TIMEKEEPER)

    async def _publish_batches(self) -> None:
        """What was never published, and what got lost; one timekeeper at a time, so that nothing is published twice."""
        async with self._upkeep.alone() as alone:
            if alone:
                failed = await self._publish_unpublished()
                await self._republish_lost(failed)

    async def _publish_unpublished(self) -> set[str]:
        """Publishes what never was; returns the lanes whose queue did not take it."""
        failed = set[str]()
        for _ in range(ROUNDS):
            due = defaultdict[str, list[Due]](list)
            for item in await self._upkeep.unpublished(PUBLISHED_AT_ONCE):
                due[item.lane].append(item)
            failed |= await self._publish_lanes({lane: due[lane] for lane in due if lane not in failed})
            if all(len(due[lane]) < PUBLISHED_AT_ONCE for lane in due.keys() - failed):
                break
        return failed

    async def _republish_lost(self, failed: Collection[str]) -> None:
        """Publishes again what nobody claimed of lanes whose queue is empty. Where that cannot be told, it waits."""
        late = await self._upkeep.late_lanes(LOST_AFTER)
        queues = {lane: f"{BATCHES}.{lane}" for lane in late if lane not in failed}
        depths = await read_queue_depths(self._broker, list(queues.values()))
        if unknown := queues.values() - depths.keys():
            log.warning("batches wait: it cannot be told how many are in their queues", queues=sorted(unknown))
        idle = [lane for lane, queue in queues.items() if depths.get(queue) == 0]
        await self._publish_lanes({lane: await self._upkeep.lost(lane, LOST_AFTER, AT_ONCE) for lane in idle})

    async def _publish_lanes(self, due: Mapping[str, Sequence[Due]]) -> set[str]:
        """Publishes batches, each lane by itself; returns the lanes whose queue did not take them."""
        publishing = (publish_batches(self._broker, self._upkeep, some) for some in due.values())
        results = await asyncio.gather(*publishing, return_exceptions=True)
        failed = {lane: error for lane, error in zip(due, results, strict=True) if error is not None}
        for error in failed.values():
            if not isinstance(error, Unroutable | BrokerUnavailable):
                raise error
        if failed:
            said = str(next(iter(failed.values())))
            log.warning("batches wait: their queues did not take them", lanes=sorted(failed), error=said)
        return set(failed)

    async def _end_mailings(self) -> None:
        """Ends what is open of cancelled mailings, in passes over their deliveries, until nothing of them is left."""
        until = time.monotonic() + ENDING_SECONDS
        await _run_steps(self._end_mailing(mailing, until) for mailing in await self._upkeep.ending(AT_ONCE))

    async def _end_mailing(self, mailing: Ending, until: float) -> None:
        """Ends what is open of a mailing, as far as there is time (`time.monotonic()`)."""
        while time.monotonic() < until and await self._end_next_deliveries(mailing):
            continue

    async def _end_next_deliveries(self, mailing: Ending) -> bool:
        """One step of a pass; whether there may be another. What a worker holds is met by a later pass."""
        after = self._ended_to.pop(mailing.mailing_id, 0)
        some = await self._upkeep.open_of(mailing.mailing_id, after, AT_ONCE)
        if some:
            await move_unchanged_deliveries(self._deliveries, None, [_ending_move(mailing, item) for item in some])
        if len(some) < AT_ONCE:
            await self._upkeep.sweep(mailing.mailing_id)
            return False
        self._ended_to[mailing.mailing_id] = some[-1].recipient_id
        return True

    async def _resolve_orphans(self) -> None:
        """What somebody intended who is gone is in doubt; then optional mail ends, and mandatory mail goes again."""
        stale = defaultdict[UUID | None, list[Stale]](list)
        for item in await self._upkeep.stale(AT_ONCE):
            stale[item.claim].append(item)
        await _run_steps(self._move_stale(some) for some in stale.values())

    async def _move_stale(self, stale: Sequence[Stale]) -> None:
        now = datetime.now(UTC)
        resolved = [_orphan_move(item, now, self._copies) for item in stale]
        await move_unchanged_deliveries(self._deliveries, stale[0].claim, resolved)
        _log_doubtful_mail(
            Counter(move.mailing_id for move, _ in resolved if move.to_state is State.HELD), self._copies
        )


async def _run_steps(work: Iterable[Awaitable[object]]) -> None:
    """Does one after the other. One that fails keeps no other from being done, but where the database is away."""
    first: Exception | None = None
    for one in work:
        try:
            await one
        except Exception as error:
            if trouble_of(error) is Trouble.AWAY:
                raise
            first = first or error
    if first is not None:
        raise first


def _step_name(step: object) -> str:
    """A step's name, for the log."""
    function = step.func if isinstance(step, partial) else step
    return str(getattr(function, "__name__", function)).strip("_")


def _log_doubtful_mail(held: Mapping[UUID, int], copies: int) -> None:
    """Says that a person is needed."""
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


def _orphan_move(item: Stale, now: datetime, copies: int) -> tuple[Move, tuple[Entry]]:
    """Intended becomes in doubt; in doubt becomes failed (optional: at most once) or is tried again (mandatory)."""
    due_at: datetime | None = now
    if item.state is State.INTENDED:
        to_state, reason, from_reason = State.IN_DOUBT, "owner_lost", ""
    elif CATEGORIES[item.category].optional:
        to_state, reason, from_reason, due_at = State.FAILED, "in_doubt", item.reason, None
    else:
        to_state, reason, due_at = _move_after_doubt(item, now, copies)
        from_reason = item.reason
    return unclaimed_move(item, item.mailing_id, item.brand, to_state, reason, due_at, from_reason)


def _move_after_doubt(item: Stale, now: datetime, copies: int) -> tuple[State, str, datetime | None]:
    """Mandatory mail goes again at once; what was lost again and again since its first offer, less and less often.

    After so many copies that may have gone out, a person has to find out.
    """
    age, category = now - (item.tried_at or now), CATEGORIES[item.category]
    if item.doubts >= copies:
        return State.HELD, IN_DOUBT, None
    if age > category.max_age:
        return give_up_state(category, "in_doubt")
    if age < FIRST_RETRY and item.attempt <= AT_ONCE_TWICE:
        return State.DEFERRED, "in_doubt", now - timedelta(seconds=1)
    return State.DEFERRED, "in_doubt", now + retry_delay(age, random.random())  # noqa: S311 - jitter, not a secret


def _ending_move(mailing: Ending, item: Open) -> tuple[Move, tuple[Entry]]:
    """Cancelled by a person; or failed after a restore, since it may have gone out before."""
    to_state, reason = (State.CANCELLED, "cancelled") if mailing.state == "cancelled" else (State.FAILED, "restored")
    return unclaimed_move(item, mailing.mailing_id, mailing.brand, to_state, reason)
