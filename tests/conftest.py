"""Fixtures that all tests share: the PostgreSQL and the RabbitMQ of the run, and stacks of processes over them."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import structlog
import uvloop

from mailer.metrics_and_logger import log
from mailer.runtime.logs import close_output, flush_output, set_up_logs
from tests import factories
from tests.cheap_passwords import make_password_hashes_cheap
from tests.hostile import make_hostile
from tests.known_types import remember_types
from tests.processes import Stack, open_stack
from tests.server_folders import temporary_files_in_memory
from tests.services import Databases, SharedServices, running_postgres, running_rabbit
from tests.shipped import remember_policies, remember_templates
from tests.spawning import start_zygote, use_zygote

pytest_plugins = ["mailer.testing.proofs", "tests.forking"]

# What ignores a signal, as under nohup or as a shell's job, has children that do so, too: no test could end them by it.
for number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# A machine that is busy is slow, and no example is wrong for it.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

remember_templates()
remember_policies()
remember_types()
make_password_hashes_cheap()

_ZYGOTES = pytest.StashKey[list[socket.socket]]()
_SHARED = pytest.StashKey[SharedServices]()
_NUMBER = pytest.StashKey[int]()
"""The number of a forked process, from 0 on."""


def pytest_configure(config: pytest.Config) -> None:
    """Starts what the processes of `--forks` share, while the tests are collected: the zygote and the servers."""
    if config.option.forks and not config.option.collectonly:
        # SIGTERM ends the processes and servers of a run as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config.add_cleanup(_entered(temporary_files_in_memory()))
        config.stash[_ZYGOTES] = start_zygote(config.option.forks)
        config.stash[_SHARED] = SharedServices(config.option.forks)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the event loop that mailer's processes have; asyncio's own takes more of the processor."""
    return {"uvloop": uvloop.new_event_loop}


def _entered(context: AbstractContextManager[None]) -> Callable[[], None]:
    """Enters a context; the function that leaves it."""
    stack = ExitStack()
    stack.enter_context(context)
    return stack.close


def pytest_collection_finish(session: pytest.Session) -> None:
    """Waits for the servers: a process with threads must not fork. The forked processes share what is compiled here."""
    if shared := session.config.stash.get(_SHARED, None):
        factories.templates()
        shared.wait()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the servers."""
    if shared := config.stash.get(_SHARED, None):
        shared.close()


def pytest_forked(config: pytest.Config, number: int) -> None:
    """Takes this process's end of the zygote, and its number."""
    config.stash[_NUMBER] = number
    zygotes = config.stash[_ZYGOTES]
    use_zygote(zygotes.pop(number))
    for others in zygotes:
        others.close()


class Superuser:
    """The superuser's connection, which is kept: to open one takes as long as to copy a database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._turn = threading.Lock()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def execute(self, statement: str) -> None:
        """Executes a statement, of any thread that runs no event loop."""
        with self._turn:
            self._runner.run(self._execute(statement))

    async def _execute(self, statement: str) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url)
        await self._connection.execute(statement)

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server with one database that has been migrated, from which each test's is copied."""

    databases: Databases
    superuser: Superuser

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return self.databases.url(database)

    def sql(self, statement: str) -> None:
        """Executes a statement as the superuser."""
        self.superuser.execute(statement)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A migrated database for as long as somebody is in here; its URL."""
        name = f"mailer_test_{uuid.uuid4().hex[:12]}"
        # Through the WAL, which is the default, it takes twice as long.
        self.sql(f"CREATE DATABASE {name} TEMPLATE {self.databases.template} STRATEGY file_copy")
        if os.environ.get("MAILER_TEST_HOSTILE"):
            with asyncio.Runner() as runner:
                runner.run(make_hostile(self.url(name), decoys=False))
        yield self.url(name)
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Rabbit:
    """A RabbitMQ, which tests empty before they use it, and the file whose lock says whose turn it is."""

    url: str
    turn: Path

    @contextmanager
    def alone(self) -> Iterator[str]:
        """Keeps other tests away for the time of the block. Yields the URL.

        With MAILER_TEST_AMQP_URL, all processes of a parallel run share one virtual host. Whoever is in here may not
        come in again: a module's fixture must be done with it before it yields.
        """
        with self.turn.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.url


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """Forgets how a test, or a command that it ran in this process, set logs up: its stderr is closed by now.

    A traceback is plain: to draw one with all values, as structlog does by default, takes up to a minute.
    """
    *processors, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer])
    yield
    close_output()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    log.__dict__.pop("bind", None)  # the logger that structlog has cached


@pytest.fixture
def production_log(tmp_path: Path) -> Callable[[], str]:
    """Sends logs where a process sends them. Returns the lines so far."""
    file = tmp_path / "production.log"
    with file.open("wb") as opened:
        set_up_logs(json=False, fd=opened.fileno())

    def read() -> str:
        flush_output()
        return file.read_text("utf-8")

    return read


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The PostgreSQL of this run."""
    shared = pytestconfig.stash.get(_SHARED, None)
    with ExitStack() as stack:
        databases = shared.postgres.result() if shared else stack.enter_context(running_postgres())
        superuser = Superuser(databases.admin_url)
        stack.callback(superuser.close)
        yield Server(databases, superuser)


@pytest.fixture
def database_url(postgres_server: Server) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def rabbit_server(pytestconfig: pytest.Config) -> Iterator[Rabbit]:
    """The RabbitMQ of this run."""
    shared, number = pytestconfig.stash.get(_SHARED, None), pytestconfig.stash.get(_NUMBER, 0)
    with ExitStack() as stack:
        rabbits = shared.rabbit.result() if shared else stack.enter_context(running_rabbit(1))
        yield Rabbit(rabbits.urls[number], rabbits.turns[number])


@pytest.fixture
def rabbit_url(rabbit_server: Rabbit) -> Iterator[str]:
    """A RabbitMQ that no other test uses now."""
    with rabbit_server.alone() as url:
        yield url


@pytest.fixture
async def stack(tmp_path: Path, database_url: str, rabbit_url: str) -> AsyncIterator[Stack]:
    """Settings for real processes, over a database and queues of the test's own, and a capturing SMTP server."""
    async with open_stack(tmp_path, database_url, rabbit_url) as opened:
        yield opened


@pytest.fixture
async def small_stack(tmp_path: Path, database_url: str) -> AsyncIterator[Stack]:
    """The same with the in-process broker."""
    async with open_stack(tmp_path, database_url, "memory://") as opened:
        yield opened
