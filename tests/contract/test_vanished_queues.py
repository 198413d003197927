"""A queue of RabbitMQ that is deleted and comes back at once: its consumers take messages again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import aio_pika
import pytest
from aiormq.abc import AbstractChannel

from mailer.broker import consumer, declaration
from mailer.broker.connections import RabbitConnection
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import BATCHES, Binding, Part, Queue, lane_batches_queue_name
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, ReceivedMessage
from tests.contract.brokers import opened, under_test

SECONDS = 60


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on fresh queues."""
    async with opened(rabbit_url) as one:
        yield one


async def test_a_queue_that_comes_back_at_once_has_no_consumer_that_nobody_is(
    broker: RabbitBroker, rabbit_url: str
) -> None:
    """A publisher that misses the queue leaves RabbitMQ the time to end its consumers: else some would take mail on."""
    queue = lane_batches_queue_name(Lane.SERVICE)
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(broker.messages_while_consuming(queue, 1)) for _ in range(4)]
        connection = await stack.enter_async_context(await aio_pika.connect(rabbit_url))
        for round_ in range(3):
            await (await connection.channel()).queue_delete(queue)
            names = {f"{round_}-{number}" for number in range(8)}
            await asyncio.gather(
                *(
                    broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, message_id=name))
                    for name in names
                )
            )
            await collect_all(consumers, names)


async def test_a_queue_that_is_deleted_amid_declaring_has_no_consumer_that_nobody_is(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that found it a moment before leaves RabbitMQ the same time as one that misses it at first."""
    queue, look = lane_batches_queue_name(Lane.SERVICE), declaration._queue_exists
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(broker.messages_while_consuming(queue, 1)) for _ in range(4)]
        connection = await stack.enter_async_context(await aio_pika.connect(rabbit_url))
        topology = under_test()
        deleted: list[str] = []

        async def look_before_it_is_deleted(link: RabbitConnection, wanted: Queue) -> bool:
            found = await look(link, wanted)
            if wanted == topology.queues[-1] and not deleted:
                deleted.append(queue)
                await (await connection.channel()).queue_delete(queue)
            return found

        monkeypatch.setattr(declaration, "_queue_exists", look_before_it_is_deleted)
        await broker.declare_topology(topology)
        names = {str(number) for number in range(8)}
        await asyncio.gather(
            *(broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, message_id=name)) for name in names)
        )
        await collect_all(consumers, names)


async def test_an_exchange_that_is_deleted_amid_declaring_is_declared_again(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that starts just then waits a second, and does not end as if RabbitMQ refused it."""
    declare, deleted = declaration._declare_part, list[str]()

    async def declare_after_it_is_deleted(channel: AbstractChannel, part: Part) -> None:
        if isinstance(part, Binding) and not deleted:
            deleted.append(part.exchange)
            async with await aio_pika.connect(rabbit_url) as connection:
                await (await connection.channel()).exchange_delete(part.exchange)
        await declare(channel, part)

    monkeypatch.setattr(declaration, "_declare_part", declare_after_it_is_deleted)
    await broker.declare_topology(under_test())
    assert await broker.has_exchange(deleted[0])


async def test_consumers_of_a_queue_that_somebody_deletes_and_declares_at_once_take_messages_again(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ tells them nothing, and drops what it sends to them, until they consume again."""
    monkeypatch.setattr(consumer, "RENEW_SECONDS", 1)
    queue = lane_batches_queue_name(Lane.SERVICE)
    declared = next(each for each in under_test().queues if each.name == queue)
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(broker.messages_while_consuming(queue, 1)) for _ in range(4)]
        connection = await stack.enter_async_context(await aio_pika.connect(rabbit_url))
        channel = await connection.channel()
        await channel.queue_delete(queue)
        again = await channel.declare_queue(queue, durable=True, arguments=declaration._queue_arguments(declared))
        await again.bind(BATCHES, Lane.SERVICE)
        names = {str(number) for number in range(8)}
        await asyncio.gather(
            *(broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, message_id=name)) for name in names)
        )
        await collect_all(consumers, names)


async def test_a_consumer_that_consumes_again_and_again_takes_each_message_once(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages come at any moment of it; those that come while it ends go to the next channel."""
    monkeypatch.setattr(consumer, "RENEW_SECONDS", 0.01)
    names, taken = [str(number) for number in range(150)], Counter[str]()

    async def publish() -> None:
        for number, name in enumerate(names):
            await broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, message_id=name))
            await asyncio.sleep(number % 7 / 200)

    async with AsyncExitStack() as stack:
        opening = (broker.messages_while_consuming(lane_batches_queue_name(Lane.SERVICE), 2) for _ in range(3))
        consumers = [await stack.enter_async_context(one) for one in opening]
        publishing = asyncio.create_task(publish())
        await collect_all(consumers, set(names), taken)
        await publishing
    assert set(taken.values()) == {1}


async def collect_all(
    consumers: Sequence[AsyncIterator[list[ReceivedMessage]]], wanted: set[str], taken: Counter[str] | None = None
) -> None:
    """Takes and acknowledges from several consumers until all that is wanted has come, and counts it."""

    async def take_from(messages: AsyncIterator[list[ReceivedMessage]]) -> None:
        while wanted:
            for received in await anext(messages):
                wanted.discard(name := received.message.message_id or "")
                if taken is not None:
                    taken[name] += 1
                await received.acknowledge()
        done.set()

    done = asyncio.Event()
    taking = [asyncio.create_task(take_from(messages)) for messages in consumers]
    try:
        await asyncio.wait_for(done.wait(), SECONDS)
    finally:
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
