"""This pipeline as a row of the table: real workers, from queue to ledger."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from bench.setting import ADDRESS_KEY, BRAND, LEDGER_KEY, SECRET_KEY, read_policies, somebody
from bench.speed.keys import Dkim, keys_for
from bench.speed.machine import Failed, Measured, Program, Sink, cpu, frozen, peak_mib, total_cpu, until
from bench.speed.room import ROOT, Room
from mailer import bundled_files
from mailer.broker.event_publisher import EventPublisher
from mailer.broker.rabbitmq import RabbitBroker
from mailer.database.connections import open_pool
from mailer.events import MessageEvent, validate_event
from mailer.ports.time_ordered_uuids import uuid7
from mailer.postgres.outbox import PublisherToOutbox
from mailer.rendering.template_library import TemplateLibrary

CONNECTIONS = 12
"""Connections of each worker to the sink. Each peer has as many."""
MAILER = (sys.executable, "-c", "from mailer.cli import main; main()")
PROCESSOR = "relay"
LIMIT = "1000000/second"
WARM_UP = 1_000
LONGEST = 60.0
"""Seconds after which a round has failed."""

Kind = Literal["mailing", "events"]


@dataclass(frozen=True, slots=True)
class Ours:
    """A way to run this pipeline.

    Attributes:
        key: chooses the row. label: names it.
        size: messages a round.
        rabbit: over RabbitMQ, else the in-process broker, which is the embedded default.
        kind: one mailing to an audience, or that many events with one recipient each.
    """

    key: str
    label: str
    size: int
    rabbit: bool = True
    workers: int = 1
    dkim: Dkim = "none"
    kind: Kind = "mailing"

    def round(self, room: Room, size: int) -> Measured:
        """Warms new workers up, then measures from the publishing of the event to the last outcome in the ledger."""
        room.sql("CHECKPOINT")
        with ExitStack() as stack:
            sink = stack.enter_context(Sink(room.folder))
            programs = stack.enter_context(self.processes(room, sink.port))
            try:
                self._warm_up(room, sink)
                return self._measure(room, sink, programs, size)
            except Failed as failure:
                raise Failed("\n".join([str(failure), *(program.said[-1000:] for program in programs)])) from failure

    def _warm_up(self, room: Room, sink: Sink) -> None:
        before = room.handed_over()
        publish(room, self.rabbit, self.events(WARM_UP))
        sink.has(WARM_UP, 20)
        self._settled(room, before + WARM_UP)

    def _measure(self, room: Room, sink: Sink, programs: Sequence[Program], size: int) -> Measured:
        pids = [program.pid for program in programs]
        before, counted = room.handed_over(), sink.taken
        events = self.events(size)
        if self.kind == "events":
            # They wait in the queue when the work begins: to publish them is another process' work.
            with frozen(pids):
                publish(room, self.rabbit, events)
            events = []
        with profiled(room, self.key, programs):
            used = total_cpu(pids), cpu(room.postmaster), cpu(room.node)
            begun = monotonic()
            publish(room, self.rabbit, events)
            sink.has(counted + size, LONGEST)
            until(lambda: room.handed_over() >= before + size, "the last outcome in the ledger", LONGEST)
            seconds = monotonic() - begun
            self._settled(room, before + size)
            ours, database, broker = (
                now - then
                for now, then in zip((total_cpu(pids), cpu(room.postmaster), cpu(room.node)), used, strict=True)
            )
        if (taken := sink.taken - counted) != size:
            raise Failed(f"{self.label}: the sink took {taken:,} messages of {size:,}")
        return Measured(size, seconds, ours, sum(map(peak_mib, pids)), database, broker)

    def _settled(self, room: Room, handed_over: int) -> None:
        """Returns once the ledger has every outcome and RabbitMQ has been told of it."""

        def settled() -> bool:
            waiting = room.sql("SELECT count(*) FROM outbox")[0][0]
            return room.handed_over() == handed_over and waiting == 0

        until(settled, f"{self.label}: all outcomes to be recorded and told", LONGEST, 0.05)

    def events(self, size: int) -> list[MessageEvent]:
        """The events that make this number of messages."""
        if self.kind == "mailing":
            return [event_of("newsletter", "weekly", {"audience": f"first-{size}"})]
        return [service_event(n) for n in range(size)]

    @contextmanager
    def processes(self, room: Room, port: int) -> Iterator[list[Program]]:
        """The workers and, over RabbitMQ, the timekeeper; in the embedded default the worker keeps time."""
        self._limit(room, port)
        names = ["worker"] * self.workers + ["timekeeper"] * self.rabbit
        with ExitStack() as stack:
            programs = []
            for number, name in enumerate(names):
                log = room.folder / f"{self.key}-{port}-{name}-{number}.log"
                program = Program([*MAILER, name], log, self.environment(room, port))
                programs.append(stack.enter_context(program))
            for program in programs:
                program.up(" started")
            yield programs

    def _limit(self, room: Room, port: int) -> None:
        """Sets a rate limit that is never reached, so that the workers lease tokens as they do in production."""
        if not room.sql("SELECT FROM limits"):
            command = [*MAILER, "rate", "set", "processor", PROCESSOR, LIMIT]
            done = subprocess.run(
                command, env=self.environment(room, port), cwd=room.folder, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise Failed(f"no rate limit could be set: {done.stderr}")

    def environment(self, room: Room, port: int) -> dict[str, str]:
        """The environment of the processes: this process's, with these settings for mailer and no others."""
        settings = {
            "DATABASE_URL": room.database,
            "BROKER_URL": room.broker if self.rabbit else "memory://",
            "PROCESSORS": f"smtp://127.0.0.1:{port}?name={PROCESSOR}&country=US&contract=bench&pool={CONNECTIONS}",
            "PUBLIC_URL": "https://mail.example",
            "TEMPLATES": str(room.folder / "templates"),
            "DATA": str(room.folder / "data"),
            "SECRET_KEYS": SECRET_KEY,
            "ADDRESS_KEY": ADDRESS_KEY,
            "LEDGER_KEY": LEDGER_KEY,
        }
        if self.dkim != "none":
            settings["DKIM"] = ",".join(keys_for(room, self.dkim))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
        return inherited | {f"MAILER_{name}": value for name, value in settings.items()} | {"PYTHONPATH": str(ROOT)}


_example: dict[tuple[str, str], dict[str, object]] = {}


def event_of(category: str, template: str, to: dict[str, object]) -> MessageEvent:
    """An event with the values of the template's own example."""
    if not _example:
        library = TemplateLibrary.load_library(bundled_files.bundled_folder("templates"), read_policies())
        for name in ("weekly", "maintenance", "spring-offer"):
            found = library.find_template(BRAND, name)
            assert found is not None
            _example[BRAND, name] = dict(found.example)
    reason = {"reason": "Your account cannot be used meanwhile"} if category == "service" else {}
    context = _example[BRAND, template]
    if "items" in context:
        context = context | {"items": []}  # so that the message stays within 4 KB
    fields = {"brand": BRAND, "category": category, "template": template, "to": to, "context": context}
    return validate_event({"v": 1, "id": uuid7().hex, **fields, **reason})


def service_event(number: int) -> MessageEvent:
    """Service mail for one person, whose data it brings along."""
    person = somebody(number).model_dump(exclude_none=True)
    return event_of("service", "maintenance", {"people": [person]})


def publish(room: Room, rabbit: bool, events: Sequence[MessageEvent]) -> None:
    """Publishes events as an application does; each is confirmed."""
    asyncio.run(_publish(room, rabbit, events))


async def _publish(room: Room, rabbit: bool, events: Sequence[MessageEvent]) -> None:
    if rabbit:
        broker = RabbitBroker(room.broker)
        publisher = EventPublisher(broker)
        for start in range(0, len(events), 500):
            await asyncio.gather(*(publisher.publish_event(event) for event in events[start : start + 500]))
        await broker.close()
    else:
        pool = await open_pool(room.database, size=2)
        for event in events:
            await PublisherToOutbox(pool).publish_event(event)
        await pool.close()


@contextmanager
def profiled(room: Room, key: str, programs: Sequence[Program]) -> Iterator[None]:
    """Has py-spy look at the first worker, and writes what it saw to `.cache/bench/profiles`."""
    if not room.profile:
        yield
        return
    folder = ROOT / ".cache" / "bench" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{key}.folded"
    program = ROOT / ".cache" / "bench" / "venv" / "bin" / "py-spy"
    how = ("record", "--nonblocking", "-r", "500", "-f", "raw", "-o", str(file), "-p", str(programs[0].pid))
    spy = Program([str(program), *how], room.folder / f"py-spy-{key}.log")
    until(lambda: "Sampling" in spy.said, "py-spy to begin")
    try:
        yield
    finally:
        os.kill(spy.pid, signal.SIGINT)
        spy.wait()
