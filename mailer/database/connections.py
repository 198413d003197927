"""Connections to the database: each one asks for what the statements rely on, and none outlives a server's writing.

Whatever says that the database is away leaves here as `DatabaseAway`; every other error leaves as it came.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from asyncpg.pool import PoolAcquireContext
from pydantic_core import to_json

from mailer.database.driver_errors import ENDS, POOLER, READ_ONLY, REPLICA, outage_of, server_words
from mailer.database.statements import Connection, Fresh, Pool, statements
from mailer.ports.database_condition import OLDEST
from mailer.ports.database_errors import DatabaseAway, DatabaseRefuses
from mailer.telemetry import log

_SETTLE = statements("connections", "database")["settle"]
_LOOK = statements("connections", "database")["look"]
_T = TypeVar("_T")

PATIENCE = 1.0
"""Seconds between two tries."""
CONNECT_SECONDS = 5.0
"""The longest that one server of a URL may take to let us in."""
UNHURRIED_SECONDS = 600
"""The longest that a statement may take which is executed once a minute, and which nobody waits for."""
_ROUNDS = 3
"""The number of times that a pooler is asked whether our session is ours: others may come in between."""
RELEASE_SECONDS = 5.0
"""The longest that a connection may take to cancel what timed out, before it is cut."""

_TCP = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9_000),
)
"""A server that vanished without a word is noticed within nine seconds, by what we send and by what we wait for."""


@dataclass(frozen=True)
class TimeLimits:
    """The longest that a connection may be busy, in seconds; 0: without end.

    Attributes:
        statement: a statement, waits for locks included.
        lock: each wait for a lock: what a transaction of ours holds is held for less, so somebody else holds this one.
        idle: a transaction in which nothing is asked, which keeps its locks.
    """

    statement: float
    idle: float
    lock: float = 15

    @property
    def answer_timeout(self) -> float | None:
        """The longest wait for an answer, from a server that may have frozen; it cancels slow statements itself."""
        return self.statement + 10 if self.statement else None


SERVING = TimeLimits(statement=30, idle=60)
"""Of the processes: a statement ends before the lease of the batch that it is for."""
ATTENDED = TimeLimits(statement=0, idle=0, lock=60)
"""Of a command: somebody watches it, and what it reads may be long."""


class _PooledConnection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        """Nothing: no statement of ours sets anything for its session; to ask costs as much as a small statement."""
        return ""


class _AcquiredConnection(PoolAcquireContext):
    """A connection for as long as somebody is in here, with errors that say when the database is away.

    It is taken and given back without the driver's own context in between: each window of messages does so a few times.
    """

    pool: "ServerPool"
    anyway = False
    """Tells whether it is to be had though the pool is barred."""

    async def __aenter__(self) -> Any:
        if self.pool.barred and not self.anyway:
            raise DatabaseAway(self.pool.barred)
        try:
            self.connection = await self.pool._acquire(self.timeout)  # type: ignore[attr-defined]
        except DatabaseAway:
            raise
        except Exception as error:
            if (away := outage_of(error)) is not None:
                raise away from error
            raise
        return self.connection

    def __await__(self) -> Generator[Any, None, Any]:
        """Takes a connection for long; it is cut when the pool drops its connections."""
        return self._take_connection().__await__()

    async def _take_connection(self) -> Any:
        connection = await self.__aenter__()
        self.pool.taken.append(connection)
        return connection

    async def __aexit__(self, *exc: object) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        error = exc[1]
        if not isinstance(error, BaseException):
            await self.pool.release(connection)
            return
        if isinstance(error, ENDS):
            await self.pool.expire_connections()
        away = outage_of(error, in_use=_is_open(connection))
        if isinstance(error, TimeoutError):
            with suppress(Exception):
                await self.pool.release(connection, timeout=RELEASE_SECONDS)
        await self.pool.release(connection)
        if away is not None and away is not error:
            raise away from error


def _is_open(connection: Connection) -> bool:
    """Tells whether a connection still works. One that the pool has taken back is lost to who had it."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False


class _ProbeConnection(_AcquiredConnection):
    """A connection for who decides whether the pool is barred."""

    anyway = True


class ServerPool(asyncpg.Pool):
    """A pool that drops all its connections once its server ends or only reads.

    Attributes:
        taken: connections that somebody has taken for long, such as to listen.
        barred: why nobody gets a connection now, though the server may answer.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.taken: list[Connection] = []
        self.barred: str | None = None

    def acquire(self, *, timeout: float | None = None) -> _AcquiredConnection:
        """A connection, unless the pool is barred."""
        return _AcquiredConnection(self, timeout)

    async def expire_connections(self) -> None:
        """Sees to it that no connection there is now is used again."""
        await super().expire_connections()
        for connection in self.taken:
            with suppress(asyncpg.InterfaceError):  # it has been given back
                connection.terminate()
        self.taken.clear()

    async def probe_server(self, seconds: float = 2.0) -> datetime:
        """The server's clock, if something can be written. A server that only reads is dropped.

        Raises:
            DatabaseAway: nothing can be written; the message is a line that says why.
        """
        try:
            async with asyncio.timeout(seconds), _ProbeConnection(self, seconds) as connection:
                [row] = await connection.fetch(_LOOK)
                if row["read_only"]:
                    raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        except TimeoutError:
            raise DatabaseAway(f"no answer within {seconds:g} seconds") from None
        at: datetime = row["at"]
        return at


async def execute_unhurried(pool: Pool, statement: str, *arguments: Any) -> None:
    """Executes a statement that may take long, since much may have come together while nobody executed it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'; SET LOCAL lock_timeout = 0")
        await connection.execute(statement, *arguments, timeout=UNHURRIED_SECONDS + 10)


async def retry_through_outages(step: Callable[[], Awaitable[_T]]) -> _T:
    """The result of a step that needs the database: it is done again as long as the server is away.

    Raises:
        DatabaseRefuses: waiting would hide what somebody has to mend.
    """
    while True:
        try:
            return await step()
        except DatabaseRefuses:
            raise
        except DatabaseAway as error:
            log.warning("the database is away; trying again", error=str(error))
            await asyncio.sleep(PATIENCE)


async def connect(url: str, limits: TimeLimits = ATTENDED, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Connects to the first server of a URL that lets us in and can be written to.

    Args:
        url: `postgresql://…`; several hosts with commas between them, each with a port of its own or none.
        limits: for this connection.
        options: of the driver.

    Raises:
        DatabaseAway, DatabaseRefuses: no server of the URL could be used; the message names each, and why.
        ValueError: the URL cannot be read; its message may quote a password.
    """
    failures: list[tuple[str, DatabaseAway]] = []
    for one in server_urls(url):
        try:
            return await _connect_to_server(one, limits, options)
        except DatabaseAway as error:
            failures.append((server_and_database(one), error))
    kinds = {type(error) for _, error in failures}
    kind = kinds.pop() if len(kinds) == 1 else DatabaseAway
    raise kind("; ".join(f"PostgreSQL at {where}: {error}" for where, error in failures))


async def _connect_to_server(
    url: str, limits: TimeLimits, options: dict[str, Any]
) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=limits.answer_timeout,
            # No other setting here: PgBouncer refuses what it does not know at the start of a session.
            server_settings={"application_name": "mailer"},
            **{"connection_class": _PooledConnection, **options},
        )
        try:
            await _configure_session(connection, limits)
        except BaseException:
            connection.terminate()
            raise
    except TimeoutError:
        raise DatabaseAway(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    except OSError as error:
        raise DatabaseAway(error.strerror or str(error)) from error
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise DatabaseAway("the server is not what target_session_attrs asks for") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if isinstance(error, ValueError):  # the URL cannot be read
            raise
        # Any other error here is of the server, not of an input: it says what has to be mended.
        raise (outage_of(error) or DatabaseRefuses(server_words(error))) from error
    return connection


async def _configure_session(connection: "asyncpg.Connection[asyncpg.Record]", limits: TimeLimits) -> None:
    """Asks for what the statements rely on, and refuses a server that is too old or cannot be written to."""
    version = connection.get_server_version()  # the server has said so already: nothing is asked
    if version.major < OLDEST:
        raise DatabaseRefuses(f"version {version.major}.{version.minor} is too old: mailer needs {OLDEST} or newer")
    _set_keepalive(connection)
    times = map(_milliseconds, (limits.statement, limits.idle, limits.lock))
    row = await connection.fetchrow(_SETTLE, *times)
    if row and row["read_only"]:
        raise DatabaseAway(REPLICA if row["replica"] else READ_ONLY)
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_encode_json, decoder=json.loads, schema="pg_catalog")


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _set_keepalive(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Has the kernel look after the connection; the driver has no option for that."""
    connected = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        for level, option, value in _TCP:
            connected.setsockopt(level, option, value)


def _encode_json(value: object) -> str:
    """As `json.dumps`, three times as fast; ids and times become text."""
    return to_json(value, fallback=str).decode()


def server_urls(url: str) -> Sequence[str]:
    """The URL of each server of a URL, in their order: each has a time of its own to answer."""
    parts = urlsplit(url)
    login, at, servers = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{login}{at}{server}")) for server in servers.split(",")]


def server_and_database(url: str) -> str:
    """Server and database of a URL, without user and password."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2] or "a local socket"
    return f"{server}{parts.path}"


Greet = Callable[[Fresh], Awaitable[None]]
"""Does something on a new connection, before its first statement for anybody."""


async def open_pool(url: str, size: int = 32, limits: TimeLimits = SERVING, greet: Greet | None = None) -> ServerPool:
    """Connects.

    Args:
        url: `postgresql://…`.
        size: connections at most.
        limits: for each of them.
        greet: what comes first on each of them.

    Raises:
        DatabaseAway, DatabaseRefuses, ValueError: see `connect`.
    """

    async def enter(url: str, **options: Any) -> Fresh:
        connection = await connect(url, limits, **options)
        try:
            if greet is not None:
                await greet(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    pool = ServerPool(
        url,
        # Without a floor: the driver would restore it behind our back, and log its own words where it cannot.
        min_size=0,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        connect=enter,
        loop=asyncio.get_running_loop(),
        connection_class=_PooledConnection,
        record_class=asyncpg.Record,
    )
    await pool
    try:
        async with pool.acquire() as connection:
            if await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
                await _check_session_is_ours(connection, url)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _check_session_is_ours(connection: Connection, url: str) -> None:
    """Asks whether a pooler keeps our session ours: another client's transaction must not meet our server process.

    Raises:
        DatabaseRefuses: it does not.
    """
    other = await connect(url)
    try:
        for _ in range(_ROUNDS):
            async with other.transaction():
                theirs = await other.fetchval("SELECT pg_backend_pid()")
                ours = {await connection.fetchval("SELECT pg_backend_pid()") for _ in range(2)}
            if theirs in ours or len(ours) > 1:
                raise DatabaseRefuses(POOLER)
    except asyncpg.PostgresError as error:  # such as: no transactions in statement pooling mode
        raise (outage_of(error) or DatabaseRefuses(server_words(error))) from error
    finally:
        other.terminate()
