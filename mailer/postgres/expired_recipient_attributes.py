"""Attributes of people in PostgreSQL: the deletion of values that are older than the policy keeps them."""

from collections.abc import Mapping

from mailer.database.statements import Pool, load_statements

_SQL = load_statements("expired_recipient_attributes")
KeptDays = Mapping[str, Mapping[str, int | None]]
"""Days after which a value is deleted, by brand and attribute; None: it stays as long as the person is known."""


async def delete_expired_attribute_values(pool: Pool, kept_days: KeptDays, after: int, limit: int) -> int:
    """Deletes expired values of the next people, and values of attributes that no policy declares.

    Args:
        pool: the connections.
        kept_days: all attributes of all brands. Without any brand, nothing is deleted.
        after: the id of the last person that was looked at; 0 to begin.
        limit: the most people to look at.

    Returns:
        The id of the last person that was looked at; 0 at the end.
    """
    known = [(brand, name, days) for brand, names in kept_days.items() for name, days in names.items()]
    if not known:
        return 0
    return int(await pool.fetchval(_SQL["forget"], after, limit, *zip(*known, strict=True)) or 0)
