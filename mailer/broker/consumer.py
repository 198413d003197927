"""A consumer of RabbitMQ that is kept: whatever ends it, it consumes again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from mailer.broker.acks import AckBatcher
from mailer.broker.amqp_frames import BodyMemory
from mailer.broker.arrivals import ArrivedMessages
from mailer.broker.connections import ChannelEnded, RabbitConnection, close_channel, translating_errors
from mailer.broker.message_properties import split_death_headers
from mailer.broker.topology import DEAD, DEAD_AGAIN, DEAD_QUEUES, DELIVERY_LIMIT_REASON, LAST
from mailer.ports.broker import (
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    Unpublishable,
    Unroutable,
    is_mailer_header,
)
from mailer.ports.dead_letters import DeadKind

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two tries to consume."""
_DEATHS = {
    "delivery_limit": (DeadKind.TOO_OFTEN, DELIVERY_LIMIT_REASON),
    "expired": (DeadKind.EXPIRED, "it waited in its queue for longer than its publisher's `expiration` allows"),
}
"""The reasons that RabbitMQ gives for a message of which it made a dead letter itself."""

Bury = Callable[[BrokerMessage, str, str, str], Awaitable[None]]
"""Publishes a dead letter: message, the exchange that it came by, reason, kind."""


class QueueConsumer:
    """Takes what RabbitMQ delivers of one queue, on one channel after the other.

    Args:
        link: where. user: as whom we publish. queue: which. prefetch: how many it may hold.
        arrivals: take what comes.
        bury: publishes dead letters. restore: declares what is missing, after which it is tried again.
        report: told of what keeps it from consuming, None if nothing does.
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
        """Consumes until it is cancelled."""
        while True:
            try:
                await self._consume_channel()
            except ChannelEnded as error:
                self._report(self, str(error))
                if error.code == 404:
                    await self._restore()
            except BrokerUnavailable as error:
                self._report(self, str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _consume_channel(self) -> None:
        """Consumes until the channel ends, or RabbitMQ cancels the consumer, as when its queue is deleted."""
        channel = await self._link.open_channel(confirms=False)
        room = self._link.room
        cancelled = asyncio.Event()

        def note(_: Basic.Cancel) -> None:
            cancelled.set()

        channel.on_consumer_cancel_callbacks.add(note)
        acks = self._acks = AckBatcher(channel)
        try:
            with translating_errors(self._link.server_address):
                await channel.basic_qos(prefetch_count=self._prefetch)
                await channel.basic_consume(self.queue, self._take_delivery(acks, room))
                self.stands.set()
                self._report(self, None)
                reason = await _wait_channel_end(channel, cancelled)
            if reason is None:
                raise BrokerUnavailable(f"{self._link.server_address} has cancelled the consumer of {self.queue}")
            with translating_errors(self._link.server_address):
                raise reason
        finally:
            await acks.flush_acks()
            await close_channel(channel)
            if room is not None:
                room.forget_channel(channel.number)

    def _take_delivery(
        self, acks: AckBatcher, room: BodyMemory | None
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def take(incoming: DeliveredMessage) -> None:
            tag = incoming.delivery_tag
            if tag is None:
                return
            acks.note_arrival(tag)
            delivery = RabbitDelivery(incoming, message_from_rabbit(incoming, self._user), tag, acks, room, self._bury)
            if HeaderName.SIZE in delivery.message.headers and self._large_message_handler:
                await _dead_letter_large(delivery)
            else:
                self.arrivals.add_message(delivery)

        return take

    @property
    def _large_message_handler(self) -> bool:
        """Makes a dead letter of what is too large; of the dead letters, a row."""
        return self.queue not in DEAD_QUEUES

    async def flush_acks(self) -> None:
        """Returns once all acks are on their way."""
        if self._acks is not None:
            await self._acks.flush_acks()


async def _dead_letter_large(delivery: "RabbitDelivery") -> None:
    """Makes a dead letter of what came without its body. If that fails, the broker counts how often it comes back."""
    size = int(delivery.message.headers[HeaderName.SIZE])
    reason = f"the body has {size:,} bytes, more than an event may have; it was not kept"
    try:
        await delivery.reject(reason, DeadKind.TOO_LARGE)
    except (Unpublishable, Unroutable) as error:
        log.warning("a message cannot be made a dead letter; it goes back to its queue: %s", error)
        await asyncio.sleep(RETRY_SECONDS)
        await delivery.release()


async def _wait_channel_end(channel: AbstractChannel, cancelled: asyncio.Event) -> BaseException | None:
    """Returns once a channel has ended, with its reason; None if its consumer was cancelled."""
    closing, waiting = channel.closing, asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({closing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not closing.done():
            return None
        return (
            AMQPError("the channel was closed") if closing.cancelled() else closing.exception() or AMQPError("closed")
        )
    finally:
        waiting.cancel()
        closing.cancel()


class RabbitDelivery:
    """A message that RabbitMQ delivered. Settling it does nothing once its channel is lost: it is redelivered."""

    __slots__ = ("_acks", "_bury", "_room", "_settled", "_tag", "exchange", "message")

    def __init__(
        self,
        incoming: DeliveredMessage,
        message: BrokerMessage,
        tag: int,
        acks: AckBatcher,
        room: BodyMemory | None,
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
    def is_live(self) -> bool:
        """Tells whether it is still the consumer's to settle."""
        return not (self._settled or self._acks.channel.is_closed)

    async def acknowledge(self) -> None:
        """See `ReceivedMessage.acknowledge`."""
        if self.is_live:
            self._settle_once()
            self._acks.add_ack(self._tag)

    async def reject(self, reason: str, kind: str = DeadKind.REFUSED) -> None:
        """See `ReceivedMessage.reject`."""
        if not self.is_live:
            return
        try:
            await self._bury(self.message, self.exchange, reason, kind)
        except BrokerUnavailable:
            await self.release()
        else:
            await self.acknowledge()

    async def release(self) -> None:
        """See `ReceivedMessage.release`."""
        if not self.is_live:
            return
        self._settle_once()
        try:
            with translating_errors("RabbitMQ"):
                await self._acks.channel.basic_nack(self._tag, requeue=True)
        except BrokerUnavailable as error:
            log.debug("a message goes back with its channel: %s", error)
        else:
            self._acks.note_settled(self._tag)

    def _settle_once(self) -> None:
        self._settled = True
        if self._room is not None:
            self._room.release_octets(self._acks.channel.number, len(self.message.body))


def message_from_rabbit(incoming: DeliveredMessage, user: str) -> BrokerMessage:
    """A message as the port has it; what RabbitMQ says of one that it buried by itself comes in our own headers.

    Args:
        incoming: as the client library has read it.
        user: as whom we publish. Of a message that RabbitMQ validated as somebody else's, or as nobody's, our own
            headers are dropped: its publisher wrote them.
    """
    properties = incoming.header.properties
    headers, death = split_death_headers(properties.headers or {})  # type: ignore[arg-type]  # `rewritten` leaves texts only
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
