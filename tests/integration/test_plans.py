"""The statements of each mail find their rows by index, also where they were planned while the tables were new."""

import re

import pytest

from mailer.ledger.database import statements
from mailer.ledger.deliveries import _CLAIM, _COUNTED_MOVE, _MOVE, _READ_AGAIN, _REFUSED
from mailer.ledger.figures import _SQL as _FIGURES
from mailer.ledger.mailings import _BY_EVENT, _BY_ID, _FACTS, _LATEST, _OF_BRAND
from mailer.ports.figures import FIGURES
from tests.factories import World, person

_PEOPLE, _MAILINGS, _DELIVERIES = (statements(noun) for noun in ("people", "mailings", "deliveries"))
STATEMENTS = {
    "claim": _CLAIM,
    "read again": _READ_AGAIN,
    "move": _MOVE,
    "counted move": _COUNTED_MOVE,
    "refused": _REFUSED,
    "finish": _DELIVERIES["finish"],
    "facts": _FACTS,
    "expand": _MAILINGS["expand_named"],
    "people": _PEOPLE["upsert"],
    "ids": _PEOPLE["ids"],
    "settled people": _PEOPLE["settled"],
    "moved people": _PEOPLE["move"],
    "standings": _PEOPLE["derive"],
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


@pytest.mark.parametrize(
    ("statement", "asked"),
    [(_BY_ID, "id"), (_OF_BRAND, "'interpals', event_id"), (_BY_EVENT, "event_id"), (_LATEST, "1")],
    ids=["by id", "by brand and event", "by event", "latest"],
)
async def test_a_status_reads_its_mailing_only(world: World, statement: str, asked: str) -> None:
    """Of twenty thousand mailings, a question about one reads a few pages, planned for any values."""
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
    given = asked.replace("event_id", f"'{row['event_id']}'").replace("id", f"'{row['id']}'", int(asked == "id"))
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE asked AS {statement}")
        [plan] = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({given})")
        await connection.execute("DEALLOCATE asked")
    assert plan["Plan"]["Actual Rows"] == 1
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 100
