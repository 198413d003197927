"""Reads the condition of the database: its version, settings, migrations, size and partitions."""

import asyncpg

from mailer.database.statements import Connection, load_statements
from mailer.ports.database_condition import DatabaseSizePartitionsAndSeals, DatabaseVersionsAndSettings

_SQL = load_statements("condition")


async def read_version_settings_and_migrations(
    connection: "Connection | asyncpg.Connection[asyncpg.Record]",
) -> DatabaseVersionsAndSettings:
    """Returns the version, settings and migrations of the database. A process checks them before it works."""
    [row] = await connection.fetch(_SQL["server"])
    server = dict(row)
    applied = await connection.fetch(_SQL["migrations"]) if server.pop("migrated") else None
    return DatabaseVersionsAndSettings(
        **server, migrations=None if applied is None else frozenset(row["version"] for row in applied)
    )


async def read_size_partitions_and_seal(
    connection: "Connection | asyncpg.Connection[asyncpg.Record]",
) -> DatabaseSizePartitionsAndSeals:
    """Returns size, newest partition and newest seal of the database, which must have been migrated."""
    [row] = await connection.fetch(_SQL["stock"])
    return DatabaseSizePartitionsAndSeals(**row)
