"""The PostgreSQL and the RabbitMQ of a run of tests. All processes of `--forks` share them."""

import asyncio
import base64
import hashlib
import json
import os
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from mailer import bundled_files
from mailer.embedded import postgres, rabbitmq
from mailer.postgres.migrations import apply_migrations
from tests.publishers import let_publish
from tests.server_folders import server_folder

CONNECTIONS = 600
"""The most connections to the one server of a run: a hundred for each of six processes."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Databases:
    """A PostgreSQL server, and the name of a migrated database, from which each test's is copied."""

    admin_url: str
    template: str

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


@contextmanager
def running_postgres() -> Iterator[Databases]:
    """A private PostgreSQL, or the server that MAILER_TEST_DATABASE_URL names."""
    with ExitStack() as stack:
        given = os.environ.get("MAILER_TEST_DATABASE_URL")
        folder = stack.enter_context(server_folder())
        private = None if given else stack.enter_context(postgres.start_postgres(folder, CONNECTIONS))
        url = given or (private.url("postgres") if private else "")
        databases = Databases(url, f"mailer_test_{uuid.uuid4().hex[:12]}")
        if private:
            # Processes die in the tests, the machine does not; and dropping a database would wait for the disk.
            off = ("fsync = off", "full_page_writes = off", "autovacuum = off", "max_wal_size = '256MB'")
            _execute(url, [*(f"ALTER SYSTEM SET {setting}" for setting in off), "SELECT pg_reload_conf()"])
        apply_migrations(databases.url(databases.template), bundled_files.bundled_folder("migrations"))
        with asyncio.Runner() as runner:
            runner.run(let_publish(databases.url(databases.template)))
        yield databases
        _execute(url, [f"DROP DATABASE {databases.template}"])


def _execute(url: str, statements: Sequence[str]) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        runner.run(execute())


@dataclass(frozen=True)
class Rabbits:
    """A RabbitMQ with a virtual host for each process; of a given one, all share the virtual host, and take turns.

    Attributes:
        urls: of each process.
        turns: the files whose locks say whose turn it is.
    """

    urls: Sequence[str]
    turns: Sequence[Path]


@contextmanager
def running_rabbit(count: int) -> Iterator[Rabbits]:
    """A private RabbitMQ, or the one that MAILER_TEST_AMQP_URL names.

    Args:
        count: how many processes use it.
    """
    if given := os.environ.get("MAILER_TEST_AMQP_URL"):
        turn = Path(tempfile.gettempdir(), f"mailer-test-{zlib.crc32(given.encode()):08x}.lock")
        yield Rabbits([given] * count, [turn] * count)
        return
    hosts = [f"tests-{number}" for number in range(count)]
    with server_folder() as folder:
        _define_virtual_hosts(folder, hosts)
        with private_rabbit(folder) as node:
            yield Rabbits([f"{node.url}{host}" for host in hosts], [folder / host for host in hosts])


def _define_virtual_hosts(folder: Path, hosts: Sequence[str]) -> None:
    """Has RabbitMQ make virtual hosts when it starts: its own command would take seconds for each."""
    salt = b"salt"
    password = base64.b64encode(salt + hashlib.sha256(salt + b"guest").digest()).decode()
    everything = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "users": [{"name": "guest", "password_hash": password, "tags": "administrator"}],
        "vhosts": [{"name": host} for host in ("/", *hosts)],
        "permissions": [{**everything, "vhost": host} for host in ("/", *hosts)],
    }
    outside = as_seen_from_here(folder)
    (outside / "conf.d").mkdir(parents=True)
    (outside / "definitions.json").write_text(json.dumps(definitions))
    (outside / "conf.d" / "tests.conf").write_text(f"load_definitions = {folder / 'definitions.json'}\n")


def private_rabbit(folder: Path) -> rabbitmq.PrivateRabbit:
    """A node, of MAILER_TEST_RABBITMQ_CHROOT if that is set."""
    return rabbitmq.start_rabbitmq(folder, chroot=_chroot())


def as_seen_from_here(folder: Path) -> Path:
    """The path of a node's folder, within MAILER_TEST_RABBITMQ_CHROOT if that is set."""
    return (_chroot() or Path("/")) / folder.relative_to("/")


def _chroot() -> Path | None:
    folder = os.environ.get("MAILER_TEST_RABBITMQ_CHROOT")
    return Path(folder) if folder else None


class SharedServices:
    """Both servers, which start in threads while the tests are collected."""

    def __init__(self, count: int) -> None:
        self._stack = ExitStack()
        self._threads = ThreadPoolExecutor()
        self.postgres = self._start(running_postgres)
        self.rabbit = self._start(lambda: running_rabbit(count))

    def _start(self, opened: Callable[[], AbstractContextManager[_T]]) -> "Future[_T]":
        return self._threads.submit(lambda: self._stack.enter_context(opened()))

    def wait(self) -> None:
        """Returns once no thread runs any more: the process may fork. A user of a failed service gets the error."""
        self._threads.shutdown()

    def close(self) -> None:
        """Stops both."""
        self.wait()
        self._stack.close()
