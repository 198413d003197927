"""Each connection asks for what the statements rely on, whatever the database has as defaults."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from mailer.ledger.connections import ATTENDED, Limits, connect, open_pool
from mailer.ledger.database import Pool
from mailer.ports.outages import StatementTooSlow
from tests.hostile import SETTINGS, make_hostile

EXPECTED = {
    "default_transaction_isolation": "read committed",
    "transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "synchronous_commit": "on",
    "statement_timeout": "30s",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "search_path": "public, pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "row_security": "off",
    "plan_cache_mode": "auto",
    "enable_seqscan": "off",
    "jit": "off",
    "application_name": "mailer",
}


@pytest.fixture
async def hostile_url(database_url: str) -> str:
    """A migrated database with hostile defaults."""
    await make_hostile(database_url, decoys=True)
    return database_url


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool like that of a process."""
    opened = await open_pool(database_url, size=2)
    yield opened
    await opened.close()


async def test_each_connection_asks_for_what_it_relies_on(hostile_url: str) -> None:
    """No default of the database is left that the statements would be wrong under."""
    assert set(SETTINGS) - {"jit_above_cost"} <= set(EXPECTED)
    pool = await open_pool(hostile_url, size=1)
    async with pool.acquire() as connection:
        found = {setting: await connection.fetchval(f"SHOW {setting}") for setting in EXPECTED}
    await pool.close()
    assert found == EXPECTED


async def test_a_commands_connection_has_no_time_limit(hostile_url: str) -> None:
    """Somebody watches it, and what it reads may be long."""
    connection = await connect(hostile_url, ATTENDED)
    try:
        assert await connection.fetchval("SHOW statement_timeout") == "0"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "0"
    finally:
        await connection.close()


@pytest.mark.parametrize("kept", ["local", "remote_write", "remote_apply"])
async def test_waiting_for_replicas_is_left_as_it_is(database_url: str, kept: str) -> None:
    """Only a commit that waits for nothing is changed."""
    plain = await asyncpg.connect(database_url)
    await plain.execute(f"ALTER DATABASE {urlsplit(database_url).path[1:]} SET synchronous_commit = {kept}")
    await plain.close()
    connection = await connect(database_url)
    try:
        assert await connection.fetchval("SHOW synchronous_commit") == kept
    finally:
        await connection.close()


async def test_a_statement_ends_in_time_and_leaves_the_connection_usable(database_url: str) -> None:
    """The server cancels it, and whoever asked is told what it was."""
    pool = await open_pool(database_url, size=1, limits=Limits(statement=0.2, idle=60))
    with pytest.raises(StatementTooSlow):
        await pool.execute("SELECT pg_sleep(60)")
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()
