"""Each connection sets the options that the statements need, for any defaults of the database."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from mailer import bundled_files, cli
from mailer.database import connections
from mailer.database.connections import (
    ATTENDED,
    DatabasePool,
    TimeLimits,
    connect,
    execute_with_long_timeout,
    open_pool,
)
from mailer.database.statements import Connection, Pool
from mailer.embedded import postgres
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseUnavailable, StatementTimedOut
from mailer.postgres.migrations import MigrationFailed, apply_migrations
from tests.chaos.proxy import Link
from tests.factories import open_world
from tests.hostile import SETTINGS, make_hostile
from tests.processes import SECRETS, free_port, until
from tests.server_folders import server_folder

EXPECTED = {
    "default_transaction_isolation": "read committed",
    "transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "synchronous_commit": "on",
    "statement_timeout": "30s",
    "lock_timeout": "15s",
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
    """No default of the database is left that the statements would be wrong under (case S13)."""
    assert set(SETTINGS) - {"jit_above_cost"} <= set(EXPECTED)
    pool = await open_pool(hostile_url, size=1)
    async with pool.acquire() as connection:
        found = {setting: await connection.fetchval(f"SHOW {setting}") for setting in EXPECTED}
    await pool.close()
    assert found == EXPECTED


async def test_a_commands_connection_has_no_time_limit(hostile_url: str) -> None:
    """A command's connection has no time limit, since somebody watches it, and its reads may be long."""
    connection = await connect(hostile_url, ATTENDED)
    try:
        assert await connection.fetchval("SHOW statement_timeout") == "0"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "0"
    finally:
        await connection.close()


@pytest.mark.parametrize("kept", ["local", "remote_write", "remote_apply"])
async def test_waiting_for_replicas_is_left_as_it_is(database_url: str, kept: str) -> None:
    """The setting is changed only for commits that would wait for nothing."""
    plain = await asyncpg.connect(database_url)
    await plain.execute(f"ALTER DATABASE {urlsplit(database_url).path[1:]} SET synchronous_commit = {kept}")
    await plain.close()
    connection = await connect(database_url)
    try:
        assert await connection.fetchval("SHOW synchronous_commit") == kept
    finally:
        await connection.close()


async def test_a_statement_ends_in_time_and_leaves_the_connection_usable(database_url: str) -> None:
    """The server cancels the statement, and the caller gets an error that says so."""
    pool = await open_pool(database_url, size=1, limits=TimeLimits(statement=0.2, idle=60))
    with pytest.raises(StatementTimedOut):
        await pool.execute("SELECT pg_sleep(60)")
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


@pytest.fixture
def own_server() -> Iterator[str]:
    """A database on a server of the test's own, which it may spoil."""
    with server_folder() as folder, postgres.start_postgres(folder) as server:
        apply_migrations(server.url(), bundled_files.bundled_folder("migrations"))
        yield server.url()


async def flip(url: str, *, read_only: bool) -> None:
    """Makes the whole server read-only, or writable again, and leaves its connections as they are."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if read_only else 'off'}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def problem(pool: DatabasePool) -> str:
    """The reason why nothing can be written."""
    try:
        await pool.fetch_time_of_writable_server()
    except DatabaseUnavailable as error:
        return str(error)
    return ""


async def backends(url: str) -> set[int]:
    """The server processes of our connections."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'mailer'")
        return {row["pid"] for row in rows}
    finally:
        await connection.close()


async def test_no_connection_outlives_a_server_that_only_reads(own_server: str) -> None:
    """The error ends every connection of the pool; a new one is had once the server can be written to (case S3)."""
    pool = await open_pool(own_server, size=3)
    async with pool.acquire(), pool.acquire():
        before = await backends(own_server)
    assert len(before) == 2
    await flip(own_server, read_only=True)

    async def refused() -> bool:
        try:
            await pool.execute("UPDATE halts SET reason = ''")
        except DatabaseUnavailable as error:
            return "read-only" in str(error)
        return False

    await until(refused, "the server to refuse to write")
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        await pool.fetchval("SELECT 1")
    assert "read-only" in await problem(pool)
    await flip(own_server, read_only=False)

    async def writable() -> bool:
        return not await problem(pool)

    await until(writable, "the server to be writable")
    await pool.execute("UPDATE halts SET reason = ''")
    assert not before & await backends(own_server)
    await pool.close()


async def test_readiness_notices_a_server_that_only_reads(own_server: str) -> None:
    """Nothing has to be written for it: a process that is idle is not ready either (case S3)."""
    pool = await open_pool(own_server, size=1)
    assert await problem(pool) == ""
    await flip(own_server, read_only=True)

    async def noticed() -> bool:
        return "read-only" in await problem(pool)

    await until(noticed, "the probe to notice")
    await pool.close()


async def test_whoever_listens_listens_at_the_new_server(own_server: str) -> None:
    """A connection that was taken to listen is cut with the others, and taken anew."""
    async with open_world(own_server) as world:
        await world.outbox.wait_for_rows(0)
        before = await backends(own_server)
        await world.pool.expire_connections()

        async def gone() -> bool:
            return not before & await backends(own_server)

        await world.pool.fetchval("SELECT 1")
        await until(gone, "the old connections to end")
        await world.outbox.wait_for_rows(0)
        waiting = asyncio.create_task(world.outbox.wait_for_rows(120))
        await world.pool.execute("INSERT INTO outbox (routing_key, message_id, body) VALUES ('k', '1', '{}')")
        await asyncio.wait_for(waiting, 30)


async def test_what_nobody_waits_for_may_take_longer(database_url: str) -> None:
    """Counts that came together without a timekeeper are added up at once; then the connection has its limit again."""
    pool = await open_pool(database_url, size=1, limits=TimeLimits(statement=0.2, idle=60))
    await execute_with_long_timeout(pool, "SELECT pg_sleep($1)", 0.5)
    with pytest.raises(StatementTimedOut):
        await pool.execute("SELECT pg_sleep(60)")
    await pool.close()


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[Link]:
    """The way to the server over TCP, which can be spoiled."""
    made = Link(f"{parse_qs(urlsplit(database_url).query)['host'][0]}/.s.PGSQL.5432")
    await made.listen()
    yield made
    made.drop()


def cluster(url: str, *ports: int) -> str:
    """The URL of a database with several servers."""
    servers = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres@{servers}{urlsplit(url).path}?sslmode=disable"


async def test_each_server_of_a_url_has_its_own_time(
    database_url: str, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that never answers, and one that does not exist, keep nobody from the third one."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 3.0)

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)
        writer.close()

    hole = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = hole.sockets[0].getsockname()[1]
    connection = await connect(cluster(database_url, port, free_port(), link.port))
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(cluster(database_url, port, free_port()))
    assert "no answer within" in str(caught.value)
    assert str(port) in str(caught.value)
    hole.close()


async def test_a_server_that_vanishes_is_noticed_by_the_kernel(database_url: str, link: Link) -> None:
    """Nothing comes from it any more, not even a refusal: the kernel asks, and gives up after seconds."""
    connection = await connect(cluster(database_url, link.port))
    connected = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    idle, interval, count, unsent = (
        connected.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    )
    assert idle + interval * count <= 10
    assert unsent <= 10_000
    await connection.close()


async def test_a_server_that_freezes_is_not_waited_for(database_url: str, link: Link) -> None:
    """The kernel still answers for it; a statement ends all the same, and so does giving the connection back."""
    pool = await open_pool(cluster(database_url, link.port), size=1, limits=Frozen(statement=0.2, idle=60))
    link.stall()
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(pool.execute("SELECT 1"), 60)
    link.go()
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


class Frozen(TimeLimits):
    """A pool that waits less than a second for an answer."""

    @property
    def answer_timeout(self) -> float:
        """The shortest time-out that a test can use."""
        return 0.5


async def test_a_refusal_of_a_running_process_is_an_outage_with_its_words(own_server: str) -> None:
    """Work in hand waits until somebody has corrected what the server refuses."""
    pool = await open_pool(own_server, size=2)
    admin = await asyncpg.connect(own_server.replace("/mailer?", "/postgres?"))
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mailer'")
    await admin.execute("ALTER DATABASE mailer RENAME TO moved")

    async def refused() -> bool:
        return 'database "mailer" does not exist' in await problem(pool)

    await until(refused, "the refusal")
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        await pool.execute("SELECT 1")
    await admin.execute("ALTER DATABASE moved RENAME TO mailer")
    await admin.close()
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def test_a_connection_that_is_cut_under_a_transaction_is_an_outage(database_url: str) -> None:
    """The pool has taken the connection back by then. The caller gets only an outage."""
    pool = await open_pool(database_url, size=2)

    async def work() -> None:
        async with pool.acquire() as connection, connection.transaction():
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", pid)
            await until(lambda: lost(connection), "the connection to end")

    with pytest.raises(DatabaseUnavailable):
        await work()
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def lost(connection: Connection) -> bool:
    """Returns True if a statement fails, for any reason."""
    try:
        await connection.fetchval("SELECT 1")
    except Exception:
        return True
    return False


async def test_an_outage_is_no_cause_of_itself(database_url: str, link: Link) -> None:
    """The chain of an error's causes comes to an end."""
    pool = await open_pool(cluster(database_url, link.port), size=1)
    await pool.expire_connections()
    link.lead_to("/no/such/socket")
    with pytest.raises(DatabaseUnavailable) as caught:
        await pool.execute("SELECT 1")
    seen: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        assert error not in seen
        seen.append(error)
        error = error.__cause__
    await pool.close()


async def test_an_old_server_is_refused_in_words(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection asks for PostgreSQL 16 first, `migrate` before it changes anything; newer ones are fine."""
    old = asyncpg.types.ServerVersion(15, 12, 0, "final", 0)
    monkeypatch.setattr(asyncpg.Connection, "get_server_version", lambda _: old)
    with pytest.raises(
        DatabaseAccessRefused, match=r"^PostgreSQL at .*: version 15\.12 is too old: mailer needs 16 or newer$"
    ):
        await connect(database_url)
    with pytest.raises(MigrationFailed, match="mailer needs 16 or newer"):
        apply_migrations(database_url, bundled_files.bundled_folder("migrations"))
    monkeypatch.setattr(asyncpg.Connection, "get_server_version", lambda _: old._replace(major=19))
    await (await connect(database_url)).close()


@pytest.mark.parametrize("words", [("migrate",), ("mailing", "list"), ("recipients", "find", "ada")])
def test_a_command_ends_at_an_old_server(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    """Status 1, and a line that says which version is needed; a process that runs for ever ends as at any refusal."""
    old = asyncpg.types.ServerVersion(15, 12, 0, "final", 0)
    monkeypatch.setattr(asyncpg.Connection, "get_server_version", lambda _: old)
    monkeypatch.chdir(tmp_path)
    settings = {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path), "AMQP_URL": "memory://"}
    for name, value in settings.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.setattr(sys, "argv", ["mailer", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 1
    assert said.startswith("mailer: ")
    assert "version 15.12 is too old: mailer needs 16 or newer" in said
