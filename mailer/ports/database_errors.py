"""The errors that say that the database is away: what was tried may well succeed later, so it is waited for.

Everything else that the database raises is a bug, or an input that it refuses.
"""


class DatabaseAway(Exception):
    """The database cannot be used now: it cannot be reached, starts, ends, is read-only, or has no room.

    The message is one line, with the server's own words where it answered. It holds no password and no value.
    """


class DatabaseRefuses(DatabaseAway):
    """The database refuses us until somebody mends something: a password, a name, a pooler's mode.

    A process that starts ends with it. One that runs waits, as in any outage, so that nothing in hand is lost.
    """


class DatabaseMissing(DatabaseRefuses):
    """The server has no database of this name."""


class StatementTooSlow(DatabaseAway):
    """A statement, or the wait for a lock, took longer than the connection allows; nothing of it was kept."""
