"""The consumers' loops: the relay of the outbox, dead letters, batches, and messages that cannot be handled yet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog

from mailer.pipeline import consumers
from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.unsettled_message_retries import UnsettledMessageRetries
from mailer.policy.category import Lane
from mailer.ports.broker import (
    BrokerMessage,
    BrokerUnavailable,
    HeaderName,
    MessageUnroutable,
    QueueRefusedMessage,
    ReceivedMessage,
)
from tests.brokers import FakeBroker
from tests.doubles import FakeReceived
from tests.factories import World, person, plain_event, received, until


async def relayed(world: World, done: Callable[[], bool]) -> None:
    """Relays until a condition is true."""
    stop = asyncio.Event()
    relay = asyncio.create_task(
        consumers.relay_outbox_until_stopped(world.outbox, world.broker, world.letters, "relay", stop)
    )

    async def condition() -> bool:
        return done()

    await until(condition)
    stop.set()
    await asyncio.wait_for(relay, 60)


async def left(world: World) -> int:
    """The number of rows in the outbox."""
    found = await world.pool.fetchval("SELECT count(*) FROM outbox")
    assert isinstance(found, int)
    return found


def message(n: int) -> BrokerMessage:
    """A message."""
    return BrokerMessage(b"{}", f"b{n}.newsletter", f"m-{n}", {HeaderName.PUBLISHER: "key:shop"})


async def test_what_is_parked_is_published(world: World) -> None:
    """Rows that are there before and after it starts are published with their publisher, and go."""
    await world.outbox.add_messages("mailer.events", [message(1)])
    stop = asyncio.Event()
    relay = asyncio.create_task(
        consumers.relay_outbox_until_stopped(world.outbox, world.broker, world.letters, "relay", stop)
    )

    async def arrived(n: int) -> bool:
        return len(world.broker.published) == n

    await until(lambda: arrived(1))
    await world.outbox.add_messages("mailer.events", [message(2)])
    await until(lambda: arrived(2))
    stop.set()
    await asyncio.wait_for(relay, 60)
    assert [published.headers for _, published in world.broker.published] == [{HeaderName.PUBLISHER: "key:shop"}] * 2
    assert await left(world) == 0


async def test_a_broker_that_fails(world: World) -> None:
    """Unconfirmed messages stay, and are published when the broker is back. Confirmed ones are not published twice."""
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(5)])
    asked = 0

    def refuse(item: BrokerMessage) -> Exception | None:
        nonlocal asked
        asked += item.message_id == "m-3"
        return BrokerUnavailable("no confirm") if item.message_id == "m-3" and asked < 2 else None

    world.broker.refuses = refuse
    await relayed(world, lambda: len(world.broker.published) == 5)
    ids = sorted(item.message_id or "" for _, item in world.broker.published)
    assert ids == [f"m-{n}" for n in range(5)]
    assert await left(world) == 0


async def test_a_broker_that_is_away(world: World) -> None:
    """Rows stay, without an owner, if the broker is away, so that any relay can publish them."""
    await world.outbox.add_messages("mailer.events", [message(1)])
    asked = 0

    def refuse(_: BrokerMessage) -> Exception:
        nonlocal asked
        asked += 1
        return BrokerUnavailable("gone fishing")

    world.broker.refuses = refuse
    stop = asyncio.Event()
    relay = asyncio.create_task(
        consumers.relay_outbox_until_stopped(world.outbox, world.broker, world.letters, "relay", stop)
    )

    async def put_back() -> bool:
        return asked > 0 and bool(await world.pool.fetchval("SELECT owner IS NULL AND lease_until IS NULL FROM outbox"))

    await until(put_back)
    stop.set()
    await asyncio.wait_for(relay, 60)
    assert await left(world) == 1
    world.broker.refuses = lambda _: None
    await relayed(world, lambda: len(world.broker.published) == 1)


async def test_rows_of_a_queue_that_refuses_hold_up_no_others(world: World) -> None:
    """However many rows wait for a queue that takes none, rows behind them go at once; the log says so once."""
    await world.outbox.add_messages(
        "mailer.events", [BrokerMessage(b"{}", "full.newsletter", f"f-{n}") for n in range(450)]
    )
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(3)])
    full = QueueRefusedMessage("its queue may be full")
    world.broker.refuses = lambda item: full if item.routing_key == "full.newsletter" else None
    with structlog.testing.capture_logs() as logs:
        await relayed(world, lambda: len(world.broker.published) == 3)
    assert await left(world) == 450
    waits = [line for line in logs if "wait" in line["event"]]
    assert [line["key"] for line in waits] == ["full.newsletter"]
    world.broker.refuses = lambda _: None
    await relayed(world, lambda: len(world.broker.published) == 453)
    assert len({item.message_id for _, item in world.broker.published}) == 453


async def test_a_dead_letter_whose_queue_refuses_holds_up_no_others(world: World) -> None:
    """A letter whose second publication is refused is stored as a row, and so are those that came with it."""
    missing = FakeReceived(message(1))
    others = [received(plain_event({"refs": ["a"]})) for _ in range(3)]
    world.broker.refuses = lambda _: QueueRefusedMessage("its queue may be full")
    keep = consumers.build_dead_letter_handler(
        world.letters, world.broker, lambda exchange, key: key == "b1.newsletter"
    )
    await asyncio.wait_for(
        UnsettledMessageRetries("mailer.dead", keep, asyncio.Event()).handle_until_settled([missing, *others]), 30
    )
    assert {item.settled for item in (missing, *others)} == {"ack"}
    assert [letter.kind for letter in await world.letters.list_dead_letters(10)][-1] == "missing_queue"
    assert len(await world.letters.list_dead_letters(10)) == 4


async def test_what_nothing_takes_is_a_dead_letter(world: World) -> None:
    """A row for no queue becomes a dead letter with its publisher, and does not hold up the others."""
    await world.outbox.add_messages("mailer.events", [message(n) for n in range(3)])
    world.broker.refuses = lambda item: MessageUnroutable("no queue is bound") if item.message_id == "m-1" else None
    await relayed(world, lambda: len(world.broker.published) == 2)
    [letter] = await world.letters.list_dead_letters(10)
    assert (letter.reason, letter.publisher, letter.message.routing_key) == (
        "no queue is bound",
        "key:shop",
        "b1.newsletter",
    )
    assert await left(world) == 0


async def test_dead_letters_become_rows(world: World) -> None:
    """A dead letter is kept with the reason in its headers, or one that can be told without, and acknowledged."""
    headers = {
        HeaderName.REASON: "v: is required",
        HeaderName.EXCHANGE: "mailer.events",
        HeaderName.ROUTING_KEY: "a.service",
    }
    arrived = [
        FakeReceived(BrokerMessage(b"1", "mailer.dead", "m-1", headers, "shop"), "mailer.dead"),
        FakeReceived(BrokerMessage(b"2", "nobody.service"), "mailer.events"),
        FakeReceived(BrokerMessage(b"3", "a.\0", "m\0", {HeaderName.REASON: "why\0"}), "mailer.dead"),
    ]
    await consumers.build_dead_letter_handler(world.letters, world.broker)(arrived)
    assert [item.settled for item in arrived] == ["ack"] * 3
    third, second, first = await world.letters.list_dead_letters(10)
    assert (first.reason, first.publisher, first.exchange) == ("v: is required", "broker:shop", "mailer.events")
    assert first.message.routing_key == "a.service"
    assert second.reason.startswith("nothing takes 'nobody.service'")
    assert (second.publisher, third.reason) == ("", "why\ufffd")


async def test_batches_are_handed_over(world: World) -> None:
    """A batch's message is acknowledged once it is handed over; one that names none is refused, and stops nobody."""
    accepted = await world.accept([person(1)])
    bodies = [
        b"{",
        b"[]",
        b"{}",
        b'{"batch": "x"}',
        b'{"batch": 9223372036854775808}',
        b'{"batch": true, "v": 2}',
        b"\xff",
    ]
    bad = [FakeReceived(BrokerMessage(body, "newsletter"), "mailer.batches") for body in bodies]
    good = FakeReceived(BrokerMessage(b'{"batch": %d}' % accepted.batches[0], "newsletter"), "mailer.batches")
    gone = FakeReceived(BrokerMessage(b'{"batch": 999999}', "newsletter"), "mailer.batches")
    await consumers.build_batch_handler(HandOverTasks(world.handover()), Lane.NEWSLETTER, asyncio.Event())(
        [*bad, good, gone]
    )
    assert [str(item.settled)[:8] for item in bad] == ["rejected"] * 7
    assert (good.settled, gone.settled) == ("ack", "ack")
    assert world.processor.recipients == ["user-1@people.example"]


async def test_batches_not_begun_at_a_stop_are_left_to_others(world: World) -> None:
    """Told to stop, a worker gives back what it has not begun, and nothing of it is sent."""
    accepted = await world.accept([person(1)])
    stop = asyncio.Event()
    stop.set()
    item = FakeReceived(BrokerMessage(b'{"batch": %d}' % accepted.batches[0], "newsletter"), "mailer.batches")
    await consumers.build_batch_handler(HandOverTasks(world.handover()), Lane.NEWSLETTER, stop)([item])
    assert item.settled == "released"
    assert world.processor.sent == []


class Absent(FakeBroker):
    """A broker that never gets ready."""

    @asynccontextmanager
    async def messages_while_consuming(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[ReceivedMessage]]]:
        """Waits for ever."""
        await asyncio.Event().wait()
        async with super().messages_while_consuming(queue, prefetch, at_once) as arrivals:
            yield arrivals


async def test_a_broker_that_is_waited_for_does_not_keep_a_worker_from_ending(world: World) -> None:
    """A consumer that has never connected ends when it is told to."""
    stop = asyncio.Event()
    handle = consumers.build_dead_letter_handler(world.letters, world.broker)
    loop = asyncio.create_task(consumers.consume_queue(Absent(), "mailer.dead", 1, handle, stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(loop, 60)


async def test_events_are_held_until_they_can_be_handled(world: World) -> None:
    """Messages stay in hand if the database is away. They are handled later, or left unsettled at a stop."""
    stop, failures = asyncio.Event(), 0
    item = received(plain_event([person(1)]))
    handle = partial(world.intake().accept_event_messages, Lane.NEWSLETTER)

    async def flaky(arrived: Sequence[ReceivedMessage]) -> None:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ConnectionError("the database is away")
        await handle(arrived)

    await asyncio.wait_for(
        UnsettledMessageRetries("mailer.events.newsletter", flaky, stop).handle_until_settled([item]), 20
    )
    assert (failures, item.settled) == (2, "ack")
    held = received(plain_event([person(2)]))

    async def broken(arrived: Sequence[ReceivedMessage]) -> None:
        stop.set()
        raise ConnectionError("the database is away")

    await asyncio.wait_for(
        UnsettledMessageRetries("mailer.events.newsletter", broken, stop).handle_until_settled([held]), 20
    )
    assert held.settled is None


async def test_consuming_stops_when_told(world: World) -> None:
    """A consumer with nothing to do stops as soon as it is told, also while the broker is away."""

    class Away:
        def messages_while_consuming(self, queue: str, prefetch: int, at_once: int | None = None) -> object:
            raise BrokerUnavailable("gone")

    async def never(arrived: Sequence[ReceivedMessage]) -> None:
        raise AssertionError("nothing arrives")

    for broker in (world.broker, Away()):
        stop = asyncio.Event()
        task = asyncio.create_task(consumers.consume_queue(broker, "mailer.events.service", 5, never, stop))  # type: ignore[arg-type]  # one is no broker at all
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(task, 60)
