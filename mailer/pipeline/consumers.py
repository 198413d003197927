"""The consumers of a worker: one loop for each queue, with connections that other lanes cannot take."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TypeVar

from mailer.crash_points import CrashPoint, crash_if_armed
from mailer.metrics_and_logger import DEAD_LETTERS, log
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.delivery_state_moves import hold_batch_deliveries_for_bug
from mailer.pipeline.publish_backoff import PublishBackoff
from mailer.pipeline.unsettled_message_retries import (
    BUG_PAUSES,
    GiveUp,
    Handle,
    UnsettledMessageRetries,
    reject_as_dead_letter,
)
from mailer.policy.category import Lane
from mailer.ports.broker import (
    Broker,
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    MessageUnpublishable,
    MessageUnroutable,
    QueueRefusedMessage,
    ReceivedMessage,
    publisher_identity_text_of_message,
)
from mailer.ports.dead_letters import DeadLetterCauseKind, DeadLetterRecorder
from mailer.ports.deliveries import DeliveryStore
from mailer.ports.outbox import Outbox, OutboxRow
from mailer.ports.timekeeping import TimekeeperStore
from mailer.runtime.error_kinds import error_type_and_place
from mailer.runtime.repeating import sleep_unless_stopped

EVENTS_AT_ONCE = 128
"""The most events that are taken in together: they fill two windows, which are handed over one after the other."""
EVENTS_HELD = 2 * EVENTS_AT_ONCE
"""The prefetch of a consumer of events: the events in hand and the next ones, so that the next group is full."""
BATCHES_AT_ONCE = 2
"""The prefetch of a consumer of batches: the batch in hand and the next one."""
TAKERS_A_LANE = 3
"""Consumers of events per lane: while some wait for the database, another one works."""
CONSUMERS_A_LANE = 4
"""Consumers of batches per lane: while some wait for the processor or the database, another one renders."""
RELAYED_AT_ONCE = 200
RELAY_LEASE = 30.0
RELAY_PAUSE = 0.02
"""Seconds between two rounds: messages of a burst are published together, and a single message goes at once."""
EVENTS = "mailer.events"
"""The only exchange to which a dead letter is published again."""
OUTCOMES = "mailer.outcomes"
"""The exchange for outcomes. It may have no bound queue."""

_T = TypeVar("_T")
_Destination = tuple[str, str]
"""An exchange and a routing key."""


async def consume_queue(
    broker: Broker,
    queue: str,
    prefetch: int,
    handle: Handle,
    stop: asyncio.Event,
    at_once: int | None = None,
    give_up: GiveUp = reject_as_dead_letter,
) -> None:
    """Handles the messages of a queue until `stop` is set. Then it finishes the messages in hand and takes no more."""
    while not stop.is_set():
        try:
            async with AsyncExitStack() as stack:
                # It waits for a broker that is away, but only until `stop` is set.
                opening = stack.enter_async_context(broker.messages_while_consuming(queue, prefetch, at_once))
                arrivals = await result_unless_stopped(stop, opening)
                if arrivals is None:
                    return
                persisting = UnsettledMessageRetries(queue, handle, stop, give_up)
                stack.push_async_callback(persisting.finish_running_tries)
                async for arrived in _arrivals_until_stopped(stop, arrivals):
                    await persisting.handle_until_settled(arrived)
        except BrokerUnavailable as error:
            log.warning("the broker is away", queue=queue, error=str(error))
            await sleep_unless_stopped(stop, 1)


async def _arrivals_until_stopped(
    stop: asyncio.Event, arrivals: AsyncIterator[list[ReceivedMessage]]
) -> AsyncIterator[list[ReceivedMessage]]:
    """Yields the messages that arrive, until `stop` is set."""
    while not stop.is_set() and (some := await result_unless_stopped(stop, anext(arrivals, None))):
        yield some


async def result_unless_stopped(stop: asyncio.Event, step: Awaitable[_T]) -> _T | None:
    """Returns the result of a step. If `stop` is set before, cancels the step and returns None."""
    task, stopped = asyncio.ensure_future(step), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def build_batch_handler(overtime: HandOverTasks, lane: Lane, stop: asyncio.Event) -> Handle:
    """Returns a handler that hands batches over. After `stop` is set, it gives batches back for other workers."""

    async def handle(arrived: Sequence[ReceivedMessage]) -> None:
        for received in arrived:
            batch = _batch_id_or_none(received.message)
            if batch is None:
                await received.reject('not a batch: it takes its number, as {"batch": 1}')
            elif stop.is_set():
                await received.return_to_queue()
            else:
                await overtime.hand_over_or_leave_running(lane, [batch])
                crash_if_armed(CrashPoint.BEFORE_ACK)
                await received.acknowledge()

    return handle


def build_batch_give_up_handler(deliveries: DeliveryStore, upkeep: TimekeeperStore) -> GiveUp:
    """Returns a function that gives a batch up: it holds the queued deliveries and rejects the message."""

    async def give_up(received: ReceivedMessage, place: str, tries: int) -> None:
        batch = _batch_id_or_none(received.message)
        if batch is not None:
            await hold_batch_deliveries_for_bug(deliveries, upkeep, batch, place)
        await reject_as_dead_letter(received, place, tries)

    return give_up


def _batch_id_or_none(message: BrokerMessage) -> int | None:
    try:
        match json.loads(message.body):
            case {"batch": int(batch)} if not isinstance(batch, bool) and 0 < batch < 1 << 63:
                return batch
    except (ValueError, RecursionError):
        pass
    return None


def build_dead_letter_handler(
    letters: DeadLetterRecorder, broker: Broker, knows: Callable[[str, str], bool] = lambda exchange, key: False
) -> Handle:
    """Returns a handler that stores dead letters. If a queue was missing, it first publishes the message once more.

    Args:
        letters: the store of dead letters.
        broker: publishes the message again.
        knows: returns True if a queue should be bound for an exchange and a routing key.
    """

    async def handle(arrived: Sequence[ReceivedMessage]) -> None:
        for received in arrived:
            headers, message = received.message.headers, received.message
            key = headers.get(HeaderName.ROUTING_KEY, message.routing_key)
            exchange = headers.get(HeaderName.EXCHANGE, received.exchange)
            kind, reason = _dead_letter_kind_and_reason(message, exchange, key, knows)
            publisher = publisher_identity_text_of_message(message)
            again = {**headers, HeaderName.PUBLISHER: publisher, HeaderName.AGAIN: "1"}
            if not (
                kind is DeadLetterCauseKind.MISSING
                and publisher  # without it, our own user would become the publisher
                and HeaderName.AGAIN not in headers
                and await _try_republish_event(broker, replace(message, routing_key=key, headers=again))
            ):
                await letters.add_dead_letter(message, exchange, key, reason, publisher, kind)
                DEAD_LETTERS.labels(kind).inc()
            await received.acknowledge()

    return handle


async def _try_republish_event(broker: Broker, message: BrokerMessage) -> bool:
    """Publishes an event. Returns False if the broker refuses it."""
    try:
        await broker.publish_message(EVENTS, message)
    except (QueueRefusedMessage, MessageUnpublishable, MessageUnroutable):
        return False
    return True


def _dead_letter_kind_and_reason(
    message: BrokerMessage, exchange: str, key: str, knows: Callable[[str, str], bool]
) -> tuple[DeadLetterCauseKind, str]:
    """Returns the kind and the reason of a dead letter: from its headers, else from its exchange and routing key."""
    if size := message.headers.get(HeaderName.SIZE):
        return DeadLetterCauseKind.TOO_LARGE, f"the body has {size} bytes, more than an event may have; it was not kept"
    if reason := message.headers.get(HeaderName.REASON):
        known = {kind.value for kind in DeadLetterCauseKind}
        kind = message.headers.get(HeaderName.KIND, "")
        return DeadLetterCauseKind(kind) if kind in known else DeadLetterCauseKind.REFUSED, reason
    if exchange == EVENTS and knows(exchange, key):
        return DeadLetterCauseKind.MISSING, (
            f"the queue for {key!r} was missing when this was published to {exchange}; it is declared again by now:"
            " `mailer dead replay --kind missing_queue` publishes it"
        )
    return DeadLetterCauseKind.UNROUTABLE, f"nothing takes {key!r}: the brand or its category is unknown"


async def relay_outbox_until_stopped(
    outbox: Outbox, broker: Broker, letters: DeadLetterRecorder, owner: str, stop: asyncio.Event
) -> None:
    """Publishes the rows of the outbox until `stop` is set. A row is deleted when it is confirmed, or a dead letter.

    Rows whose queue does not take them are paused. Rows of other queues go on.
    """
    bugs = Counter[int]()
    resting = PublishBackoff[_Destination]()
    while not stop.is_set():
        try:
            parked = await outbox.lease_rows(owner, RELAYED_AT_ONCE, RELAY_LEASE, resting.paused_destinations())
            failures = await asyncio.gather(
                *(_publish_outbox_row_or_store_dead_letter(broker, letters, item, bugs) for item in parked)
            )
            if parked:
                crash_if_armed(CrashPoint.IN_OUTBOX_RELAY)
            tried = list(zip(parked, failures, strict=True))
            await outbox.remove_rows([item.id for item, failure in tried if failure is None])
            left = [(item, failure) for item, failure in tried if failure is not None]
            if left:
                await outbox.release_rows([item.id for item, _ in left])
            _update_outbox_pauses_and_log(resting, [item for item, failure in tried if failure is None], left)
            if not parked:
                await result_unless_stopped(stop, outbox.wait_for_rows(1.0))
            elif len(left) == len(tried) and not any(isinstance(failure, QueueRefusedMessage) for _, failure in left):
                await sleep_unless_stopped(stop, 1)  # perhaps the broker is away
            else:
                await sleep_unless_stopped(stop, RELAY_PAUSE)
        except Exception:
            log.exception("the outbox could not be published; trying again")
            await sleep_unless_stopped(stop, 1)


def _update_outbox_pauses_and_log(
    resting: PublishBackoff[_Destination], gone: Sequence[OutboxRow], left: Sequence[tuple[OutboxRow, Exception]]
) -> None:
    """Notes the destinations that took their rows and those that did not. Logs begins and ends of pauses."""
    errors = {_destination_of_row(item): error for item, error in left}
    begun, ended = resting.note_results({_destination_of_row(item) for item in gone}, errors.keys())
    for exchange, key in sorted(begun):
        error = errors[exchange, key]
        said = str(error) if isinstance(error, BrokerUnavailable) else error_type_and_place(error)
        log.warning("rows of the outbox wait: they are not taken", exchange=exchange, key=key, error=said)
    for exchange, key in sorted(ended):
        log.info("rows of the outbox wait no longer", exchange=exchange, key=key)


def _destination_of_row(item: OutboxRow) -> _Destination:
    return item.exchange, item.message.routing_key


async def _publish_outbox_row_or_store_dead_letter(
    broker: Broker, letters: DeadLetterRecorder, item: OutboxRow, bugs: Counter[int]
) -> Exception | None:
    """Publishes a row, or stores it as a dead letter. Returns the error if neither was possible."""
    try:
        await broker.publish_message(item.exchange, item.message, mandatory=item.exchange != OUTCOMES)
    except BrokerUnavailable as error:
        return error
    except MessageUnroutable as error:
        return await _store_row_as_dead_letter(letters, item, str(error), DeadLetterCauseKind.UNROUTABLE)
    except MessageUnpublishable as error:
        return await _store_row_as_dead_letter(
            letters, item, f"the outbox could not publish it: {error}", DeadLetterCauseKind.REFUSED
        )
    except Exception as error:
        log.exception("a row of the outbox met a bug", row=item.id)
        bugs[item.id] += 1
        if bugs[item.id] <= len(BUG_PAUSES):
            return error
        reason = f"publishing it failed {bugs.pop(item.id)} times, at last with {error_type_and_place(error)}"
        return await _store_row_as_dead_letter(letters, item, reason, DeadLetterCauseKind.ERROR)
    return None


async def _store_row_as_dead_letter(
    letters: DeadLetterRecorder, item: OutboxRow, reason: str, kind: DeadLetterCauseKind
) -> Exception | None:
    """Stores a row as a dead letter. Returns the error if that was not possible."""
    publisher = publisher_identity_text_of_message(item.message)
    try:
        await letters.add_dead_letter(item.message, item.exchange, item.message.routing_key, reason, publisher, kind)
    except Exception as error:
        log.exception("a row of the outbox could not be kept as a dead letter; trying again", row=item.id)
        return error
    DEAD_LETTERS.labels(kind).inc()
    return None
