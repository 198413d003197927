"""PgBouncer, as Debian installs it: session pooling works, every other mode is refused in words."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailer.database.connections import open_pool
from mailer.ports.database_errors import DatabaseAccessRefused
from tests.bouncer import PASSWORD, bouncer
from tests.factories import open_world, person
from tests.integration.test_connections import EXPECTED
from tests.processes import Stack


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user may enter, as pytest's may not be."""
    with tempfile.TemporaryDirectory(prefix="mailer-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
async def session_url(database_url: str, folder: Path) -> AsyncIterator[str]:
    """The test's database, through session pooling."""
    async with bouncer(database_url, folder) as url:
        yield url


async def test_each_session_has_our_settings(session_url: str) -> None:
    """The settings are asked for after a session has begun, since PgBouncer refuses them at its start."""
    pool = await open_pool(session_url, size=2)
    async with pool.acquire(), pool.acquire() as connection:
        found = {setting: await connection.fetchval(f"SHOW {setting}") for setting in EXPECTED}
    await pool.close()
    assert found == EXPECTED


async def test_mail_flows_through_session_pooling(session_url: str) -> None:
    """An event is taken in, handed over and recorded, and the ledger is intact (case S12)."""
    async with open_world(session_url) as world:
        accepted = await world.accept([person(n) for n in range(5)])
        await world.handover().hand_over_batches(accepted.batches)
        assert set((await world.states(accepted.mailing_id)).values()) == {("handed_over", "")}
        assert (await world.ledger.verify_ledger()).faults == ()


async def test_the_outbox_is_listened_to_through_session_pooling(session_url: str) -> None:
    """A process that waits for the outbox is woken by a row of another session."""
    async with open_world(session_url) as world:
        await world.outbox.wait_for_rows(0)  # it listens from now on, and is awake
        waiting = asyncio.create_task(world.outbox.wait_for_rows(120))
        await world.pool.execute("INSERT INTO outbox (routing_key, message_id, body) VALUES ('k', '1', '{}')")
        await asyncio.wait_for(waiting, 30)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pool_that_shares_sessions_is_refused(database_url: str, folder: Path, mode: str) -> None:
    """The error says what to set."""
    async with bouncer(database_url, folder, mode) as url:
        with pytest.raises(DatabaseAccessRefused, match="pool_mode = session"):
            await open_pool(url)


@pytest.mark.parametrize("name", ["worker", "web", "timekeeper"])
async def test_a_process_ends_at_a_pool_that_shares_sessions(
    small_stack: Stack, database_url: str, folder: Path, name: str
) -> None:
    """The process ends at once, since only a change of the pooler would help."""
    async with bouncer(database_url, folder, "transaction") as url:
        done = await small_stack.having(DATABASE_URL=url).run(name)
    assert done.status == 1
    assert "pool_mode = session" in done.err
    assert PASSWORD not in done.err


async def test_a_poolers_refusal_ends_a_process_with_its_words(small_stack: Stack, session_url: str) -> None:
    """A database that PgBouncer does not know is said at once."""
    done = await small_stack.having(DATABASE_URL=session_url.replace("/mailer_test_", "/another_")).run("worker")
    assert done.status == 1
    assert "another_" in done.err
