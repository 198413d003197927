"""The broker on RabbitMQ, 3.10 or newer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from aiormq.abc import AbstractChannel
from aiormq.exceptions import PublishError
from pamqp.commands import Basic
from yarl import URL

from mailer.broker.arrivals import ArrivedMessages
from mailer.broker.connections import ChannelEnded, RabbitConnection, translating_errors
from mailer.broker.consumer import QueueConsumer
from mailer.broker.declaration import declare_topology, migrate_old_dead_letter_queue
from mailer.broker.topology import DEAD, DEAD_QUEUES, EVENTS, LAST, Topology, build_dead_letter
from mailer.policy.category import Lane
from mailer.ports.broker import (
    BrokerAccessRefused,
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    MessageUnpublishable,
    MessageUnroutable,
    ReceivedMessage,
    publisher_identity_text_of_message,
)

log = logging.getLogger(__name__)

KEEP_SECONDS = 10.0
"""Seconds between two declarations of the topology."""
LARGE_IN_HAND = 8 * 1024 * 1024
"""The most octets of large bodies that the consumers of one connection hold."""
_TRIES_ALONE = 4
_PAUSE_ALONE = 0.1
_LONGEST_TEXT = 255
"""The most octets of a short string (AMQP 0-9-1, 4.2.5.3)."""
_LONGEST_NAME = 128
"""The most octets of a header's name. The client library would cut a longer one."""
_MOST_HEADERS = 64 * 1024
"""The most octets of all headers. They must fit one frame, 128 KiB by default (AMQP 0-9-1, 4.2.6)."""
_LARGEST_BODY = 16 * 1024 * 1024
"""The most octets of a body: the default limit of RabbitMQ 4."""
_OURS = "mailer."
"""The beginning of the names of mailer's exchanges."""
_URGENT = (Lane.BREACH, Lane.SERVICE)
_BULK, _DEAD = "bulk", "dead"

Report = Callable[[str, str | None], object]
"""A function that is called with the name of a part of the broker and its problem, or None if it works."""


class RabbitBroker:
    """Publishes with confirms and consumes from quorum queues. Restores topology, connections and consumers if lost.

    Publishing has its own connection. So have the consumers of breach, of service and of the dead letters: bulk lanes
    cannot block them. Connections open at first use. If RabbitMQ is away then, `declare_topology` and `consume_queue`
    wait for it; `publish_message` and `queue_depth` raise BrokerUnavailable.
    """

    def __init__(
        self,
        url: str,
        *,
        confirm_seconds: float = 10.0,
        plan: Callable[[], Topology] | None = None,
        report: Report = lambda name, problem: None,
        note_last: Callable[[int], object] = lambda depth: None,
    ) -> None:
        """Opens no connection yet.

        Args:
            url: `amqp://` or `amqps://`, with user, password and virtual host.
            confirm_seconds: the longest wait in seconds for a confirm, or for the depth of a queue.
            plan: returns the topology to restore; None: the one given to `declare_topology`, if that was called.
            report: is called with the problems of `topology` and of `consumers`.
            note_last: is called with the number of dead letters that could not be kept.
        """
        self._url = URL(url)
        self._user = self._url.user or "guest"
        self._confirm_seconds = confirm_seconds
        self._plan = plan
        self._report = report
        self._note_last = note_last
        self._publishing = RabbitConnection(self._url, "publish")
        groups = (*_URGENT, _BULK, _DEAD)
        self._consuming = {group: RabbitConnection(self._url, f"consume {group}", LARGE_IN_HAND) for group in groups}
        self._channels: dict[str, AbstractChannel] = {}
        self._opening, self._alone, self._restoring = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._declared_at = 0.0
        self._subscriptions: dict[QueueConsumer, str | None] = {}
        self._said: dict[str, str | None] = {}
        self._last_depth = 0

    async def declare_topology(self, topology: Topology) -> None:
        """Declares the missing parts of a topology. Waits if RabbitMQ is away.

        Raises:
            BrokerAccessRefused: RabbitMQ refuses our user, or a queue or exchange of that name exists and is different.
        """
        self._plan = lambda: topology
        while True:
            try:
                await declare_topology(self._publishing, topology)
            except BrokerAccessRefused:
                raise
            except BrokerUnavailable as error:
                self._report_problem("topology", str(error))
                await asyncio.sleep(1.0)
            else:
                self._report_problem("topology", None)
                return

    async def keep_topology_declared(self) -> None:
        """Declares the topology every `KEEP_SECONDS` until the task is cancelled. Restores deleted parts."""
        while True:
            async with self._restoring:
                is_declared = await self._redeclare_topology()
            if is_declared:
                await self._log_growth_of_unkept_dead_letters()
            await asyncio.sleep(KEEP_SECONDS)

    async def _log_growth_of_unkept_dead_letters(self) -> None:
        """Logs an error if there are new dead letters that could not be kept, and reports their number."""
        try:
            depth = await self.queue_depth(LAST)
        except BrokerUnavailable:
            return
        if depth > self._last_depth:
            log.error("%s holds %d dead letters that could not be kept; look at them in RabbitMQ", LAST, depth)
        self._last_depth = depth
        self._note_last(depth)

    async def server_version(self) -> str:
        """Returns the version of RabbitMQ.

        Raises:
            BrokerUnavailable: RabbitMQ cannot be reached, or refuses us.
        """
        return await self._publishing.server_version()

    async def has_exchange(self, exchange: str) -> bool:
        """Returns True if an exchange exists.

        Raises:
            BrokerUnavailable: RabbitMQ did not answer.
        """
        try:
            async with asyncio.timeout(self._confirm_seconds), self._publishing.brief_channel() as channel:
                await channel.exchange_declare(exchange, passive=True)
        except ChannelEnded as error:
            if error.code != 404:
                raise
            return False
        except TimeoutError as error:
            raise BrokerUnavailable(f"{self._publishing.server_address} did not answer in time") from error
        return True

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Publishes a message, and returns after RabbitMQ has confirmed it; see `Broker.publish_message`.

        If RabbitMQ refuses one message, it closes the channel, and the other messages on it stay unconfirmed. Each of
        them is then published again alone on a second channel. This shows which one is refused. Messages for exchanges
        that are not mailer's own are always published alone.
        """
        _check_publishable(exchange, message)
        if exchange.startswith(_OURS):
            with suppress(ChannelEnded, MessageUnroutable):
                await self._publish_confirmed("shared", exchange, message, mandatory)
                return
        async with self._alone:
            await self._publish_on_separate_channel_with_retries(exchange, message, mandatory)

    async def _publish_on_separate_channel_with_retries(
        self, exchange: str, message: BrokerMessage, mandatory: bool
    ) -> None:
        """Publishes a message alone on its channel. If the exchange or queue is missing, declares it and tries again.

        The end of a channel may end its connection, too: frames may arrive for a channel that is gone. So the method
        tries again after an error without a code.
        """
        restored = False
        for left in reversed(range(_TRIES_ALONE)):
            try:
                return await self._publish_confirmed("alone", exchange, message, mandatory)
            except (ChannelEnded, MessageUnroutable) as error:
                code = 404 if isinstance(error, MessageUnroutable) else error.code
                if code == 404 and not restored and left:
                    restored = await self._redeclare_topology_unless_just_done()
                if not left or (code and not restored):
                    raise _refusal_error(exchange, error) from error
                await asyncio.sleep(_PAUSE_ALONE)

    async def _publish_confirmed(self, name: str, exchange: str, message: BrokerMessage, mandatory: bool) -> None:
        properties = Basic.Properties(
            content_type="application/json",
            delivery_mode=2,
            headers=dict(message.headers) or None,
            message_id=message.message_id,
            user_id=self._user,
        )
        try:
            async with asyncio.timeout(self._confirm_seconds):
                channel = await self._publishing_channel(name)
                with translating_errors(self._publishing.server_address):
                    await channel.basic_publish(
                        message.body,
                        exchange=exchange,
                        routing_key=message.routing_key,
                        properties=properties,
                        mandatory=mandatory,
                    )
        except PublishError as error:
            raise MessageUnroutable(f"no queue is bound for {message.routing_key!r} at {exchange}") from error
        except TimeoutError as error:
            raise BrokerUnavailable(f"{self._publishing.server_address} did not confirm a message in time") from error

    @asynccontextmanager
    async def messages_while_consuming(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[ReceivedMessage]]]:
        """Yields the messages that arrive, as the port says. Waits for RabbitMQ and for the queue."""
        arrivals = ArrivedMessages(at_once)
        last = queue in DEAD_QUEUES
        bury = self._publish_to_last_resort_exchange if last else self._publish_to_dead_exchange
        subscription = QueueConsumer(
            self._connection_for_queue(queue),
            self._user,
            queue,
            prefetch,
            arrivals,
            bury,
            self._redeclare_topology_unless_just_done,
            self._report_consumer_problem,
        )
        self._report_consumer_problem(subscription, f"{queue} is not consumed yet")
        keeping = asyncio.create_task(subscription.keep_consuming())
        try:
            await subscription.stands.wait()
            yield arrivals
        finally:
            self._subscriptions.pop(subscription, None)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def queue_depth(self, queue: str) -> int:
        """Returns the number of messages that wait in a queue; see `Broker.queue_depth`.

        Raises:
            BrokerUnavailable: RabbitMQ did not answer, or the queue does not exist.
        """
        try:
            async with asyncio.timeout(self._confirm_seconds), self._publishing.brief_channel() as channel:
                return (await channel.queue_declare(queue, passive=True)).message_count or 0
        except TimeoutError as error:
            raise BrokerUnavailable(f"{self._publishing.server_address} did not answer in time") from error

    async def close(self) -> None:
        """Closes all connections. Messages that consumers have not settled go back to their queues."""
        for subscription in tuple(self._subscriptions):
            subscription.arrivals.end_iteration()
            await subscription.flush_acks()
        for link in (*self._consuming.values(), self._publishing):
            await link.close()

    async def _publish_to_dead_exchange(self, message: BrokerMessage, exchange: str, reason: str, kind: str) -> None:
        await self._publish_dead_letter(DEAD, build_dead_letter(message, exchange, reason, kind))

    async def _publish_to_last_resort_exchange(
        self, message: BrokerMessage, exchange: str, reason: str, kind: str
    ) -> None:
        await self._publish_dead_letter(LAST, build_dead_letter(message, exchange, reason, kind))

    async def _publish_dead_letter(self, exchange: str, letter: BrokerMessage) -> None:
        """Publishes a dead letter, with its first publisher in a header.

        RabbitMQ validates the copy with our own user, so its headers are believed. The header names the first
        publisher, or is empty if that is unknown.
        """
        await self.publish_message(
            exchange,
            replace(
                letter, headers={**letter.headers, HeaderName.PUBLISHER: publisher_identity_text_of_message(letter)}
            ),
        )

    async def _redeclare_topology_unless_just_done(self) -> bool:
        """Declares the topology, unless another task has just done so. Returns True if all parts exist."""
        asked_at = time.monotonic()
        async with self._restoring:
            if self._declared_at > asked_at:
                return True
            return await self._redeclare_topology()

    async def _redeclare_topology(self) -> bool:
        """Declares the topology, and empties the old dead-letter queue. Returns True if all parts exist."""
        if self._plan is None:
            return False
        try:
            await declare_topology(self._publishing, self._plan())
            await migrate_old_dead_letter_queue(
                self._publishing, self._user, lambda letter: self._publish_dead_letter(DEAD, letter)
            )
        except (BrokerUnavailable, MessageUnroutable, MessageUnpublishable) as error:
            self._report_problem("topology", str(error))
            return False
        self._report_problem("topology", None)
        self._declared_at = time.monotonic()
        return True

    def _report_consumer_problem(self, subscription: QueueConsumer, problem: str | None) -> None:
        """Reports the first problem of all consumers, and how many wait."""
        self._subscriptions[subscription] = problem
        problems = [text for text in self._subscriptions.values() if text]
        self._report_problem("consumers", f"{problems[0]} ({len(problems)} consumers wait)" if problems else None)

    def _report_problem(self, name: str, problem: str | None) -> None:
        if self._said.get(name) != problem and problem is not None and "not consumed yet" not in problem:
            log.warning("%s: %s", name, problem)
        self._said[name] = problem
        self._report(name, problem)

    def _connection_for_queue(self, queue: str) -> RabbitConnection:
        if queue in DEAD_QUEUES:
            return self._consuming[_DEAD]
        return self._consuming[next((lane for lane in _URGENT if queue.endswith(f".{lane}")), _BULK)]

    async def _publishing_channel(self, name: str) -> AbstractChannel:
        channel = self._channels.get(name)
        if channel is None or channel.is_closed:
            async with self._opening:
                channel = self._channels.get(name)
                if channel is None or channel.is_closed:
                    channel = self._channels[name] = await self._publishing.open_channel(confirms=True)
        return channel


def _check_publishable(exchange: str, message: BrokerMessage) -> None:
    """Checks that RabbitMQ and the client library can take a message.

    Raises:
        MessageUnpublishable: they cannot; the message names the part, and why.
    """
    texts = {"exchange": exchange, "routing key": message.routing_key, "message id": message.message_id or ""}
    try:
        for name, text in texts.items():
            if len(text) * 4 > _LONGEST_TEXT and (size := len(text.encode())) > _LONGEST_TEXT:
                raise MessageUnpublishable(f"the {name} has {size:,} octets; at most {_LONGEST_TEXT}")
            if not text.isascii():
                text.encode()
        size = sum(len(name.encode()) + len(value.encode()) for name, value in message.headers.items())
        if size > _MOST_HEADERS or any(len(name.encode()) > _LONGEST_NAME for name in message.headers):
            raise MessageUnpublishable(
                f"the headers have {size:,} octets; at most {_MOST_HEADERS:,}, a name {_LONGEST_NAME}"
            )
    except UnicodeEncodeError:
        raise MessageUnpublishable("a text in it has half of a surrogate pair, which UTF-8 cannot hold") from None
    if len(message.body) > _LARGEST_BODY:
        raise MessageUnpublishable(f"the body has {len(message.body):,} bytes; at most {_LARGEST_BODY:,}")


def _refusal_error(exchange: str, error: ChannelEnded | MessageUnroutable) -> Exception:
    """Returns the error for RabbitMQ's refusal of a message that was alone on its channel."""
    if isinstance(error, MessageUnroutable):
        return error
    match error.code:
        case 404 if exchange == EVENTS:
            return BrokerUnavailable(f"there is no exchange {exchange} yet; a worker declares it when it starts")
        case 404:
            return MessageUnroutable(str(error))
        case 403:
            return BrokerAccessRefused(str(error))
        case 311 | 406:
            return MessageUnpublishable(str(error))
        case _:
            return BrokerUnavailable(str(error))
