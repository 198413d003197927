"""One row of the outbox that can never be published costs itself: the others go once, and it is a dead letter."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from mailer import EventRefused, bundled_files, publish_in_transaction
from mailer.broker.event_publisher import EventPublisher
from mailer.broker.rabbitmq import RabbitBroker
from mailer.broker.topology import EVENTS, lane_events_queue_name
from mailer.pipeline import consumers
from mailer.ports.broker import BrokerMessage, MessageUnpublishable
from mailer.ports.outbox import TAKEN_OCTETS
from mailer.postgres.migrations import apply_migrations
from mailer.postgres.outbox import PublisherToOutbox
from tests.conftest import Server
from tests.contract.brokers import BRAND, delete_everything, under_test
from tests.factories import World, make_event, person, until

KEY = f"{BRAND}.service"
NAMES = ("exchange_octets", "routing_key_octets", "message_id_octets", "headers_object", "body_octets")
INSERT = "INSERT INTO outbox (exchange, routing_key, message_id, headers, body) VALUES ($1, $2, $3, $4, $5)"
LONG = "ü" * 200
BAD = {
    "an id of too many octets": (EVENTS, KEY, LONG, {}, "{}"),
    "a routing key of too many octets": (EVENTS, LONG, "m", {}, "{}"),
    "an exchange of too many octets": (LONG, KEY, "m", {}, "{}"),
    "headers that are too large": (EVENTS, KEY, "m", {"a": "x" * 70_000}, "{}"),
    "a body that is too large": (EVENTS, KEY, "m", {}, "x" * (17 * 1024 * 1024)),
}
STRANGE = {
    "an exchange that is not there": ("nowhere", KEY, "m", {}, "{}"),
    "a header's name that is too long": (EVENTS, KEY, "m", {"x" * 200: "y"}, "{}"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_can_never_be_published_is_not_written(world: World, name: str) -> None:
    """The database refuses such a row from every writer."""
    with pytest.raises(asyncpg.CheckViolationError):
        await world.pool.execute(INSERT, *BAD[name])


async def test_parking_what_can_never_be_published_is_refused(world: World) -> None:
    """The error is no outage, since trying again would not help."""
    with pytest.raises(MessageUnpublishable, match="message_id"):
        await world.outbox.add_messages(EVENTS, [BrokerMessage(b"{}", KEY, LONG)])


async def test_an_event_that_is_too_large_is_refused_to_its_application(world: World) -> None:
    """An event that is too large gets the error of a refused event, by each way of publishing, and no row."""
    large = make_event([person(n, context={"text": "x" * 60_000}) for n in range(300)])
    world.broker.refuses = lambda _: MessageUnpublishable("the body has 18,000,000 bytes")
    for publish in (
        partial(publish_in_transaction, world.pool),
        PublisherToOutbox(world.pool).publish_event,
        EventPublisher(world.broker).publish_event,
    ):
        with pytest.raises(EventRefused, match=r"does not fit the outbox|the body has"):
            await publish(large)
    assert await world.pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_a_check_of_the_application_is_no_fault_of_the_event(world: World) -> None:
    """A trigger of theirs on the outbox that refuses a row: they get their own error."""
    await world.pool.execute("ALTER TABLE outbox ADD CONSTRAINT theirs CHECK (message_id <> 'not this one')")
    event = make_event([person(1)]).model_copy(update={"id": "not this one"})
    with pytest.raises(asyncpg.CheckViolationError, match="theirs"):
        await publish_in_transaction(world.pool, event)


async def test_rows_with_large_bodies_are_taken_few_at_a_time(world: World) -> None:
    """A relay holds a bounded number of octets, and one body always goes."""
    body = b"x" * (TAKEN_OCTETS * 3 // 4)
    await world.outbox.add_messages(EVENTS, [BrokerMessage(body, KEY, f"m-{n}") for n in range(3)])
    assert [len(await world.outbox.lease_rows("one", 10, 30)) for _ in range(3)] == [2, 1, 0]


async def test_headers_of_any_kind_are_no_error(world: World) -> None:
    """A value that is no text is nobody's header, and a size is only the broker's to set."""
    await world.pool.execute(INSERT, EVENTS, KEY, "m", {"n": 1, "deep": [{}], "mailer-size": "9", "kept": "yes"}, "{}")
    [item] = await world.outbox.lease_rows("one", 10, 30)
    assert {name: value for name, value in item.message.headers.items() if name != "mailer-publisher"} == {
        "kept": "yes"
    }


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """A broker on fresh queues."""
    await delete_everything(rabbit_url)
    one = RabbitBroker(rabbit_url)
    await one.declare_topology(under_test())
    yield one
    await one.close()


async def test_each_row_fails_alone(world: World, broker: RabbitBroker) -> None:
    """Rows that were there before the constraints, and rows that only RabbitMQ refuses: the rest arrives, each once."""
    for name in NAMES:
        await world.pool.execute(f"ALTER TABLE outbox DROP CONSTRAINT outbox_{name}")
    bad = {**BAD, **STRANGE}
    for number, row in enumerate(bad.values()):
        await world.outbox.add_messages(EVENTS, [BrokerMessage(b"{}", KEY, f"good-{number}-{n}") for n in range(10)])
        await world.pool.execute(INSERT, *row)
    stop = asyncio.Event()
    relay = asyncio.create_task(
        consumers.relay_outbox_until_stopped(world.outbox, broker, world.letters, "relay", stop)
    )

    async def empty() -> bool:
        return bool(await world.pool.fetchval("SELECT count(*) = 0 FROM outbox"))

    await until(empty, 60)
    stop.set()
    await asyncio.wait_for(relay, 20)
    letters = await world.letters.list_dead_letters(100)
    assert len(letters) == len(bad)
    assert {letter.kind.value for letter in letters} == {"refused", "unroutable"}
    assert await broker.queue_depth(lane_events_queue_name("service")) == 10 * len(bad)


async def test_what_was_there_before_the_constraints_becomes_dead_letters(
    postgres_server: Server, tmp_path: Path
) -> None:
    """The migration moves it, and keeps what can go."""
    old = tmp_path / "migrations"
    shutil.copytree(bundled_files.bundled_folder("migrations"), old)
    for file in old.glob("20261127*.sql"):
        file.unlink()
    name = f"mailer_test_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(postgres_server.sql, f"CREATE DATABASE {name}")
    url = postgres_server.url(name)
    await asyncio.to_thread(apply_migrations, url, old)
    connection = await asyncpg.connect(url)
    try:
        statement = INSERT.replace("$4", "$4::text::jsonb")
        for exchange, key, id_, headers, body in BAD.values():
            await connection.execute(
                statement, exchange, key, id_, '{"a": "' + "x" * 70_000 + '"}' if headers else "{}", body
            )
        await connection.execute(statement, EVENTS, KEY, None, "[]", "{}")
        await connection.execute(statement, EVENTS, KEY, "good", "{}", "{}")
        await asyncio.to_thread(apply_migrations, url, bundled_files.bundled_folder("migrations"))
        assert await connection.fetchval("SELECT string_agg(message_id, ' ') FROM outbox") == "good"
        letters = await connection.fetch("SELECT message_id, octet_length(body) AS octets, kind FROM dead_letters")
        assert len(letters) == len(BAD) + 1
        assert max(letter["octets"] for letter in letters) == 2
        assert LONG in {letter["message_id"] for letter in letters}
    finally:
        await connection.close()
        await asyncio.to_thread(postgres_server.sql, f"DROP DATABASE {name}")
