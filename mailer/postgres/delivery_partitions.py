"""Finds the partition of the table `deliveries` for a mailing. Statements name that table, and lock no other one."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from uuid import UUID

from mailer.database.statements import Pool

WHOLE = "deliveries"
_DAY = 86_400_000
"""The milliseconds of a day."""
_FIRST_DAY = date(1970, 1, 1).toordinal()
_MOST_CLAIMS = 1000
_EXISTS = "SELECT to_regclass($1) IS NOT NULL"


def partition_name_of_mailing(mailing_id: UUID) -> str:
    """Returns the name of a mailing's partition: the month in UTC of its UUIDv7 (RFC 9562 5.7; `ensure_partitions`)."""
    return _partition_name_of_day(_creation_day_from_mailing_id(mailing_id))


def _creation_day_from_mailing_id(mailing_id: UUID) -> int:
    """Returns the day of the id's time, counted from 1970-01-01 in UTC."""
    return (mailing_id.int >> 80) // _DAY


@lru_cache(maxsize=10_000)
def _partition_name_of_day(day: int) -> str:
    try:
        return f"{WHOLE}_{date.fromordinal(_FIRST_DAY + day):%Y%m}"
    except (OverflowError, ValueError):
        return WHOLE  # no UUIDv7: no partition has it


@lru_cache(maxsize=500)
def statement_on_partition(statement: str, table: str) -> str:
    """Returns a statement about `deliveries d` with the name of one partition in it."""
    return statement.replace(f" {WHOLE} d", f" {table} d")


class DeliveryPartitionFinder:
    """Finds the partitions of mailings, and remembers those that exist, and the partition of each claim."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known = {WHOLE}
        self._kept: dict[UUID, str] = {}

    async def find_deliveries_table_of_mailings(self, mailings: Iterable[UUID]) -> str:
        """Returns the table with some mailings' deliveries: one partition, or `deliveries` if it is not exactly one."""
        names = {
            _partition_name_of_day(day)
            for day in {_creation_day_from_mailing_id(mailing_id) for mailing_id in mailings}
        }
        if len(names) != 1:
            return WHOLE
        [name] = names
        if name not in self._known:
            if not await self._pool.fetchval(_EXISTS, name):
                return WHOLE
            self._known.add(name)
        return name

    def remember_table_of_claim(self, claim: UUID, table: str) -> None:
        """Stores the table of a claim for `pop_table_of_claim`. Keeps at most `_MOST_CLAIMS`, and drops the oldest."""
        if len(self._kept) >= _MOST_CLAIMS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[claim] = table

    def pop_table_of_claim(self, claim: UUID) -> str:
        """Returns the table of a claim and forgets it; `deliveries` if the claim is unknown."""
        return self._kept.pop(claim, WHOLE)
