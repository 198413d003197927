"""Tests of duties that only the in-process broker has: it keeps the outbox honest, and memory small."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from mailer.broker import outbox_broker
from mailer.broker.outbox_broker import OutboxBroker
from mailer.broker.topology import BATCHES, DEAD_QUEUE, EVENTS, OUTCOMES, Binding, lane_events_queue_name
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, BrokerUnavailable, HeaderName, ReceivedMessage
from tests.contract.brokers import BOUNCES, BRAND, under_test
from tests.contract.fake_outbox import FakeOutbox

SERVICE = lane_events_queue_name(Lane.SERVICE)
KEY = f"{BRAND}.service"
SECONDS = 60


@pytest.fixture
def outbox() -> FakeOutbox:
    """The store."""
    return FakeOutbox()


@pytest.fixture
async def broker(outbox: FakeOutbox) -> AsyncIterator[OutboxBroker]:
    """A broker that delivers."""
    async with OutboxBroker(under_test(), outbox, "here") as one:
        yield one


async def eventually(holds: Callable[[], bool]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 (nothing announces it)
            await asyncio.sleep(0.01)


async def first(batches: AsyncIterator[list[ReceivedMessage]]) -> ReceivedMessage:
    """The one message that comes."""
    (received,) = await asyncio.wait_for(anext(batches), SECONDS)
    return received


async def test_a_confirm_means_a_row(outbox: FakeOutbox) -> None:
    """A confirm means a row, even from a broker that was not started, as in an application that only publishes."""
    await OutboxBroker(under_test(), outbox, "application").publish_message(EVENTS, BrokerMessage(b"{}", KEY))
    assert len(outbox.ids) == 1


async def test_a_row_goes_when_its_message_is_acknowledged(broker: OutboxBroker, outbox: FakeOutbox) -> None:
    """The row stays until its message is acknowledged."""
    await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY))
    async with broker.messages_while_consuming(SERVICE, 1) as batches:
        received = await first(batches)
        assert len(outbox.ids) == 1
        await received.acknowledge()
        await eventually(lambda: not outbox.ids)


async def test_a_row_with_two_copies_goes_when_both_are_acknowledged(outbox: FakeOutbox) -> None:
    """A message that two queues are bound for is done when it is done in both."""
    plain = under_test()
    both = replace(plain, bindings=(*plain.bindings, Binding(OUTCOMES, SERVICE, "#")))
    async with OutboxBroker(both, outbox, "here") as broker:
        await broker.publish_message(OUTCOMES, BrokerMessage(b"{}", f"{KEY}.bounced"))
        async with (
            broker.messages_while_consuming(BOUNCES, 1) as ones,
            broker.messages_while_consuming(SERVICE, 1) as others,
        ):
            await (await first(ones)).acknowledge()
            other = await first(others)
            assert len(outbox.ids) == 1
            await other.acknowledge()
            await eventually(lambda: not outbox.ids)


async def test_an_outcome_that_nobody_wants_makes_no_row(broker: OutboxBroker, outbox: FakeOutbox) -> None:
    """An outcome without a queue is dropped. A row for one is removed."""
    await broker.publish_message(OUTCOMES, BrokerMessage(b"{}", f"{KEY}.sent"), mandatory=False)
    assert not outbox.ids
    await outbox.add_messages(OUTCOMES, [BrokerMessage(b"{}", f"{KEY}.sent")])
    async with broker.messages_while_consuming(SERVICE, 1):
        await eventually(lambda: not outbox.ids)


@pytest.mark.parametrize(("exchange", "key"), [(EVENTS, "no.brand"), (BATCHES, "no-lane"), ("no-exchange", KEY)])
async def test_a_row_that_was_parked_for_nobody_is_a_dead_letter(
    broker: OutboxBroker, outbox: FakeOutbox, exchange: str, key: str
) -> None:
    """An application can write a row itself, with a key that no queue is bound to. Such a row becomes a dead letter."""
    await outbox.add_messages(exchange, [BrokerMessage(b"{}", key)])
    async with broker.messages_while_consuming(DEAD_QUEUE, 1) as batches:
        received = await first(batches)
        await received.acknowledge()
    assert (received.exchange, received.message.routing_key) == (exchange, key)


async def test_the_rows_of_a_process_that_died_come_to_another(broker: OutboxBroker, outbox: FakeOutbox) -> None:
    """Another process gets the rows of a dead one when its lease ends."""
    await outbox.add_messages(EVENTS, [BrokerMessage(b"{}", KEY, "1")])
    assert await outbox.lease_rows("died", 10, 3600)
    async with broker.messages_while_consuming(SERVICE, 1) as batches:
        waiting = asyncio.create_task(first(batches))
        outbox.expire("died")
        assert (await waiting).message.message_id == "1"


async def test_rows_stay_leased_while_they_are_held(outbox: FakeOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer may hold a message for longer than a lease."""
    monkeypatch.setattr(outbox_broker, "_LEASE_SECONDS", 0.3)
    async with OutboxBroker(under_test(), outbox, "here") as broker:
        await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY))
        async with broker.messages_while_consuming(SERVICE, 1) as batches:
            await first(batches)
            renewed = outbox.renewals
            await eventually(lambda: outbox.renewals >= renewed + 5)
            assert await outbox.lease_rows("another", 10, 1) == []


async def test_memory_holds_no_more_than_consumers_have_room_for(broker: OutboxBroker, outbox: FakeOutbox) -> None:
    """Memory holds twice the prefetch at most, however many rows wait in the outbox."""
    await outbox.add_messages(EVENTS, [BrokerMessage(b"{}", KEY)] * 1_000)
    async with broker.messages_while_consuming(SERVICE, 5) as batches:
        assert len(await asyncio.wait_for(anext(batches), SECONDS)) == 5
        await eventually(lambda: outbox.held("here") == 10)
        assert await broker.queue_depth(SERVICE) == 995
    await eventually(lambda: outbox.held("here") == 0)


async def test_rows_that_nobody_consumes_here_are_left_to_others(broker: OutboxBroker, outbox: FakeOutbox) -> None:
    """A process takes nothing while it has no consumer."""
    await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY, "1"))
    async with (
        OutboxBroker(under_test(), outbox, "other") as other,
        other.messages_while_consuming(SERVICE, 1) as batches,
    ):
        assert (await first(batches)).message.message_id == "1"


async def test_a_database_that_goes_away_stops_nothing(outbox: FakeOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishers get an error. Acknowledged rows go later, and rejected ones come again."""
    monkeypatch.setattr(outbox_broker, "_RETRY_SECONDS", 0.01)
    async with OutboxBroker(under_test(), outbox, "here") as broker:
        await outbox.add_messages(EVENTS, [BrokerMessage(b"{}", KEY, "good"), BrokerMessage(b"bad", KEY, "bad")])
        async with broker.messages_while_consuming(SERVICE, 2) as batches:
            good, bad = await asyncio.wait_for(anext(batches), SECONDS)
            outbox.down = True
            with pytest.raises(BrokerUnavailable):
                await broker.publish_message(EVENTS, BrokerMessage(b"{}", KEY))
            await good.acknowledge()
            await bad.reject("bad")
            again = await first(batches)
            failed = outbox.failures
            await eventually(lambda: outbox.failures > failed)
            outbox.down = False
            await again.reject("bad")
            await eventually(lambda: len(outbox.ids) == 1)
        async with broker.messages_while_consuming(DEAD_QUEUE, 1) as batches:
            letter = await first(batches)
            assert (letter.message.message_id, letter.message.headers[HeaderName.REASON]) == ("bad", "bad")
            await letter.acknowledge()
            await eventually(lambda: not outbox.ids)
