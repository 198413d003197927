"""Soft bounces in PostgreSQL."""

from collections.abc import Sequence

from mailer.database.statements import Pool, load_statements
from mailer.policy.soft_bounces import LONGEST_WINDOW, SoftBounceDay
from mailer.ports.soft_bounces import CountedSoftBounces, SoftBounce
from mailer.postgres.address_hashing import AddressHasher

_SQL = load_statements("soft_bounces")


class PostgresSoftBounces:
    """Implements `ports.soft_bounces.SoftBounceStore`."""

    def __init__(self, pool: Pool, hasher: AddressHasher) -> None:
        self._pool = pool
        self._hasher = hasher

    async def count_soft_bounces(self, bounces: Sequence[SoftBounce]) -> list[CountedSoftBounces]:
        """See the port."""
        ids = [bounce.recipient_id for bounce in bounces]
        rows = await self._pool.fetch(
            _SQL["count"],
            ids,
            [self._hasher.hash_address(bounce.address) for bounce in bounces],
            [bounce.status for bounce in bounces],
            [bounce.is_out_of_storage for bounce in bounces],
        )
        return [
            CountedSoftBounces(
                row["brand"],
                row["recipient_id"],
                tuple(map(SoftBounceDay, row["days"], row["full"])),
            )
            for row in rows
        ]


async def delete_old_soft_bounces(pool: Pool, limit: int) -> None:
    """Deletes at most `limit` days that no policy counts any more."""
    await pool.execute(_SQL["forget"], LONGEST_WINDOW, limit)
