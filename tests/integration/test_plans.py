"""The statements of each mail find their rows by index, also where they were planned while the tables were new."""

import re
from typing import Any

import pytest

from mailer.database.statements import load_statements
from mailer.ports.flow_metrics import FIGURES
from mailer.postgres.attention_figures import _SQL as _ATTENTION
from mailer.postgres.deliveries import _CLAIM, _COUNTED_MOVE, _MOVE, _READ_AGAIN, _REFUSED
from mailer.postgres.flow_metrics import _SQL as _FIGURES
from mailer.postgres.halts import _SQL as _HALTS
from mailer.postgres.mailing_directory import _SQL as _DIRECTORY
from mailer.postgres.mailing_directory import _STATUS as _LISTED
from mailer.postgres.mailings import _BY_EVENT, _BY_ID, _FACTS, _LATEST, _OF_BRAND
from mailer.postgres.timekeeping import _SQL as _UPKEEP
from tests.factories import World, person

_PEOPLE, _MAILINGS, _DELIVERIES = (load_statements(noun) for noun in ("people", "mailings", "deliveries"))
_WEBHOOKS = load_statements("outgoing_webhooks")
_OUTBOX = load_statements("outbox")
_TWENTY_THOUSAND_SENT = """
    WITH copied AS (
        INSERT INTO mailings SELECT (jsonb_populate_record(m, jsonb_build_object(
            'id', uuid_floor(now() - n * interval '1 millisecond'), 'event_id', 'event-' || n, 'finished_at', now()))).*
        FROM mailings m CROSS JOIN generate_series(1, 5000) n RETURNING id
    ), known AS (
        INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, observed_at)
        SELECT 'b', n, 'c', 'e', 'key', sha256(n::text::bytea), now() FROM generate_series(1, 20000) n
    ), sent AS (
        INSERT INTO deliveries (mailing_id, recipient_id, state, batch)
        SELECT id, n, 'handed_over', 1000000 FROM copied CROSS JOIN generate_series(1, 4) n
    )
    INSERT INTO ledger (writer, n, at, kind, brand, hash)
    SELECT uuid_floor(now()), n + 1, now(), 'outcome', 'b', '' FROM generate_series(1, 20000) n
"""
STATEMENTS = {
    "claim": _CLAIM,
    "read again": _READ_AGAIN,
    "move": _MOVE,
    "counted move": _COUNTED_MOVE,
    "move for webhooks": _MOVE.replace("/*posted*/", _DELIVERIES["posted"]),
    "refused": _REFUSED,
    **{
        f"webhooks {name}": _WEBHOOKS[name]
        for name in ("list", "targets", "take", "accepted", "failed", "replay", "forget")
    },
    "finish": _DELIVERIES["finish"],
    "facts": _FACTS,
    **{f"list {name}": statement for name, statement in _DIRECTORY.items()},
    "listed statuses": _LISTED,
    "accept": _MAILINGS["accept"],
    "first": _MAILINGS["first"],
    "members": _MAILINGS["member_names"],
    "expand": _MAILINGS["expand_named"],
    "people": _PEOPLE["upsert"],
    "ids": _PEOPLE["ids"],
    "settled people": _PEOPLE["settled"],
    "moved people": _PEOPLE["move"],
    "standings": _PEOPLE["derive"],
    **{f"attention {name}": statement for name, statement in _ATTENTION.items()},
    **{f"figure {name}": _FIGURES[name] for name in FIGURES if name not in ("halts", "partitions_ahead")},
}
LARGE = (
    "deliveries",
    "ledger",
    "mailings",
    "recipients",
    "standings",
    "suppressions",
    "consents",
    "sends",
    "batches",
    "counters",
    "outbox",
    "events",
    "outgoing_webhook_messages",
)
_WHOLE = re.compile(rf"Seq Scan on ((?:{'|'.join(LARGE)})(?:_\d+)?)\b")


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_large_table_is_read_in_whole(world: World, name: str) -> None:
    """The plan for any values, of which a connection makes one and keeps it, is free of sequential scans of them."""
    statement = STATEMENTS[name]
    nothing = ", ".join(["NULL"] * max((int(n) for n in re.findall(r"\$(\d+)", statement)), default=0))
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE planned AS {statement}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE planned{f'({nothing})' if nothing else ''}")
        await connection.execute("DEALLOCATE planned")
    text = "\n".join(row[0] for row in plan)
    assert _WHOLE.findall(text) == []
    assert "Index" in text


async def test_a_status_reads_its_mailing_only(world: World) -> None:
    """A query about one of twenty thousand mailings reads a few pages, even if it was planned for any values."""
    await world.accept([person(1)])
    await world.pool.execute(
        """
        WITH copied AS (
            INSERT INTO mailings SELECT (jsonb_populate_record(m, jsonb_build_object(
                'id', uuid_floor(now() - n * interval '1 second'), 'event_id', 'event-' || n))).*
            FROM mailings m CROSS JOIN generate_series(1, 20000) n RETURNING id, brand, event_id
        )
        INSERT INTO events SELECT brand, event_id, id, 'test' FROM copied
        """
    )
    [row] = await world.pool.fetch("SELECT id, event_id FROM mailings WHERE event_id = 'event-10000'")
    mailing, event = f"'{row['id']}'", f"'{row['event_id']}'"
    for statement, asked in (
        (_BY_ID, mailing),
        (_OF_BRAND, f"'interpals', ARRAY[{event}]"),
        (_BY_EVENT, f"ARRAY[{event}]"),
        (_LATEST, "1"),
    ):
        async with world.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE asked AS {statement}")
            [plan] = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({asked})")
            await connection.execute("DEALLOCATE asked")
        assert plan["Plan"]["Actual Rows"] == 1, statement
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 100, statement


@pytest.mark.parametrize("name", ["settled", "move", "derive", "sharing_address"])
@pytest.mark.parametrize("shared", [False, True])
async def test_work_for_people_grows_with_their_number(world: World, name: str, shared: bool) -> None:
    """Planned while the tables were empty: for ten times as many people ten times as much is read, not a hundred."""
    statement, work = _PEOPLE[name], {}
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE asked AS {statement}")
        await connection.fetch("EXPLAIN EXECUTE asked (NULL)")
        await connection.execute(
            """
            WITH fresh AS (
                INSERT INTO recipients (brand, ref, controller, email, address_key, address_hash, observed_at)
                SELECT 'b', n, 'c', 'e', 'key', sha256(CASE WHEN $1 THEN 'x' ELSE n::text END::bytea), now()
                FROM generate_series(1, 5000) n RETURNING id, address_hash
            ), stopped AS (
                INSERT INTO suppressions (controller, address_key, address_hash, brand, scope, reason, source)
                SELECT DISTINCT 'c', 'key', address_hash, 'b', 'newsletter', 'opt_out', 'test' FROM fresh
            )
            INSERT INTO standings (recipient_id, address_hash) SELECT id, address_hash FROM fresh
            """,
            shared,
        )
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM recipients ORDER BY id")]
        for people in (500, 5000):
            given = "'{" + ",".join(map(str, ids[:people])) + "}'"
            explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({given})"
            [plan] = await connection.fetchval(explained)
            read = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
            work[people] = read + _rows(plan["Plan"])
        await connection.execute("DEALLOCATE asked")
    assert work[5000] <= 15 * work[500]


ASKED_AGAIN_AND_AGAIN = {
    "halts": (_HALTS["ask"], "ARRAY[1], ARRAY[uuid_floor(now())], ARRAY[1], ARRAY[uuid_floor(now())]"),
    "changes that were lost": (
        _HALTS["lost"],
        "ARRAY[uuid_floor(now())], ARRAY[1], ARRAY['interpals'], ARRAY[1], ARRAY[now()], ARRAY[now()],"
        " ARRAY['opt_out'], ARRAY['newsletter']",
    ),
    "batches to publish": (_UPKEEP["unpublished"], "100, ARRAY['newsletter', 'service']"),
    "late lanes": (_UPKEEP["late_lanes"], "ARRAY['newsletter', 'service'], '1 minute'"),
    "lost batches": (_UPKEEP["lost"], "'newsletter', '1 minute', 100"),
    "intents in doubt": (_UPKEEP["stale"], "100, ARRAY['newsletter']"),
    "claims that ran out": (_UPKEEP["expired_claims"], "100"),
    "retries that are due": (_UPKEEP["batch_due"], "100, 500"),
    "batches that were published": (_UPKEEP["published"], "ARRAY[1]"),
    "empty batches": (_UPKEEP["sweep"], "uuid_floor(now())"),
    "counters to fold": (_UPKEEP["fold"], ""),
    "mailings that end": (_UPKEEP["finish_mailings"], "100"),
    "mailings that were ended": (_UPKEEP["ending"], "100"),
    "events to relay": (_OUTBOX["take"], "'worker', 100, '30 seconds', ARRAY['a'], ARRAY['b'], 1000000"),
}


@pytest.mark.parametrize("name", ASKED_AGAIN_AND_AGAIN)
async def test_what_is_asked_again_and_again_reads_little(world: World, name: str) -> None:
    """Planned while statistics said that little was sent: after twenty thousand deliveries, few pages are read."""
    statement, given = ASKED_AGAIN_AND_AGAIN[name]
    await world.accept([person(1)])
    await world.pool.execute("ANALYZE")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE asked AS {statement}")
        await connection.fetch(f"EXPLAIN EXECUTE asked{given and f'({given})'}")
        await connection.execute(_TWENTY_THOUSAND_SENT)
        [plan] = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked{given and f'({given})'}"
        )
        await connection.execute("DEALLOCATE asked")
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 200, plan


def _rows(node: dict[str, Any]) -> float:
    """All rows that the nodes of a plan have returned or dropped, over all of their loops."""
    dropped = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Join Filter", "Index Recheck"))
    own = float((node["Actual Rows"] + dropped) * node["Actual Loops"])
    return own + sum(_rows(child) for child in node.get("Plans", ()))
