"""Reading the condition of the database."""

import asyncpg

from mailer.database.statements import Connection, statements
from mailer.ports.database_condition import DatabaseCondition, DatabaseStock

_SQL = statements("condition")


async def read_database_condition(connection: "Connection | asyncpg.Connection[asyncpg.Record]") -> DatabaseCondition:
    """Asks the database for what has to be right before a process works on it."""
    [row] = await connection.fetch(_SQL["server"])
    server = dict(row)
    applied = await connection.fetch(_SQL["migrations"]) if server.pop("migrated") else None
    return DatabaseCondition(
        **server, migrations=None if applied is None else frozenset(row["version"] for row in applied)
    )


async def read_stock(connection: "Connection | asyncpg.Connection[asyncpg.Record]") -> DatabaseStock:
    """Asks a database that has been migrated for what is in stock."""
    [row] = await connection.fetch(_SQL["stock"])
    return DatabaseStock(**row)
