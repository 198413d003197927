"""Statements of a hand-over end before its lease. Work that cannot be done comes again, and stops nobody else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from mailer.database.connections import SERVING, TimeLimits, open_pool
from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut
from mailer.postgres import audience_expansion
from mailer.postgres.audience_expansion import EXPANSION_SECONDS
from mailer.runtime.error_kinds import ErrorKind, classify_error
from tests.factories import World, make_event, new_mailing, person, until, waiting

LOCK = "SELECT FROM standings WHERE recipient_id = $1 FOR UPDATE"


@pytest.fixture
async def hurried(database_url: str) -> AsyncIterator[World]:
    """The flow over connections whose statements may take half a second, as the processes' may take 30."""
    pool = await open_pool(database_url, 5, TimeLimits(statement=0.5, idle=60))
    world = World(pool)
    yield world
    await world.outbox.close()
    await pool.close()


def test_a_statement_ends_before_the_lease_that_it_is_for() -> None:
    """A statement ends before its lease does, and so does the driver's wait for the answer."""
    assert SERVING.answer_timeout is not None
    assert 0 < SERVING.statement < SERVING.answer_timeout < 60


async def test_a_move_that_cannot_get_its_locks_stops_nobody_else(world: World, hurried: World) -> None:
    """A standing that stays locked: the batch is left to its lease, others go out, and in the end it does, too."""
    [ada] = await world.known(1)
    stuck, free = await world.accept({"refs": ["user-1"]}), await world.accept([person(2)])
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.fetch(LOCK, ada)
        with pytest.raises(StatementTimedOut) as caught:
            await hurried.handover().hand_over_batches(stuck.batches)
        await hurried.handover().hand_over_batches(free.batches)
        assert hurried.processor.recipients == ["user-2@people.example"]
    assert classify_error(caught.value) is ErrorKind.PASSING
    await world.lose_leases()
    await world.timekeeper().run_all_steps_once()
    await world.run_published(hurried.processor)
    assert hurried.processor.recipients == ["user-1@people.example", "user-2@people.example"]
    for accepted in (stuck, free):
        assert await world.counted(accepted.mailing_id) == {("handed_over", ""): 1}


async def test_a_claim_that_takes_too_long_has_taken_nothing(world: World, hurried: World) -> None:
    """Somebody keeps the batch locked: the statement is taken back in whole, and the batch is claimed by the next."""
    accepted = await world.accept([person(1), person(2)])
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.fetch("SELECT FROM batches WHERE id = ANY ($1) FOR UPDATE", list(accepted.batches))
        with pytest.raises(StatementTimedOut):
            await hurried.handover().hand_over_batches(accepted.batches)
    rows = await world.pool.fetch("SELECT DISTINCT state, attempt FROM deliveries")
    assert [tuple(row) for row in rows] == [("queued", 0)]
    await hurried.handover().hand_over_batches(accepted.batches)
    assert len(hurried.processor.sent) == 2


async def test_an_audience_that_takes_too_long_is_no_outage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event is tried a few times, and not for ever as where the database is away."""
    monkeypatch.setattr(audience_expansion, "EXPANSION_SECONDS", 1)
    mailing = new_mailing(make_event({"audience": "everyone"}))
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE standings IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StatementTimedOut) as slow:
            await world.mailings.accept_mailings([mailing])
    assert classify_error(slow.value) is ErrorKind.PASSING


async def test_a_large_audience_has_more_time(world: World, hurried: World) -> None:
    """Expanding an audience waits for a lock for longer than other statements may, and then is done."""
    await world.known(1, 2)
    mailing = new_mailing(make_event({"audience": "everyone"}))
    async with world.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE standings IN ACCESS EXCLUSIVE MODE")
        accepting = asyncio.create_task(hurried.mailings.accept_mailings([mailing]))
        await until(lambda: waiting(world.pool))
        limit = (
            "SELECT now() - query_start > '0.6 s' FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await until(lambda: world.pool.fetchval(limit))
        await transaction.rollback()
    [accepted] = await accepting
    assert accepted.size == 2
    assert SERVING.statement < EXPANSION_SECONDS < 1800


@pytest.mark.parametrize("year", [1985, 2200])
async def test_a_clock_that_is_far_off_is_said_and_waited_for(world: World, year: int) -> None:
    """A mailing whose ids lie in no partition is no bad input: it comes again as soon as the clock is right."""
    moment = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    mailing = new_mailing(make_event([person(1)]))
    astray = replace(mailing, id=UUID(int=(moment << 80) | (mailing.id.int & ((1 << 80) - 1))))
    with pytest.raises(DatabaseUnavailable, match="the clock of this machine") as caught:
        await world.mailings.accept_mailings([astray])
    assert classify_error(caught.value) is ErrorKind.AWAY
    [accepted] = await world.mailings.accept_mailings([mailing])
    assert (accepted.known, accepted.size) == (False, 1)
