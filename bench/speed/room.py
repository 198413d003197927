"""The services that all rows share: one PostgreSQL, one RabbitMQ, a folder, and people to write to."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.setting import BRAND, let_publish, setting
from bench.speed.machine import descendant
from mailer import bundled_files
from mailer.embedded import postgres, rabbitmq
from mailer.postgres.migrations import apply_migrations

ROOT = Path(__file__).resolve().parents[2]
AUDIENCES = (1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000)
"""The audiences of the table. Each is the first so many people, and is named after its size."""

_DURABILITY = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")


@dataclass(frozen=True)
class Room:
    """The services and the folder of a run.

    Attributes:
        folder: for logs, profiles and keys.
        database: the URL of mailer's database. postmaster: the server's process.
        broker: RabbitMQ's URL. node: its process.
        profile: whether the workers are profiled.
    """

    folder: Path
    server: postgres.PrivatePostgres
    postmaster: int
    broker: str
    node: int
    profile: bool

    @property
    def database(self) -> str:
        """The URL of mailer's database."""
        return self.server.url()

    def sql(self, statement: str, database: str = "mailer") -> list[asyncpg.Record]:
        """Executes a statement as the superuser."""

        async def execute() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.server.url(database))
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(execute())

    def handed_over(self) -> int:
        """The number of deliveries that have been handed over, of all mailings, by the ledger's counters."""
        return int(self.sql("SELECT coalesce(sum(n), 0)::bigint FROM counters WHERE state = 'handed_over'")[0][0])

    def settings(self) -> list[str]:
        """The settings that decide about durability, in words."""
        return [f"{name} {self.sql(f'SHOW {name}')[0][0]}" for name in _DURABILITY]


@contextmanager
def open_room(profile: bool = False, audiences: Sequence[int] = AUDIENCES) -> Iterator[Room]:
    """Starts the services, and imports the people: the first so many are an audience, for each size."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mailer-bench-")))
        folder.chmod(0o711)  # the database runs as a user of its own
        server = stack.enter_context(postgres.start_postgres(folder / "postgres"))
        apply_migrations(server.url(), bundled_files.bundled_folder("migrations"))
        asyncio.run(let_publish(server.url()))
        node = stack.enter_context(rabbitmq.start_rabbitmq(folder / "rabbitmq"))
        postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        copy_templates(folder / "templates")
        asyncio.run(_people(server.url(), audiences))
        yield Room(folder, server, postmaster, node.url, descendant("beam.smp"), profile)


def copy_templates(folder: Path) -> None:
    """The shipped templates of one brand in a plain layout: messages of 2 to 4 KB, where the shipped one makes 10."""
    shutil.copytree(bundled_files.bundled_folder("templates") / BRAND, folder / BRAND)
    shutil.copy(Path(__file__).with_name("layout.html.j2"), folder / BRAND / "_layout")


async def _people(url: str, audiences: Sequence[int]) -> None:
    async with setting(url) as shared:
        first = 0
        for last in audiences:
            await shared.recipients(first, last, *(f"first-{size}" for size in audiences if size >= last))
            first = last
        await shared.pool.execute("VACUUM ANALYZE")
