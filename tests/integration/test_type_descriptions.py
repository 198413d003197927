"""The driver's knowledge of types: a process asks once for PostgreSQL's own, each connection for a database's."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from mailer.database import driver_connection
from mailer.database.connections import connect

QUERY = "SELECT $1::int8[] AS n, $2::uuid[] AS u, $3::timestamptz[] AS t, ARRAY[jsonb_build_object('a', 1)] AS j"
VALUES = [1, None], [UUID(int=7)], [datetime(2026, 1, 2, tzinfo=UTC)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects the types that the driver asks the server for; no type is known at the start."""
    numbers: list[int] = []
    ask = asyncpg.Connection._introspect_types  # type: ignore[attr-defined]  # asyncpg-stubs lacks it

    async def ask_and_note(connection: object, oids: Sequence[int], timeout: float | None) -> Any:  # noqa: ASYNC109  # the driver's signature
        numbers.extend(oids)
        return await ask(connection, oids, timeout)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", ask_and_note)
    monkeypatch.setattr(driver_connection, "_DESCRIPTIONS", {})
    return numbers


async def test_a_process_asks_once_for_the_types_of_postgresql(database_url: str, asked: list[int]) -> None:
    """A second connection reads the same values, and asks for nothing."""
    for is_first in (True, False):
        connection = await connect(database_url)
        asked.clear()
        try:
            [row] = await connection.fetch(QUERY, *VALUES)
        finally:
            await connection.close()
        assert (row["n"], row["u"], row["t"], row["j"]) == (*VALUES, [{"a": 1}])
        assert bool(asked) is is_first


async def test_each_connection_asks_for_the_types_of_a_database(database_url: str, asked: list[int]) -> None:
    """Another database, or a type that was dropped and made again, has other numbers."""
    for values in (["slow", "fast"], ["low", "high", "none"]):
        connection = await connect(database_url)
        asked.clear()
        try:
            names = ", ".join(f"'{value}'" for value in values)
            await connection.execute(f"DROP TYPE IF EXISTS pace; CREATE TYPE pace AS ENUM ({names})")
            assert await connection.fetchval("SELECT $1::pace[]", values) == values
        finally:
            await connection.close()
        assert asked
