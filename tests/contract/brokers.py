"""The brokers under contract: how each is opened, so that every test can run over all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aio_pika
import pytest

from mailer.broker.memory import MemoryBroker
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import OUTCOMES, Binding, Queue, Topology, batches_queue, topology
from mailer.policy.category import Lane
from mailer.ports.broker import Broker
from tests.contract.fake_outbox import FakeOutbox

BRAND = "paltalk-2006"
BOUNCES = "test.bounces"
"""A queue that an application has bound to the outcomes."""
LIMITED = batches_queue(Lane.PROMOTIONAL)
LIMIT = 3

Open = Callable[[], Awaitable[Broker]]
"""Opens one more broker on the same store, as another process would."""


def under_test() -> Topology:
    """The topology of one brand, with a queue for outcomes and one with a low delivery limit."""
    plain = topology({(BRAND, lane.value): lane for lane in Lane})
    return replace(
        plain,
        queues=(*(Queue(q.name, LIMIT) if q.name == LIMITED else q for q in plain.queues), Queue(BOUNCES)),
        bindings=(*plain.bindings, Binding(OUTCOMES, BOUNCES, "*.*.bounced")),
    )


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """In-process brokers over one outbox in memory."""
    outbox = FakeOutbox()
    async with AsyncExitStack() as stack:
        opened: list[MemoryBroker] = []

        async def another() -> Broker:
            opened.append(MemoryBroker(under_test(), outbox, f"process-{len(opened)}"))
            return await stack.enter_async_context(opened[-1])

        yield another


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Brokers on the RabbitMQ of the session, with fresh queues."""
    url: str = request.getfixturevalue("rabbit_url")
    await delete_everything(url)
    async with AsyncExitStack() as stack:

        async def another() -> Broker:
            broker = RabbitBroker(url)
            stack.push_async_callback(broker.close)
            await broker.declare(under_test())
            return broker

        yield another


async def delete_everything(url: str) -> None:
    """Deletes the topology's queues and exchanges, and what they hold."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        for queue in under_test().queues:
            await channel.queue_delete(queue.name)
        for exchange in under_test().exchanges:
            await channel.exchange_delete(exchange.name)


BROKERS = {"memory": memory, "rabbitmq": rabbitmq}
