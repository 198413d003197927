"""The functions that applications call, in processes of their own: from threads, forks, loops and transactions."""

import json
import sys
from pathlib import Path

import pytest

from mailer.broker.topology import lane_events_queue_name
from mailer.policy.category import Lane
from tests.acceptance.samples import event, people
from tests.processes import Done, Stack, until
from tests.server_folders import server_folder

HEAD = """
import asyncio, json, multiprocessing, os, sys
from concurrent.futures import ThreadPoolExecutor
import mailer

def event(event_id):
    return mailer.MessageEvent.model_validate({**json.loads(os.environ["EVENT"]), "id": event_id})
"""
DRIVERS = ("aio_pika", "aiosmtplib", "asyncpg", "cryptography", "fastapi", "granian", "jinja2", "typer", "uvloop")


async def run(stack: Stack, script: str) -> Done:
    """Runs a script of an application, which has to end well and say nothing on stderr."""
    given = stack.with_env(EVENT=json.dumps(event("", "interpals", "service", people("ann"))))
    done = await given.done(program=(sys.executable, "-c", HEAD + script))
    assert done.err == ""
    return done


async def published(stack: Stack) -> int:
    """The number of events that wait, in the outbox or in RabbitMQ."""
    if stack.env["MAILER_BROKER_URL"].startswith("memory:"):
        return int(await stack.value("SELECT count(*) FROM outbox"))
    return await stack.depth(lane_events_queue_name(Lane.SERVICE))


@pytest.fixture(params=["memory", "rabbitmq"])
def any_stack(request: pytest.FixtureRequest) -> Stack:
    """A stack with either broker."""
    stack: Stack = request.getfixturevalue("small_stack" if request.param == "memory" else "stack")
    return stack


@pytest.mark.parametrize(
    "script",
    ["import mailer", "import mailer; mailer.MessageEvent", "import mailer; mailer.publish; mailer.publish_blocking"],
)
async def test_importing_costs_an_application_nothing(small_stack: Stack, script: str) -> None:
    """No driver is loaded before the first event is published."""
    loaded = f"{script}\nimport sys; print(*(name for name in {DRIVERS} if name in sys.modules))"
    done = await small_stack.done(program=(sys.executable, "-c", loaded))
    assert done.out == "\n"


async def test_threads_share_a_publisher(any_stack: Stack) -> None:
    """A hundred events from eight threads, each safe when its call returns."""
    await run(
        any_stack,
        "with ThreadPoolExecutor(8) as threads:\n"
        "    list(threads.map(lambda n: mailer.publish_blocking(event(str(n))), range(100)))",
    )
    await until(lambda: waiting(any_stack, 100), "a hundred events")


async def waiting(stack: Stack, count: int) -> bool:
    """True if this number of events waits."""
    return await published(stack) == count


async def test_a_fork_has_a_publisher_of_its_own(any_stack: Stack) -> None:
    """Parent and children publish, before and after the fork, as web servers that fork do."""
    await run(
        any_stack,
        """
mailer.publish_blocking(event("before"))
context = multiprocessing.get_context("fork")
children = [context.Process(target=lambda n=n: mailer.publish_blocking(event(f"child {n}"))) for n in range(3)]
for child in children:
    child.start()
mailer.publish_blocking(event("after"))
for child in children:
    child.join()
sys.exit(max(child.exitcode for child in children))
""",
    )
    await until(lambda: waiting(any_stack, 5), "five events")


async def test_each_loop_has_a_publisher_of_its_own(any_stack: Stack) -> None:
    """Each of several loops, one after the other, has its own publisher. The blocking function works beside them."""
    await run(
        any_stack,
        """
for number in range(3):
    asyncio.run(mailer.publish(event(str(number))))
mailer.publish_blocking(event("blocking"))
""",
    )
    await until(lambda: waiting(any_stack, 4), "four events")


async def test_a_transaction_that_is_rolled_back_publishes_nothing(small_stack: Stack) -> None:
    """Only committed events are published, together with everything else that was committed."""
    await run(
        small_stack,
        """
import asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["MAILER_DATABASE_URL"])
    async with connection.transaction():
        await mailer.publish_in_transaction(connection, event("committed"))
    try:
        async with connection.transaction():
            await mailer.publish_in_transaction(connection, event("rolled back"))
            raise ZeroDivisionError
    except ZeroDivisionError:
        await connection.close()

asyncio.run(main())
""",
    )
    rows = await small_stack.query("SELECT routing_key, message_id, publisher FROM outbox")
    assert [tuple(row) for row in rows] == [("interpals.service", "committed", "role:postgres")]


async def test_an_outage_is_told_and_gets_over(any_stack: Stack) -> None:
    """The function `publish` raises BrokerUnavailable in an outage. Later the same process publishes."""
    service = "MAILER_DATABASE_URL" if any_stack.env["MAILER_BROKER_URL"] == "memory://" else "MAILER_BROKER_URL"
    done = await run(
        any_stack.with_env(SERVICE=service),
        """
import logging

async def main():
    logging.disable()
    name = os.environ["SERVICE"]
    url = os.environ[name]
    os.environ[name] = url.split("://")[0] + "://127.0.0.1:1/"
    try:
        await mailer.publish(event("1"))
    except mailer.BrokerUnavailable as error:
        print(error)
    os.environ[name] = url
    await mailer.publish(event("1"))

asyncio.run(main())
""",
    )
    assert "answer" in done.out
    await until(lambda: waiting(any_stack, 1), "the event")


async def test_bad_settings_are_told(small_stack: Stack) -> None:
    """A bad setting raises SettingsError, which names the setting."""
    done = await run(
        small_stack.having(BROKER_URL="kafka://x"),
        """
from mailer.settings import SettingsError
try:
    mailer.publish_blocking(event("1"))
except SettingsError as error:
    print(error)
""",
    )
    assert done.out.startswith("MAILER_BROKER_URL: ")


async def test_an_event_that_no_worker_knows_is_kept(stack: Stack) -> None:
    """RabbitMQ has no queue for a brand that is unknown, so it becomes a dead letter; publish returns."""
    await run(stack, 'mailer.publish_blocking(event("1").model_copy(update={"brand": "acme"}))')
    assert await stack.depth("mailer.dead.letters") == 1


async def test_the_embedded_database_stops_with_who_published(small_stack: Stack) -> None:
    """A process that publishes with the default settings starts the database, and stops it at its end."""
    with server_folder() as folder:
        embedded = small_stack.having(DATABASE_URL="embedded", PROCESSORS="capture://", DATA=str(folder))
        await embedded.done("migrate")
        await run(embedded, 'mailer.publish_blocking(event("1"))')
        assert not found(str(folder), "postmaster.pid")
        assert found(str(folder), "PG_VERSION")


def found(folder: str, name: str) -> list[Path]:
    """The files of a name."""
    return list(Path(folder).rglob(name))
