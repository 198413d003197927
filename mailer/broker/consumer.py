"""A consumer of a RabbitMQ queue. If its channel or connection ends, it consumes again on a new one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from mailer.broker.acks import AckBatcher
from mailer.broker.amqp_frame_filter import BodyMemoryBudget
from mailer.broker.arrivals import ArrivedMessages
from mailer.broker.connections import (
    ChannelEnded,
    RabbitConnection,
    close_channel,
    shield_channel_request_from_cancellation,
    translating_errors,
)
from mailer.broker.message_properties import split_death_headers
from mailer.broker.topology import DEAD, DEAD_AGAIN, DEAD_QUEUES, DELIVERY_LIMIT_REASON, LAST
from mailer.ports.broker import (
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    MessageUnpublishable,
    MessageUnroutable,
    is_mailer_header,
)
from mailer.ports.dead_letters import DeadLetterCauseKind

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Seconds between two attempts to consume."""
RENEW_SECONDS = 30.0
"""Seconds since its last message after which a consumer consumes again on a new channel.

If a queue is deleted and declared again within about 50 ms, RabbitMQ 3.10 takes the consumers of the old queue for
consumers of the new one, and drops what it sends to them. It reports neither a cancel nor an error: without a renewal,
the lane would stand still."""
_CHECK_SECONDS = 1.0
"""Seconds after which a consumer that has to wait with its renewal looks again."""
_DEATHS = {
    "delivery_limit": (DeadLetterCauseKind.TOO_OFTEN, DELIVERY_LIMIT_REASON),
    "expired": (
        DeadLetterCauseKind.EXPIRED,
        "it waited in its queue for longer than its publisher's `expiration` allows",
    ),
}
"""The reasons that RabbitMQ gives for its own dead letters, each with our kind and reason."""

Bury = Callable[[BrokerMessage, str, str, str], Awaitable[None]]
"""Publishes a dead letter. Arguments: the message, its exchange, the reason, the kind."""


class QueueConsumer:
    """Consumes one queue of RabbitMQ, on a new channel after each lost one.

    Args:
        link: the connection. user: the user that we publish as. queue: the name of the queue.
        prefetch: the most unsettled messages.
        arrivals: collects the messages.
        bury: publishes a dead letter. restore: declares a missing queue; the consumer then tries again.
        report: is called with the problem that keeps the consumer from its work, or None.
    """

    def __init__(
        self,
        link: RabbitConnection,
        user: str,
        queue: str,
        prefetch: int,
        arrivals: ArrivedMessages,
        bury: Bury,
        restore: Callable[[], Awaitable[bool]],
        report: Callable[["QueueConsumer", str | None], None],
    ) -> None:
        self.queue = queue
        self.arrivals = arrivals
        self.stands = asyncio.Event()
        self._link = link
        self._user = user
        self._prefetch = prefetch
        self._bury = bury
        self._restore = restore
        self._report = report
        self._acks: AckBatcher | None = None

    async def keep_consuming(self) -> None:
        """Consumes until the task is cancelled."""
        while True:
            try:
                await self._consume_until_silence()
                continue
            except ChannelEnded as error:
                self._report(self, str(error))
                if error.code == 404:
                    await self._restore()
            except BrokerUnavailable as error:
                self._report(self, str(error))
            except Exception as error:
                # A bug, or an error of the library that we do not know. Nobody would miss a consumer that just ends.
                log.exception("the consumer of %s failed; it consumes again", self.queue)
                self._report(self, f"the consumer of {self.queue} failed: {type(error).__name__}")
            await asyncio.sleep(RETRY_SECONDS)

    async def _consume_until_silence(self) -> None:
        """Consumes on a new channel until no message has come for `RENEW_SECONDS`.

        Raises:
            BrokerUnavailable: the channel ended, or RabbitMQ cancelled the consumer, as if the queue is deleted.
        """
        channel = await self._link.open_channel(confirms=False)
        room = self._link.room
        if room is not None:
            room.start_counting_bodies_of_channel(channel.number)
        cancelled = asyncio.Event()

        def note(_: Basic.Cancel) -> None:
            cancelled.set()

        channel.on_consumer_cancel_callbacks.add(note)
        acks = self._acks = AckBatcher(channel)
        try:
            with translating_errors(self._link.server_address):
                await shield_channel_request_from_cancellation(channel.basic_qos(prefetch_count=self._prefetch))
                take = self._build_delivery_callback(acks, room)
                has_message_come = True
                while has_message_come:
                    consumer = await shield_channel_request_from_cancellation(channel.basic_consume(self.queue, take))
                    self.stands.set()
                    self._report(self, None)
                    last_tag = await self._wait_for_silence(acks, cancelled)
                    # Only a consumer that is cancelled gets no message while its channel is being closed.
                    await shield_channel_request_from_cancellation(channel.basic_cancel(consumer.consumer_tag or ""))
                    has_message_come = acks.highest_received_tag != last_tag
        finally:
            await self._end_channel(acks, room)

    async def _end_channel(self, acks: AckBatcher, room: BodyMemoryBudget | None) -> None:
        """Sends the last acks, frees the memory that is counted for the channel, and closes it."""
        await acks.flush_acks()
        acks.is_closing = True
        if room is not None:
            # First: RabbitMQ's answer may itself wait behind a body that this channel leaves no room for.
            room.forget_channel(acks.channel.number)
        await close_channel(acks.channel)

    async def _wait_for_silence(self, acks: AckBatcher, cancelled: asyncio.Event) -> int:
        """Waits until a renewal is due (see `_seconds_until_channel_renewal`). Returns the last tag.

        Raises:
            BrokerUnavailable: RabbitMQ cancelled the consumer.
        """
        closing, waiting = acks.channel.closing, asyncio.ensure_future(cancelled.wait())
        try:
            while (seconds := self._seconds_until_channel_renewal(acks)) > 0:
                await asyncio.wait({closing, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if closing.done():
                    raise _error_that_ended_channel(closing)
                if waiting.done():
                    raise BrokerUnavailable(f"{self._link.server_address} has cancelled the consumer of {self.queue}")
            return acks.highest_received_tag
        finally:
            waiting.cancel()
            closing.cancel()

    def _seconds_until_channel_renewal(self, acks: AckBatcher) -> float:
        """Returns the seconds until the consumer consumes again; 0 or less: now.

        It keeps its channel while a message is unsettled, and while nothing is read because a body waits for memory:
        RabbitMQ's answers would not be read either.
        """
        room = self._link.room
        if acks.has_unsettled or (room is not None and room.has_waiting_body):
            return min(_CHECK_SECONDS, RENEW_SECONDS)
        return RENEW_SECONDS - acks.seconds_since_last_message

    def _build_delivery_callback(
        self, acks: AckBatcher, room: BodyMemoryBudget | None
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def take(incoming: DeliveredMessage) -> None:
            tag = incoming.delivery_tag
            if tag is None:
                return
            acks.mark_tags_unsettled_up_to(tag)
            delivery = RabbitDelivery(incoming, message_from_rabbit(incoming, self._user), tag, acks, room, self._bury)
            if HeaderName.SIZE in delivery.message.headers and self._is_not_dead_letter_queue:
                await _dead_letter_large_message(delivery)
            else:
                self.arrivals.add_message(delivery)

        return take

    @property
    def _is_not_dead_letter_queue(self) -> bool:
        """Returns True if a message that is too large becomes a dead letter. A dead letter itself is kept as a row."""
        return self.queue not in DEAD_QUEUES

    async def flush_acks(self) -> None:
        """Waits until all acks are sent."""
        if self._acks is not None:
            await self._acks.flush_acks()


async def _dead_letter_large_message(delivery: "RabbitDelivery") -> None:
    """Makes a dead letter of a message whose body was dropped. If that fails, the message goes back to its queue.

    RabbitMQ counts how often a message comes back, and ends that at the delivery limit.
    """
    size = int(delivery.message.headers[HeaderName.SIZE])
    reason = f"the body has {size:,} bytes, more than an event may have; it was not kept"
    try:
        await delivery.reject(reason, DeadLetterCauseKind.TOO_LARGE)
    except (MessageUnpublishable, MessageUnroutable) as error:
        log.warning("a message cannot be made a dead letter; it goes back to its queue: %s", error)
        await asyncio.sleep(RETRY_SECONDS)
        await delivery.return_to_queue()
    except Exception:
        # The library would drop the error, and the message would stay unsettled until the channel ends.
        log.exception("a message could not be made a dead letter; it goes back to its queue")
        await asyncio.sleep(RETRY_SECONDS)
        await delivery.return_to_queue()


def _error_that_ended_channel(closing: asyncio.Future[Any]) -> BaseException:
    """Returns the error that ended a channel."""
    return AMQPError("the channel was closed") if closing.cancelled() else closing.exception() or AMQPError("closed")


class RabbitDelivery:
    """A message that RabbitMQ delivered. If its channel is lost, settling does nothing: RabbitMQ delivers it again."""

    __slots__ = ("_acks", "_bury", "_room", "_settled", "_tag", "exchange", "message")

    def __init__(
        self,
        incoming: DeliveredMessage,
        message: BrokerMessage,
        tag: int,
        acks: AckBatcher,
        room: BodyMemoryBudget | None,
        bury: Bury,
    ) -> None:
        self._tag = tag
        self._acks = acks
        self._room = room
        self._bury = bury
        self._settled = False
        self.exchange = incoming.exchange or ""
        self.message = message

    @property
    def is_unsettled(self) -> bool:
        """Returns True if the consumer can still settle the message."""
        return not (self._settled or self._acks.is_closing or self._acks.channel.is_closed)

    async def acknowledge(self) -> None:
        """See `ReceivedMessage.acknowledge`."""
        if self.is_unsettled:
            self._mark_settled_and_free_body_memory()
            self._acks.add_ack(self._tag)

    async def reject(self, reason: str, kind: str = DeadLetterCauseKind.REFUSED) -> None:
        """See `ReceivedMessage.reject`."""
        if not self.is_unsettled:
            return
        try:
            await self._bury(self.message, self.exchange, reason, kind)
        except BrokerUnavailable:
            await self.return_to_queue()
        else:
            await self.acknowledge()

    async def return_to_queue(self) -> None:
        """See `ReceivedMessage.return_to_queue`."""
        if not self.is_unsettled:
            return
        self._mark_settled_and_free_body_memory()
        try:
            with translating_errors("RabbitMQ"):
                await self._acks.channel.basic_nack(self._tag, requeue=True)
        except BrokerUnavailable as error:
            log.debug("a message goes back with its channel: %s", error)
        else:
            self._acks.remove_unsettled_tag(self._tag)

    def _mark_settled_and_free_body_memory(self) -> None:
        self._settled = True
        if self._room is not None:
            self._room.release_octets(self._acks.channel.number, len(self.message.body))


def message_from_rabbit(incoming: DeliveredMessage, user: str) -> BrokerMessage:
    """Returns a message of the client library as a `BrokerMessage`.

    If RabbitMQ itself made it a dead letter, our own headers say why.

    Args:
        incoming: the message as the client library has read it.
        user: the user that we publish as. If RabbitMQ did not validate this user as the publisher, our own headers
            are dropped: somebody else wrote them.
    """
    properties = incoming.header.properties
    headers, death = split_death_headers(properties.headers or {})  # type: ignore[arg-type]  # `rewrite_header_frame` leaves texts only
    if headers and properties.user_id != user:
        headers = {
            name: value for name, value in headers.items() if name == HeaderName.SIZE or not is_mailer_header(name)
        }
    if incoming.exchange in (DEAD, DEAD_AGAIN, LAST) and death is not None:
        reason, exchange = death
        place = {HeaderName.EXCHANGE: exchange, HeaderName.ROUTING_KEY: incoming.routing_key or ""}
        if reason in _DEATHS:
            kind, words = _DEATHS[reason]
            headers |= {HeaderName.KIND: kind, HeaderName.REASON: words, **place}
        elif not reason:
            headers = place | headers
    return BrokerMessage(incoming.body, incoming.routing_key or "", properties.message_id, headers, properties.user_id)
