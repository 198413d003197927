"""Tests of each broker's duties to a message: it routes, confirms, delivers and settles it. Run over each broker."""

import asyncio
from dataclasses import replace

import pytest

from mailer.broker.event_publisher import EventPublisher
from mailer.broker.topology import (
    BATCHES,
    DEAD_QUEUE,
    DELIVERY_LIMIT_REASON,
    EVENTS,
    OUTCOMES,
    lane_batches_queue_name,
    lane_events_queue_name,
)
from mailer.events import validate_event
from mailer.policy.category import Lane
from mailer.ports.broker import Broker, BrokerMessage, HeaderName, MessageUnroutable
from tests.contract.brokers import BOUNCES, BRAND, LIMIT, LIMITED, Open
from tests.contract.deliveries import SECONDS, SERVICE, emptied, headers, ids, numbered, take


@pytest.mark.parametrize("lane", Lane)
async def test_an_event_arrives_on_the_lane_of_its_category(broker: Broker, lane: Lane) -> None:
    """The key `<brand>.<category>` leads to the queue of the category's lane."""
    await broker.publish_message(EVENTS, numbered(1, f"{BRAND}.{lane}"))
    async with broker.messages_while_consuming(lane_events_queue_name(lane), 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.exchange, received.message.routing_key) == (EVENTS, f"{BRAND}.{lane}")


@pytest.mark.parametrize("lane", Lane)
async def test_a_batch_arrives_on_its_lane(broker: Broker, lane: Lane) -> None:
    """The key of a batch is its lane."""
    await broker.publish_message(BATCHES, numbered(1, lane))
    async with broker.messages_while_consuming(lane_batches_queue_name(lane), 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert received.exchange == BATCHES


async def test_a_message_arrives_as_it_was_published(broker: Broker) -> None:
    """Body, key, id and headers make the round trip."""
    sent = BrokerMessage('{"é": 1}'.encode(), f"{BRAND}.service", "id-1", {"one": "1", "zwei": "ü"})
    await broker.publish_message(EVENTS, sent)
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert replace(received.message, headers=headers(received), user_id=None) == sent


async def test_a_message_of_the_largest_size_arrives(broker: Broker) -> None:
    """An event of 4 MiB is no exception."""
    body = b"x" * 4 * 1024 * 1024
    await broker.publish_message(EVENTS, BrokerMessage(body, f"{BRAND}.service"))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert received.message.body == body


async def test_an_unknown_key_of_an_event_leads_to_the_dead_letters(broker: Broker) -> None:
    """The alternate exchange takes it, though it is mandatory; it says where it came from and has no reason yet."""
    await broker.publish_message(EVENTS, numbered(1, "nobody.knows"), mandatory=True)
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.exchange, received.message.routing_key) == (EVENTS, "nobody.knows")
    assert HeaderName.REASON not in received.message.headers


async def test_a_mandatory_message_without_a_queue_raises(broker: Broker) -> None:
    """The publisher is told, and can still publish."""
    with pytest.raises(MessageUnroutable):
        await broker.publish_message(BATCHES, numbered(1, "no-lane"))
    await broker.publish_message(BATCHES, numbered(2, Lane.SERVICE))
    assert await emptied(broker, lane_batches_queue_name(Lane.SERVICE)) == ["2"]


async def test_outcomes_go_to_whoever_has_bound_a_queue(broker: Broker) -> None:
    """A pattern picks some; those that nobody picks are dropped, and are no dead letters."""
    await broker.publish_message(OUTCOMES, numbered(1, f"{BRAND}.service.handed_over"), mandatory=False)
    await broker.publish_message(OUTCOMES, numbered(2, f"{BRAND}.service.bounced"), mandatory=False)
    async with broker.messages_while_consuming(BOUNCES, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["2"]
    await broker.publish_message(EVENTS, numbered(3, "nobody.knows"))
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        assert ids(await take(batches, 1, ack=True)) == ["3"]


async def test_messages_wait_for_a_consumer(another: Open) -> None:
    """Messages that were published while nobody consumed arrive in another process, after the publisher has gone."""
    publisher = await another()
    for number in range(5):
        await publisher.publish_message(EVENTS, numbered(number))
    await publisher.close()
    worker = await another()
    async with worker.messages_while_consuming(SERVICE, 10) as batches:
        assert ids(await take(batches, 5, ack=True)) == ["0", "1", "2", "3", "4"]


async def test_a_waiting_consumer_is_woken(another: Open) -> None:
    """A waiting consumer gets a message that another process publishes later."""
    publisher, worker = await another(), await another()
    async with worker.messages_while_consuming(SERVICE, 10) as batches:
        waiting = asyncio.create_task(take(batches, 1, ack=True))
        await publisher.publish_message(EVENTS, numbered(1))
        assert ids(await waiting) == ["1"]


async def test_a_queue_keeps_its_order(broker: Broker) -> None:
    """One consumer sees one publisher's messages as they were published."""
    for number in range(50):
        await broker.publish_message(EVENTS, numbered(number))
    async with broker.messages_while_consuming(SERVICE, 7) as batches:
        assert ids(await take(batches, 50, ack=True)) == [str(number) for number in range(50)]


async def test_acknowledged_messages_are_gone(another: Open) -> None:
    """No other consumer gets them, in no process."""
    broker = await another()
    for number in range(3):
        await broker.publish_message(BATCHES, numbered(number, Lane.SERVICE))
    async with broker.messages_while_consuming(lane_batches_queue_name(Lane.SERVICE), 10) as batches:
        await take(batches, 3, ack=True)
    await broker.close()
    assert await emptied(await another(), lane_batches_queue_name(Lane.SERVICE)) == []


async def test_a_released_message_comes_again(broker: Broker) -> None:
    """A released message goes back to its queue. An acknowledged one does not."""
    await broker.publish_message(EVENTS, numbered(1))
    await broker.publish_message(EVENTS, numbered(2))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        first, second = await take(batches, 2)
        await second.acknowledge()
        await first.return_to_queue()
        assert ids(await take(batches, 1, ack=True)) == ["1"]


async def test_a_released_message_goes_to_any_consumer(broker: Broker) -> None:
    """Another consumer gets it, if the first has no room."""
    await broker.publish_message(EVENTS, numbered(1))
    async with broker.messages_while_consuming(SERVICE, 1) as batches:
        (released,) = await take(batches, 1)
        await broker.publish_message(EVENTS, numbered(2))
        async with broker.messages_while_consuming(SERVICE, 1) as others:
            (held,) = await take(others, 1)
            await released.return_to_queue()
            assert ids(await take(batches, 1, ack=True)) == ["1"]
            assert ids([held]) == ["2"]
            await held.return_to_queue()
            again = [asyncio.create_task(take(either, 1, ack=True)) for either in (batches, others)]
            done, pending = await asyncio.wait(again, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
            assert [ids(task.result()) for task in done] == [["2"]]
            for task in pending:
                task.cancel()


async def test_a_message_that_comes_back_too_often_is_a_dead_letter(broker: Broker) -> None:
    """The delivery limit ends its rounds, and the dead letter says so and where it came from."""
    await broker.publish_message(BATCHES, numbered(1, Lane.PROMOTIONAL))
    async with broker.messages_while_consuming(LIMITED, 10) as batches:
        for _ in range(LIMIT + 1):
            (received,) = await take(batches, 1)
            await received.return_to_queue()
        async with broker.messages_while_consuming(DEAD_QUEUE, 10) as dead:
            (letter,) = await take(dead, 1, ack=True)
    assert letter.message.message_id == "1"
    assert letter.message.headers.items() >= {
        (HeaderName.REASON, DELIVERY_LIMIT_REASON),
        (HeaderName.EXCHANGE, BATCHES),
        (HeaderName.ROUTING_KEY, Lane.PROMOTIONAL),
    }


async def test_a_rejected_message_is_a_dead_letter_with_its_reason(broker: Broker) -> None:
    """The copy keeps body, id and headers and says why it died and where it was published."""
    await broker.publish_message(EVENTS, BrokerMessage(b"not JSON", f"{BRAND}.service", "id-1", {"kept": "yes"}))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await take(batches, 1)
        await received.reject("not JSON: é")
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        (letter,) = await take(batches, 1, ack=True)
    assert (letter.message.body, letter.message.message_id) == (b"not JSON", "id-1")
    assert headers(letter) == {
        "kept": "yes",
        HeaderName.KIND: "refused",
        HeaderName.REASON: "not JSON: é",
        HeaderName.EXCHANGE: EVENTS,
        HeaderName.ROUTING_KEY: f"{BRAND}.service",
    }


async def test_a_rejected_message_leaves_its_queue(broker: Broker) -> None:
    """Only the messages that were not rejected remain in the queue."""
    await broker.publish_message(BATCHES, numbered(1, Lane.SERVICE))
    await broker.publish_message(BATCHES, numbered(2, Lane.SERVICE))
    async with broker.messages_while_consuming(lane_batches_queue_name(Lane.SERVICE), 1) as batches:
        (received,) = await take(batches, 1)
        await received.reject("bad")
    assert await emptied(broker, lane_batches_queue_name(Lane.SERVICE)) == ["2"]


async def test_a_very_long_reason_does_not_hinder_a_rejection(broker: Broker) -> None:
    """A long reason is cut to the size that a header can hold."""
    await broker.publish_message(EVENTS, numbered(1))
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await take(batches, 1)
        await received.reject("x" * 1_000_000)
    async with broker.messages_while_consuming(DEAD_QUEUE, 10) as batches:
        (letter,) = await take(batches, 1, ack=True)
    assert set(letter.message.headers[HeaderName.REASON]) == {"x"}


async def test_an_event_is_published_under_its_own_id(broker: Broker) -> None:
    """The publisher of events sends the event's JSON, its key and its id."""
    event = validate_event(
        {"v": 1, "id": "e-1", "brand": BRAND, "category": "service", "template": "t", "to": {"refs": ["u-1"]}}
    )
    await EventPublisher(broker).publish_event(event)
    async with broker.messages_while_consuming(SERVICE, 10) as batches:
        (received,) = await take(batches, 1, ack=True)
    assert (received.message.body, received.message.message_id) == (event.to_json(), "e-1")
