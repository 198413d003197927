"""The pages of people and suppressions read little, however many people and mails there are."""

import json
from typing import Any

from mailer.postgres.person_history import SQL
from mailer.postgres.recipient_lookup import _SQL as LOOK_UP
from mailer.postgres.suppressions import _SQL as STOPS
from tests.factories import World, person
from tests.integration.test_plans import LARGE

MANY = """
    WITH known AS (
        INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, observed_at)
        SELECT 'interpals', 'many-' || n, 'interpals', 'e', 'key', sha256(n::text::bytea), now()
        FROM generate_series(1, 10000) n RETURNING id
    ), stood AS (
        INSERT INTO standings (recipient_id) SELECT id FROM known
    ), copied AS (
        INSERT INTO mailings SELECT (jsonb_populate_record(m, jsonb_build_object(
            'id', uuid_floor(now() - n * interval '1 second'), 'event_id', 'event-' || n, 'finished_at', now()))).*
        FROM mailings m CROSS JOIN generate_series(1, 200) n RETURNING id
    ), sent AS (
        INSERT INTO deliveries (mailing_id, recipient_id, state, reason, batch)
        SELECT c.id, k.id, 'handed_over', '', 1 FROM copied c CROSS JOIN (SELECT id FROM known LIMIT 1000) k
    ), hers AS (
        INSERT INTO deliveries (mailing_id, recipient_id, state, reason, batch)
        SELECT id, $1::bigint, 'handed_over', '', 1 FROM copied ORDER BY id LIMIT 3
    ), stopped AS (
        INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source, actor)
        SELECT 'interpals', 'key', sha256(n::text::bytea), CASE WHEN n % 2 = 0 THEN 'interpals' END, '*', 'opt_out',
               'x', 'x'
        FROM generate_series(1, 10000) n
    )
    INSERT INTO ledger (writer, n, at, kind, brand, mailing_id, recipient_id, reason, hash)
    SELECT uuid_floor(now()), row_number() OVER (), now(), 'action', 'interpals', NULL, id, 'opt_out',
           ''::bytea FROM known
    UNION ALL
    SELECT uuid_floor(now() - interval '1 minute'), row_number() OVER (), now(), 'outcome', 'interpals', c.id, k.id,
           'accepted', ''
    FROM copied c CROSS JOIN ((SELECT id FROM known LIMIT 100) UNION ALL SELECT $1::bigint) k
"""
_MAILINGS = ", ".join(f"uuid_floor(now() - {n} * interval '1 second')" for n in range(1, 27))
_BEHIND = "NULL, NULL, 26"
_WHOLE_WALK = "'infinity', 'z', 26"
STATEMENTS = {
    "mail": (SQL["mail"], "{ada}, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 26"),
    "older mail": (SQL["mail"], "{ada}, uuid_floor(now() - interval '100 seconds'), 26"),
    "latest entries": (SQL["latest_entries"], f"ARRAY[{_MAILINGS}], {{ada}}"),
    "acts": (SQL["acts"], "{ada}, " + _BEHIND + ", ARRAY['asked']"),
    "older acts": (SQL["acts"], "{ada}, " + _WHOLE_WALK + ", ARRAY['asked']"),
    "consents": (SQL["consents"], "{ada}, " + _BEHIND),
    "suppressions": (SQL["suppressions"], "{ada}, " + _BEHIND),
    "requests": (SQL["requests"], "{ada}, " + _BEHIND),
    "notices": (SQL["notices"], "{ada}, " + _BEHIND),
    "an open look-up": (SQL["looked_up"], "'interpals', {ada}, 'person:x', 'access:console', '30 minutes'"),
    "a person": (LOOK_UP["get"], "ARRAY['interpals'], {ada}"),
    "a look-up": (
        LOOK_UP["find"],
        "ARRAY['interpals'], ARRAY['user-1'], ARRAY['interpals'], 5, ARRAY['interpals'], 'key', ARRAY[sha256('5')]",
    ),
    "a list of suppressions": (STOPS["page"], "'interpals', 'interpals', 9223372036854775807, 26"),
    "an older list of suppressions": (STOPS["page"], "'interpals', 'interpals', 5000, 26"),
}
"""Each statement of the pages, with the values of a page."""


async def test_each_page_reads_little(world: World) -> None:
    """Planned for any values while tables were empty: among many mails, few pages are read and no whole table."""
    await world.accept([person(1)])
    ada = await world.id_of("user-1")
    statements = {name: (sql, values.format(ada=ada)) for name, (sql, values) in STATEMENTS.items()}
    async with world.pool.acquire() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for name, (statement, values) in statements.items():
            await connection.execute(f'PREPARE "{name}" AS {statement}')
            await connection.fetch(f'EXPLAIN EXECUTE "{name}" ({values})')
        # By another connection: in a long statement of its own, this one could miss so much of what others change that
        # it plans everything anew.
        await world.pool.execute(MANY, ada)
        # Two walks over rows of one table cost the same as two sorts, as long as nobody knows how many rows there are.
        # PostgreSQL counts them within a minute, and then plans anew.
        await world.pool.execute("ANALYZE suppressions")
        for name, (_, values) in statements.items():
            explain = f'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE "{name}" ({values})'
            [explained] = await connection.fetchval(explain)
            plan = explained["Plan"]
            assert whole_tables(plan) == [], name
            read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            assert read < 250, f"{name}: {json.dumps(plan, indent=1)}"
        await connection.execute("DEALLOCATE ALL")
        await connection.execute("RESET plan_cache_mode")


def whole_tables(node: dict[str, Any]) -> list[str]:
    """The large tables that a plan reads in whole."""
    name = str(node.get("Relation Name", ""))
    own = [name] if node["Node Type"] == "Seq Scan" and name.startswith(LARGE) else []
    return own + [found for child in node.get("Plans", ()) for found in whole_tables(child)]
