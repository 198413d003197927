"""The coverage of a mailing: the accounts that it reached, and the others (paltalk06-23)."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from mailer.database.statements import Pool, load_statements
from mailer.ports.privacy_rights import MailingCoverage

_SQL, _REACH = (load_statements("rights")[name] for name in ("coverage", "reach"))


async def read_mailing_coverage(pool: Pool, mailing_id: UUID) -> MailingCoverage:
    """Returns the counts of all accounts by (state, reason), and the refs of those not reached. Skips erased people."""
    counts: Counter[tuple[str, str]] = Counter()
    unreached = []
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        async for row in connection.cursor(_SQL, mailing_id, prefetch=1000):
            counts[row["state"], row["reason"]] += 1
            if row["state"] != "handed_over":
                unreached.append((row["ref"], row["state"], row["reason"]))
    return MailingCoverage(counts.total(), counts, unreached)


async def count_accounts_by_delivery_state(pool: Pool, mailing_id: UUID) -> Mapping[tuple[str, str], int]:
    """Returns the number of accounts by (state, reason). `known_later`: the account is younger than the audience."""
    return {(row["state"], row["reason"]): row["n"] for row in await pool.fetch(_REACH, mailing_id)}
