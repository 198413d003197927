"""The private services of a fault run: PostgreSQL and RabbitMQ on files of their own, and how they are broken."""

import asyncio
import os
import signal
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from mailer import bundled_files
from mailer.embedded import postgres, rabbitmq
from mailer.postgres.migrations import apply_migrations
from tests.publishers import let_publish

_END_SECONDS = 60
_SOCKET = ".s.PGSQL.5432"


class Database:
    """A PostgreSQL with everything on that makes a commit last, and with the time of each commit kept.

    Args:
        folder: of its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = postgres.start_postgres(folder)

    @property
    def url(self) -> str:
        """The URL of the database, past all proxies."""
        return self._server.url()

    @property
    def socket(self) -> str:
        """The path of its Unix socket; the same after a restart."""
        return f"{parse_qs(urlsplit(self.url).query)['host'][0]}/{_SOCKET}"

    async def prepare(self) -> None:
        """Makes the tables, and checks that every setting that keeps a commit is on."""
        connection = await asyncpg.connect(self._server.url("postgres"))
        try:
            await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                assert await connection.fetchval(f"SHOW {name}") == "on"
        finally:
            await connection.close()
        await self.restart(signal.SIGINT)
        await asyncio.to_thread(apply_migrations, self.url, bundled_files.bundled_folder("migrations"))
        await let_publish(self.url)

    async def restart(self, how: signal.Signals) -> None:
        """Ends the server (SIGINT: fast, SIGQUIT: at once, as if the machine had failed) and starts it again."""
        await asyncio.to_thread(self._restart, how)

    def _restart(self, how: signal.Signals) -> None:
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, how)
        deadline = time.monotonic() + _END_SECONDS
        while _lives(pid):
            assert time.monotonic() < deadline, "PostgreSQL does not end"
            time.sleep(0.02)
        held, self._server = self._server, postgres.start_postgres(self._folder)
        held.release_and_stop_if_last()

    def stop(self) -> None:
        """Ends the server."""
        self._server.release_and_stop_if_last()


class Queues:
    """A RabbitMQ.

    Args:
        folder: of its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._node = rabbitmq.start_rabbitmq(folder)

    @property
    def url(self) -> str:
        """The URL of RabbitMQ, past all proxies."""
        return self._node.url

    @property
    def address(self) -> str:
        """The `host:port` of RabbitMQ."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    async def restart(self, away: float) -> None:
        """Stops RabbitMQ, and starts it again some seconds later."""
        await asyncio.to_thread(self._node.stop)
        try:
            await asyncio.sleep(away)
        finally:
            await asyncio.to_thread(self._node.restart)

    def stop(self) -> None:
        """Ends RabbitMQ."""
        self._node.stop()


def _lives(pid: int) -> bool:
    """True if a process exists and runs. A process that ended, and that nobody has waited for, does not count."""
    try:
        return bool(Path("/proc", str(pid), "cmdline").read_bytes())
    except OSError:
        return False
