"""Account events, through a real broker and a real worker."""

import json

import asyncpg

from tests.acceptance.samples import event, people
from tests.processes import Stack, until


async def test_an_account_is_erased_by_an_event(stack: Stack) -> None:
    """An account event over RabbitMQ erases the account."""
    await is_erased(stack)


async def test_an_account_is_erased_by_an_event_without_rabbitmq(small_stack: Stack) -> None:
    """An account event over the in-process broker erases the account."""
    await is_erased(small_stack)


async def is_erased(world: Stack) -> None:
    """Erases an account by an event on the service lane: the address is gone. A bad event is a dead letter."""
    said = {"v": 1, "id": "erase-ann", "brand": "interpals", "account": "erase", "ref": "ann"}
    bad = {"v": 1, "id": "no-address", "brand": "interpals", "account": "rectify", "ref": "bob", "name": "Bob"}
    connection = await asyncpg.connect(world.database_url)
    try:
        async with world.running("worker"):
            await world.done("publish", "-", stdin=json.dumps(event("one", "interpals", "newsletter", people("ann"))))
            mailed = "SELECT count(*) FROM deliveries WHERE state = 'handed_over'"
            await until(lambda: connection.fetchval(mailed), "the message")
            await world.done("publish", "-", stdin=f"{json.dumps(bad)}\n{json.dumps(said)}")
            erased = "SELECT count(*) FROM standings WHERE erased_at IS NOT NULL"
            await until(lambda: connection.fetchval(erased), "the erasure")
            await until(lambda: connection.fetchval("SELECT count(*) FROM dead_letters"), "the dead letter")
        assert await connection.fetchval("SELECT count(*) FROM recipients WHERE email IS NOT NULL") == 0
        assert "needs an email" in await connection.fetchval("SELECT reason FROM dead_letters")
    finally:
        await connection.close()
