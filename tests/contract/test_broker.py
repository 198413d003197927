"""What every broker must do: one suite, run over each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from mailer.broker.publisher import EventPublisher
from mailer.broker.topology import BATCHES, DEAD, DELIVERY_LIMIT_REASON, EVENTS, OUTCOMES, batches_queue, events_queue
from mailer.events import validate_event
from mailer.policy.category import Lane
from mailer.ports.broker import Broker, Header, Message, Received, Unroutable
from tests.contract.brokers import BOUNCES, BRAND, BROKERS, LIMIT, LIMITED, Open, Site

SERVICE = events_queue(Lane.SERVICE)
SECONDS = 20
"""For what must happen; nothing waits for it when all is well."""


@pytest.fixture(params=list(BROKERS))
def site(request: pytest.FixtureRequest) -> Site:
    """Where the brokers under test meet. Not asynchronous, since the services' fixtures run loops of their own."""
    return BROKERS[request.param](request)


@pytest.fixture
async def another(site: Site) -> AsyncIterator[Open]:
    """Opens brokers on one store, each as a process of its own would."""
    async with site as opened:
        yield opened


@pytest.fixture
async def broker(another: Open) -> Broker:
    """The broker under test."""
    return await another()


def numbered(number: int, key: str = f"{BRAND}.service") -> Message:
    """A message that can be told from others."""
    return Message(b'{"n": %d}' % number, key, message_id=str(number))


def headers(received: Received) -> dict[str, str]:
    """The headers but for the publisher, whom a store that tells users apart adds."""
    return {name: value for name, value in received.message.headers.items() if name != Header.PUBLISHER}


def ids(received: list[Received]) -> list[str | None]:
    """Which messages these are."""
    return [one.message.message_id for one in received]


async def take(batches: AsyncIterator[list[Received]], count: int, *, ack: bool = False) -> list[Received]:
    """The next messages, settled or not."""
    taken: list[Received] = []
    async with asyncio.timeout(SECONDS):
        while len(taken) < count:
            batch = await anext(batches)
            assert batch
            taken += batch
            if ack:
                for received in batch:
                    await received.ack()
    assert len(taken) == count
    return taken


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(SECONDS):
        while not await holds():  # noqa: ASYNC110 (brokers announce no such thing)
            await asyncio.sleep(0.01)


async def waits(broker: Broker, queue: str, count: int) -> None:
    """Waits until that many messages wait in a queue."""

    async def holds() -> bool:
        return await broker.depth(queue) == count

    await eventually(holds)


async def emptied(broker: Broker, queue: str) -> list[str | None]:
    """All that is in a queue, found by publishing a last message behind it."""
    lane = queue.rpartition(".")[2]
    await broker.publish(BATCHES, Message(b"{}", lane, message_id="last"))
    found: list[str | None] = []
    async with broker.consume(queue, 10) as batches, asyncio.timeout(SECONDS):
        while "last" not in found:
            for received in await anext(batches):
                found.append(received.message.message_id)
                await received.ack()
    return found[:-1]


@pytest.mark.parametrize("lane", Lane)
async def test_an_event_arrives_on_the_lane_of_its_category(broker: Broker, lane: Lane) -> None:
    """The key `<brand>.<category>` leads to the queue of the category's lane."""
    await broker.publish(EVENTS, numbered(1, f"{BRAND}.{lane}"))
    async with broker.consume(events_queue(lane), 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.exchange, received.message.routing_key) == (EVENTS, f"{BRAND}.{lane}")


@pytest.mark.parametrize("lane", Lane)
async def test_a_batch_arrives_on_its_lane(broker: Broker, lane: Lane) -> None:
    """The key of a batch is its lane."""
    await broker.publish(BATCHES, numbered(1, lane))
    async with broker.consume(batches_queue(lane), 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert received.exchange == BATCHES


async def test_a_message_arrives_as_it_was_published(broker: Broker) -> None:
    """Body, key, id, headers and user make the round trip."""
    sent = Message('{"é": 1}'.encode(), f"{BRAND}.service", "id-1", {"one": "1", "zwei": "ü"}, "guest")
    await broker.publish(EVENTS, sent)
    async with broker.consume(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert replace(received.message, headers=headers(received)) == sent


async def test_a_message_of_the_largest_size_arrives(broker: Broker) -> None:
    """An event of 4 MiB is no exception."""
    body = b"x" * 4 * 1024 * 1024
    await broker.publish(EVENTS, Message(body, f"{BRAND}.service"))
    async with broker.consume(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert received.message.body == body


async def test_an_unknown_key_of_an_event_leads_to_the_dead_letters(broker: Broker) -> None:
    """The alternate exchange takes it, though it is mandatory; it says where it came from and has no reason yet."""
    await broker.publish(EVENTS, numbered(1, "nobody.knows"), mandatory=True)
    async with broker.consume(DEAD, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.exchange, received.message.routing_key) == (EVENTS, "nobody.knows")
    assert Header.REASON not in received.message.headers


async def test_a_mandatory_message_without_a_queue_raises(broker: Broker) -> None:
    """The publisher is told, and can still publish."""
    with pytest.raises(Unroutable):
        await broker.publish(BATCHES, numbered(1, "no-lane"))
    await broker.publish(BATCHES, numbered(2, Lane.SERVICE))
    assert await emptied(broker, batches_queue(Lane.SERVICE)) == ["2"]


async def test_outcomes_go_to_whoever_has_bound_a_queue(broker: Broker) -> None:
    """A pattern picks some; those that nobody picks are dropped, and are no dead letters."""
    await broker.publish(OUTCOMES, numbered(1, f"{BRAND}.service.handed_over"), mandatory=False)
    await broker.publish(OUTCOMES, numbered(2, f"{BRAND}.service.bounced"), mandatory=False)
    async with broker.consume(BOUNCES, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["2"]
    await broker.publish(EVENTS, numbered(3, "nobody.knows"))
    async with broker.consume(DEAD, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["3"]


async def test_messages_wait_for_a_consumer(another: Open) -> None:
    """What was published while nobody consumed arrives in another process, after the publisher has gone."""
    publisher = await another()
    for number in range(5):
        await publisher.publish(EVENTS, numbered(number))
    await publisher.close()
    worker = await another()
    async with worker.consume(SERVICE, 10) as batches:
        assert ids(await take(batches, 5, ack=True)) == ["0", "1", "2", "3", "4"]


async def test_a_waiting_consumer_is_woken(another: Open) -> None:
    """It gets what another process publishes later."""
    publisher, worker = await another(), await another()
    async with worker.consume(SERVICE, 10) as batches:
        waiting = asyncio.create_task(take(batches, 1, ack=True))
        await publisher.publish(EVENTS, numbered(1))
        assert ids(await waiting) == ["1"]


async def test_a_queue_keeps_its_order(broker: Broker) -> None:
    """One consumer sees one publisher's messages as they were published."""
    for number in range(50):
        await broker.publish(EVENTS, numbered(number))
    async with broker.consume(SERVICE, 7) as batches:
        assert ids(await take(batches, 50, ack=True)) == [str(number) for number in range(50)]


async def test_acknowledged_messages_are_gone(another: Open) -> None:
    """No other consumer gets them, in no process."""
    broker = await another()
    for number in range(3):
        await broker.publish(BATCHES, numbered(number, Lane.SERVICE))
    async with broker.consume(batches_queue(Lane.SERVICE), 10) as batches:
        await take(batches, 3, ack=True)
    await broker.close()
    assert await emptied(await another(), batches_queue(Lane.SERVICE)) == []


async def test_a_released_message_comes_again(broker: Broker) -> None:
    """It goes back to its queue; what was not released does not."""
    await broker.publish(EVENTS, numbered(1))
    await broker.publish(EVENTS, numbered(2))
    async with broker.consume(SERVICE, 10) as batches:
        first, second = await take(batches, 2)
        await second.ack()
        await first.release()
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_a_released_message_goes_to_any_consumer(broker: Broker) -> None:
    """Another consumer gets it, if the first has no room."""
    await broker.publish(EVENTS, numbered(1))
    async with broker.consume(SERVICE, 1) as batches:
        (released,) = await take(batches, 1)
        await broker.publish(EVENTS, numbered(2))
        async with broker.consume(SERVICE, 1) as others:
            (held,) = await take(others, 1)
            await released.release()
            assert ids(await take(batches, 1, ack=True)) == ["1"]
            assert ids([held]) == ["2"]
            await held.release()
            again = [asyncio.create_task(take(either, 1, ack=True)) for either in (batches, others)]
            done, pending = await asyncio.wait(again, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
            assert [ids(task.result()) for task in done] == [["2"]]
            for task in pending:
                task.cancel()


async def test_a_message_that_comes_back_too_often_is_a_dead_letter(broker: Broker) -> None:
    """The delivery limit ends its rounds, and the dead letter says so and where it came from."""
    await broker.publish(BATCHES, numbered(1, Lane.PROMOTIONAL))
    async with broker.consume(LIMITED, 10) as batches:
        for _ in range(LIMIT + 1):
            (received,) = await take(batches, 1)
            await received.release()
        async with broker.consume(DEAD, 10) as dead:
            (letter,) = await take(dead, 1, ack=True)
    assert letter.message.message_id == "1"
    assert letter.message.headers.items() >= {
        (Header.REASON, DELIVERY_LIMIT_REASON),
        (Header.EXCHANGE, BATCHES),
        (Header.ROUTING_KEY, Lane.PROMOTIONAL),
    }


async def test_a_rejected_message_is_a_dead_letter_with_its_reason(broker: Broker) -> None:
    """The copy keeps body, id and headers and says why it died and where it was published."""
    await broker.publish(EVENTS, Message(b"not JSON", f"{BRAND}.service", "id-1", {"kept": "yes"}))
    async with broker.consume(SERVICE, 10) as batches:
        (received,) = await take(batches, 1)
        await received.reject("not JSON: é")
    async with broker.consume(DEAD, 10) as batches:
        (letter,) = await take(batches, 1, ack=True)
    assert (letter.message.body, letter.message.message_id) == (b"not JSON", "id-1")
    assert headers(letter) == {
        "kept": "yes",
        Header.REASON: "not JSON: é",
        Header.EXCHANGE: EVENTS,
        Header.ROUTING_KEY: f"{BRAND}.service",
    }


async def test_a_rejected_message_leaves_its_queue(broker: Broker) -> None:
    """Only the others remain."""
    await broker.publish(BATCHES, numbered(1, Lane.SERVICE))
    await broker.publish(BATCHES, numbered(2, Lane.SERVICE))
    async with broker.consume(batches_queue(Lane.SERVICE), 1) as batches:
        (received,) = await take(batches, 1)
        await received.reject("bad")
    assert await emptied(broker, batches_queue(Lane.SERVICE)) == ["2"]


async def test_a_very_long_reason_does_not_hinder_a_rejection(broker: Broker) -> None:
    """It is cut to what a header can hold."""
    await broker.publish(EVENTS, numbered(1))
    async with broker.consume(SERVICE, 10) as batches:
        (received,) = await take(batches, 1)
        await received.reject("x" * 1_000_000)
    async with broker.consume(DEAD, 10) as batches:
        (letter,) = await take(batches, 1, ack=True)
    assert set(letter.message.headers[Header.REASON]) == {"x"}


async def test_what_a_consumer_leaves_unsettled_comes_again(broker: Broker) -> None:
    """Also what it never looked at; in order."""
    for number in range(5):
        await broker.publish(EVENTS, numbered(number))
    async with broker.consume(SERVICE, 3) as batches:
        await take(batches, 3)
    async with broker.consume(SERVICE, 10) as batches:
        assert ids(await take(batches, 5, ack=True)) == ["0", "1", "2", "3", "4"]


async def test_what_a_closed_broker_held_comes_to_another(another: Open) -> None:
    """A worker that stops gives back what it has not settled."""
    worker, other = await another(), await another()
    await worker.publish(EVENTS, numbered(1))
    with suppress(StopAsyncIteration):
        async with worker.consume(SERVICE, 10) as batches:
            await take(batches, 1)
            await worker.close()
            await anext(batches)
    async with other.consume(SERVICE, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_closing_ends_a_waiting_consumer(broker: Broker) -> None:
    """The iteration ends instead of waiting for ever."""
    async with broker.consume(SERVICE, 10) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await broker.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, SECONDS)


async def test_settling_after_leaving_is_harmless(broker: Broker) -> None:
    """The message belongs to the next consumer, who can settle it."""
    await broker.publish(EVENTS, numbered(1))
    async with broker.consume(SERVICE, 10) as batches:
        (stale,) = await take(batches, 1)
    await stale.ack()
    await stale.release()
    await stale.reject("too late")
    async with broker.consume(SERVICE, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["1"]
    assert await broker.depth(DEAD) == 0


async def test_a_wait_that_is_cancelled_loses_nothing(broker: Broker) -> None:
    """A consumer may wait with a timeout, again and again."""
    async with broker.consume(SERVICE, 10) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await broker.publish(EVENTS, numbered(1))
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_a_consumer_holds_no_more_than_its_prefetch(broker: Broker) -> None:
    """The rest waits until it settles."""
    for number in range(5):
        await broker.publish(EVENTS, numbered(number))
    async with broker.consume(SERVICE, 3) as batches:
        held = await take(batches, 3)
        await waits(broker, SERVICE, 2)
        await held[0].ack()
        held += await take(batches, 1)
        await waits(broker, SERVICE, 1)
    assert ids(held) == ["0", "1", "2", "3"]


async def test_depth_counts_what_waits(broker: Broker) -> None:
    """What consumers hold is not counted, nor what is done."""
    for number in range(4):
        await broker.publish(EVENTS, numbered(number))
    async with broker.consume(SERVICE, 2) as batches:
        held = await take(batches, 2)
        await waits(broker, SERVICE, 2)
        for received in held:
            await received.ack()
        await take(batches, 2)
        await waits(broker, SERVICE, 0)


async def test_two_consumers_share_the_work(broker: Broker) -> None:
    """Each gets a part, and no message goes to both."""
    async with broker.consume(SERVICE, 5) as ones, broker.consume(SERVICE, 5) as others:
        for number in range(10):
            await broker.publish(EVENTS, numbered(number))
        first, second = await asyncio.gather(take(ones, 5), take(others, 5))
    assert sorted(map(int, ids(first) + ids(second))) == list(range(10))  # type: ignore[arg-type]  # ids are given


async def test_two_processes_share_the_work(another: Open) -> None:
    """Consumers in two processes get every message once between them."""
    one, other = await another(), await another()
    seen: list[str | None] = []

    async def work(broker: Broker) -> None:
        async with broker.consume(SERVICE, 5) as batches:
            async for batch in batches:
                for received in batch:
                    await received.ack()
                seen.extend(ids(batch))
                if len(seen) >= 200:
                    await one.close()
                    await other.close()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        await asyncio.gather(*(one.publish(EVENTS, numbered(number)) for number in range(200)))
        group.create_task(work(one))
        group.create_task(work(other))
    assert sorted(seen, key=str) == sorted(map(str, range(200)))


async def test_a_lane_that_nobody_consumes_does_not_block_the_others(broker: Broker) -> None:
    """A backlog of promotions stands before a breach notice, and a consumer of breach notices gets it."""
    await asyncio.gather(*(broker.publish(EVENTS, numbered(n, f"{BRAND}.promotional")) for n in range(300)))
    await broker.publish(EVENTS, numbered(300, f"{BRAND}.breach"))
    async with broker.consume(events_queue(Lane.BREACH), 5) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["300"]
    async with broker.consume(events_queue(Lane.PROMOTIONAL), 100) as batches:
        assert len(await take(batches, 300, ack=True)) == 300


async def test_a_lane_whose_consumer_is_busy_does_not_block_the_others(broker: Broker) -> None:
    """Its consumer holds all it may, and the others go on."""
    await asyncio.gather(*(broker.publish(EVENTS, numbered(n, f"{BRAND}.promotional")) for n in range(300)))
    await broker.publish(EVENTS, numbered(300, f"{BRAND}.breach"))
    async with broker.consume(events_queue(Lane.PROMOTIONAL), 2) as bulk:
        await take(bulk, 2)
        async with broker.consume(events_queue(Lane.BREACH), 5) as batches:
            assert ids(await take(batches, 1, ack=True)) == ["300"]


async def test_a_thousand_messages_at_once(broker: Broker) -> None:
    """All are confirmed, and each arrives once."""
    async with asyncio.TaskGroup() as group:
        for number in range(1_000):
            group.create_task(broker.publish(EVENTS, numbered(number)))
    async with broker.consume(SERVICE, 100) as batches:
        received = await take(batches, 1_000, ack=True)
    assert sorted(map(int, ids(received))) == list(range(1_000))  # type: ignore[arg-type]  # ids are given


async def test_an_event_is_published_under_its_own_id(broker: Broker) -> None:
    """What the publisher of events sends is the event's JSON, its key and its id."""
    event = validate_event(
        {"v": 1, "id": "e-1", "brand": BRAND, "category": "service", "template": "t", "to": {"refs": ["u-1"]}}
    )
    await EventPublisher(broker).publish(event)
    async with broker.consume(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.message.body, received.message.message_id) == (event.to_json(), "e-1")
