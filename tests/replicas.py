"""A real primary and its streaming replica, and one URL for both: a failover as an operator makes it."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from mailer import bundled_files
from mailer.embedded import postgres
from mailer.postgres.migrations import apply_migrations
from tests.processes import until
from tests.publishers import let_publish


class Member:
    """A server of the cluster, behind a port of its own that takes connections as long as the server runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._server: postgres.PrivatePostgres | None = None
        self._open = set[asyncio.Task[None]]()

    @property
    def url(self) -> str:
        """The server's address, without its port."""
        assert self._server is not None
        return self._server.url()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Takes connections on a port of loopback, and passes on what comes, until the server is stopped."""
        self._listener = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Starts the server."""
        self._server = await asyncio.to_thread(postgres.start_postgres, self.folder)

    async def stop(self) -> None:
        """Ends the server for good. Committed data have gone to a replica that still follows."""
        self._listener.close()
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.release_and_stop_if_last)
        for task in list(self._open):
            task.cancel()

    async def sql(self, statement: str) -> Any:
        """The first value of what a statement returns, as the superuser."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self._server is not None:
                await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        socket_folder = (self.folder / "data/postmaster.pid").read_text().splitlines()[4]
        answers, requests = await asyncio.open_unix_connection(f"{socket_folder}/.s.PGSQL.5432")
        try:
            ways = {asyncio.create_task(_pump(reader, requests)), asyncio.create_task(_pump(answers, writer))}
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        finally:
            requests.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class Cluster:
    """A primary, a replica, and what can happen to them."""

    def __init__(self, primary: Member, replica: Member) -> None:
        self.primary = primary
        self.replica = replica

    @property
    def url(self) -> str:
        """The URL of the cluster, as `docs/operations.md` has it: both servers. The writable one is used."""
        servers = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        return f"postgresql://postgres@{servers}/mailer?sslmode=disable&target_session_attrs=read-write"

    async def caught_up(self) -> None:
        """Returns once the replica has all that is committed now."""
        position = await self.primary.sql("SELECT pg_current_wal_flush_lsn()::text")

        async def replayed() -> bool:
            return bool(await self.replica.sql(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"))

        await until(replayed, "the replica to catch up")

    async def cut(self) -> None:
        """Cuts the replica off from the primary. It lags behind for as long as the primary lives."""
        await self.caught_up()
        await self.replica.sql("ALTER SYSTEM SET primary_conninfo = ''")
        await self.replica.sql("SELECT pg_reload_conf()")

        async def alone() -> bool:
            return not await self.primary.sql("SELECT count(*) FROM pg_stat_replication")

        await until(alone, "the replica to stop following")

    async def fail_over(self) -> None:
        """The primary is gone, and the replica takes its place."""
        await self.primary.stop()
        assert await self.replica.sql("SELECT pg_promote()")


async def make_data(folder: Path) -> None:
    """Makes a migrated database on a server, and stops the server. `open_cluster` begins with it."""
    with await asyncio.to_thread(postgres.start_postgres, folder) as server:
        await asyncio.to_thread(apply_migrations, server.url(), bundled_files.bundled_folder("migrations"))
        await let_publish(server.url())


@asynccontextmanager
async def open_cluster(folder: Path, data: Path | None = None) -> AsyncIterator[Cluster]:
    """A migrated database on a primary, with a replica that follows it.

    Args:
        folder: short, and where other users may pass: the servers' sockets are in it.
        data: what `make_data` has made, which is copied; None: it is made here.
    """
    primary, replica = Member(folder / "a"), Member(folder / "b")
    if data is None:
        await make_data(primary.folder)
    else:
        copied = await asyncio.create_subprocess_exec("cp", "-a", str(data), str(primary.folder))
        assert await copied.wait() == 0
    async with primary.listening(), replica.listening():
        await primary.start()
        await _copy(primary, replica)
        await replica.start()
        yield Cluster(primary, replica)


async def _copy(primary: Member, replica: Member) -> None:
    """Makes the replica's data, as the user whose server it will be."""
    owner = (primary.folder / "data").stat()
    target = replica.folder / "data"
    target.mkdir(mode=0o700, parents=True)
    os.chown(target, owner.st_uid, owner.st_gid)
    socket_folder = (primary.folder / "data/postmaster.pid").read_text().splitlines()[4]
    command = [
        str(postgres.postgres_program_folder() / "pg_basebackup"),
        *("--host", socket_folder, "--username", "postgres", "--pgdata", str(target)),
        *("--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
    ]
    user, group = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else (None, None)
    # In a thread: uvloop starts no process as another user.
    done = await asyncio.to_thread(
        lambda: subprocess.run(command, cwd="/", stderr=subprocess.PIPE, check=False, user=user, group=group)
    )
    assert done.returncode == 0, done.stderr.decode()
    # What a running server keeps for itself is not a part of the copy.
    for name in ("server.log", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (target / name).unlink(missing_ok=True)
