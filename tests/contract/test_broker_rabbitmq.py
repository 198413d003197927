"""Tests of what only RabbitMQ can do: go away and come back, and tell users apart."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Self

import aio_pika
import pytest
from aio_pika.abc import HeadersType
from pamqp.common import FieldTable
from yarl import URL

from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import (
    BATCHES,
    DEAD,
    DEAD_QUEUE,
    EVENTS,
    OUTCOMES,
    Exchange,
    ExchangeKind,
    Topology,
    lane_batches_queue_name,
    lane_events_queue_name,
)
from mailer.embedded.rabbitmq import PrivateRabbit
from mailer.policy.category import Lane
from mailer.ports.broker import (
    BrokerAccessRefused,
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    QueueRefusedMessage,
    ReceivedMessage,
)
from tests.contract.brokers import BRAND, closing, delete_everything, opened, under_test
from tests.server_folders import server_folder
from tests.services import private_rabbit

SERVICE = lane_events_queue_name(Lane.SERVICE)
KEY = f"{BRAND}.service"
SECONDS = 60


@pytest.fixture(scope="module")
def node() -> Iterator[PrivateRabbit]:
    """A node that these tests may restart."""
    with server_folder() as folder, private_rabbit(folder) as running:
        yield running


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on a node that stays up."""
    async with opened(rabbit_url) as one:
        yield one


class Wire:
    """The way to RabbitMQ: relays, counts connections, and cuts them."""

    def __init__(self, url: str) -> None:
        self._target = URL(url)
        self._ends: list[asyncio.StreamWriter] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """RabbitMQ, by this way."""
        port: int = self._server.sockets[0].getsockname()[1]
        return str(self._target.with_host("127.0.0.1").with_port(port))

    def cut(self) -> None:
        """Ends every connection, without a word."""
        for end in self._ends:
            end.transport.abort()

    async def __aenter__(self) -> Self:
        """Opens the way."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the way."""
        self._server.close()
        self.cut()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection(self._target.host, self._target.port)
        self._ends += [writer, far_writer]
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def collect(batches: AsyncIterator[list[ReceivedMessage]], wanted: set[str]) -> None:
    """Takes and acknowledges until every wanted message was seen; at-least-once delivery may repeat some."""
    seen: set[str] = set()
    async with asyncio.timeout(SECONDS):
        while not wanted <= seen:
            for received in await anext(batches):
                seen.add(received.message.message_id or "")
                await received.acknowledge()


async def test_declaring_twice_is_fine(broker: RabbitBroker, rabbit_url: str) -> None:
    """Every process declares when it starts. Queued messages stay."""
    await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY, "1"))
    other = RabbitBroker(rabbit_url)
    await other.declare_topology(under_test())
    await other.close()
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        await collect(batches, {"1"})


async def test_declaring_something_different_raises(broker: RabbitBroker) -> None:
    """A topology that contradicts what exists is a mistake, and is not tried for ever."""
    with pytest.raises(BrokerAccessRefused, match=r"mailer\.events"):
        await broker.declare_topology(Topology((Exchange(EVENTS, ExchangeKind.FANOUT),), (), ()))


async def test_the_user_is_the_one_that_rabbitmq_has_validated(broker: RabbitBroker) -> None:
    """A message travels under the user of its connection, even if it claims another one."""
    await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY, user_id="somebody-else"))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await asyncio.wait_for(anext(batches), SECONDS)
        await received.acknowledge()
    assert received.message.user_id == "guest"


FORGED: HeadersType = {
    HeaderName.PUBLISHER: "chief",
    HeaderName.EXCHANGE: OUTCOMES,
    HeaderName.ROUTING_KEY: "interpals.service.bounced",
    HeaderName.KIND: "error",
    HeaderName.REASON: "believe me",
    HeaderName.AGAIN: "1",
}


async def test_headers_of_ours_are_believed_from_ourselves_only(broker: RabbitBroker, rabbit_url: str) -> None:
    """A forged header does not lend a name to a publisher whose event is rejected. Its other headers stay."""
    async with await aio_pika.connect(rabbit_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS, ensure=False)
        await exchange.publish(aio_pika.Message(b"{}", headers={**FORGED, "kept": "yes"}), KEY)
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await asyncio.wait_for(anext(batches), SECONDS)
        assert received.message.headers == {"kept": "yes"}
        await received.reject("bad")
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        (letter,) = await asyncio.wait_for(anext(batches), SECONDS)
        await letter.acknowledge()
    assert letter.message.headers == {
        "kept": "yes",
        HeaderName.PUBLISHER: "",
        HeaderName.KIND: "refused",
        HeaderName.REASON: "bad",
        HeaderName.EXCHANGE: EVENTS,
        HeaderName.ROUTING_KEY: KEY,
    }


@pytest.mark.parametrize(
    ("place", "key"), [(DEAD, "interpals.service"), (EVENTS, "nobody.service")], ids=["as dead", "as an event"]
)
async def test_a_forged_dead_letter_is_kept_for_what_it_is(
    broker: RabbitBroker, rabbit_url: str, place: str, key: str
) -> None:
    """Published straight to the dead letters, or so that no lane takes it: its headers say nothing of it."""
    async with await aio_pika.connect(rabbit_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(place, ensure=False)
        await exchange.publish(aio_pika.Message(b"{}", headers=FORGED), key)
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        (letter,) = await asyncio.wait_for(anext(batches), SECONDS)
        await letter.acknowledge()
    assert (letter.message.headers, letter.exchange, letter.message.routing_key) == ({}, place, key)


async def test_a_queue_that_refuses_is_no_broker_that_is_away(broker: RabbitBroker, rabbit_url: str) -> None:
    """A queue without room refuses its message, and a message for another queue goes beside it."""
    full: FieldTable = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    connection = await aio_pika.connect(rabbit_url)
    async with connection, connection.channel() as channel:
        queue = await channel.declare_queue("full", durable=True, arguments=full)
        await queue.bind(EVENTS, "full.newsletter")
        refused = 0
        for _ in range(20):  # it takes some more than it has room for
            try:
                await broker.publish_message(EVENTS, BrokerMessage(b"{}", "full.newsletter"))
            except QueueRefusedMessage:
                refused += 1
        await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY))
        await queue.delete(if_unused=False, if_empty=False)
    assert refused
    assert await broker.queue_depth(SERVICE) == 1


async def test_breach_and_service_have_connections_of_their_own(rabbit_url: str) -> None:
    """Bulk lanes share one connection. None is shared with publishing."""
    await delete_everything(rabbit_url)
    async with Wire(rabbit_url) as wire, AsyncExitStack() as stack:
        broker = RabbitBroker(wire.url)
        stack.push_async_callback(broker.close)
        await broker.declare_topology(under_test())
        counts = []
        for queue in (
            DEAD_QUEUE,
            *(make(lane) for lane in reversed(Lane) for make in (lane_events_queue_name, lane_batches_queue_name)),
        ):
            await stack.enter_async_context(broker.messages_while_consuming(queue, 1))
            counts.append(wire.connections)
    assert counts == [2, 3, 3, 3, 3, 4, 4, 5, 5]


async def test_publishing_while_rabbitmq_is_down_is_refused_in_time(free_port: int) -> None:
    """The publisher is told, and may try again."""
    async with closing(RabbitBroker(f"amqp://127.0.0.1:{free_port}/", confirm_seconds=0.3)) as broker:
        with pytest.raises(BrokerUnavailable):
            await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY))
        with pytest.raises(BrokerUnavailable):
            await broker.queue_depth(SERVICE)


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_a_process_may_start_before_rabbitmq(node: PrivateRabbit) -> None:
    """A process that starts first declares, consumes and publishes once RabbitMQ is up."""
    node.stop()

    async def work() -> None:
        async with closing(RabbitBroker(node.url)) as broker:
            await broker.declare_topology(under_test())
            async with broker.messages_while_consuming(SERVICE, 10) as batches:
                await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY, "1"))
                await collect(batches, {"1"})

    working = asyncio.create_task(work())
    await asyncio.to_thread(node.restart)
    await asyncio.wait_for(working, SECONDS)


async def test_nothing_confirmed_is_lost_when_rabbitmq_restarts(node: PrivateRabbit) -> None:
    """Publishers and consumers go on by themselves; each publish either succeeds or says that it did not."""
    async with opened(node.url) as broker:
        confirmed: set[str] = set()
        failures = 0
        restarted = asyncio.Event()

        async def publish() -> None:
            nonlocal failures
            number = after = 0
            while after < 100:
                number += 1
                try:
                    await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY, str(number)))
                except BrokerUnavailable:
                    failures += 1
                    await asyncio.sleep(0.05)
                else:
                    confirmed.add(str(number))
                    after += restarted.is_set()

        async with broker.messages_while_consuming(SERVICE, 20) as batches:
            publishing = asyncio.create_task(publish())
            held = await asyncio.wait_for(anext(batches), SECONDS)
            await asyncio.to_thread(node.restart)
            restarted.set()
            await asyncio.wait_for(publishing, SECONDS)
            for stale in held:
                await stale.acknowledge()
                await stale.reject("stale")
            assert confirmed
            assert failures
            await collect(batches, confirmed)
        assert await broker.queue_depth(DEAD_QUEUE) == 0


async def test_a_connection_that_is_cut_comes_back(rabbit_url: str) -> None:
    """Unsettled messages are delivered again. Settling one by the lost connection is harmless."""
    queue = lane_batches_queue_name(Lane.SERVICE)
    await delete_everything(rabbit_url)
    async with Wire(rabbit_url) as wire, closing(RabbitBroker(wire.url)) as broker:
        await broker.declare_topology(under_test())
        await broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, "1"))
        async with broker.messages_while_consuming(queue, 10) as batches:
            (stale,) = await asyncio.wait_for(anext(batches), SECONDS)
            wire.cut()
            (again,) = await asyncio.wait_for(anext(batches), SECONDS)
            await stale.acknowledge()
            await stale.return_to_queue()
            await stale.reject("stale")
            assert (again.message, again.exchange) == (stale.message, BATCHES)
            await again.acknowledge()
        assert [await broker.queue_depth(name) for name in (queue, DEAD_QUEUE)] == [0, 0]
