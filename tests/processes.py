"""mailer's own processes and commands, real and separate, as an operator runs them; and what can be seen of them."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, TypeVar

import aio_pika
import asyncpg
import httpx

from mailer.broker.topology import build_topology
from mailer.processors.capture.folder import CapturedMessage, CaptureFolder
from mailer.processors.capture.server import CaptureServer
from tests.kept_connections import KeptConnections
from tests.publishers import all_options
from tests.shipped import shipped_templates
from tests.soundness import assert_sound
from tests.spawning import MAILER, Forked, begin

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = (sys.executable, str(ROOT / "tests" / "acceptance" / "application.py"))
PUBLIC_URL = "https://mail.example"
"""The URL at which recipients reach the web app. A proxy ends TLS there and passes requests on to the web process."""
SECONDS = 180
"""The longest to wait for anything; a machine that is busy gets there later, and a broken one never."""
SECRETS = {name: f"{name} of the tests and nothing else" for name in ("SECRET_KEYS", "ADDRESS_KEY", "LEDGER_KEY")}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The command's output, as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The command's output, as one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Process:
    """A process of mailer that runs."""

    def __init__(self, process: asyncio.subprocess.Process | Forked, log: Path) -> None:
        self._process = process
        self._log = log
        self._asked = False

    @property
    def pid(self) -> int:
        """The process id. It stands in the names of the leases that the process holds."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The log of the process."""
        return self._log.read_text()

    @property
    def status(self) -> int | None:
        """The exit status; the negative number of a signal that killed the process; None while it runs."""
        return self._process.returncode

    @property
    def ended(self) -> bool:
        """True if the process has ended."""
        return self.status is not None

    async def up(self) -> None:
        """Returns once the process says that it has started."""

        async def said() -> bool:
            return " started" in self.log

        await until(said, "a process to start")

    async def died(self) -> bool:
        """Waits until the process has ended. Returns True if it ended by itself."""
        await self._process.wait()
        return not self._asked

    def asked(self) -> None:
        """Tells that the test itself has asked it to end."""
        self._asked = True

    async def kill(self) -> None:
        """Ends it with no chance to do anything."""
        self._asked = True
        if not self.ended:
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Asks it to end, and gives its exit status."""
        self._asked = True
        if not self.ended:
            self._process.terminate()
        async with asyncio.timeout(SECONDS):
            return await self._process.wait()


@dataclass(frozen=True)
class Stack:
    """Settings for processes that belong together, and the services that they share.

    Attributes:
        folder: where the processes run, and what they log.
        database_url: a database of the test's own.
        inbox: what the SMTP server has captured.
        env: their whole environment.
        kept: the connections of the test itself.
    """

    folder: Path
    database_url: str
    inbox: CaptureFolder
    env: Mapping[str, str]
    kept: KeptConnections = dataclass_field(default_factory=KeptConnections)

    def having(self, **settings: str) -> "Stack":
        """The same with other settings, by their names without the prefix."""
        return self.with_env(**{f"MAILER_{name}": value for name, value in settings.items()})

    def with_env(self, **variables: str) -> "Stack":
        """The same with other variables in the environment."""
        return replace(self, env={**self.env, **variables})

    async def run(self, *arguments: str, stdin: str = "", program: Iterable[str] = MAILER) -> Done:
        """Runs a command to its end."""
        with ExitStack() as files:
            given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write(stdin.encode())
            given.seek(0)
            three = given.fileno(), out.fileno(), err.fileno()
            process = await begin([*program, *arguments], self.env, self.folder, three)
            try:
                async with asyncio.timeout(SECONDS):
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
            for file in (out, err):
                file.seek(0)
            return Done(process.returncode or 0, out.read().decode(), err.read().decode())

    async def done(self, *arguments: str, stdin: str = "", program: Iterable[str] = MAILER) -> Done:
        """Runs a command that has to succeed."""
        done = await self.run(*arguments, stdin=stdin, program=program)
        assert done.status == 0, f"{arguments}: {done.err}"
        return done

    async def application(self, way: str, *events: Mapping[str, Any], key: str = "") -> None:
        """An application, a process of its own, publishes events: `publish`, `blocking`, `transaction` or `http`."""
        lines = "\n".join(json.dumps(event) for event in events)
        await self.with_env(API_KEY=key).done(way, stdin=lines, program=APPLICATION)

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[list[Process]]:
        """Processes, which are asked to stop in the end; each must do so with status 0, having logged no failure."""
        async with self.starting(*names) as started:
            for process in started:
                await process.up()
            yield started

    @asynccontextmanager
    async def starting(self, *names: str) -> AsyncIterator[list[Process]]:
        """The same, with nobody waiting until they are up."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self._process(name, n)) for n, name in enumerate(names)]

    async def dies(self, name: str, point: str) -> None:
        """Runs a process until it kills itself at a crash point, as `mailer.crash_points` takes them."""
        process = await self.with_env(MAILER_CRASH_AT=point)._start(name, 0)
        try:
            async with asyncio.timeout(SECONDS):
                await process.died()
        finally:
            await process.kill()
            print(f"--- {name} until {point}\n{process.log}")
        assert process.status == -signal.SIGKILL
        _assert_decent(process)

    async def _start(self, name: str, number: int) -> Process:
        log = self.folder / f"{name}-{number}-{time.monotonic_ns()}.log"
        with log.open("wb") as file, tempfile.TemporaryFile() as nothing:
            three = nothing.fileno(), file.fileno(), file.fileno()
            started = await begin([*MAILER, name], self.env, self.folder, three)
        return Process(started, log)

    @asynccontextmanager
    async def _process(self, name: str, number: int) -> AsyncIterator[Process]:
        process = await self._start(name, number)
        try:
            async with _alive(process):
                yield process
        except BaseException:
            if not process.ended:
                await process.kill()
            print(f"--- {name} {number}\n{process.log}")
            raise
        if not process.ended:
            assert await process.stop() == 0, process.log
        _assert_decent(process)

    async def query(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows that the database returns."""
        return await self.kept.fetch(self.database_url, statement, arguments)

    async def value(self, statement: str, *arguments: Any) -> Any:
        """The one value that the database returns."""
        return (await self.query(statement, *arguments))[0][0]

    async def consumers(self, queue: str) -> int:
        """The number of consumers of a queue in RabbitMQ; 0 if it does not exist yet."""
        return (await self.kept.declared(self.env["MAILER_BROKER_URL"], queue)).consumer_count or 0

    async def depth(self, queue: str) -> int:
        """The number of messages that wait in a queue of RabbitMQ; 0 if it does not exist yet."""
        return (await self.kept.declared(self.env["MAILER_BROKER_URL"], queue)).message_count or 0

    async def taken_in(self, event_id: str) -> None:
        """Returns once an event has become a mailing."""
        await until(
            lambda: self.query("SELECT FROM mailings WHERE event_id = $1", event_id), f"{event_id} to be taken in"
        )

    async def finished(self, *event_ids: str) -> None:
        """Returns once the mailings of events are finished: every delivery of theirs has its final state."""
        try:
            await until(lambda: self._finished(event_ids), f"the mailings {', '.join(event_ids)} to be finished")
        except AssertionError:
            print(await self.query("SELECT mailing_id, state, reason, count(*) FROM deliveries GROUP BY 1, 2, 3"))
            print(await self.query("SELECT * FROM batches"))
            raise

    async def _finished(self, event_ids: tuple[str, ...]) -> bool:
        count = "SELECT count(DISTINCT event_id) FROM mailings WHERE event_id = ANY ($1) AND finished_at IS NOT NULL"
        return bool(await self.value(count, list(event_ids)) == len(set(event_ids)))

    async def states(self, event_id: str) -> dict[str, tuple[str, str]]:
        """The state and the reason of each delivery of an event's mailing, by the recipient's ref."""
        rows = await self.query(
            "SELECT r.ref, d.state, d.reason FROM mailings m JOIN deliveries d ON d.mailing_id = m.id"
            " JOIN recipients r ON r.id = d.recipient_id WHERE m.event_id = $1",
            event_id,
        )
        return {row["ref"]: (row["state"], row["reason"]) for row in rows}

    async def status(self, event_id: str) -> dict[str, Any]:
        """The answer of `mailer mailing show` about an event."""
        shown: dict[str, Any] = (await self.done("mailing", "show", event_id, "--json")).json
        return shown

    def mails(self, **wanted: str) -> list[CapturedMessage]:
        """The captured messages of whose header fields (underscores for hyphens) each holds a text."""
        return [
            mail for mail in self.inbox.list_mails() if all(text in field(mail, name) for name, text in wanted.items())
        ]

    @asynccontextmanager
    async def client(self, key: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """A client of the web process, which is up by then; with an API key, if one is given."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = f"http://127.0.0.1:{self.env['MAILER_PORT']}"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, "the web process to be ready")
            yield client

    async def api_key(self, name: str, *brands: str) -> str:
        """A new API key."""
        return (await self.done("publishers", "add", f"key:{name}", *all_options(*brands))).out.strip()


def _assert_decent(process: Process) -> None:
    """Fails if the process has logged a failure, or an address."""
    assert "Traceback" not in process.log, process.log
    assert "@example" not in process.log, f"an address was logged: {process.log}"


@asynccontextmanager
async def _alive(process: Process) -> AsyncIterator[None]:
    """Fails at once when a process ends by itself, instead of waiting for what it will never do."""
    task = asyncio.current_task()
    assert task is not None

    async def watch() -> None:
        if await process.died():
            task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not watching.done():
            raise
        task.uncancel()
        raise AssertionError("a process ended by itself; see its log") from None
    finally:
        watching.cancel()


@asynccontextmanager
async def open_stack(folder: Path, database_url: str, broker_url: str) -> AsyncIterator[Stack]:
    """A stack with an SMTP server that knows everyone but `nobody@`; its ledger has to be sound in the end."""
    if not broker_url.startswith("memory:"):
        await empty_rabbit(broker_url)
    async with CaptureServer(folder / "captured", answer=_nobody) as server:
        env = settings_for(folder, database_url, server.port, broker_url)
        stack = Stack(folder, database_url, CaptureFolder(folder / "captured"), env)
        try:
            yield stack
        finally:
            await stack.kept.close()
        await assert_sound(database_url, env["MAILER_LEDGER_KEY"])


def _nobody(address: str) -> str | None:
    return "550 5.1.1 No such user" if address.startswith("nobody@") else None


def settings_for(folder: Path, database_url: str, smtp_port: int, broker_url: str) -> dict[str, str]:
    """An environment for processes: this one's, with none of its settings for mailer."""
    settings = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "PROCESSORS": f"smtp://127.0.0.1:{smtp_port}?name=relay&country=DE&contract=DPA-7",
        "PUBLIC_URL": PUBLIC_URL,
        "PORT": str(free_port()),
        "DATA": str(folder / "data"),
        "TEMPLATES": str(shipped_templates(folder)),
        **SECRETS,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
    path = os.pathsep.join(filter(None, (inherited.get("PYTHONPATH"), str(ROOT))))
    return inherited | {f"MAILER_{name}": value for name, value in settings.items()} | {"PYTHONPATH": path}


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def until(asked: Callable[[], Awaitable[_T]], what: str, seconds: float = SECONDS) -> _T:
    """Asks again and again until the answer is true, and returns it; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (answer := await asked()):
        assert time.monotonic() < deadline, f"waited {seconds} seconds for {what}"
        await asyncio.sleep(0.1)
    return answer


async def empty_rabbit(url: str) -> None:
    """Deletes mailer's queues and exchanges, and what they hold."""
    plan = build_topology({})
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        for queue in plan.queues:
            await channel.queue_delete(queue.name)
        for exchange in plan.exchanges:
            await channel.exchange_delete(exchange.name)


def field(mail: CapturedMessage, name: str) -> str:
    """A header field that occurs once, or an empty text; underscores for hyphens."""
    values = [value for key, value in mail.headers if key.lower() == name.lower().replace("_", "-")]
    assert len(values) <= 1, f"{name} occurs {len(values)} times"
    return values[0] if values else ""
