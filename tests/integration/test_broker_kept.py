"""Running processes keep topology and consumers as they are declared. They tell in words what RabbitMQ refuses."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aio_pika
import httpx
import pytest
from yarl import URL

from mailer.broker.topology import EVENTS, lane_batches_queue_name, lane_events_queue_name
from mailer.embedded.rabbitmq import PrivateRabbit
from tests.acceptance.samples import event, people
from tests.processes import Stack, free_port, open_stack, until
from tests.server_folders import server_folder
from tests.services import as_seen_from_here, private_rabbit


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for the files of the RabbitMQ that may be stopped and emptied."""
    with server_folder() as folder:
        yield folder


@pytest.fixture
def node(place: Path) -> Iterator[PrivateRabbit]:
    """A RabbitMQ that may be stopped and emptied."""
    with private_rabbit(place) as running:
        yield running


@pytest.fixture
async def own(tmp_path: Path, database_url: str, node: PrivateRabbit) -> AsyncIterator[Stack]:
    """Processes that use it."""
    async with open_stack(tmp_path, database_url, node.url) as opened:
        yield opened.having(METRICS_PORT=str(free_port()))


async def problems(stack: Stack) -> dict[str, str] | None:
    """The problem that keeps the worker from its work; None as long as it does not answer."""
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(f"http://127.0.0.1:{stack.env['MAILER_METRICS_PORT']}/readyz")
    except httpx.TransportError:
        return None
    found: dict[str, str] = answer.json()["problems"]
    assert (answer.status_code == 200) == (not found)
    return found


async def ready(stack: Stack) -> None:
    """Returns once the worker can do its work."""

    async def is_ready() -> bool:
        return await problems(stack) == {}

    await until(is_ready, "the worker to be ready")


async def test_rabbitmq_comes_back_empty(own: Stack, node: PrivateRabbit, place: Path) -> None:
    """A worker that runs is not ready meanwhile; mail published afterwards is handed over without a restart (S4)."""
    async with own.running("worker"):
        await own.application("publish", event("before", "interpals", "service", people("ann")))
        await until(lambda: own.query("SELECT FROM ledger WHERE kind = 'hand_over'"), "the first mail")
        await ready(own)
        await asyncio.to_thread(node.stop)

        async def noticed() -> bool:
            return "RabbitMQ at 127.0.0.1" in ((await problems(own)) or {}).get("consumers", "")

        await until(noticed, "the worker to say that it is not ready")
        shutil.rmtree(as_seen_from_here(place) / "data")
        await asyncio.to_thread(node.restart)
        await ready(own)
        await own.application("publish", event("after", "interpals", "service", people("bob")))
        await until(lambda: own.query("SELECT FROM mailings WHERE event_id = 'after'"), "the event to be taken in")

        async def sent() -> bool:
            return len(own.mails(to="bob@example.org")) == 1

        await until(sent, "the mail")


@pytest.mark.parametrize(
    "missing", [lane_events_queue_name("service"), lane_batches_queue_name("newsletter"), "mailer.dead.letters"]
)
async def test_a_queue_that_is_deleted_comes_back_with_its_consumers(stack: Stack, missing: str) -> None:
    """Events and batches published afterwards are handed over."""
    async with stack.running("worker", "timekeeper"):
        await until(lambda: stack.consumers(missing), "consumers")
        wanted = await stack.consumers(missing)
        async with await aio_pika.connect(stack.env["MAILER_BROKER_URL"]) as connection:
            await (await connection.channel()).queue_delete(missing)

        async def consumed() -> bool:
            return await stack.consumers(missing) >= wanted

        await until(consumed, "consumers of the new queue")
        crowd = people(*(f"user-{n}" for n in range(100)))
        await stack.application("publish", event("one", "interpals", "service", people("ann")))
        await stack.application("publish", event("many", "interpals", "newsletter", crowd))
        await stack.finished("one", "many")


async def test_exchanges_and_bindings_that_are_deleted_come_back(stack: Stack) -> None:
    """Deleted exchanges and bindings come back, even if nothing is published and no consumer is disturbed."""
    async with stack.running("worker", "timekeeper"):
        await until(lambda: stack.consumers(lane_events_queue_name("service")), "consumers")
        async with await aio_pika.connect(stack.env["MAILER_BROKER_URL"]) as connection:
            channel = await connection.channel()
            for exchange in (EVENTS, "mailer.batches", "mailer.dead", "mailer.outcomes"):
                await channel.exchange_delete(exchange)

        async def declared() -> bool:
            async with await aio_pika.connect(stack.env["MAILER_BROKER_URL"]) as connection:
                try:
                    for exchange in (EVENTS, "mailer.batches", "mailer.dead", "mailer.outcomes"):
                        await (await connection.channel()).get_exchange(exchange)
                except aio_pika.exceptions.ChannelNotFoundEntity:
                    return False
            return True

        await until(declared, "the exchanges to be declared again")
        await stack.application("publish", event("one", "interpals", "service", people("ann")))
        await stack.finished("one")


@pytest.mark.parametrize(
    ("password", "vhost", "words"),
    [("wrong", "", "refuses user 'guest'"), ("guest", "nowhere", "virtual host 'nowhere'")],
)
async def test_what_rabbitmq_refuses_is_said_at_once(stack: Stack, password: str, vhost: str, words: str) -> None:
    """Publisher, worker and timekeeper end with status 1 and one line that names the place (S16)."""
    url = URL(stack.env["MAILER_BROKER_URL"])
    refused = stack.having(BROKER_URL=str(url.with_password(password).with_path(f"/{vhost}")))
    sample = json.dumps(event("one", "interpals", "service", people("ann")))
    for arguments in (("publish", "-"), ("worker",), ("timekeeper",)):
        done = await refused.run(*arguments, stdin=sample)
        line = done.err.splitlines()[-1]
        assert (done.status, words in line) == (1, True), done.err
        assert f"RabbitMQ at {url.host}:{url.port}" in line
        assert "wrong" not in done.err.replace("the password is wrong", "")


async def test_a_rabbitmq_that_is_not_there_is_named(stack: Stack) -> None:
    """A publisher is told what could not be reached."""
    port = free_port()
    away = stack.having(BROKER_URL=f"amqp://guest:secret@127.0.0.1:{port}/")
    done = await away.run("publish", "-", stdin=json.dumps(event("one", "interpals", "service", people("ann"))))
    assert done.status == 1
    assert f"RabbitMQ at 127.0.0.1:{port} does not answer" in done.err
    assert "secret" not in done.err
