"""A PgBouncer of Debian in front of a PostgreSQL server, with the configuration that the package brings."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

import asyncpg

from tests.processes import free_port

PROGRAM = "/usr/sbin/pgbouncer"
_DEFAULTS = Path("/etc/pgbouncer/pgbouncer.ini")
PASSWORD = "bouncer-password"
NOBODY = 65534
"""Debian's user and group of nobody: PgBouncer does not run as root."""


@asynccontextmanager
async def bouncer(url: str, folder: Path, mode: str | None = None) -> AsyncIterator[str]:
    """Starts a PgBouncer for a database of a server on a Unix socket or on TCP; gives the database's URL through it.

    Args:
        url: the database's own.
        folder: for the configuration; every user may enter it.
        mode: of its pools; as installed (session) if there is none.
    """
    parts, port = urlsplit(url), free_port()
    process = _start(parts, port, folder, mode)
    try:
        through = f"postgresql://{parts.username}:{PASSWORD}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        await _until_it_answers(through, process)
        yield through
    finally:
        process.kill()
        process.wait()


def _start(database: SplitResult, port: int, folder: Path, mode: str | None) -> "subprocess.Popen[bytes]":
    """Starts it with Debian's file, as the user who owns the server: no other user may reach its socket."""
    users, ini, name = folder / "userlist.txt", folder / "pgbouncer.ini", database.path[1:]
    users.write_text(f'"{database.username}" "{PASSWORD}"\n')
    changed = {
        "[databases]": f"[databases]\n{name} = {_server(database)} dbname={name}",
        "listen_port": f"listen_port = {port}",
        "auth_file": f"auth_file = {users}",
        "logfile": f"logfile = {folder / 'pgbouncer.log'}",
        "pidfile": f"pidfile = {folder / 'pgbouncer.pid'}",
        "unix_socket_dir": "unix_socket_dir =",
    }
    lines = [changed.get(line.split(" = ")[0].strip(), line) for line in _DEFAULTS.read_text().splitlines()]
    ini.write_text("\n".join(lines) + (f"\npool_mode = {mode}\n" if mode else "\n"))
    command = [PROGRAM, "-q", str(ini)]
    if os.geteuid() != 0:
        return subprocess.Popen(command)
    socket = _socket(database)
    user, group = (Path(socket).stat().st_uid, Path(socket).stat().st_gid) if socket else (NOBODY, NOBODY)
    os.chown(folder, user, group)
    return subprocess.Popen(command, user=user, group=group, extra_groups=[])


def _server(database: SplitResult) -> str:
    """The server's address, as PgBouncer's file writes it."""
    if socket := _socket(database):
        return f"host={socket}"
    password = f" password={database.password}" if database.password else ""
    return f"host={database.hostname} port={database.port or 5432}{password}"


def _socket(database: SplitResult) -> str | None:
    """The folder of the server's socket; None if it is on TCP."""
    return parse_qs(database.query).get("host", [None])[0]


async def _until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    async with asyncio.timeout(60):
        while process.poll() is None:
            try:
                connection = await asyncpg.connect(url)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return
    raise RuntimeError(f"PgBouncer ended with status {process.returncode}")
