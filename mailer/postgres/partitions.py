"""The partition of deliveries that a mailing lies in: statements about it name that table, and lock no other."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from uuid import UUID

from mailer.database.statements import Pool

WHOLE = "deliveries"
_DAY = 86_400_000
"""Milliseconds."""
_FIRST_DAY = date(1970, 1, 1).toordinal()
_MOST_CLAIMS = 1000
_EXISTS = "SELECT to_regclass($1) IS NOT NULL"


def partition_of(mailing_id: UUID) -> str:
    """The name of the partition, by the month in UTC of the id's time (RFC 9562 5.7; `ensure_partitions`)."""
    return _partition_of_day(_day_of_id(mailing_id))


def _day_of_id(mailing_id: UUID) -> int:
    """The day of the id's time, counted from 1970-01-01 in UTC."""
    return (mailing_id.int >> 80) // _DAY


@lru_cache(maxsize=10_000)
def _partition_of_day(day: int) -> str:
    try:
        return f"{WHOLE}_{date.fromordinal(_FIRST_DAY + day):%Y%m}"
    except (OverflowError, ValueError):
        return WHOLE  # no UUIDv7: it lies nowhere


@lru_cache(maxsize=500)
def statement_on_partition(statement: str, table: str) -> str:
    """A statement about deliveries (`deliveries d`), of one partition."""
    return statement.replace(f" {WHOLE} d", f" {table} d")


class PartitionTables:
    """Those that were found to be there; partitions come, and go once nothing asks for them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known = {WHOLE}
        self._kept: dict[UUID, str] = {}

    async def table_of_mailings(self, mailings: Iterable[UUID]) -> str:
        """The table that has the deliveries of some mailings: a partition, or the whole if they lie in several."""
        names = {_partition_of_day(day) for day in {_day_of_id(mailing_id) for mailing_id in mailings}}
        if len(names) != 1:
            return WHOLE
        [name] = names
        if name not in self._known:
            if not await self._pool.fetchval(_EXISTS, name):
                return WHOLE
            self._known.add(name)
        return name

    def remember_table(self, claim: UUID, table: str) -> None:
        """A claim's table, until it is asked for; those of claims that have failed are forgotten with the oldest."""
        if len(self._kept) >= _MOST_CLAIMS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[claim] = table

    def recall_table(self, claim: UUID) -> str:
        """The table of a claim's deliveries; the whole, if it is not known here."""
        return self._kept.pop(claim, WHOLE)
