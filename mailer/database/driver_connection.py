"""The driver's connection, with two of its queries left out."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import asyncpg

_FIRST_OID_OF_A_CLUSTER = 10_000
"""PostgreSQL's own types have lower object identifiers, which are the same at every server (`transam.h`)."""
_TypeDescriptions = tuple[list[asyncpg.Record], Any]
"""The driver's description of types, and the statement that asked for it."""
_DESCRIPTIONS: dict[int, _TypeDescriptions] = {}
"""The descriptions of PostgreSQL's own types, by their object identifiers."""


class PooledConnection(asyncpg.Connection):
    """A connection of a pool. It neither resets its session nor asks for types that the process knows."""

    def get_reset_query(self) -> str:
        """Returns an empty query: our statements change no session settings, and a reset costs as much as a query."""
        return ""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> _TypeDescriptions:  # noqa: ASYNC109  # the driver's signature
        """Returns the descriptions of types that this connection does not know yet.

        PostgreSQL's own types are the same at every server, so the process asks for each once. The driver lets every
        connection ask, for each new array type: 119 queries of 9 ms in 60,000 hand-overs by two workers, a sixth of
        PostgreSQL's processor time.
        """
        ask: Callable[[Sequence[int], float | None], Awaitable[_TypeDescriptions]] = super()._introspect_types  # type: ignore[misc]  # asyncpg-stubs lacks it
        wanted = sorted(typeoids)
        if not wanted or wanted[-1] >= _FIRST_OID_OF_A_CLUSTER:
            return await ask(wanted, timeout)
        for oid in wanted:
            if oid not in _DESCRIPTIONS:
                _DESCRIPTIONS[oid] = await ask([oid], timeout)
        return [row for oid in wanted for row in _DESCRIPTIONS[oid][0]], _DESCRIPTIONS[wanted[0]][1]
