"""Counts of the people whom a breach phase tells, by place and by the locale that they read."""

from collections import Counter
from collections.abc import Mapping

from mailer.database.statements import Pool
from mailer.policy.breach.draft import BreachAudience
from mailer.policy.breach.places import place_of_person, place_with_file
from mailer.ports.database_errors import StatementTimedOut
from mailer.postgres.breach_manifest_building import query_of_breach_audience
from mailer.postgres.breach_manifest_rows import SQL
from mailer.postgres.flow_metrics import fetch_with_time_limit


async def count_readers_by_place(pool: Pool, brand: str, audience: BreachAudience) -> Mapping[tuple[str, str], int]:
    """Returns the people of an audience by place and locale; none if the counts take too long.

    Args:
        pool: the connections.
        brand: the brand.
        audience: of a phase. Unknown places and locales are empty.

    Raises:
        AudienceUnknown: the brand has no such segment.
    """
    async with pool.acquire() as connection:
        query, parameters = await query_of_breach_audience(connection, brand, audience)
    statement = SQL["readers"].replace("{audience}", query).replace("{file}", f"${len(parameters) + 1}::uuid")
    try:
        rows = await fetch_with_time_limit(pool, statement, [*parameters, audience.file])
    except StatementTimedOut:
        return {}
    found = Counter[tuple[str, str]]()
    for row in rows:
        place = place_with_file(place_of_person(row["country"], row["region"]), row["place_by_file"])
        found[place, row["locale"]] += row["people"]
    return found
