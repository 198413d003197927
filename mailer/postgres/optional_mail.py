"""The watch over optional mail, in PostgreSQL."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.policy.category import CATEGORIES
from mailer.ports.optional_mail import OptionalMailStores
from mailer.postgres.feedback import PostgresFeedback

_SQL = load_statements("opt_out_checks")
_ENTRIES: Final = 3000
"""The newest entries of each writer that one look reads. Of a flood of mail it sees a part, of any other mail all."""
_WRITERS: Final = timedelta(days=60)
"""The age of the writers that are looked for, and the time for which a known one without new entries is kept."""
_OPTIONAL: Final = [category.name for category in CATEGORIES.values() if category.is_optional]


class PostgresOptOutChecks:
    """Implements `ports.optional_mail.OptOutCheckStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_mail_after_opt_out(self) -> list[tuple[UUID, int]]:
        """See the port."""
        async with self._pool.acquire() as connection, connection.transaction():
            floor = await connection.fetchval("SELECT uuid_floor(now() - $1::interval)", _WRITERS)
            await connection.execute(_SQL["forget"], floor, _WRITERS)
            rows = await connection.fetch(_SQL["find"], floor, _ENTRIES, _OPTIONAL)
        return [(row["mailing_id"], row["recipient_id"]) for row in rows]


def build_optional_mail_stores(pool: Pool) -> OptionalMailStores:
    """Returns the stores of the watch over optional mail."""
    return OptionalMailStores(PostgresFeedback(pool), PostgresOptOutChecks(pool))
