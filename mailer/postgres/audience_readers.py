"""Counts of an audience by the locale that its people read, and of those who lack a value."""

from collections.abc import Sequence
from typing import Final

from mailer.database.statements import Pool
from mailer.ports.database_errors import StatementTimedOut
from mailer.ports.manifests import AudienceReaders
from mailer.postgres.audiences import audience_query
from mailer.postgres.flow_metrics import fetch_with_time_limit

_READERS: Final = """
    SELECT coalesce(r.locale, '') AS locale, count(*) AS people{counts}
    FROM ({audience}) AS a JOIN recipients r ON r.id = a.recipient_id
    LEFT JOIN recipient_attributes t ON t.recipient_id = r.id
    WHERE r.address_hash IS NOT NULL GROUP BY 1
"""
_LACKING: Final = ", count(*) FILTER (WHERE t.attributes -> ${number}::text IS NULL)"


async def count_audience_readers(pool: Pool, brand: str, audience: str, fields: Sequence[str]) -> AudienceReaders:
    """Returns the counts of an audience; none if they take too long.

    Args:
        pool: the connections.
        brand: the brand.
        audience: `everyone`, the name of a list, or `segment:NAME`.
        fields: the attributes whose absence is counted.

    Raises:
        AudienceUnknown: the brand has no such segment.
    """
    async with pool.acquire() as connection:
        query, parameters = await audience_query(connection, brand, audience)
    first = len(parameters) + 1
    counts = "".join(_LACKING.format(number=first + place) for place in range(len(fields)))
    statement = _READERS.format(counts=counts, audience=query)
    try:
        rows = [tuple(row) for row in await fetch_with_time_limit(pool, statement, [*parameters, *fields])]
    except StatementTimedOut:
        return AudienceReaders(0, {}, {})
    without = {field: sum(row[2 + place] for row in rows) for place, field in enumerate(fields)}
    by_locale = {row[0]: row[1] for row in rows}
    return AudienceReaders(sum(by_locale.values()), by_locale, without)
