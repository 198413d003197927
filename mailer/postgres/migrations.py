"""Bringing the database up to date: plain SQL in `migrations/`, applied by dbmate."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from mailer.database.connections import connect
from mailer.ports.database_condition import DatabaseCondition
from mailer.ports.database_errors import DatabaseAway, DatabaseMissing, DatabaseRefuses
from mailer.postgres.condition import read_database_condition

_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "search_path=public",
        "default_transaction_isolation=read\\ committed",
        "default_transaction_deferrable=off",
        "statement_timeout=0",
        "lock_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "standard_conforming_strings=on",
        "TimeZone=UTC",
        "DateStyle=ISO",
    )
)
"""Settings that migrations rely on, whatever the defaults are; in PGOPTIONS a space has a backslash before it."""
_URL = "MAILER_MIGRATING"
"""The variable in which dbmate is told the database, whose URL may hold a password."""
PATIENCE = 60.0
"""Seconds to wait for a database that is away."""
_T = TypeVar("_T")


class MigrationFailed(Exception):
    """The database cannot be brought up to date; the message is its own words, or dbmate's."""


def migration_versions(folder: Path) -> frozenset[str]:
    """The versions of the migrations in a folder."""
    return frozenset(file.name.split("_")[0] for file in folder.glob("*.sql"))


def apply_migrations(url: str, folder: Path) -> str:
    """Applies what has not been applied yet, and creates the database if it is missing.

    Args:
        url: `postgresql://…`; dbmate asks for TLS unless it says `sslmode=disable`.
        folder: the migrations.

    Returns:
        What was done, a line each.

    Raises:
        MigrationFailed: the database cannot be reached, refuses us or is read-only, or a migration does not apply.
    """
    pooled = _run_async(_is_pooled(url))
    program = shutil.which("dbmate", path=str(Path(sys.executable).parent)) or shutil.which("dbmate")
    if program is None:
        raise MigrationFailed("dbmate is missing: pip install 'pactmail[server]'")
    command = [program, "--env", _URL, "--migrations-dir", str(folder), "--no-dump-schema", "--wait", "up"]
    # Every user of this machine sees the arguments of a process, and only its owner the environment.
    environment = {**os.environ, _URL: url}
    if not pooled:  # a pooler takes no options at the start of a session: then the database's defaults hold
        environment["PGOPTIONS"] = _OPTIONS
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise MigrationFailed((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout.strip()


def examine_database(url: str) -> DatabaseCondition:
    """The condition of a database.

    Raises:
        MigrationFailed: it cannot be reached.
    """
    return _run_async(_examine_connected(url))


async def _examine_connected(url: str) -> DatabaseCondition:
    connection = await connect(url)
    try:
        return await read_database_condition(connection)
    finally:
        await connection.close()


async def _is_pooled(url: str) -> bool:
    """Tells whether a pooler stands before the database. A database that is away is waited for, but not for ever."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection = await connect(url)
            break
        except DatabaseMissing:
            return False
        except DatabaseRefuses:
            raise
        except DatabaseAway:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1)
    try:
        return bool(await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid())
    finally:
        await connection.close()


def _run_async(step: Coroutine[Any, Any, _T]) -> _T:
    """The result of an asynchronous step, whether or not this thread has an event loop already."""
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, step).result()
    except DatabaseAway as error:
        raise MigrationFailed(str(error)) from error
