"""A queue of RabbitMQ that is deleted and comes back at once: its consumers take messages again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import aio_pika
import pytest
from aiormq.abc import AbstractChannel

from mailer.broker import connections, consumer, declaration, rabbitmq
from mailer.broker.acks import AckBatcher
from mailer.broker.connections import RabbitConnection
from mailer.broker.consumer import QueueConsumer
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import BATCHES, Binding, Part, Queue, lane_batches_queue_name
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, ReceivedMessage
from tests.contract.brokers import closing, opened, under_test

SECONDS = 60


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on fresh queues."""
    async with opened(rabbit_url) as one:
        yield one


async def test_a_queue_that_comes_back_at_once_has_no_consumer_that_nobody_is(
    broker: RabbitBroker, rabbit_url: str
) -> None:
    """A publisher that misses the queue gives RabbitMQ time to end its consumers. Else mail would go to nobody."""
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
    """A process that has just found the queue gives RabbitMQ the same time as one that misses it at first."""
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
    """RabbitMQ tells the consumers nothing, and drops the messages that it sends to them, until they consume again."""
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
    """Each message is taken once, at any moment of a renewal. Messages that come at its end go to the next channel."""
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


LARGE = b'"' + b"x" * 60_000 + b'"'


async def test_a_renewal_that_rabbitmq_answers_late_ends_no_connection(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal sends one request to close, even if RabbitMQ answers late, since large bodies fill the memory.

    The idle consumers of the same connection stay ready, and each message is delivered once.
    """
    monkeypatch.setattr(rabbitmq, "LARGE_IN_HAND", 100_000)
    monkeypatch.setattr(consumer, "RENEW_SECONDS", 0.02)
    monkeypatch.setattr(connections, "CLOSE_SECONDS", 0.1)
    problems: list[str] = []
    watched = RabbitBroker(rabbit_url, report=lambda name, problem: problems.append(problem) if problem else None)
    names = {str(number) for number in range(6)}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(closing(watched))
        loaded = await stack.enter_async_context(
            watched.messages_while_consuming(lane_batches_queue_name(Lane.NEWSLETTER), 6)
        )
        for _ in range(5):
            await stack.enter_async_context(
                watched.messages_while_consuming(lane_batches_queue_name(Lane.PROMOTIONAL), 1)
            )
        problems.clear()
        for name in names:
            await broker.publish_message(BATCHES, BrokerMessage(LARGE, Lane.NEWSLETTER, message_id=name))
        held = await anext(loaded)
        await asyncio.sleep(1)
        assert await broker.queue_depth(lane_batches_queue_name(Lane.NEWSLETTER)) == 0, "all are on their way"
        assert len(held) == 1, "the others wait for memory"
        taken = Counter(received.message.message_id or "" for received in held)
        await held[0].acknowledge()
        await collect_all([loaded], names - set(taken), taken)
        assert set(taken.values()) == {1}
        assert problems == []


async def test_a_stop_while_a_channel_is_being_closed_is_obeyed(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker obeys a stop at any moment of a renewal."""
    monkeypatch.setattr(consumer, "RENEW_SECONDS", 0.001)
    for delay in range(40):
        async with asyncio.timeout(10):
            async with broker.messages_while_consuming(lane_batches_queue_name(Lane.SERVICE), 1):
                await asyncio.sleep(delay / 4000)


async def test_a_connection_that_is_lost_amid_renewals_gets_its_consumers_again(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost connection gets its consumers again, even if it is lost while an old channel is being closed."""
    monkeypatch.setattr(consumer, "RENEW_SECONDS", 0.001)
    monkeypatch.setattr(consumer, "RETRY_SECONDS", 0.01)
    queue = lane_batches_queue_name(Lane.SERVICE)
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(broker.messages_while_consuming(queue, 1)) for _ in range(4)]
        for round_ in range(25):
            await asyncio.sleep(round_ / 1000)
            await broker._connection_for_queue(queue).close()
        monkeypatch.setattr(consumer, "RENEW_SECONDS", 30)
        for _ in range(3 * len(consumers)):
            await broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE))
        async with asyncio.timeout(SECONDS):
            # Each has to take one: the prefetch of a dead consumer's neighbours is used up.
            first = await asyncio.gather(*(anext(messages) for messages in consumers))
        assert [len(received) for received in first] == [1] * len(consumers)


@pytest.mark.parametrize("is_stopped", [True, False])
async def test_a_late_answer_to_a_renewal_stops_no_other_consumer(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    """While a cancel waits for its answer, RabbitMQ sends more large bodies, and the consumer may be stopped."""
    monkeypatch.setattr(rabbitmq, "LARGE_IN_HAND", 100_000)
    monkeypatch.setattr(connections, "CLOSE_SECONDS", 0.1)
    is_due = asyncio.Event()

    def seconds_until_renewal(one: QueueConsumer, acks: AckBatcher) -> float:
        # As if the check was made just before the body came that waits for memory.
        return 1000 if one.queue == news else 0 if is_due.is_set() else 0.02

    monkeypatch.setattr(QueueConsumer, "_seconds_until_channel_renewal", seconds_until_renewal)
    news, offers = lane_batches_queue_name(Lane.NEWSLETTER), lane_batches_queue_name(Lane.PROMOTIONAL)
    async with AsyncExitStack() as stack:
        watched = await stack.enter_async_context(closing(RabbitBroker(rabbit_url)))
        loaded = await stack.enter_async_context(watched.messages_while_consuming(news, 6))
        idle_stack = await stack.enter_async_context(AsyncExitStack())
        idle = await idle_stack.enter_async_context(watched.messages_while_consuming(offers, 20))
        for name in ("n1", "n2"):
            await broker.publish_message(BATCHES, BrokerMessage(LARGE, Lane.NEWSLETTER, message_id=name))
        held = await anext(loaded)
        more = {f"p{number}" for number in range(20)}
        for name in more:
            await broker.publish_message(BATCHES, BrokerMessage(LARGE, Lane.PROMOTIONAL, message_id=name))
        is_due.set()
        await asyncio.sleep(0.5)
        is_due.clear()
        if is_stopped:
            async with asyncio.timeout(10):
                await idle_stack.aclose()
        await held[0].acknowledge()
        await collect_all([loaded], {"n1", "n2"} - {held[0].message.message_id or ""})
        if is_stopped:
            idle = await idle_stack.enter_async_context(watched.messages_while_consuming(offers, 20))
        await collect_all([idle], more)


async def test_a_consumer_that_meets_an_unknown_error_reports_it_and_consumes_again(
    broker: RabbitBroker, rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer reports an unknown error and consumes again. Else it would count as ready for ever."""
    monkeypatch.setattr(consumer, "RETRY_SECONDS", 0.01)
    problems: list[str | None] = []
    queue, open_channel, failures = lane_batches_queue_name(Lane.SERVICE), RabbitConnection.open_channel, iter("12")

    async def open_channel_or_fail(link: RabbitConnection, *, confirms: bool) -> AbstractChannel:
        if not confirms and next(failures, None):
            raise LookupError
        return await open_channel(link, confirms=confirms)

    monkeypatch.setattr(RabbitConnection, "open_channel", open_channel_or_fail)
    async with (
        closing(RabbitBroker(rabbit_url, report=lambda name, problem: problems.append(problem))) as watched,
        watched.messages_while_consuming(queue, 1) as messages,
    ):
        await broker.publish_message(BATCHES, BrokerMessage(b"{}", Lane.SERVICE, message_id="a"))
        await collect_all([messages], {"a"})
    assert [problem for problem in problems if problem and "LookupError" in problem]
    assert problems[-1] is None


async def collect_all(
    consumers: Sequence[AsyncIterator[list[ReceivedMessage]]], wanted: set[str], taken: Counter[str] | None = None
) -> None:
    """Takes and acknowledges from several consumers until all wanted messages have come. Counts each in `taken`."""

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
