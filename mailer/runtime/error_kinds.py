"""Kinds of errors. Mailer waits for an outage to end, tries a passing error again, and reports others as bugs."""

import traceback
from enum import StrEnum
from pathlib import Path

from mailer.ports.broker import BrokerUnavailable
from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut

AWAY = (DatabaseUnavailable, BrokerUnavailable, ConnectionError, TimeoutError)
"""Errors of a service that is away, starts, stops, or has no room. The same call may succeed later."""
PASSING = frozenset({"40P01", "40001", "55P03", "57014"})
"""SQLSTATEs of deadlocks, of locks that were not available, and of statements that took too long."""
SET_UP = frozenset({"28000", "28P01", "3D000", "42501", "42703", "42883", "42P01"})
"""SQLSTATEs of a database that is not set up, for example not migrated yet. No message can cause them."""
_PACKAGE = Path(__file__).resolve().parents[1]


class ErrorKind(StrEnum):
    """The reaction to an error: wait for the service, wait for a person, try a few times, or report a bug."""

    AWAY = "away"
    SET_UP = "set_up"
    PASSING = "passing"
    BUG = "bug"


def classify_error(error: BaseException) -> ErrorKind:
    """Returns the kind of an error, from its SQLSTATE or its type."""
    state = getattr(error.__cause__ if isinstance(error, DatabaseUnavailable) else error, "sqlstate", None)
    if state in PASSING or isinstance(error, StatementTimedOut):
        return ErrorKind.PASSING
    if state in SET_UP:
        return ErrorKind.SET_UP
    return ErrorKind.AWAY if isinstance(error, AWAY) else ErrorKind.BUG


def error_type_and_place(error: BaseException) -> str:
    """Returns the type of an error and the line of mailer that raised it. Leaves out its message: it may name a person.

    For example `KeyError at mailer/rendering/mailing_renderer.py:120 in print`.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)] or frames
    if not ours:
        return type(error).__name__
    file = Path(ours[-1].filename)
    name = file.relative_to(_PACKAGE.parent) if file.is_relative_to(_PACKAGE) else file.name
    return f"{type(error).__name__} at {name}:{ours[-1].lineno} in {ours[-1].name}"
