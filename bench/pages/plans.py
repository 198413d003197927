"""The statements that a page executes, and the rows that their plans read."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from mailer.database.statements import Pool

LARGE = frozenset(
    ["recipients", "standings", "suppressions", "consents", "audience_members", "events", "mailings", "deliveries", "counters", "ledger", "ledger_notes", "sends", "opens", "dead_letters", "quarantine", "notices", "wishes", "data_requests", "batches", "outbox"]
)
"""Tables that grow with people, mail or time."""
MOST_ROWS = 5_000
"""Rows that a statement of a page may read; a list looks at a few thousand mailings at most."""
SMALL = 300
"""Rows of a table that may be read in whole."""
_CHANGES = re.compile(r"^(?!SELECT|WITH)|\b(INSERT INTO|UPDATE|DELETE FROM|FOR UPDATE|FOR SHARE)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Executed:
    """A statement with its values, as a page executed it."""

    text: str
    values: tuple[Any, ...]


@asynccontextmanager
async def watched(pool: Pool, connections: int) -> AsyncIterator[list[Executed]]:
    """Yields the list of what all connections of a pool execute meanwhile."""
    seen: list[Executed] = []

    def note(record: Any) -> None:
        seen.append(Executed(record.query, tuple(record.args or ())))

    async with AsyncExitStack() as stack:
        taken = [await stack.enter_async_context(pool.acquire()) for _ in range(connections)]
        for connection in taken:
            connection.add_query_logger(note)
    try:
        yield seen
    finally:
        async with AsyncExitStack() as stack:
            for _ in range(connections):
                (await stack.enter_async_context(pool.acquire())).remove_query_logger(note)


async def table_sizes(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    """The rows of each large table, by the statistics."""
    rows = await connection.fetch(
        "SELECT coalesce(p.relname, c.relname) AS name, sum(greatest(c.reltuples, 0))::bigint AS n FROM pg_class c"
        " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE c.relkind = 'r' AND coalesce(p.relname, c.relname) = ANY ($1) GROUP BY 1",
        sorted(LARGE),
    )
    return {row["name"]: row["n"] for row in rows}


async def faults_of(
    connection: "asyncpg.Connection[asyncpg.Record]", executed: Sequence[Executed], sizes: dict[str, int]
) -> list[str]:
    """What is wrong with statements: each that reads too much, in words."""
    faults = []
    for one in {one.text: one for one in executed if _is_explainable(one.text)}.values():
        faults += await _faults(connection, one, sizes)
    return faults


def _is_explainable(text: str) -> bool:
    return bool(re.match(r"\s*(--[^\n]*\n\s*)*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", text, re.IGNORECASE))


async def _faults(connection: "asyncpg.Connection[asyncpg.Record]", one: Executed, sizes: dict[str, int]) -> list[str]:
    how = "FORMAT JSON" if _CHANGES.search(one.text.strip()) else "ANALYZE, BUFFERS, FORMAT JSON"
    said = await connection.fetchval(f"EXPLAIN ({how}) {one.text}", *one.values)
    plan = (json.loads(said) if isinstance(said, str) else said)[0]["Plan"]
    read = rows_read(plan)
    faults = [
        f"reads {rows:,.0f} of {sizes[table]:,} rows of {table}"
        for table, rows in read.items()
        if table in sizes and sizes[table] > SMALL and rows >= sizes[table] / 2
    ]
    if (total := sum(read.values())) > MOST_ROWS:
        faults.append(f"reads {total:,.0f} rows")
    return [f"{fault}: {' '.join(one.text.split())[:200]}" for fault in faults]


def rows_read(node: dict[str, Any]) -> dict[str, float]:
    """Rows that the scans of a plan have read, or expect to read, by table; a partition counts for its table."""
    found: dict[str, float] = {}
    if name := str(node.get("Relation Name", "")):
        dropped = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        own = node.get("Actual Rows", node["Plan Rows"]) + dropped
        table = re.sub(r"_\d{6}$", "", name)
        found[table] = own * node.get("Actual Loops", 1)
    for child in node.get("Plans", ()):
        for table, rows in rows_read(child).items():
            found[table] = found.get(table, 0) + rows
    return found
