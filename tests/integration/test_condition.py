"""Tests of a process's checks of its database: before it works on it, and while it does."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest

from mailer.app import open_app
from mailer.database.connections import DatabasePool
from mailer.database_startup import DatabaseAndClockWatcher
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.postgres.database_condition import read_size_partitions_and_seal, read_version_settings_and_migrations
from mailer.settings import read_settings
from tests.factories import World, person
from tests.hostile import SETTINGS
from tests.processes import Stack

PROCESSES = ("worker", "web", "timekeeper")


async def sql(url: str, statement: str, *arguments: str) -> None:
    """Executes a statement as the superuser."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def age_collation(url: str) -> None:
    """Makes the database seem older than the server's operating system."""
    await sql(url, "UPDATE pg_database SET datcollversion = '0.9' WHERE datname = current_database()")


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_does_not_start_on_older_tables(small_stack: Stack, name: str) -> None:
    """The process names the migration that is missing, and ends."""
    newest = await small_stack.value("SELECT max(version) FROM schema_migrations")
    await small_stack.query("DELETE FROM schema_migrations WHERE version = $1", newest)
    done = await small_stack.run(name)
    await small_stack.query("INSERT INTO schema_migrations VALUES ($1)", newest)  # the stack looks at its ledger yet
    assert done.status == 1
    assert f"run `mailer migrate`: it lacks {newest}" in done.err


async def test_another_collation_version_is_logged_and_said_by_migrate(small_stack: Stack) -> None:
    """The process works, and its log says what to do (case S19)."""
    await age_collation(small_stack.database_url)
    migrated = await small_stack.done("migrate")
    assert "REFRESH COLLATION VERSION" in migrated.err
    async with small_stack.running("worker") as (process,):
        assert "REFRESH COLLATION VERSION" in process.log


async def test_migrations_do_not_depend_on_the_databases_defaults(small_stack: Stack) -> None:
    """A new database whose defaults are hostile gets the tables where they belong."""
    name = f"{urlsplit(small_stack.database_url).path[1:]}_fresh"
    url = small_stack.database_url.replace(urlsplit(small_stack.database_url).path, f"/{name}")
    await sql(small_stack.database_url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        await sql(url, "CREATE SCHEMA elsewhere")
        for setting, value in {**SETTINGS, "statement_timeout": "'20ms'"}.items():
            await sql(url, f"ALTER DATABASE {name} SET {setting} = {value}")
        await small_stack.having(DATABASE_URL=url).done("migrate")
        listed = await small_stack.having(DATABASE_URL=url).done("mailing", "list", "--json")
    finally:
        await sql(small_stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")
    assert listed.json == []


async def test_a_refusal_ends_migrate_at_once(small_stack: Stack) -> None:
    """The command ends at once with the server's words, since waiting would not help."""
    wrong = small_stack.database_url.replace("postgres@", "nobody_at_all@")
    done = await small_stack.having(DATABASE_URL=wrong).run("migrate")
    assert done.status == 1
    assert 'role "nobody_at_all" does not exist' in done.err


@pytest.mark.parametrize("name", [*PROCESSES, "mailing list"])
async def test_a_refusal_ends_a_process_at_once(small_stack: Stack, name: str) -> None:
    """The server's words, and where it is; status 1."""
    wrong = small_stack.database_url.replace("postgres@", "nobody_at_all@")
    done = await small_stack.having(DATABASE_URL=wrong).run(*name.split())
    assert done.status == 1
    assert "PostgreSQL at" in done.err
    assert 'role "nobody_at_all" does not exist' in done.err


async def test_a_database_that_is_missing_ends_a_process(small_stack: Stack) -> None:
    """The process says which command makes the database, and ends."""
    missing = small_stack.database_url.replace("/mailer_test_", "/missing_")
    done = await small_stack.having(DATABASE_URL=missing).run("worker")
    assert done.status == 1
    assert "`mailer migrate` makes it" in done.err


@pytest.fixture
def settings(small_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the stack, for this process."""
    for name, value in small_stack.env.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("settings")
async def test_nothing_is_done_while_the_clocks_are_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is not ready and says why; it works again by itself once the clocks agree."""
    look, apart = DatabasePool.fetch_time_of_writable_server, timedelta(minutes=7)

    async def looks(pool: DatabasePool, seconds: float = 2.0) -> datetime:
        return await look(pool, seconds) - apart

    monkeypatch.setattr(DatabasePool, "fetch_time_of_writable_server", looks)
    async with open_app(read_settings()) as app:
        watch = DatabaseAndClockWatcher(app.pool, app.readiness, dates=True)
        await watch.check_once()
        assert "420.0 seconds ahead" in app.readiness.problems["clock"]
        with pytest.raises(DatabaseUnavailable, match="NTP"):
            await app.pool.execute("SELECT 1")
        apart = timedelta(seconds=5)
        await watch.check_once()
        assert not app.readiness.problems
        await app.pool.execute("SELECT 1")


@pytest.mark.usefixtures("settings")
async def test_who_dates_nothing_works_with_another_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """An opt-out is dated by the database: the web app takes it, and is shown as not ready."""
    look = DatabasePool.fetch_time_of_writable_server

    async def looks(pool: DatabasePool, seconds: float = 2.0) -> datetime:
        return await look(pool, seconds) + timedelta(hours=1)

    monkeypatch.setattr(DatabasePool, "fetch_time_of_writable_server", looks)
    async with open_app(read_settings()) as app:
        await DatabaseAndClockWatcher(app.pool, app.readiness, dates=False).check_once()
        assert "clock" in app.readiness.problems
        await app.pool.execute("SELECT 1")


async def test_the_condition_of_a_migrated_database(world: World, database_url: str) -> None:
    """Everything is read; a mailing that no seal came after is noticed."""
    async with world.pool.acquire() as connection:
        condition, stock = (
            await read_version_settings_and_migrations(connection),
            await read_size_partitions_and_seal(connection),
        )
    assert condition.version >= 160_000
    assert condition.triggers
    assert condition.migrations
    assert condition.collation == condition.collation_now
    assert not stock.unsealed
    assert stock.partitions > datetime.now(UTC).strftime("%Y%m")
    assert stock.size > 1_000_000
    await world.accept([person(1)])
    await world.pool.execute(
        "UPDATE mailings SET id = overlay(id::text PLACING left(uuid_floor(now() - interval '1 hour')::text, 13)"
        " FROM 1 FOR 13)::uuid"
    )
    async with world.pool.acquire() as connection:
        assert (await read_size_partitions_and_seal(connection)).unsealed
