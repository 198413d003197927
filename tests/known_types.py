"""The types of PostgreSQL that a test process knows already.

Each connection asks for the arrays that its statements use, with a query that takes the server 5 ms to plan: a fifth of
what all tests cost the server. The types that PostgreSQL brings along are the same in each database.
"""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_OWN_OID = 16384
"""The first number of a type that somebody has created (PostgreSQL's `FirstNormalObjectId`)."""


def remember_types() -> None:
    """Asks for PostgreSQL's own types once a process, not once a connection."""
    ask = asyncpg.Connection._introspect_types  # type: ignore[attr-defined]
    known: dict[frozenset[int], Any] = {}
    no_statement = SimpleNamespace(name="nothing was prepared")

    async def remembered(self: Any, oids: Collection[int], timeout: float | None) -> tuple[Any, Any]:  # noqa: ASYNC109
        asked = frozenset(oids)
        if asked in known:
            return known[asked], no_statement
        found, statement = await ask(self, oids, timeout)
        if max(asked) < FIRST_OWN_OID:
            known[asked] = found
        return found, statement

    asyncpg.Connection._introspect_types = remembered  # type: ignore[attr-defined]
