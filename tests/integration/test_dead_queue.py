"""The queue of dead letters: the old one is emptied, and what it holds is kept with its cause."""

import aio_pika
import pytest
from aio_pika.abc import HeadersType
from pamqp.common import FieldTable

from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import BATCHES, DEAD, DEAD_QUEUE, EVENTS, OLD_DEAD_QUEUE, build_topology
from mailer.pipeline import consumers
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, HeaderName, MessageUnpublishable
from mailer.ports.dead_letters import DeadLetterCauseKind, DeadLetterFilter
from tests.contract.brokers import delete_everything, under_test
from tests.doubles import FakeReceived
from tests.factories import World, until
from tests.raw_amqp import publish_raw, short

OLD_ARGUMENTS: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1}


async def test_an_old_queue_is_emptied_and_deleted(rabbit_url: str) -> None:
    """The messages of an old queue come to the new queue as they were, even one with a time that no client can read."""
    await delete_everything(rabbit_url)
    async with await aio_pika.connect(rabbit_url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(DEAD, "fanout", durable=True)
        queue = await channel.declare_queue(OLD_DEAD_QUEUE, durable=True, arguments=OLD_ARGUMENTS)
        await queue.bind(exchange)
        headers: HeadersType = {
            HeaderName.REASON: "v: is required",
            HeaderName.EXCHANGE: EVENTS,
            HeaderName.ROUTING_KEY: "a.service",
        }
        ours = aio_pika.Message(b"{}", message_id="m-1", headers=headers, user_id="guest")
        await exchange.publish(ours, "a.service")
    assert await publish_raw(rabbit_url, b"x", {"timestamp": b"\xff" * 8, "message_id": short(b"m-2")}, exchange=DEAD)
    broker = RabbitBroker(rabbit_url)
    try:
        await broker.declare_topology(under_test())
        assert await broker._redeclare_topology()
        assert await broker.queue_depth(DEAD_QUEUE) == 2
        async with broker.messages_while_consuming(DEAD_QUEUE, 2) as arrivals:
            letters = [received.message for received in await anext(arrivals)]
            while len(letters) < 2:
                letters += [received.message for received in await anext(arrivals)]
        assert [letter.message_id for letter in letters] == ["m-1", "m-2"]
        assert letters[0].headers.items() >= headers.items()

        async def gone() -> bool:
            # RabbitMQ counts what was acknowledged with a delay; the next look deletes the queue.
            assert await broker._redeclare_topology()
            async with await aio_pika.connect(rabbit_url) as connection:
                channel = await connection.channel()
                try:
                    await channel.declare_queue(OLD_DEAD_QUEUE, passive=True)
                except aio_pika.exceptions.ChannelNotFoundEntity:
                    return True
                return False

        await until(gone)
    finally:
        await broker.close()


@pytest.mark.parametrize(
    ("message", "exchange", "kind", "words"),
    [
        (
            BrokerMessage(b"{}", "interpals.service", headers={HeaderName.AGAIN: "1"}),
            EVENTS,
            DeadLetterCauseKind.MISSING,
            "was missing when this was published",
        ),
        (
            BrokerMessage(b"{}", "interpals.nothing"),
            EVENTS,
            DeadLetterCauseKind.UNROUTABLE,
            "nothing takes 'interpals.nothing'",
        ),
        (
            BrokerMessage(b"", "x.y", headers={HeaderName.SIZE: "130000000"}),
            EVENTS,
            DeadLetterCauseKind.TOO_LARGE,
            "130000000 bytes",
        ),
        (
            BrokerMessage(b"", "x.y", headers={HeaderName.REASON: "why", HeaderName.KIND: "error"}),
            DEAD,
            DeadLetterCauseKind.ERROR,
            "why",
        ),
        (
            BrokerMessage(b"", "x.y", headers={HeaderName.REASON: "why", HeaderName.KIND: "?"}),
            DEAD,
            DeadLetterCauseKind.REFUSED,
            "why",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, DeadLetterCauseKind) else "",
)
async def test_a_dead_letter_says_what_it_died_of(
    world: World, message: BrokerMessage, exchange: str, kind: DeadLetterCauseKind, words: str
) -> None:
    """The cause is found even if nobody said it: the queue was missing, or nothing takes the key."""
    plan = build_topology({("interpals", "service"): Lane.SERVICE})
    item = FakeReceived(message, exchange)
    await consumers.build_dead_letter_handler(world.letters, world.broker, plan.has_processing_queue_for_message)(
        [item]
    )
    [letter] = await world.letters.list_dead_letters(1)
    assert (item.settled, letter.kind) == ("ack", kind)
    assert words in letter.reason


async def test_what_found_no_queue_is_published_once_more(world: World) -> None:
    """A letter without a queue is published once more, as by its own publisher. If refused, it is dead at once."""
    plan = build_topology({("interpals", "service"): Lane.SERVICE})
    handle = consumers.build_dead_letter_handler(world.letters, world.broker, plan.has_processing_queue_for_message)
    item = FakeReceived(BrokerMessage(b"{}", "interpals.service", "m-1", user_id="shop"), EVENTS)
    await handle([item])
    [(exchange, again)] = world.broker.published
    assert (item.settled, exchange, again.routing_key, again.message_id) == ("ack", EVENTS, "interpals.service", "m-1")
    assert again.headers == {HeaderName.PUBLISHER: "broker:shop", HeaderName.AGAIN: "1"}
    assert await world.letters.list_dead_letters(1) == []
    world.broker.refuses = lambda _: MessageUnpublishable("its headers are too large")
    await handle([FakeReceived(BrokerMessage(b"{}", "interpals.service", "m-2", user_id="shop"), EVENTS)])
    [letter] = await world.letters.list_dead_letters(2)
    assert (letter.kind, letter.message.message_id) == (DeadLetterCauseKind.MISSING, "m-2")


async def test_what_nobody_published_is_not_published_once_more(world: World) -> None:
    """A letter without a publisher is not published again, and never replayed. It would seem to be ours."""
    plan = build_topology({("interpals", "service"): Lane.SERVICE})
    await consumers.build_dead_letter_handler(world.letters, world.broker, plan.has_processing_queue_for_message)(
        [FakeReceived(BrokerMessage(b"{}", "interpals.service", "m-1"), EVENTS)]
    )
    [letter] = await world.letters.list_dead_letters(2)
    assert (world.broker.published, letter.kind, letter.publisher) == ([], DeadLetterCauseKind.MISSING, "")
    assert await world.letters.find_replayable_ids(DeadLetterFilter()) == []
    assert await world.letters.replay_dead_letters([letter.id]) == []


async def test_only_events_are_published_once_more(world: World) -> None:
    """A letter that claims to be a batch is not believed. With our user, it would be handed over."""
    plan = build_topology({("interpals", "service"): Lane.SERVICE})
    item = FakeReceived(BrokerMessage(b'{"batch": 1}', "breach", "m-1", {HeaderName.EXCHANGE: BATCHES}), DEAD)
    await consumers.build_dead_letter_handler(world.letters, world.broker, plan.has_processing_queue_for_message)(
        [item]
    )
    [letter] = await world.letters.list_dead_letters(1)
    assert (world.broker.published, item.settled, letter.kind) == ([], "ack", DeadLetterCauseKind.UNROUTABLE)


async def test_dead_letters_are_chosen_by_what_they_have_in_common(world: World) -> None:
    """Dead letters are chosen by id, time, kind, reason, brand and key. Replayed ones are left out unless asked for."""
    for n, (key, kind) in enumerate(
        [
            ("a.service", DeadLetterCauseKind.MISSING),
            ("a.b.c", DeadLetterCauseKind.ERROR),
            ("ab.service", DeadLetterCauseKind.TOO_LARGE),
        ]
    ):
        await world.letters.add_dead_letter(
            BrokerMessage(b"{}", key, f"m-{n}"), EVENTS, key, f"reason {n} 100%", "shop", kind
        )
    letters = sorted(await world.letters.list_dead_letters(10), key=lambda letter: letter.id)
    first, second, third = letters

    async def ids(**chosen: object) -> list[int]:
        return [letter.id for letter in reversed(await world.letters.list_dead_letters(10, DeadLetterFilter(**chosen)))]  # type: ignore[arg-type]  # each test names fields

    assert await ids(first=second.id) == [second.id, third.id]
    assert await ids(last=second.id) == [first.id, second.id]
    assert await ids(since=second.at) == [second.id, third.id]
    assert await ids(until=second.at) == [first.id]
    assert await ids(kind=DeadLetterCauseKind.ERROR) == [second.id]
    assert await ids(reason="2 100%") == [third.id]
    assert await ids(reason="%") == [first.id, second.id, third.id]
    assert await ids(key="a") == [first.id, second.id]
    assert await ids(key="ab.service") == [third.id]
    assert list(await world.letters.find_replayable_ids(DeadLetterFilter())) == [first.id, second.id]
    assert await world.letters.replay_dead_letters([first.id]) == [first.id]
    assert list(await world.letters.find_replayable_ids(DeadLetterFilter())) == [second.id]
    assert list(await world.letters.find_replayable_ids(DeadLetterFilter(replayed=True))) == [first.id, second.id]
    assert await world.letters.replay_dead_letters([third.id]) == []
