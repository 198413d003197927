"""The brokers under contract: how each is opened, so that every test can run over all."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import aio_pika
import pytest

from mailer.broker.outbox_broker import OutboxBroker
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import OUTCOMES, Binding, Queue, Topology, build_topology, lane_batches_queue_name
from mailer.database.connections import open_pool
from mailer.policy.category import Lane
from mailer.ports.broker import Broker
from mailer.postgres.outbox import PostgresOutbox
from tests.contract.fake_outbox import FakeOutbox

BRAND = "paltalk-2006"
BOUNCES = "test.bounces"
"""A queue that an application has bound to the outcomes."""
LIMITED = lane_batches_queue_name(Lane.PROMOTIONAL)
LIMIT = 3

Open = Callable[[], Coroutine[Any, Any, Broker]]
"""Opens one more broker on the same store, as another process would."""
Site = AbstractAsyncContextManager[Open]


def under_test() -> Topology:
    """The topology of one brand, with a queue for outcomes and one with a low delivery limit."""
    plain = build_topology({(BRAND, lane.value): lane for lane in Lane})
    return replace(
        plain,
        queues=(*(Queue(q.name, LIMIT) if q.name == LIMITED else q for q in plain.queues), Queue(BOUNCES)),
        bindings=(*plain.bindings, Binding(OUTCOMES, BOUNCES, "*.*.bounced")),
    )


@asynccontextmanager
async def closing(broker: RabbitBroker) -> AsyncIterator[RabbitBroker]:
    """The broker, closed in the end."""
    try:
        yield broker
    finally:
        await broker.close()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on fresh queues."""
    await delete_everything(url)
    async with closing(RabbitBroker(url)) as broker:
        await broker.declare_topology(under_test())
        yield broker


@asynccontextmanager
async def _memory() -> AsyncIterator[Open]:
    outbox = FakeOutbox()
    async with AsyncExitStack() as stack:
        names = (f"process-{number}" for number in count())

        async def another() -> Broker:
            return await stack.enter_async_context(OutboxBroker(under_test(), outbox, next(names)))

        yield another


@asynccontextmanager
async def _postgresql(url: str) -> AsyncIterator[Open]:
    async with await open_pool(url) as pool, AsyncExitStack() as stack:
        names = (f"process-{number}" for number in count())

        async def another() -> Broker:
            outbox = PostgresOutbox(pool)
            stack.push_async_callback(outbox.close)
            return await stack.enter_async_context(OutboxBroker(under_test(), outbox, next(names)))

        yield another


@asynccontextmanager
async def _rabbitmq(url: str) -> AsyncIterator[Open]:
    await delete_everything(url)
    async with AsyncExitStack() as stack:

        async def another() -> Broker:
            broker = RabbitBroker(url)
            stack.push_async_callback(broker.close)
            await broker.declare_topology(under_test())
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


BROKERS: dict[str, Callable[[pytest.FixtureRequest], Site]] = {
    "memory": lambda _: _memory(),
    "postgresql": lambda request: _postgresql(request.getfixturevalue("database_url")),
    "rabbitmq": lambda request: _rabbitmq(request.getfixturevalue("rabbit_url")),
}
"""The in-process broker, over an outbox in memory and one in PostgreSQL, and RabbitMQ with fresh queues."""
