"""Connections to the database. Each is configured as the statements need it, and dropped once its server only reads.

Errors that mean that the database is away are raised as `DatabaseUnavailable`; all other errors are raised unchanged.
"""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
from asyncpg.pool import PoolAcquireContext
from pydantic_core import to_json

from mailer.database.driver_connection import PooledConnection
from mailer.database.driver_errors import ENDS, POOLER, READ_ONLY, REPLICA, outage_meant_by_error, server_message
from mailer.database.statements import Connection, Fresh, Pool, load_statements
from mailer.metrics_and_logger import log
from mailer.ports.database_condition import OLDEST
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseUnavailable

_SETTLE = load_statements("connections", "database")["settle"]
_LOOK = load_statements("connections", "database")["look"]
_T = TypeVar("_T")

PATIENCE = 1.0
"""Seconds between two tries of a step while the database is away."""
CONNECT_SECONDS = 5.0
"""The longest time, in seconds, that one server of a URL may take to accept a connection."""
UNHURRIED_SECONDS = 600
"""The longest time, in seconds, of a statement that is executed about once a minute and for which nobody waits."""
_ROUNDS = 3
"""The number of times that a pooler is tested for shared sessions: one test alone may miss them."""
RELEASE_SECONDS = 5.0
"""The longest time, in seconds, that a connection may take to cancel a statement that timed out, before it is cut."""

_TCP = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9_000),
)
"""Socket options: a server that vanished is noticed within nine seconds, while sending and while waiting."""


@dataclass(frozen=True)
class TimeLimits:
    """The time limits of a connection, in seconds; 0: no limit.

    Attributes:
        statement: for a statement, with its waits for locks.
        lock: for each wait for a lock. Our own transactions hold locks for less, so another program holds this one.
        idle: for a transaction that executes nothing, but keeps its locks.
    """

    statement: float
    idle: float
    lock: float = 15

    @property
    def answer_timeout(self) -> float | None:
        """The longest wait for an answer, in seconds, or None.

        It is for frozen servers; others cancel slow statements.
        """
        return self.statement + 10 if self.statement else None


SERVING = TimeLimits(statement=30, idle=60)
"""The limits of the processes: a statement ends before the lease of its batch."""
ATTENDED = TimeLimits(statement=0, idle=0, lock=60)
"""The limits of a command: a person watches it, and it may read many rows."""


class _PooledConnectionContext(PoolAcquireContext):
    """The context in which a connection of the pool is used. Raises `DatabaseUnavailable` if the database is away.

    It skips the driver's own context, since each window of messages acquires a connection several times.
    """

    pool: "DatabasePool"
    anyway = False
    """Tells whether a connection is available even if the pool is barred."""

    async def __aenter__(self) -> Any:
        if self.pool.barred and not self.anyway:
            raise DatabaseUnavailable(self.pool.barred)
        try:
            self.connection = await self.pool._acquire(self.timeout)  # type: ignore[attr-defined]
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if (away := outage_meant_by_error(error)) is not None:
                raise away from error
            raise
        return self.connection

    def __await__(self) -> Generator[Any, None, Any]:
        """Takes a connection for a long time. The connection is cut when the pool drops its connections."""
        return self._take_connection_for_long().__await__()

    async def _take_connection_for_long(self) -> Any:
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
        away = outage_meant_by_error(error, in_use=_is_connection_open(connection))
        if isinstance(error, TimeoutError):
            with suppress(Exception):
                await self.pool.release(connection, timeout=RELEASE_SECONDS)
        await self.pool.release(connection)
        if away is not None and away is not error:
            raise away from error


def _is_connection_open(connection: Connection) -> bool:
    """Tells whether a connection is still open. It counts as closed once the pool has taken it back."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False


class _ProbeConnectionContext(_PooledConnectionContext):
    """The context for the code that decides whether the pool is barred; it works for a barred pool too."""

    anyway = True


class DatabasePool(asyncpg.Pool):
    """A pool that drops all its connections once its server ends or only reads.

    Attributes:
        taken: connections that were taken for a long time, such as to listen.
        barred: the reason why no connection is given now, even if the server answers; None: the pool is open.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.taken: list[Connection] = []
        self.barred: str | None = None

    def acquire(self, *, timeout: float | None = None) -> _PooledConnectionContext:
        """Returns the context for a connection. Entering it raises `DatabaseUnavailable` if the pool is barred."""
        return _PooledConnectionContext(self, timeout)

    async def expire_connections(self) -> None:
        """Makes sure that no existing connection is used again."""
        await super().expire_connections()
        for connection in self.taken:
            with suppress(asyncpg.InterfaceError):  # it has been given back
                connection.terminate()
        self.taken.clear()

    async def fetch_time_of_writable_server(self, seconds: float = 2.0) -> datetime:
        """Returns the server's time, if the server is writable. Drops the connections to a server that only reads.

        Raises:
            DatabaseUnavailable: the server cannot be written to; the message says why, on one line.
        """
        try:
            async with asyncio.timeout(seconds), _ProbeConnectionContext(self, seconds) as connection:
                [row] = await connection.fetch(_LOOK)
                if row["read_only"]:
                    raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        except TimeoutError:
            raise DatabaseUnavailable(f"no answer within {seconds:g} seconds") from None
        at: datetime = row["at"]
        return at


async def execute_with_long_timeout(pool: Pool, statement: str, *arguments: Any) -> None:
    """Executes a statement with a limit of `UNHURRIED_SECONDS`. Much work may have collected since its last run."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = '{UNHURRIED_SECONDS}s'; SET LOCAL lock_timeout = 0")
        await connection.execute(statement, *arguments, timeout=UNHURRIED_SECONDS + 10)


async def retry_through_outages(step: Callable[[], Awaitable[_T]]) -> _T:
    """Returns the result of a step that needs the database. Repeats the step as long as the database is away.

    Raises:
        DatabaseAccessRefused: waiting does not help, since a person has to correct something.
    """
    while True:
        try:
            return await step()
        except DatabaseAccessRefused:
            raise
        except DatabaseUnavailable as error:
            log.warning("the database is away; trying again", error=str(error))
            await asyncio.sleep(PATIENCE)


async def connect(url: str, limits: TimeLimits = ATTENDED, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Connects to the first server of a URL that accepts us and can be written to.

    Args:
        url: `postgresql://…`; several hosts with commas between them, each with a port of its own or none.
        limits: the time limits of this connection.
        options: further options of the driver.

    Raises:
        DatabaseUnavailable, DatabaseAccessRefused: no server of the URL could be used; the message names each, and why.
        ValueError: the URL cannot be read; its message may quote a password.
    """
    failures: list[tuple[str, DatabaseUnavailable]] = []
    for one in split_url_by_server(url):
        try:
            return await _connect_to_server(one, limits, options)
        except DatabaseUnavailable as error:
            failures.append((server_and_database_without_login(one), error))
    kinds = {type(error) for _, error in failures}
    kind = kinds.pop() if len(kinds) == 1 else DatabaseUnavailable
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
            **{"connection_class": PooledConnection, **options},
        )
        try:
            await _configure_session(connection, limits)
        except BaseException:
            connection.terminate()
            raise
    except TimeoutError:
        raise DatabaseUnavailable(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    except OSError as error:
        raise DatabaseUnavailable(error.strerror or str(error)) from error
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise DatabaseUnavailable("the server is not what target_session_attrs asks for") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if isinstance(error, ValueError):  # the URL cannot be read
            raise
        # Any other error here is of the server, not of an input: it says what has to be mended.
        raise (outage_meant_by_error(error) or DatabaseAccessRefused(server_message(error))) from error
    return connection


async def _configure_session(connection: "asyncpg.Connection[asyncpg.Record]", limits: TimeLimits) -> None:
    """Sets time limits, keepalive and JSON codecs. Refuses a server that is too old or cannot be written to."""
    version = connection.get_server_version()  # known since the start of the session: no statement is executed
    if version.major < OLDEST:
        raise DatabaseAccessRefused(
            f"version {version.major}.{version.minor} is too old: mailer needs {OLDEST} or newer"
        )
    _set_keepalive(connection)
    times = map(_milliseconds, (limits.statement, limits.idle, limits.lock))
    row = await connection.fetchrow(_SETTLE, *times)
    if row and row["read_only"]:
        raise DatabaseUnavailable(REPLICA if row["replica"] else READ_ONLY)
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_encode_json, decoder=json.loads, schema="pg_catalog")


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _set_keepalive(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Sets TCP keepalive on the socket. The driver has no option for it."""
    connected = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        for level, option, value in _TCP:
            connected.setsockopt(level, option, value)


def _encode_json(value: object) -> str:
    """Encodes a value like `json.dumps`, three times as fast. Ids and times become text."""
    return to_json(value, fallback=str).decode()


def split_url_by_server(url: str) -> Sequence[str]:
    """Returns one URL for each server of a URL, in their order, so that each server has its own time limit."""
    scheme, servers, rest = _split_url_around_servers(url)
    login, at, addresses = servers.rpartition("@")
    return [f"{scheme}{login}{at}{address}{rest}" for address in addresses.split(",")]


def server_and_database_without_login(url: str) -> str:
    """Returns server and database of a URL, without user and password."""
    _, servers, rest = _split_url_around_servers(url)
    server = servers.rpartition("@")[2] or "a local socket"
    return f"{server}{re.split('[?#]', rest, maxsplit=1)[0]}"


def _split_url_around_servers(url: str) -> tuple[str, str, str]:
    """Returns what stands before the servers of a URL, the servers with their login, and what stands behind them.

    `urlsplit` of Python 3.14 refuses several servers of which one is an IPv6 address.
    """
    scheme, slashes, after = url.partition("//")
    servers = re.match("[^/?#]*", after)
    end = servers.end() if servers else 0
    return scheme + slashes, after[:end], after[end:]


Greet = Callable[[Fresh], Awaitable[None]]
"""A function that is called with each new connection before its first use."""


async def open_pool(url: str, size: int = 32, limits: TimeLimits = SERVING, greet: Greet | None = None) -> DatabasePool:
    """Opens a pool of connections.

    Args:
        url: `postgresql://…`.
        size: the most connections.
        limits: the time limits of each connection.
        greet: called with each new connection before its first use.

    Raises:
        DatabaseUnavailable, DatabaseAccessRefused, ValueError: see `connect`.
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

    pool = DatabasePool(
        url,
        # No minimum: the driver would restore it in the background, and log errors of its own.
        min_size=0,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        connect=enter,
        loop=asyncio.get_running_loop(),
        connection_class=PooledConnection,
        record_class=asyncpg.Record,
    )
    await pool
    try:
        async with pool.acquire() as connection:
            if await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
                await _refuse_session_shared_by_pooler(connection, url)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _refuse_session_shared_by_pooler(connection: Connection, url: str) -> None:
    """Checks that a pooler does not share our session: no other client's transaction may run in our server process.

    Raises:
        DatabaseAccessRefused: the pooler shares our session.
    """
    other = await connect(url)
    try:
        for _ in range(_ROUNDS):
            async with other.transaction():
                theirs = await other.fetchval("SELECT pg_backend_pid()")
                ours = {await connection.fetchval("SELECT pg_backend_pid()") for _ in range(2)}
            if theirs in ours or len(ours) > 1:
                raise DatabaseAccessRefused(POOLER)
    except asyncpg.PostgresError as error:  # such as: no transactions in statement pooling mode
        raise (outage_meant_by_error(error) or DatabaseAccessRefused(server_message(error))) from error
    finally:
        other.terminate()
