"""The condition of the database: what a process asks before it works, and `mailer doctor` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

OLDEST = 16
"""The oldest version of PostgreSQL that the statements are written for."""


@dataclass(frozen=True, slots=True)
class DatabaseCondition:
    """The database's account of itself.

    Attributes:
        version: of the server, as a number (`server_version_num`): 160004. release: the same in words.
        database: its name.
        collation, collation_now: the version with which the database's indexes were built, and that of its server's
            operating system; None where the provider has none.
        stale_collations: other collations of columns whose version has changed.
        triggers: whether triggers fire in our sessions.
        durable: whether the server waits for its disk (`fsync` and `full_page_writes`).
        migrations: the versions that have been applied; None if the database has never been migrated.
    """

    version: int
    release: str
    database: str
    collation: str | None
    collation_now: str | None
    stale_collations: Sequence[str]
    triggers: bool
    durable: bool
    migrations: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class DatabaseStock:
    """The stock that the timekeeper keeps, and the room that is left.

    Attributes:
        size: octets of the database on the server's disk. folder: where, if our role may know it.
        partitions: the month up to which there are partitions, as `202612`; empty if there are none.
        sealed_at: the ledger's newest seal. unsealed: whether a mailing is more than ten minutes younger than it.
    """

    size: int
    folder: str | None
    partitions: str
    sealed_at: datetime | None
    unsealed: bool
