"""The timekeeper: what is due, what was lost, what a dead worker held. It does again only what is safe to repeat."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mailer.pipeline.handover import move_what_holds
from mailer.pipeline.intake import publish_batches
from mailer.policy.category import CATEGORIES, Lane
from mailer.policy.rates import LONGEST_DAYS
from mailer.ports.broker import Broker, BrokerUnavailable
from mailer.ports.deliveries import Deliveries, Move, State
from mailer.ports.ledger import Entry, Kind
from mailer.ports.upkeep import Stale, Upkeep
from mailer.telemetry import LAST_TICK, log

AT_ONCE = 1000
"""Rows a step: short statements, so that nothing waits for the timekeeper."""
LOST_AFTER = 30.0
"""Seconds after which a published batch that nobody claimed may be published again, if its lane is idle."""
RARELY = 60.0
"""Seconds between two rounds of what need not be prompt: folding, sealing, partitions."""


class Timekeeper:
    """Looks every second.

    Args:
        upkeep, deliveries: the rows. broker: where batches go.
    """

    def __init__(self, upkeep: Upkeep, deliveries: Deliveries, broker: Broker) -> None:
        self._upkeep = upkeep
        self._deliveries = deliveries
        self._broker = broker
        self._rarely_at = 0.0

    async def run(self, stop: asyncio.Event, period: float = 1.0) -> None:
        """Ticks until told to stop. A tick that fails is logged; the next one does what it left."""
        while not stop.is_set():
            try:
                await self.tick()
                LAST_TICK.set_to_current_time()
            except Exception:
                log.exception("a tick failed; trying again")
            try:
                await asyncio.wait_for(stop.wait(), period)
            except TimeoutError:
                continue

    async def tick(self) -> None:
        """One round."""
        await self._resolve()
        await self._upkeep.give_back(AT_ONCE)
        while await self._upkeep.batch_due(AT_ONCE) == AT_ONCE:
            continue
        await self._publish()
        await self._upkeep.finish_mailings()
        if time.monotonic() >= self._rarely_at:
            await self._upkeep.partitions()
            await self._upkeep.fold()
            await self._upkeep.lapse(AT_ONCE)
            await self._upkeep.forget_sends(LONGEST_DAYS)
            await self._upkeep.seal()
            self._rarely_at = time.monotonic() + RARELY

    async def _publish(self) -> None:
        try:
            await publish_batches(self._broker, self._upkeep, await self._upkeep.unpublished(AT_ONCE))
            for lane in Lane:
                if await self._broker.depth(f"mailer.batches.{lane}") == 0:
                    await publish_batches(
                        self._broker, self._upkeep, await self._upkeep.lost(lane, LOST_AFTER, AT_ONCE)
                    )
        except BrokerUnavailable as error:
            log.warning("the broker is away; batches wait", error=str(error))

    async def _resolve(self) -> None:
        """What somebody intended who is gone is in doubt; then optional mail ends, and mandatory mail goes again."""
        stale = await self._upkeep.stale(AT_ONCE)
        claims = {item.claim for item in stale}
        for claim in claims:
            await self._move([item for item in stale if item.claim == claim])

    async def _move(self, stale: Sequence[Stale]) -> None:
        now = datetime.now(UTC)
        await move_what_holds(self._deliveries, stale[0].claim, [_resolution(item, now) for item in stale])


def _resolution(item: Stale, now: datetime) -> tuple[Move, tuple[Entry]]:
    """Intended becomes in doubt; in doubt becomes failed (optional: at most once) or is tried again (mandatory)."""
    due_at: datetime | None = now
    if item.state is State.INTENDED:
        to_state, reason, from_reason = State.IN_DOUBT, "owner_lost", ""
    elif CATEGORIES[item.category].optional:
        to_state, reason, from_reason, due_at = State.FAILED, "in_doubt", item.reason, None
    else:
        to_state, reason, from_reason = State.DEFERRED, "in_doubt", item.reason
        due_at = now - timedelta(seconds=1)
    move = Move(
        item.mailing_id,
        item.recipient_id,
        item.attempt,
        item.state,
        to_state,
        reason,
        due_at,
        from_reason=from_reason,
    )
    entry = Entry(
        Kind.OUTCOME,
        item.brand,
        mailing_id=item.mailing_id,
        recipient_id=item.recipient_id,
        attempt=item.attempt,
        category=item.category,
        reason=f"{to_state.value} {reason}",
    )
    return move, (entry,)
