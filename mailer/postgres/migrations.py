"""Migrates the database with dbmate. The migrations are SQL files in `migrations/`."""

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
from mailer.ports.database_condition import DatabaseVersionsAndSettings
from mailer.ports.database_errors import DatabaseAccessRefused, DatabaseMissing, DatabaseUnavailable
from mailer.postgres.database_condition import read_version_settings_and_migrations

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
"""The settings that migrations need, whatever the database's defaults. PGOPTIONS escapes a space by a backslash."""
_URL = "MAILER_MIGRATING"
"""The environment variable with the database's URL for dbmate. The URL may contain a password."""
PATIENCE = 60.0
"""Seconds to wait for a database that is away."""
_T = TypeVar("_T")


class MigrationFailed(Exception):
    """The database cannot be migrated. The message comes from the database or from dbmate."""


def migration_versions_in_folder(folder: Path) -> frozenset[str]:
    """Returns the versions of the migrations in a folder."""
    return frozenset(file.name.split("_")[0] for file in folder.glob("*.sql"))


def apply_migrations(url: str, folder: Path) -> str:
    """Applies the missing migrations, and creates the database if it is missing.

    Args:
        url: `postgresql://…`; dbmate asks for TLS unless it says `sslmode=disable`.
        folder: the folder of the migrations.

    Returns:
        The output of dbmate: a line for each step.

    Raises:
        MigrationFailed: the database cannot be reached, refuses us or is read-only, or a migration fails.
    """
    pooled = _run_async(_is_behind_pooler(url))
    program = shutil.which("dbmate", path=str(Path(sys.executable).parent)) or shutil.which("dbmate")
    if program is None:
        raise MigrationFailed("dbmate is missing: pip install 'pactmail[server]'")
    command = [program, "--env", _URL, "--migrations-dir", str(folder), "--no-dump-schema", "--wait", "up"]
    # All users of this machine can see the arguments of a process, but only its owner the environment.
    environment = {**os.environ, _URL: url}
    if not pooled:  # a pooler refuses options at the start of a session; the database's defaults hold then
        environment["PGOPTIONS"] = _OPTIONS
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise MigrationFailed((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout.strip()


def read_database_condition_at_url(url: str) -> DatabaseVersionsAndSettings:
    """Returns the condition of a database.

    Raises:
        MigrationFailed: the database cannot be reached.
    """
    return _run_async(_connect_and_read_condition(url))


async def _connect_and_read_condition(url: str) -> DatabaseVersionsAndSettings:
    connection = await connect(url)
    try:
        return await read_version_settings_and_migrations(connection)
    finally:
        await connection.close()


async def _is_behind_pooler(url: str) -> bool:
    """Returns True if a pooler is in front of the database. Waits up to `PATIENCE` seconds for the database."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection = await connect(url)
            break
        except DatabaseMissing:
            return False
        except DatabaseAccessRefused:
            raise
        except DatabaseUnavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1)
    try:
        return bool(await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid())
    finally:
        await connection.close()


def _run_async(step: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine in an event loop of a new thread, and returns its result. This thread may have its own loop."""
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, step).result()
    except DatabaseUnavailable as error:
        raise MigrationFailed(str(error)) from error
