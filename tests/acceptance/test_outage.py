"""RabbitMQ goes away while an application publishes through the outbox, and comes back.

It is away for MAILER_TEST_OUTAGE_SECONDS, if that is set.
"""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

import mailer
from mailer import MessageEvent
from mailer.embedded.rabbitmq import PrivateRabbit
from tests.acceptance.samples import event, people
from tests.processes import Stack, open_stack, until
from tests.server_folders import server_folder
from tests.services import private_rabbit

AWAY = float(os.environ.get("MAILER_TEST_OUTAGE_SECONDS", "2"))
BRANDS = {"newsletter": "interpals", "service": "paltalk-2006"}
PERIOD = 0.05
"""Seconds between two events."""
CROWD = 150
"""Recipients of each twentieth event; of the others there is one."""


@pytest.fixture
def node() -> Iterator[PrivateRabbit]:
    """A RabbitMQ that may be stopped."""
    with server_folder() as folder, private_rabbit(folder) as running:
        yield running


@pytest.fixture
async def stack(tmp_path: Path, database_url: str, node: PrivateRabbit) -> AsyncIterator[Stack]:
    """Processes that use it."""
    async with open_stack(tmp_path, database_url, node.url) as opened:
        yield opened


async def test_what_is_published_while_rabbitmq_is_away_arrives_once(stack: Stack, node: PrivateRabbit) -> None:
    """Events wait in the outbox. Nothing is lost or sent twice, and the workers catch up when RabbitMQ is back."""
    enough = asyncio.Event()
    async with stack.running("worker", "timekeeper"), asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(publish(stack, enough))
        await until(lambda: sent(stack), "the first mail")
        await asyncio.to_thread(node.stop)
        await asyncio.sleep(AWAY)
        waiting = await stack.value("SELECT count(*) FROM outbox")
        await asyncio.to_thread(node.restart)
        enough.set()
        published = await publishing
        await stack.finished(*published)
    assert waiting >= AWAY / PERIOD / 4
    assert await stack.value("SELECT count(*) FROM outbox WHERE exchange = 'mailer.events'") == 0
    expected = [f"{ref}@example.org" for refs in published.values() for ref in refs]
    assert Counter(mail.recipients[0] for mail in stack.inbox.list_mails()) == Counter(expected)


async def publish(stack: Stack, enough: asyncio.Event) -> dict[str, list[str]]:
    """Puts one event after the other into the outbox until it is enough. Returns the events with their recipients."""
    published: dict[str, list[str]] = {}
    connection = await asyncpg.connect(stack.database_url)
    for number, category in zip(itertools.count(), itertools.cycle(BRANDS), strict=False):
        if enough.is_set():
            break
        size = 1 if number % 20 else CROWD
        published[f"e{number}"] = [f"e{number}-{n}" for n in range(size)]
        told = event(f"e{number}", BRANDS[category], category, people(*published[f"e{number}"]))
        async with connection.transaction():
            await mailer.publish_in_transaction(connection, MessageEvent.model_validate(told))
        await asyncio.sleep(PERIOD)
    await connection.close()
    return published


async def sent(stack: Stack) -> bool:
    """True if anybody has got mail."""
    return bool(stack.inbox.list_mails())
