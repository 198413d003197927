"""The condition of the database. A process checks it before it works, and `mailer doctor` shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

OLDEST = 16
"""The oldest version of PostgreSQL that our statements support."""


@dataclass(frozen=True, slots=True)
class DatabaseVersionsAndSettings:
    """Versions and settings of the database, as it reports them.

    Attributes:
        version: of the server, as a number (`server_version_num`): 160004. release: the same in words.
        database: its name.
        collation, collation_now: the collation version with which the indexes were built, and that of the server's
            operating system now; None if the provider has no versions.
        stale_collations: other collations of columns whose version has changed.
        triggers: True if triggers fire in our sessions.
        durable: True if the server waits for its disk (`fsync` and `full_page_writes`).
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
class DatabaseSizePartitionsAndSeals:
    """The size of the database, and the partitions and seals that the timekeeper makes.

    Attributes:
        size: octets of the database on the server's disk. folder: its data folder, if our role may read it.
        partitions: the last month that has partitions, as `202612`; empty if there are none.
        sealed_at: the time of the ledger's newest seal. unsealed: True if a mailing is over ten minutes younger.
    """

    size: int
    folder: str | None
    partitions: str
    sealed_at: datetime | None
    unsealed: bool
