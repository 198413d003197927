"""Whom of all accounts a mailing has reached (paltalk06-23)."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from mailer.database.statements import Pool, statements
from mailer.ports.rights import MailingCoverage

_SQL, _REACH = (statements("rights")[name] for name in ("coverage", "reach"))


async def read_coverage(pool: Pool, mailing_id: UUID) -> MailingCoverage:
    """Counts and names; an account whose person was erased is none any more."""
    counts: Counter[tuple[str, str]] = Counter()
    unreached = []
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        async for row in connection.cursor(_SQL, mailing_id, prefetch=1000):
            counts[row["state"], row["reason"]] += 1
            if row["state"] != "handed_over":
                unreached.append((row["ref"], row["state"], row["reason"]))
    return MailingCoverage(counts.total(), counts, unreached)


async def count_reached_accounts(pool: Pool, mailing_id: UUID) -> Mapping[tuple[str, str], int]:
    """Counts the accounts by (state, reason), as `read_coverage` does; `known_later` became known after it was made."""
    return {(row["state"], row["reason"]): row["n"] for row in await pool.fetch(_REACH, mailing_id)}
