"""The statements of each mail find their rows by index, also where they were planned while the tables were new."""

import re

import pytest

from mailer.ledger.database import statements
from mailer.ledger.deliveries import _CLAIM, _COUNTED_MOVE, _MOVE, _READ_AGAIN, _REFUSED
from mailer.ledger.mailings import _FACTS
from tests.factories import World

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
}
LARGE = ("deliveries", "ledger", "mailings", "recipients", "standings", "suppressions", "consents", "sends")
_WHOLE = re.compile(rf"Seq Scan on ((?:{'|'.join(LARGE)})(?:_\d+)?)\b")


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_large_table_is_read_in_whole(world: World, name: str) -> None:
    """The plan for any values, of which a connection makes one and keeps it, is free of sequential scans of them."""
    statement = STATEMENTS[name]
    nothing = ", ".join(["NULL"] * max(int(n) for n in re.findall(r"\$(\d+)", statement)))
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE planned AS {statement}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE planned ({nothing})")
        await connection.execute("DEALLOCATE planned")
    text = "\n".join(row[0] for row in plan)
    assert _WHOLE.findall(text) == []
    assert "Index" in text
