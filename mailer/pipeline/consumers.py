"""The consumers of a worker: one loop a queue, with connections that other lanes cannot take."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

from mailer.crashing import CrashPoint, reach
from mailer.pipeline.handover import HandOver
from mailer.pipeline.intake import ANONYMOUS, Intake
from mailer.policy.category import Lane
from mailer.ports.broker import Broker, BrokerUnavailable, Header, Message, Received, Unroutable
from mailer.ports.dead_letters import DeadLetters
from mailer.ports.outbox import Outbox, Parked
from mailer.telemetry import DEAD_LETTERS, log

EVENTS_AT_ONCE = 64
"""Taken in together: as many as fit one window."""
EVENTS_HELD = 2 * EVENTS_AT_ONCE
"""By a consumer: those in hand and the next ones, so that it need not take few in for want of more."""
BATCHES_AT_ONCE = 2
"""Held by a consumer: the one in hand and the next one."""
TAKERS_A_LANE = 3
"""Consumers of events: while some wait for the database, another one works."""
CONSUMERS_A_LANE = 4
"""While some wait for the processor or the database, another one renders."""
RELAYED_AT_ONCE = 200
RELAY_LEASE = 30.0
RELAY_PAUSE = 0.02
"""Seconds after each time: what comes in a stream goes together, and what comes alone goes at once."""
OUTCOMES = "mailer.outcomes"
"""Where nobody has to listen."""
LONGEST_PAUSE = 30.0

_T = TypeVar("_T")
Handle = Callable[[Sequence[Received]], Awaitable[None]]


async def consume(
    broker: Broker, queue: str, prefetch: int, handle: Handle, stop: asyncio.Event, at_once: int | None = None
) -> None:
    """Handles what arrives until told to stop; what is in hand then is finished, and nothing new is begun."""
    while not stop.is_set():
        try:
            async with AsyncExitStack() as stack:
                # A broker that is away is waited for, but not beyond being told to stop.
                opening = stack.enter_async_context(broker.consume(queue, prefetch, at_once))
                arrivals = await unless_stopped(stop, opening)
                if arrivals is None:
                    return
                async for arrived in _until(stop, arrivals):
                    await _persist(queue, arrived, handle, stop)
        except BrokerUnavailable as error:
            log.warning("the broker is away", queue=queue, error=str(error))
            await pause(stop, 1)


async def _persist(queue: str, arrived: Sequence[Received], handle: Handle, stop: asyncio.Event) -> None:
    """Handles messages until it succeeds: they are held, not given back, since a broker counts how often it is asked.

    An outage of the database would else turn good events into dead letters.
    """
    seconds = 1.0
    while open_ := [received for received in arrived if received.live]:
        try:
            await handle(open_)
        except Exception:
            log.exception("could not handle messages; trying again", queue=queue, messages=len(open_), seconds=seconds)
            await pause(stop, seconds)
            seconds = min(seconds * 2, LONGEST_PAUSE)
            if stop.is_set():
                return


async def _until(stop: asyncio.Event, arrivals: AsyncIterator[list[Received]]) -> AsyncIterator[list[Received]]:
    """What arrives, until told to stop."""
    while not stop.is_set() and (some := await unless_stopped(stop, anext(arrivals, None))):
        yield some


async def unless_stopped(stop: asyncio.Event, step: Awaitable[_T]) -> _T | None:
    """What a step comes to; None if told to stop before, and then the step is broken off."""
    task, stopped = asyncio.ensure_future(step), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but not longer than until told to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def hand_over_batches(handover: HandOver, stop: asyncio.Event) -> Handle:
    """Hands batches over as they arrive; those not yet begun when told to stop are left to other workers."""

    async def handle(arrived: Sequence[Received]) -> None:
        for received in arrived:
            batch = _batch(received.message)
            if batch is None:
                await received.reject('not a batch: it takes its number, as {"batch": 1}')
            elif stop.is_set():
                await received.release()
            else:
                await handover.run([batch])
                reach(CrashPoint.BEFORE_ACK)
                await received.ack()

    return handle


def _batch(message: Message) -> int | None:
    try:
        match json.loads(message.body):
            case {"batch": int(batch)} if not isinstance(batch, bool) and 0 < batch < 1 << 63:
                return batch
    except (ValueError, RecursionError):
        pass
    return None


def take_in(intake: Intake, lane: Lane) -> Handle:
    """Takes a lane's events in."""

    async def handle(arrived: Sequence[Received]) -> None:
        await intake.take(lane, arrived)

    return handle


def keep_dead(letters: DeadLetters) -> Handle:
    """Turns dead letters into rows."""

    async def handle(arrived: Sequence[Received]) -> None:
        for received in arrived:
            headers, message = received.message.headers, received.message
            key = headers.get(Header.ROUTING_KEY, message.routing_key)
            reason = headers.get(Header.REASON) or (
                f"nothing takes {key!r}: either the brand or its category is unknown, or it failed too often"
            )
            publisher = headers.get(Header.PUBLISHER) or message.user_id or ANONYMOUS
            exchange = headers.get(Header.EXCHANGE, "mailer.events")
            await letters.keep(message, exchange, key, reason, publisher)
            DEAD_LETTERS.inc()
            await received.ack()

    return handle


async def relay(outbox: Outbox, broker: Broker, letters: DeadLetters, owner: str, stop: asyncio.Event) -> None:
    """Publishes what is in the outbox. A row goes once the broker has confirmed its message."""
    while not stop.is_set():
        try:
            parked = await outbox.take(owner, RELAYED_AT_ONCE, RELAY_LEASE)
            arrived = await asyncio.gather(*(_relay(broker, letters, item) for item in parked))
            if parked:
                reach(CrashPoint.IN_OUTBOX_RELAY)
            await outbox.remove([item.id for item, done in zip(parked, arrived, strict=True) if done])
            if not parked:
                await unless_stopped(stop, outbox.wait(1.0))
            elif not all(arrived):
                await outbox.put_back([item.id for item, done in zip(parked, arrived, strict=True) if not done])
                await pause(stop, 1)
            else:
                await pause(stop, RELAY_PAUSE)
        except Exception:
            log.exception("the relay failed; trying again")
            await pause(stop, 1)


async def _relay(broker: Broker, letters: DeadLetters, item: Parked) -> bool:
    """Whether a message has arrived: with the broker, or, where no queue takes it, among the dead letters."""
    try:
        await broker.publish(item.exchange, item.message, mandatory=item.exchange != OUTCOMES)
    except Unroutable as error:
        publisher = item.message.headers.get(Header.PUBLISHER, ANONYMOUS)
        await letters.keep(item.message, item.exchange, item.message.routing_key, str(error), publisher)
    except BrokerUnavailable as error:
        log.warning("the broker is away; the outbox waits", error=str(error))
        return False
    return True
