"""The broker on RabbitMQ, 3.10 or newer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

import aio_pika
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    PublishError,
)
from aio_pika.robust_connection import RobustConnection
from aiormq.exceptions import ChannelAccessRefused
from pamqp.common import FieldTable
from yarl import URL

from mailer.broker.acks import Acks
from mailer.broker.arrivals import Arrivals
from mailer.broker.topology import DEAD, DELIVERY_LIMIT_REASON, Queue, Topology, dead_letter
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerUnavailable, Header, Message, Received, Unroutable
from mailer.ports.dead_letters import DeadKind

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_CLOSE_SECONDS = 5.0
_URGENT = (Lane.BREACH, Lane.SERVICE)
_BULK = "bulk"
_T = TypeVar("_T")
_REFUSED = (ChannelAccessRefused, ChannelPreconditionFailed)


class RabbitBroker:
    """Publishes with confirms and consumes from quorum queues, over connections that come back by themselves.

    Publishing has a connection of its own, and among the consumers so have breach and service, so that a bulk lane
    never stands in their way. Connections open at first use, and RabbitMQ need not be up by then: `declare` and
    `consume` wait for it, `publish` and `depth` raise BrokerUnavailable.
    """

    def __init__(self, url: str, *, confirm_seconds: float = 10.0) -> None:
        """Connects to nothing yet.

        Args:
            url: `amqp://` or `amqps://`, with user, password and virtual host.
            confirm_seconds: how long to wait for a confirm, or for the depth of a queue.
        """
        self._user = URL(url).user or "guest"
        self._confirm_seconds = confirm_seconds
        self._publishing = _Link(url, "publish")
        self._consuming = {group: _Link(url, f"consume {group}") for group in (*_URGENT, _BULK)}
        self._channel: AbstractRobustChannel | None = None
        self._opening = asyncio.Lock()
        self._consumers: set[_Consumer] = set()

    async def declare(self, topology: Topology) -> None:
        """Makes what the topology names, where it does not exist yet.

        Raises:
            ChannelPreconditionFailed: something of that name exists and is different.
            ChannelAccessRefused: the user may not configure it.
        """

        async def once(connection: RobustConnection) -> None:
            async with connection.channel() as channel:
                await _declare(channel, topology)

        await self._publishing.persist(once)

    async def has(self, exchange: str) -> bool:
        """Whether an exchange exists.

        Raises:
            BrokerUnavailable: RabbitMQ did not answer.
        """
        with _losses():
            async with asyncio.timeout(self._confirm_seconds):
                connection = await self._publishing.connected()
                async with connection.channel(publisher_confirms=False) as channel:
                    try:
                        await channel.declare_exchange(exchange, passive=True, robust=False)
                    except ChannelNotFoundEntity:
                        return False
                    return True

    async def publish(self, exchange: str, message: Message, *, mandatory: bool = True) -> None:
        """Returns once RabbitMQ has confirmed the message; see `Broker.publish`."""
        outgoing = aio_pika.Message(
            message.body,
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=dict(message.headers),
            message_id=message.message_id,
            user_id=self._user,
        )
        with _losses():
            async with asyncio.timeout(self._confirm_seconds):
                channel = await self._publisher()
                target = await channel.get_exchange(exchange, ensure=False)
                await target.publish(outgoing, message.routing_key, mandatory=mandatory)

    @asynccontextmanager
    async def consume(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[Received]]]:
        """Yields what has arrived; see `Broker.consume`. Waits for RabbitMQ, and for the queue to exist."""
        consumer = _Consumer(Arrivals(at_once), self._bury)

        async def once(connection: RobustConnection) -> AbstractRobustChannel:
            return await _subscribe(connection.channel(publisher_confirms=False), queue, prefetch, consumer.arrived)

        channel = await self._link(queue).persist(once)
        self._consumers.add(consumer)
        try:
            yield consumer.arrivals
        finally:
            self._consumers.discard(consumer)
            await consumer.flush()
            await _close(channel)

    async def depth(self, queue: str) -> int:
        """How many messages wait in a queue; see `Broker.depth`.

        Raises:
            BrokerUnavailable: RabbitMQ did not answer, or the queue does not exist.
        """
        with _losses():
            async with asyncio.timeout(self._confirm_seconds):
                connection = await self._publishing.connected()
                async with connection.channel(publisher_confirms=False) as channel:
                    declared = await channel.declare_queue(queue, passive=True, robust=False)
                    return declared.declaration_result.message_count or 0

    async def close(self) -> None:
        """Ends its connections; what consumers have not settled goes back to its queue."""
        for consumer in tuple(self._consumers):
            consumer.arrivals.end()
            await consumer.flush()
        for link in (*self._consuming.values(), self._publishing):
            await link.close()

    async def _bury(self, message: Message, exchange: str, reason: str, kind: str) -> None:
        """Publishes the dead letter of a message.

        RabbitMQ validates the copy's user as ours. So the user that it validated before goes into a header, and what
        that header said is dropped, unless it was we who said it.
        """
        letter = dead_letter(message, exchange, reason, kind)
        if message.user_id != self._user:
            headers = {name: value for name, value in letter.headers.items() if name != Header.PUBLISHER}
            if message.user_id:
                headers[Header.PUBLISHER] = message.user_id
            letter = replace(letter, headers=headers)
        await self.publish(DEAD, letter)

    def _link(self, queue: str) -> "_Link":
        group = next((lane for lane in _URGENT if queue.endswith(f".{lane}")), _BULK)
        return self._consuming[group]

    async def _publisher(self) -> AbstractRobustChannel:
        async with self._opening:
            if self._channel is None:
                connection = await self._publishing.connected()
                channel = connection.channel(on_return_raises=True)
                await channel.initialize()
                self._channel = channel
        await self._channel.ready()
        return self._channel


class _Link:
    """A connection that opens at first use and comes back when it is lost."""

    def __init__(self, url: str, purpose: str) -> None:
        self._url = URL(url)
        self._purpose = purpose
        self._connection: RobustConnection | None = None

    async def connected(self) -> RobustConnection:
        """The connection, once it stands."""
        if self._connection is None:
            self._connection = RobustConnection(
                self._url,
                client_properties={"connection_name": f"mailer {self._purpose}"},
                reconnect_interval=_RECONNECT_SECONDS,
                fail_fast=False,
            )
        await self._connection.connect(timeout=_CONNECT_SECONDS)
        return self._connection

    async def persist(self, action: Callable[[RobustConnection], Awaitable[_T]]) -> _T:
        """Repeats the action until the connection holds for it.

        Raises:
            ChannelAccessRefused, ChannelPreconditionFailed: RabbitMQ refuses it, and always would.
        """
        while True:
            try:
                with _losses():
                    return await action(await self.connected())
            except BrokerUnavailable as error:
                if isinstance(error.__cause__, _REFUSED):
                    raise error.__cause__ from None
                log.warning("RabbitMQ (%s): %s; trying again", self._purpose, error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            await self._connection.close()


class _Consumer:
    """Takes what RabbitMQ delivers, on one channel after the other if the connection is lost in between."""

    def __init__(self, arrivals: Arrivals, bury: Callable[[Message, str, str, str], Awaitable[None]]) -> None:
        self.arrivals = arrivals
        self._bury = bury
        self._acks: Acks | None = None

    async def arrived(self, incoming: AbstractIncomingMessage) -> None:
        """A message. What comes from a channel that is lost by now will be delivered again."""
        with suppress(ChannelInvalidStateError):
            if self._acks is None or self._acks.channel is not incoming.channel:
                self._acks = Acks(incoming.channel)
            if incoming.delivery_tag is not None:
                self._acks.arrived(incoming.delivery_tag)
                self.arrivals.add(_Delivery(incoming, incoming.delivery_tag, self._acks, self._bury))

    async def flush(self) -> None:
        """Returns once all acks are on their way."""
        if self._acks is not None:
            await self._acks.flush()


class _Delivery:
    """A message that RabbitMQ delivered. Settling it does nothing once its channel is lost: it is redelivered."""

    __slots__ = ("_acked", "_acks", "_bury", "_incoming", "_tag", "exchange", "message")

    def __init__(
        self,
        incoming: AbstractIncomingMessage,
        tag: int,
        acks: Acks,
        bury: Callable[[Message, str, str, str], Awaitable[None]],
    ) -> None:
        self._incoming = incoming
        self._tag = tag
        self._acks = acks
        self._bury = bury
        self._acked = False
        self.exchange = incoming.exchange or ""
        self.message = _message(incoming)

    @property
    def live(self) -> bool:
        try:
            return not (self._acked or self._incoming.processed or self._incoming.channel.is_closed)
        except ChannelInvalidStateError:
            return False

    async def ack(self) -> None:
        if self.live:
            self._acked = True
            self._acks.add(self._tag)

    async def reject(self, reason: str, kind: str = DeadKind.REFUSED) -> None:
        if not self.live:
            return
        try:
            await self._bury(self.message, self.exchange, reason, kind)
        except BrokerUnavailable:
            await self.release()
        else:
            await self.ack()

    async def release(self) -> None:
        with suppress(BrokerUnavailable), _losses():
            await self._incoming.nack(requeue=True)
            self._acks.settled(self._tag)


@contextmanager
def _losses() -> Iterator[None]:
    """Gives the ways in which aio-pika fails the names of the port.

    It also throws CancelledError at whoever waits on a connection that it closes, which must not pass for a
    cancellation of the waiting task.
    """
    try:
        yield
    except PublishError as error:
        raise Unroutable("no queue is bound for the message") from error
    except CONNECTION_EXCEPTIONS as error:
        raise BrokerUnavailable(f"no answer from RabbitMQ ({type(error).__name__})") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable("the connection was closed") from error


async def _declare(channel: AbstractRobustChannel, topology: Topology) -> None:
    for exchange in topology.exchanges:
        options: FieldTable = {"alternate-exchange": exchange.alternate} if exchange.alternate else {}
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True, arguments=options, robust=False)
    for queue in topology.queues:
        await channel.declare_queue(queue.name, durable=True, arguments=_arguments(queue), robust=False)
    for binding in topology.bindings:
        bound = await channel.get_queue(binding.queue, ensure=False)
        await bound.bind(binding.exchange, binding.key)


def _arguments(queue: Queue) -> FieldTable:
    """How RabbitMQ is told: at-least-once moves a message to `mailer.dead` only once it is confirmed there."""
    arguments: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": queue.delivery_limit}
    if queue.name != DEAD:
        arguments |= {
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
    return arguments


async def _subscribe(
    channel: AbstractRobustChannel,
    queue: str,
    prefetch: int,
    arrived: Callable[[AbstractIncomingMessage], Awaitable[None]],
) -> AbstractRobustChannel:
    """Starts a consumer on a channel of its own, which aio-pika restores with it when the connection comes back."""
    try:
        await channel.initialize()
        await channel.set_qos(prefetch_count=prefetch)
        source = await channel.get_queue(queue)
        await source.consume(arrived)
    except BaseException:
        await _close(channel)
        raise
    return channel


async def _close(channel: AbstractRobustChannel) -> None:
    """Closes a channel, with which RabbitMQ takes back what is unsettled; a lost one has been taken back already."""
    with suppress(BrokerUnavailable), _losses():
        async with asyncio.timeout(_CLOSE_SECONDS):
            await channel.close()


def _message(incoming: AbstractIncomingMessage) -> Message:
    headers = {name: value for name, value in incoming.headers.items() if isinstance(value, str)}
    return Message(
        body=incoming.body,
        routing_key=incoming.routing_key or "",
        message_id=incoming.message_id,
        headers=headers | _death(incoming),
        user_id=incoming.user_id,
    )


def _death(incoming: AbstractIncomingMessage) -> dict[str, str]:
    """What RabbitMQ says of a message that it moved to `mailer.dead` by itself, in our own headers."""
    match incoming.headers.get("x-death"):
        case [{"reason": "delivery_limit", "exchange": str(exchange)}, *_] if incoming.exchange == DEAD:
            return {
                Header.REASON: DELIVERY_LIMIT_REASON,
                Header.EXCHANGE: exchange,
                Header.ROUTING_KEY: incoming.routing_key or "",
            }
        case _:
            return {}
