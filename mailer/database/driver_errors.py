"""The driver's errors that mean an outage, and the error of ours for each."""

import re

import asyncpg

from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseMissing, DatabaseUnavailable, StatementTimedOut

POOLER = (
    "a pooler in front of PostgreSQL gives our session to other clients between two transactions;"
    " connect to PostgreSQL itself, or set pool_mode = session in PgBouncer"
)
NO_PARTITION = (
    "no partition for what is made now: the clock of this machine is months away from the database's, or no timekeeper"
    " has run for months; set the clock, or start `mailer timekeeper`"
)
READ_ONLY = "the server is read-only (default_transaction_read_only is on)"
REPLICA = "the server is a replica, which is read-only"

_AWAY = (
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.TargetServerAttributeNotMatched,
)
"""Outages by class: no room, an operator's stop, a lost connection, a read-only server, a broken disk, a deadlock."""
ENDS = (
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.DatabaseDroppedError,
)
"""Errors after which all connections of the pool are dropped."""
_REFUSAL = re.compile(
    "unsupported|no such|authentication failed|does not exist|login rejected|not allowed|SSL required|is disabled"
    "|config error"
)
"""PgBouncer uses one SQLSTATE (08P01) for most of its refusals. These words mark refusals that waiting does not end."""

_CLOSED = re.compile("(connection|pool) (is|was) (closed|closing)|released back to the pool")


def outage_meant_by_error(error: BaseException, *, in_use: bool = False) -> DatabaseUnavailable | None:
    """Returns the outage that an error of the driver means, or None if it means none.

    Args:
        error: the driver's error.
        in_use: whether the connection still works. If it does, an `OSError` has another cause, and an internal error of
            the driver is a bug.
    """
    match error:
        case DatabaseUnavailable():
            return error
        case asyncpg.QueryCanceledError():
            return StatementTimedOut("a statement took too long")
        case asyncpg.LockNotAvailableError():
            return StatementTimedOut("somebody holds a lock for too long; pg_locks and pg_stat_activity say who")
        case TimeoutError():  # the server cancels slow statements sooner, as long as it lives
            return DatabaseUnavailable("no answer in time")
        case asyncpg.InvalidSQLStatementNameError() | asyncpg.DuplicatePreparedStatementError():
            return DatabaseAccessRefused(POOLER)  # another client used our session in between
        case asyncpg.CheckViolationError() if error.constraint_name is None:
            return DatabaseUnavailable(NO_PARTITION)  # no constraint of ours: a row that no partition takes
        case asyncpg.InvalidCatalogNameError():
            return DatabaseMissing(f"{server_message(error)}; `mailer migrate` makes it")
        case asyncpg.PostgresConnectionError() if "pooling mode" in str(error):
            return DatabaseAccessRefused(POOLER)
        case asyncpg.ProtocolViolationError() if _REFUSAL.search(str(error)):
            return DatabaseAccessRefused(server_message(error))
        case asyncpg.PostgresError() | asyncpg.TargetServerAttributeNotMatched() if isinstance(error, _AWAY):
            return DatabaseUnavailable(server_message(error))
        case asyncpg.InterfaceError() if not isinstance(error, ValueError) and _CLOSED.search(str(error)):
            return DatabaseUnavailable("the connection is closed")
        case asyncpg.InternalClientError() if not in_use:  # the driver meets an end that it does not expect
            return DatabaseUnavailable("the connection is closed")
        case OSError() if not in_use:
            return DatabaseUnavailable(error.strerror or str(error) or type(error).__name__)
    return None


def server_message(error: Exception) -> str:
    """Returns the server's message on one line.

    Pass only errors about the server's state: their messages quote no values.
    """
    text = getattr(error, "message", None) or str(error)  # without details, which can hold values
    return " ".join(text.split()) or type(error).__name__
