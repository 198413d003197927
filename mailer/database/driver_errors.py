"""The driver's errors that tell of an outage, and what each of them means."""

import re

import asyncpg

from mailer.ports.database_errors import DatabaseAway, DatabaseMissing, DatabaseRefuses, StatementTooSlow

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
"""Errors after which no connection of the pool is used again."""
_REFUSAL = re.compile(
    "unsupported|no such|authentication failed|does not exist|login rejected|not allowed|SSL required|is disabled"
    "|config error"
)
"""PgBouncer says most of its refusals with one SQLSTATE (08P01); these words tell those that waiting does not mend."""

_CLOSED = re.compile("(connection|pool) (is|was) (closed|closing)|released back to the pool")


def outage_of(error: BaseException, *, in_use: bool = False) -> DatabaseAway | None:
    """The outage that an error of the driver tells of; None: it is none.

    Args:
        error: as the driver raised it.
        in_use: whether the connection still works, so that an `OSError` must have come from somewhere else, and an
            error within the driver is a bug.
    """
    match error:
        case DatabaseAway():
            return error
        case asyncpg.QueryCanceledError():
            return StatementTooSlow("a statement took too long")
        case asyncpg.LockNotAvailableError():
            return StatementTooSlow("somebody holds a lock for too long; pg_locks and pg_stat_activity say who")
        case TimeoutError():  # the server cancels slow statements sooner, as long as it lives
            return DatabaseAway("no answer in time")
        case asyncpg.InvalidSQLStatementNameError() | asyncpg.DuplicatePreparedStatementError():
            return DatabaseRefuses(POOLER)  # another client used our session in between
        case asyncpg.CheckViolationError() if error.constraint_name is None:
            return DatabaseAway(NO_PARTITION)  # no constraint of ours: a row that no partition takes
        case asyncpg.InvalidCatalogNameError():
            return DatabaseMissing(f"{server_words(error)}; `mailer migrate` makes it")
        case asyncpg.PostgresConnectionError() if "pooling mode" in str(error):
            return DatabaseRefuses(POOLER)
        case asyncpg.ProtocolViolationError() if _REFUSAL.search(str(error)):
            return DatabaseRefuses(server_words(error))
        case asyncpg.PostgresError() | asyncpg.TargetServerAttributeNotMatched() if isinstance(error, _AWAY):
            return DatabaseAway(server_words(error))
        case asyncpg.InterfaceError() if not isinstance(error, ValueError) and _CLOSED.search(str(error)):
            return DatabaseAway("the connection is closed")
        case asyncpg.InternalClientError() if not in_use:  # the driver meets an end that it does not expect
            return DatabaseAway("the connection is closed")
        case OSError() if not in_use:
            return DatabaseAway(error.strerror or str(error) or type(error).__name__)
    return None


def server_words(error: Exception) -> str:
    """The server's own words, on one line. Only errors of the server's state come here: they quote no values."""
    text = getattr(error, "message", None) or str(error)  # without details, which can hold values
    return " ".join(text.split()) or type(error).__name__
