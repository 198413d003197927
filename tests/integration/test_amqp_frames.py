"""No octets of any property, routing key or body that RabbitMQ passes on end a consumer."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from aiormq.connection import FrameReceiver
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from mailer.broker.amqp_frame_filter import BodyMemoryBudget, FilteredFrameReader
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import (
    DEAD,
    DEAD_AGAIN,
    DEAD_DELIVERY_LIMIT,
    DEAD_QUEUE,
    EVENTS,
    LAST,
    lane_events_queue_name,
)
from mailer.events import MAX_EVENT_BYTES
from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, HeaderName, ReceivedMessage
from tests.contract.brokers import BRAND, delete_everything, under_test
from tests.factories import until
from tests.raw_amqp import header, long, publish_raw, short

KEY = f"{BRAND}.service"
QUEUE = lane_events_queue_name(Lane.SERVICE)
SECONDS = 60


def table(*entries: bytes) -> dict[str, bytes]:
    """Headers."""
    return {"headers": long(b"".join(entries))}


def nested(levels: int) -> bytes:
    """A table in a table in a table."""
    value = long(b"")
    for _ in range(levels):
        value = long(header(b"a", b"F", value))
    return value


PROPERTIES: dict[str, dict[str, bytes]] = {
    "timestamp 0": {"timestamp": struct.pack(">Q", 0)},
    "timestamp in microseconds": {"timestamp": struct.pack(">Q", 1_795_000_000_000_000)},
    "timestamp 2^62": {"timestamp": struct.pack(">Q", 1 << 62)},
    "timestamp 2^64 - 1": {"timestamp": b"\xff" * 8},
    "timestamp of .NET's default time": {"timestamp": struct.pack(">q", -62_135_596_800)},
    **{
        f"{name} that is no UTF-8": {name: short(b"\xff\xfe\x80")}
        for name in ("content_type", "content_encoding", "correlation_id", "reply_to", "message_id", "type", "app_id")
    },
    **{
        f"{name} of 255 octets": {name: short(b"\xc3\xbc" * 127 + b"\xc3")}
        for name in ("content_type", "content_encoding", "correlation_id", "message_id", "type", "app_id", "cluster_id")
    },
    "an empty message id": {"message_id": short(b"")},
    "an empty reply_to": {"reply_to": short(b"")},
    "delivery mode 255": {"delivery_mode": b"\xff"},
    "delivery mode 0": {"delivery_mode": b"\x00"},
    "priority 255": {"priority": b"\xff"},
    "a content encoding that nobody knows": {"content_encoding": short(b"rot13")},
    "a header that is no UTF-8": table(header(b"a", b"S", long(b"\xff\x00"))),
    "a header's name that is no UTF-8": table(header(b"\xff\xfe", b"S", long(b"x")), header(b"b", b"S", long(b"y"))),
    "an empty name": table(header(b"", b"S", long(b"x"))),
    "a binary header": table(header(b"a", b"x", long(b"\x00\xff"))),
    "a decimal": table(header(b"a", b"D", b"\xff" + struct.pack(">I", 2**32 - 1))),
    "not a number": table(header(b"a", b"d", struct.pack(">d", float("nan"))), header(b"b", b"f", b"\x7f\xc0\x00\x00")),
    "infinity": table(header(b"a", b"d", struct.pack(">d", float("-inf")))),
    "a void header": table(header(b"a", b"V", b"")),
    "a time without end": table(header(b"a", b"T", b"\x7f" + b"\xff" * 7)),
    "numbers": table(
        header(b"a", b"t", b"\x02"),
        header(b"b", b"b", b"\x80"),
        header(b"c", b"s", b"\x80\x00"),
        header(b"d", b"I", b"\x80" + b"\x00" * 3),
        header(b"e", b"l", b"\x80" + b"\x00" * 7),
    ),
    "an array": table(header(b"a", b"A", long(b"I\x00\x00\x00\x01" + b"T" + b"\xff" * 8 + b"S" + long(b"\xff")))),
    "ten thousand tables in one another": table(header(b"a", b"F", nested(10_000))),
    "fifty thousand voids": table(header(b"a", b"A", long(b"V" * 50_000))),
    "a thousand headers": table(*(header(b"h%d" % n, b"S", long(b"x")) for n in range(1_000))),
    "a header of 100 KB": table(header(b"a", b"S", long(b"x" * 100_000))),
    "a forged size": table(header(HeaderName.SIZE.encode(), b"S", long(b"12"))),
    "x-death of another kind": table(header(b"x-death", b"S", long(b"x"))),
    "more flags than there are": {"message_id": short(b"m-1")},
    "an empty x-death": table(header(b"x-death", b"A", long(b""))),
}


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on fresh queues."""
    await delete_everything(rabbit_url)
    one = RabbitBroker(rabbit_url)
    await one.declare_topology(under_test())
    yield one
    await one.close()


async def next_of(arrivals: AsyncIterator[list[ReceivedMessage]]) -> ReceivedMessage:
    """The next message, acknowledged."""
    async with asyncio.timeout(SECONDS):
        [received] = await anext(arrivals)
        await received.acknowledge()
        return received


async def test_every_property_is_passed_on(broker: RabbitBroker, rabbit_url: str) -> None:
    """Each message that RabbitMQ accepts arrives, in order, on one connection that never ends (case S1)."""
    taken = set()
    async with broker.messages_while_consuming(QUEUE, 1, 1) as arrivals:
        connection = broker._consuming["service"]._connection
        for name, properties in PROPERTIES.items():
            flags = 0b11 if name == "more flags than there are" else 0
            if not await publish_raw(rabbit_url, KEY.encode(), properties, name.encode(), flags=flags):
                continue
            taken.add(name)
            received = await next_of(arrivals)
            assert (received.message.body, received.message.routing_key) == (name.encode(), KEY)
            assert HeaderName.SIZE not in received.message.headers
        assert broker._consuming["service"]._connection is connection
    assert {name for name in PROPERTIES if name.startswith(("timestamp", "message_id", "a header"))} <= taken
    assert len(PROPERTIES.keys() - taken) < 10, f"RabbitMQ itself refuses {PROPERTIES.keys() - taken}"


async def test_what_can_be_read_beside_what_cannot_is_kept(broker: RabbitBroker, rabbit_url: str) -> None:
    """The message id has U+FFFD where it is no UTF-8, and headers that are texts stay."""
    properties = {
        **table(
            header(b"\xff", b"S", long(b"x")), header(b"n", b"T", b"\xff" * 8), header(b"kept", b"S", long(b"yes"))
        ),
        "message_id": short(b"a\xffb"),
        "timestamp": b"\xff" * 8,
        "user_id": short(b"guest"),
    }
    assert await publish_raw(rabbit_url, KEY.encode(), properties, b"{}")
    async with broker.messages_while_consuming(QUEUE, 1) as arrivals:
        message = (await next_of(arrivals)).message
    assert message == BrokerMessage(b"{}", KEY, "a\ufffdb", {"kept": "yes"}, "guest")


async def test_a_routing_key_of_any_octets_is_a_dead_letter(broker: RabbitBroker, rabbit_url: str) -> None:
    """No queue takes it, and the consumer of the dead letters reads it."""
    assert await publish_raw(rabbit_url, b"\xff" * 255, {"message_id": short(b"m-1")}, b"{}")
    async with broker.messages_while_consuming(DEAD_QUEUE, 1) as arrivals:
        received = await next_of(arrivals)
    assert received.message.routing_key == "\ufffd" * 85
    assert (received.exchange, received.message.message_id) == (EVENTS, "m-1")


HEADERS = {
    "thirty of 4,000 octets": table(*(header(b"h%d" % n, b"S", long(b"x" * 4_000)) for n in range(30))),
    "a name of 254 octets": table(header(b"\xc3\xbc" * 127, b"S", long(b"x"))),
}


@pytest.mark.parametrize("size", [2, MAX_EVENT_BYTES + 1])
@pytest.mark.parametrize("name", HEADERS)
async def test_whatever_headers_a_message_has_it_can_be_buried(
    broker: RabbitBroker, rabbit_url: str, name: str, size: int
) -> None:
    """A dead letter has more headers than its message had, and they must fit one frame as well."""
    assert await publish_raw(rabbit_url, KEY.encode(), HEADERS[name], b"x" * size)
    async with (
        broker.messages_while_consuming(QUEUE, 1) as arrivals,
        broker.messages_while_consuming(DEAD_QUEUE, 1) as dead,
    ):
        if size <= MAX_EVENT_BYTES:
            async with asyncio.timeout(SECONDS):
                [received] = await anext(arrivals)
                await received.reject("it is no event")
        assert HeaderName.REASON in (await next_of(dead)).message.headers


@pytest.mark.parametrize("size", [0, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1])
async def test_a_body_that_is_too_large_is_a_dead_letter_without_it(
    broker: RabbitBroker, rabbit_url: str, size: int
) -> None:
    """Mail behind it arrives."""
    assert await publish_raw(rabbit_url, KEY.encode(), {}, b"x" * size)
    assert await publish_raw(rabbit_url, KEY.encode(), {}, b"behind it")
    async with (
        broker.messages_while_consuming(QUEUE, 2, 1) as arrivals,
        broker.messages_while_consuming(DEAD_QUEUE, 1) as dead,
    ):
        if size > MAX_EVENT_BYTES:
            letter = (await next_of(dead)).message
            assert (letter.body, letter.headers[HeaderName.KIND]) == (b"", "too_large")
            assert f"{size:,} bytes" in letter.headers[HeaderName.REASON]
        else:
            assert len((await next_of(arrivals)).message.body) == size
        assert (await next_of(arrivals)).message.body == b"behind it"


async def test_what_expires_in_its_queue_is_a_dead_letter_that_says_so(broker: RabbitBroker, rabbit_url: str) -> None:
    """A publisher may have asked for that."""
    assert await publish_raw(rabbit_url, KEY.encode(), {"expiration": short(b"0")}, b"{}")
    async with broker.messages_while_consuming(DEAD_QUEUE, 1) as arrivals:
        letter = (await next_of(arrivals)).message
    assert (letter.headers[HeaderName.KIND], letter.headers[HeaderName.EXCHANGE]) == ("expired", EVENTS)


@pytest.mark.parametrize("milliseconds", [b"0", b"1"])
async def test_a_dead_letter_that_expires_is_kept_for_what_it_died_of(
    broker: RabbitBroker, rabbit_url: str, milliseconds: bytes
) -> None:
    """A publisher's time-out also ends the wait of a message that no queue takes, and does not make it vanish."""
    assert await publish_raw(rabbit_url, b"nobody.service", {"expiration": short(milliseconds)}, b"{}")
    async with broker.messages_while_consuming(DEAD_AGAIN, 1) as arrivals:
        letter = (await next_of(arrivals)).message
    assert (letter.headers[HeaderName.EXCHANGE], letter.headers[HeaderName.ROUTING_KEY]) == (EVENTS, "nobody.service")
    assert HeaderName.KIND not in letter.headers
    assert await broker.queue_depth(LAST) == 0


@pytest.mark.parametrize(
    ("headers", "exchange", "wanted"),
    [
        (
            {HeaderName.KIND: "error", HeaderName.REASON: "why", HeaderName.EXCHANGE: EVENTS},
            DEAD,
            ("error", "why", EVENTS),
        ),
        ({}, EVENTS, (None, None, EVENTS)),
    ],
)
async def test_a_dead_letter_that_kills_its_consumer_is_tried_once_more_for_what_it_died_of(
    broker: RabbitBroker, rabbit_url: str, headers: dict[str, str], exchange: str, wanted: tuple[str | None, ...]
) -> None:
    """A dead letter that kills its consumer too often waits in a queue of its own, with its first cause."""
    await broker.publish_message(exchange, BrokerMessage(b"{}", "nobody.service", "m-1", headers))
    async with (
        broker.messages_while_consuming(DEAD_QUEUE, 1) as arrivals,
        broker.messages_while_consuming(DEAD_AGAIN, 1) as again,
    ):
        async with asyncio.timeout(SECONDS):
            for _ in range(DEAD_DELIVERY_LIMIT + 1):
                [received] = await anext(arrivals)
                await received.return_to_queue()
        letter = (await next_of(again)).message
    assert (
        tuple(letter.headers.get(name) for name in (HeaderName.KIND, HeaderName.REASON, HeaderName.EXCHANGE)) == wanted
    )


async def test_what_expires_and_kills_its_consumer_as_a_dead_letter_has_expired(
    broker: RabbitBroker, rabbit_url: str
) -> None:
    """The first of the two deaths that RabbitMQ tells of is the cause."""
    assert await publish_raw(rabbit_url, KEY.encode(), {"expiration": short(b"0")}, b"{}")
    async with (
        broker.messages_while_consuming(DEAD_QUEUE, 1) as arrivals,
        broker.messages_while_consuming(DEAD_AGAIN, 1) as again,
    ):
        async with asyncio.timeout(SECONDS):
            for _ in range(DEAD_DELIVERY_LIMIT + 1):
                [received] = await anext(arrivals)
                await received.return_to_queue()
        letter = (await next_of(again)).message
    assert (letter.headers[HeaderName.KIND], letter.headers[HeaderName.EXCHANGE]) == ("expired", EVENTS)


async def test_a_dead_letter_that_cannot_be_kept_comes_to_the_last_queue(broker: RabbitBroker, rabbit_url: str) -> None:
    """Rejecting it, or dying with it too often, does not bring it round for ever."""
    await broker.publish_message("mailer.dead", BrokerMessage(b"1", "x", "rejected"))
    await broker.publish_message("mailer.dead", BrokerMessage(b"2", "x", "released"))
    async with broker.messages_while_consuming(DEAD_QUEUE, 1) as arrivals:
        async with asyncio.timeout(SECONDS):
            [first] = await anext(arrivals)
            await first.reject("bad")
            for _ in range(DEAD_DELIVERY_LIMIT + 1):
                [received] = await anext(arrivals)
                await received.return_to_queue()
    async with broker.messages_while_consuming(DEAD_AGAIN, 1) as arrivals, asyncio.timeout(SECONDS):
        for _ in range(DEAD_DELIVERY_LIMIT + 1):
            [received] = await anext(arrivals)
            await received.return_to_queue()

    async def both() -> bool:
        return await broker.queue_depth(LAST) == 2

    await until(both)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """A frame."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


async def test_the_library_reads_by_the_reader_that_it_is_given() -> None:
    """The seam holds: aiormq's receiver takes its frames from our stream, and sees none that it cannot read."""
    source = asyncio.StreamReader()
    deliver = struct.pack(">HH", 60, 60) + short(b"tag") + struct.pack(">QB", 200, 0) + short(b"e") + short(b"\xff")
    content = struct.pack(">HHQH", 60, 0, 1, 1 << 6) + b"\xff" * 8
    source.feed_data(frame(1, 1, deliver) + frame(2, 1, content) + frame(3, 1, b"x") + frame(8, 0, b""))
    source.feed_eof()
    receiver = FrameReceiver(FilteredFrameReader(source, None))
    _, channel, method = await receiver.get_frame()
    assert isinstance(method, Basic.Deliver)
    assert (channel, method.delivery_tag, method.routing_key) == (1, 200, "\ufffd")
    _, _, head = await receiver.get_frame()
    assert isinstance(head, ContentHeader)
    assert (head.body_size, head.properties.timestamp) == (1, None)


async def test_large_bodies_wait_until_there_is_room() -> None:
    """The header of a body for which there is no room comes once another one is not in hand any more."""
    source, room = asyncio.StreamReader(), BodyMemoryBudget(100_000)
    room.start_counting_bodies_of_channel(1)
    for size in (60_000, 60_000):
        source.feed_data(frame(2, 1, struct.pack(">HHQH", 60, 0, size, 0)))
    frames = FilteredFrameReader(source, room)
    first = await frames.readexactly(7 + 14 + 1)
    waiting = asyncio.ensure_future(frames.readexactly(7 + 14 + 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    room.release_octets(1, 60_000)
    assert await asyncio.wait_for(waiting, SECONDS) == first


async def test_bodies_for_a_channel_that_was_given_up_take_no_room() -> None:
    """RabbitMQ sends them until it has read the request to close. Nobody would free their room again."""
    source, room = asyncio.StreamReader(), BodyMemoryBudget(100_000)
    room.start_counting_bodies_of_channel(1)
    room.start_counting_bodies_of_channel(2)
    for channel in (1, 1, 1, 2):
        source.feed_data(frame(2, channel, struct.pack(">HHQH", 60, 0, 60_000, 0)))
    frames = FilteredFrameReader(source, room)
    await frames.readexactly(7 + 14 + 1)
    waiting = asyncio.ensure_future(frames.readexactly(7 + 14 + 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert room.has_waiting_body
    room.forget_channel(1)
    for _ in range(3):
        await asyncio.wait_for(waiting, SECONDS)
        waiting = asyncio.ensure_future(frames.readexactly(7 + 14 + 1))
    waiting.cancel()
    assert [room.reserve_octets(2, 60_000), room.has_waiting_body] == [False, True]
    room.release_octets(2, 60_000)
    assert [room.reserve_octets(2, 60_000), room.has_waiting_body] == [True, False]
