"""A database that is away is waited for; a refusal and any other error are said at once."""

import asyncpg
import pytest

from mailer.database import connections
from mailer.database.connections import retry_through_outages, server_and_database_without_login, split_url_by_server
from mailer.database.driver_errors import outage_meant_by_error
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseUnavailable, StatementTimedOut

AWAY = (
    ConnectionRefusedError(),
    FileNotFoundError("no socket"),
    TimeoutError(),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    asyncpg.DiskFullError("could not extend file"),
    asyncpg.PostgresIOError("could not read block"),
    asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
    asyncpg.SerializationError("canceling statement due to conflict with recovery"),
    asyncpg.ProtocolViolationError("query_wait_timeout"),
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    asyncpg.InterfaceError("cannot call Connection.is_closed(): connection has been released back to the pool"),
    asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
    asyncpg.TargetServerAttributeNotMatched("none of the hosts match"),
)
REFUSED = tuple(
    asyncpg.ProtocolViolationError(words)
    for words in ("unsupported startup parameter: jit", "no such user", "password authentication failed")
)
WRONG = (
    asyncpg.UndefinedTableError("run the migrations"),
    asyncpg.UniqueViolationError("duplicate key"),
    asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
    asyncpg.exceptions._base.DataError("invalid input for query argument $1: 'connection is closed'"),
    ValueError("invalid port"),
    TypeError("an integer is required"),
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(connections, "PATIENCE", 0)


@pytest.mark.parametrize("error", AWAY, ids=lambda error: f"{type(error).__name__} {error}")
def test_an_outage_is_told_from_the_drivers_errors(error: Exception) -> None:
    """The same may well succeed later."""
    assert type(outage_meant_by_error(error)) is DatabaseUnavailable


def test_a_statement_that_was_cancelled_is_told_apart() -> None:
    """A cancelled statement is told apart from an outage: the caller may have asked for too much."""
    error = asyncpg.QueryCanceledError("canceling statement due to statement timeout")
    assert type(outage_meant_by_error(error)) is StatementTimedOut


def test_an_outages_words_hold_no_values() -> None:
    """The details of an error can quote a row."""
    fields = {"S": "ERROR", "C": "40P01", "M": "deadlock\ndetected", "D": "row (ada@people.example)", "H": "see ada"}
    assert str(outage_meant_by_error(asyncpg.PostgresError.new(fields))) == "deadlock detected"


@pytest.mark.parametrize("error", REFUSED, ids=str)
def test_a_poolers_refusal_is_told_by_its_words(error: Exception) -> None:
    """PgBouncer reports some permanent refusals with the class of a lost connection. Their words tell them apart."""
    assert type(outage_meant_by_error(error)) is DatabaseAccessRefused


@pytest.mark.parametrize("error", WRONG, ids=lambda error: f"{type(error).__name__} {error}")
def test_a_bug_is_no_outage(error: Exception) -> None:
    """An error about a value of the input is no outage. Waiting for it would stop everybody else."""
    assert outage_meant_by_error(error) is None


def test_an_error_of_another_service_is_no_outage_of_the_database() -> None:
    """Within a transaction something else may be called, such as a file."""
    assert outage_meant_by_error(BrokenPipeError(), in_use=True) is None
    assert outage_meant_by_error(asyncpg.InternalClientError("a bug of the driver"), in_use=True) is None


async def test_what_passes_is_waited_for() -> None:
    """The step is done again until it succeeds."""
    tries = 0

    async def step() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise DatabaseUnavailable("the database is away")
        return "done"

    assert await retry_through_outages(step) == "done"
    assert tries == 3


@pytest.mark.parametrize("error", [DatabaseAccessRefused("no such user"), *WRONG], ids=lambda error: f"{error}")
async def test_what_stays_wrong_is_said_at_once(error: Exception) -> None:
    """Waiting would hide what somebody has to mend."""
    tries = 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        raise error

    with pytest.raises(type(error)):
        await retry_through_outages(step)
    assert tries == 1


def test_a_clusters_url_names_each_server() -> None:
    """Each is tried with the same user, database and options."""
    url = "postgresql://us%2Cer:p%40ss@db-1:5432,[::1],db-3:6543/mailer?target_session_attrs=read-write"
    assert split_url_by_server(url) == [
        "postgresql://us%2Cer:p%40ss@db-1:5432/mailer?target_session_attrs=read-write",
        "postgresql://us%2Cer:p%40ss@[::1]/mailer?target_session_attrs=read-write",
        "postgresql://us%2Cer:p%40ss@db-3:6543/mailer?target_session_attrs=read-write",
    ]
    assert [server_and_database_without_login(one) for one in split_url_by_server(url)] == [
        "db-1:5432/mailer",
        "[::1]/mailer",
        "db-3:6543/mailer",
    ]


def test_a_socket_is_one_server() -> None:
    """The socket's folder is an option of the URL."""
    assert split_url_by_server("postgresql://postgres@/mailer?host=/run/pg") == [
        "postgresql://postgres@/mailer?host=/run/pg"
    ]
    assert server_and_database_without_login("postgresql:///mailer?host=/run/pg") == "a local socket/mailer"
