"""Times the counts of segments over many people: `python -m bench segments [--people N]`."""

import argparse
import asyncio
import sys
import time
from typing import Any

import asyncpg

from bench.setting import database, setting
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import RecipientAttribute
from mailer.policy.segment_parsing import parse_condition
from mailer.postgres.segments import PostgresSegments

PEOPLE = 1_000_000
MOST = 2.0
"""Seconds that a count of so many people may take. A slower one is shown with its age."""
_PLAN = {"type": "attribute", "name": "plan", "operator": "is", "values": ["Plus"]}
_GERMANY = {"type": "country", "values": ["DE", "AT"]}
_NOT_SPRING = {"type": "mail", "operator": "did_not_get", "campaign": "spring"}
SEGMENTS: dict[str, dict[str, Any]] = {
    "one attribute": _PLAN,
    "a country": _GERMANY,
    "everybody but a country": {"type": "not", "condition": _GERMANY},
    "who did not get a campaign": _NOT_SPRING,
    "on a list": {"type": "list", "name": "half"},
    "three of these": {"type": "all", "conditions": [_GERMANY, _PLAN, _NOT_SPRING]},
    "one of these": {"type": "any", "conditions": [_GERMANY, _PLAN, _NOT_SPRING, {"type": "list", "name": "half"}]},
}
_FILLING = (
    """
    INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, locale, country, source,
                            observed_at)
    SELECT $1, 'p' || n, $1, 'p' || n || '@people.example', 'k', decode(md5(n::text), 'hex'), 'de',
           (ARRAY['US', 'GB', 'DE', 'FR', 'AT'])[1 + n % 5], 'sign-up', now()
    FROM generate_series(1, $2::int) n
    """,
    """
    INSERT INTO standings (recipient_id, address_hash, country)
    SELECT id, address_hash, country FROM recipients WHERE brand = $1
    """,
    """
    INSERT INTO recipient_attributes (recipient_id, brand, attributes)
    SELECT id, brand, jsonb_build_object('plan', (ARRAY['Plus', 'Free', 'Pro'])[1 + id % 3], 'visits', id % 100)
    FROM recipients WHERE brand = $1 AND id % 4 <> 0
    """,
    "INSERT INTO audience_members SELECT brand, 'half', id FROM recipients WHERE brand = $1 AND id % 2 = 0",
    """
    WITH spring AS (
        INSERT INTO mailings (id, brand, event_id, category, lane, template, template_version, policy_version,
                              publisher, campaign, context, state)
        SELECT uuid_floor(now()), $1, 'spring', 'newsletter', 'newsletter', 'weekly', '1', '1',
               'key:bench', 'spring', '{}', 'released'
        RETURNING id
    )
    INSERT INTO deliveries (mailing_id, recipient_id, state)
    SELECT spring.id, r.id, 'handed_over' FROM spring, recipients r WHERE r.brand = $1 AND r.id % 2 = 0
    """,
)


async def fill(url: str, brand: str, people: int) -> None:
    """Makes people with attributes, a list of half of them, and a campaign that half of them got."""
    connection = await asyncpg.connect(url)  # without the time limits of a worker
    for statement in _FILLING:
        await connection.execute(statement, *((brand, people) if "$2" in statement else (brand,)))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def measure(segments: PostgresSegments, policy: Policy, name: str, plain: dict[str, Any]) -> tuple[int, float]:
    """Counts a segment three times: the people, and the seconds of the middle one."""
    slug = name.replace(" ", "-")
    await segments.save_segment(policy, slug, parse_condition(plain), "person:bench")
    seconds, people = list[float](), 0
    for _ in range(3):
        begun = time.perf_counter()
        people = (await segments.count_segment(policy, slug)).people or 0
        seconds.append(time.perf_counter() - begun)
    return people, sorted(seconds)[1]


async def main(url: str, people: int) -> int:
    """Measures, prints a line for each segment, and returns 1 if one took too long."""
    async with setting(url) as room:
        brand, known = next(iter(room.policies.items()))
        plan = RecipientAttribute.model_validate(
            {"type": "text", "purpose": known.purposes[0], "retention_days": 365, "may_choose_audience": True}
        )
        policy = known.model_copy(update={"attributes": {"plan": plan}})
        await fill(url, brand, people)
        slow = 0
        for name, plain in SEGMENTS.items():
            counted, seconds = await measure(PostgresSegments(room.pool, room.writers), policy, name, plain)
            slow += seconds > MOST
            print(f"{name}: {counted:,} of {people:,} people in {seconds:.2f} s")
    return int(slow > 0)


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--people", type=int, default=PEOPLE)
    with database() as url:
        sys.exit(asyncio.run(main(url, asked.parse_known_args()[0].people)))
