"""Errors that mean: the database cannot be used now. The same statement may succeed later, so the caller waits.

Every other error of the database is a bug, or an input that it refuses.
"""


class DatabaseUnavailable(Exception):
    """The database cannot be used now: it cannot be reached, starts, stops, is read-only, or has no disk space.

    The message is one line, with the server's own words if it answered. It contains no password and no value.
    """


class DatabaseAccessRefused(DatabaseUnavailable):
    """The database refuses us until an operator repairs something: a password, a name, the mode of a pooler.

    A process that starts ends with this error. A running process waits, as in any outage, so that it loses nothing.
    """


class DatabaseMissing(DatabaseAccessRefused):
    """The server has no database of this name."""


class StatementTimedOut(DatabaseUnavailable):
    """A statement, or the wait for a lock, took longer than the connection allows. It was rolled back."""


class EverybodyLocked(StatementTimedOut):
    """The lock that each opt-out needs was held for too long. To try one after the other does not help."""
