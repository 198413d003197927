"""Tests of each broker's duties to its consumers: it bounds them, shares among them, and loses nothing when they go."""

import asyncio
from contextlib import suppress

import pytest

from mailer.broker.topology import DEAD_QUEUE, EVENTS, lane_events_queue_name
from mailer.policy.category import Lane
from mailer.ports.broker import Broker, ReceivedMessage
from tests.contract.brokers import BRAND, Open
from tests.contract.deliveries import SECONDS, SERVICE, ids, numbered, take, waits


async def test_what_a_consumer_leaves_unsettled_comes_again(broker: Broker) -> None:
    """Messages that a consumer left unsettled, or never looked at, come again in order."""
    for number in range(5):
        await broker.publish_message(EVENTS, numbered(number))
    async with broker.messages_while_consuming(SERVICE, 3) as batches:
        await take(batches, 3)
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        assert ids(await take(batches, 5, ack=True)) == ["0", "1", "2", "3", "4"]


async def test_what_a_closed_broker_held_comes_to_another(another: Open) -> None:
    """A worker that stops gives back what it has not settled."""
    worker, other = await another(), await another()
    await worker.publish_message(EVENTS, numbered(1))
    with suppress(StopAsyncIteration):
        async with worker.messages_while_consuming(SERVICE, 10) as batches:
            await take(batches, 1)
            await worker.close()
            await anext(batches)
    async with other.messages_while_consuming(SERVICE, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_closing_ends_a_waiting_consumer(broker: Broker) -> None:
    """The iteration ends instead of waiting for ever."""
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await broker.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, SECONDS)


async def test_settling_after_leaving_is_harmless(broker: Broker) -> None:
    """The message belongs to the next consumer, which can settle it."""
    await broker.publish_message(EVENTS, numbered(1))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (stale,) = await take(batches, 1)
    await stale.acknowledge()
    await stale.return_to_queue()
    await stale.reject("too late")
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["1"]
    assert await broker.queue_depth(DEAD_QUEUE) == 0


async def test_a_wait_that_is_cancelled_loses_nothing(broker: Broker) -> None:
    """A consumer may wait with a timeout, again and again."""
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await broker.publish_message(EVENTS, numbered(1))
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_a_consumer_gets_so_many_at_once_and_holds_more(broker: Broker) -> None:
    """The next ones are there already when it is through with these; all are settled, in order."""
    for number in range(7):
        await broker.publish_message(EVENTS, numbered(number))
    taken: list[list[ReceivedMessage]] = []
    async with broker.messages_while_consuming(SERVICE, 6, 2) as batches, asyncio.timeout(SECONDS):
        await waits(broker, SERVICE, 1)
        while sum(len(some) for some in taken) < 7:
            taken.append(await anext(batches))
            for received in taken[-1]:
                await received.acknowledge()
    assert max(len(some) for some in taken) == 2
    assert ids([received for some in taken for received in some]) == [str(number) for number in range(7)]
    assert await broker.queue_depth(SERVICE) == 0


async def test_a_consumer_holds_no_more_than_its_prefetch(broker: Broker) -> None:
    """The rest waits until it settles."""
    for number in range(5):
        await broker.publish_message(EVENTS, numbered(number))
    async with broker.messages_while_consuming(SERVICE, 3) as batches:
        held = await take(batches, 3)
        await waits(broker, SERVICE, 2)
        await held[0].acknowledge()
        held += await take(batches, 1)
        await waits(broker, SERVICE, 1)
    assert ids(held) == ["0", "1", "2", "3"]


async def test_depth_counts_what_waits(broker: Broker) -> None:
    """Neither messages that consumers hold nor settled ones are counted."""
    for number in range(4):
        await broker.publish_message(EVENTS, numbered(number))
    async with broker.messages_while_consuming(SERVICE, 2) as batches:
        held = await take(batches, 2)
        await waits(broker, SERVICE, 2)
        for received in held:
            await received.acknowledge()
        await take(batches, 2)
        await waits(broker, SERVICE, 0)


async def test_two_consumers_share_the_work(broker: Broker) -> None:
    """Each gets a part, and no message goes to both."""
    async with (
        broker.messages_while_consuming(SERVICE, 5) as ones,
        broker.messages_while_consuming(SERVICE, 5) as others,
    ):
        for number in range(10):
            await broker.publish_message(EVENTS, numbered(number))
        first, second = await asyncio.gather(take(ones, 5), take(others, 5))
    assert sorted(map(int, ids(first) + ids(second))) == list(range(10))  # type: ignore[arg-type]  # ids are given


async def test_two_processes_share_the_work(another: Open) -> None:
    """Consumers in two processes get every message once between them."""
    one, other = await another(), await another()
    seen: list[str | None] = []

    async def work(broker: Broker) -> None:
        async with broker.messages_while_consuming(SERVICE, 5) as batches:
            async for batch in batches:
                for received in batch:
                    await received.acknowledge()
                seen.extend(ids(batch))
                if len(seen) >= 200:
                    await one.close()
                    await other.close()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        await asyncio.gather(*(one.publish_message(EVENTS, numbered(number)) for number in range(200)))
        group.create_task(work(one))
        group.create_task(work(other))
    assert sorted(seen, key=str) == sorted(map(str, range(200)))


async def test_a_lane_that_nobody_consumes_does_not_block_the_others(broker: Broker) -> None:
    """A backlog of promotions stands before a breach notice, and a consumer of breach notices gets it."""
    for part in range(0, 3_000, 200):  # each is to be confirmed in time, also by a machine that is busy
        some = (numbered(n, f"{BRAND}.promotional") for n in range(part, part + 200))
        await asyncio.gather(*(broker.publish_message(EVENTS, message) for message in some))
    await broker.publish_message(EVENTS, numbered(3_000, f"{BRAND}.breach"))
    async with broker.messages_while_consuming(lane_events_queue_name(Lane.BREACH), 5) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["3000"]
    async with broker.messages_while_consuming(lane_events_queue_name(Lane.PROMOTIONAL), 100) as batches:
        assert len(await take(batches, 3_000, ack=True)) == 3_000


async def test_a_lane_whose_consumer_is_busy_does_not_block_the_others(broker: Broker) -> None:
    """A consumer that holds all it may does not keep other lanes waiting."""
    await asyncio.gather(*(broker.publish_message(EVENTS, numbered(n, f"{BRAND}.promotional")) for n in range(3_000)))
    await broker.publish_message(EVENTS, numbered(3_000, f"{BRAND}.breach"))
    async with broker.messages_while_consuming(lane_events_queue_name(Lane.PROMOTIONAL), 2) as bulk:
        await take(bulk, 2)
        async with broker.messages_while_consuming(lane_events_queue_name(Lane.BREACH), 5) as batches:
            assert ids(await take(batches, 1, ack=True)) == ["3000"]


async def test_a_thousand_messages_at_once(broker: Broker) -> None:
    """All are confirmed, and each arrives once."""
    async with asyncio.TaskGroup() as group:
        for number in range(1_000):
            group.create_task(broker.publish_message(EVENTS, numbered(number)))
    async with broker.messages_while_consuming(SERVICE, 100) as batches:
        received = await take(batches, 1_000, ack=True)
    assert sorted(map(int, ids(received))) == list(range(1_000))  # type: ignore[arg-type]  # ids are given
