"""The statements that a page executes, and the rows that their plans read."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mailer.database.statements import Connection, Pool

LARGE = frozenset(
    {
        *(
            "recipients",
            "standings",
            "suppressions",
            "consents",
            "audience_members",
            "events",
            "mailings",
            "deliveries",
        ),
        *("counters", "ledger", "ledger_notes", "sends", "opens", "dead_letters", "quarantine", "notices", "wishes"),
        *("data_requests", "batches", "outbox", "attachments", "former_addresses", "mailboxes", "clicks"),
        *("received_mail", "webhook_requests", "manifest_people"),
    }
)
"""Tables that grow with people, mail or time."""
MOST_ROWS = 11_000
"""Rows that a statement of a page may read: figures count 10,000 at most, lists look at a few thousand mailings."""
SMALL = 300
"""Rows that may be read in whole."""
_COMMENTS = re.compile(r"--[^\n]*\n")
_CHANGES = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM|FOR UPDATE|FOR SHARE)\b", re.IGNORECASE)


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


async def faults_of(connection: Connection, executed: Sequence[Executed], most: int = MOST_ROWS) -> list[str]:
    """Faults in the plans of statements: each that reads too much, in words."""
    faults = []
    for one in {one.text: one for one in executed if _is_explainable(one.text)}.values():
        plan = await _plan(connection, one)
        found = [f"reads {table} in whole" for table in whole_tables(plan)]
        if (rows := rows_read(plan)) > most:
            found.append(f"reads {rows:,.0f} rows")
        faults += [f"{fault}: {' '.join(one.text.split())[:200]}" for fault in found]
    return faults


def _is_explainable(text: str) -> bool:
    return _COMMENTS.sub("", text).lstrip().upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))


async def _plan(connection: Connection, one: Executed) -> dict[str, Any]:
    """The plan of a statement; with what it really read, unless it changes something."""
    how = "FORMAT JSON" if _CHANGES.search(_COMMENTS.sub("", one.text)) else "ANALYZE, BUFFERS, FORMAT JSON"
    said = await connection.fetchval(f"EXPLAIN ({how}) {one.text}", *one.values)
    plan: dict[str, Any] = said[0]["Plan"]
    return plan


def whole_tables(node: dict[str, Any], limited: bool = False) -> list[str]:
    """The large tables that a plan reads from one end to the other, with nothing that ends it early.

    An index of few rows, and a month's partition that is empty, may be read so.
    """
    limited = limited or node["Node Type"] == "Limit"
    table = re.sub(r"_\d{6}$", "", str(node.get("Relation Name", "")))
    is_whole = node["Node Type"] == "Seq Scan" or ("Index Name" in node and "Index Cond" not in node and not limited)
    is_large = table in LARGE and ("Actual Rows" not in node or _own_rows(node) > SMALL)
    own = [table] if is_whole and is_large else []
    return own + [found for child in node.get("Plans", ()) for found in whole_tables(child, limited)]


def rows_read(node: dict[str, Any]) -> float:
    """Rows that the scans of a plan have read, over all of their loops; 0 for a plan that only foresees."""
    return _own_rows(node) + sum(rows_read(child) for child in node.get("Plans", ()))


def _own_rows(node: dict[str, Any]) -> float:
    if "Relation Name" not in node:
        return 0.0
    dropped = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return float((node.get("Actual Rows", 0) + dropped) * node.get("Actual Loops", 0))
