"""The peers as rows of the table. Each gets the favourable case: the message is already rendered."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from bench.speed.machine import Failed, Measured, Program, Sink, cpu, frozen, peak_mib, stopped, until
from bench.speed.ours import CONNECTIONS
from bench.speed.room import ROOT, Room
from bench.speed.sample import sample

CACHE = ROOT / ".cache" / "bench"
PYTHON = CACHE / "venv" / "bin" / "python"
PEERS = ROOT / "bench" / "peers"
WARM_UP = 200
LONGEST = 90.0
CELERY_PROCESSES = 2
Form = Literal["send", "build"]
"""A message that is finished, or one to be built of its text and HTML, which are rendered already."""


def _environment(room: Room, sink: Sink) -> dict[str, str]:
    return os.environ | {
        "BENCH_SMTP_PORT": str(sink.port),
        "BENCH_MESSAGE": str(sample(room)),
        "BENCH_BROKER": room.broker,
        "BENCH_SOCKET": str(room.folder / "postgres" / "data"),
        "BENCH_NODE": str(CACHE / "node"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(PEERS))),
    }


@dataclass(frozen=True, slots=True)
class Nodemailer:
    """nodemailer with a pool of as many connections as a worker of ours has."""

    key: str
    label: str
    size: int
    form: Form

    def round(self, room: Room, size: int) -> Measured:
        """Measures from the first message to the last answer."""
        command = ["node", str(PEERS / "nodemailer.mjs"), self.form, *map(str, (CONNECTIONS, WARM_UP, size))]
        with Sink(room.folder) as sink, _program(room, sink, self.key, command) as program:
            until(lambda: stopped(program.pid), "nodemailer to be ready", LONGEST)
            return _measured(room, sink, program, size)


@dataclass(frozen=True, slots=True)
class PostOffice:
    """django-post-office's own command, over its table in PostgreSQL."""

    key: str
    label: str
    size: int

    def round(self, room: Room, size: int) -> Measured:
        """Measures from the start of the peer's command to the end of its bookkeeping."""
        app = [str(PYTHON), str(PEERS / "post_office_app.py")]
        if not room.sql("SELECT FROM pg_database WHERE datname = 'post_office'"):
            room.sql("CREATE DATABASE post_office")
        with Sink(room.folder) as sink:
            _run(room, sink, [*app, "fill", str(size)])
            room.sql("CHECKPOINT")
            with _program(room, sink, self.key, [*app, "send"]) as program:
                until(lambda: stopped(program.pid), "django-post-office to be ready", LONGEST)
                return _measured(room, sink, program, size)


@dataclass(frozen=True, slots=True)
class Celery:
    """Celery with a task a message, over RabbitMQ."""

    key: str
    label: str
    size: int
    form: Form

    def round(self, room: Room, size: int) -> Measured:
        """Measures from the first task taken from a full queue to the last message at the sink."""
        options = ("worker", "--concurrency", str(CELERY_PROCESSES), "--loglevel", "WARNING")
        command = [str(PYTHON), "-m", "celery", "-A", "celery_app", *options]
        with Sink(room.folder) as sink, _program(room, sink, self.key, command) as program:
            self._publish(room, sink, WARM_UP)
            sink.has(WARM_UP, LONGEST)
            with frozen([program.pid]):
                self._publish(room, sink, size)
                used = [cpu(pid) for pid in (program.pid, room.postmaster, room.node)]
                begun = monotonic()
            sink.has(WARM_UP + size, LONGEST)
            return _since(room, program, size, begun, used)

    def _publish(self, room: Room, sink: Sink, size: int) -> None:
        _run(room, sink, [str(PYTHON), str(PEERS / "celery_app.py"), self.form, str(size)])


def _run(room: Room, sink: Sink, command: Sequence[str]) -> None:
    """Runs one of the peers' programs to its end."""
    done = subprocess.run(command, env=_environment(room, sink), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr[-1000:])


def _program(room: Room, sink: Sink, key: str, command: Sequence[str]) -> Program:
    return Program(command, room.folder / f"{key}-{sink.port}.log", _environment(room, sink))


def _measured(room: Room, sink: Sink, program: Program, size: int) -> Measured:
    """Continues a program that is ready, and measures until it has stopped again and the sink has all."""
    counted = sink.taken
    used = [cpu(pid) for pid in (program.pid, room.postmaster, room.node)]
    begun = monotonic()
    os.kill(program.pid, signal.SIGCONT)
    sink.has(counted + size, LONGEST)
    until(lambda: stopped(program.pid), f"{program.log.name} to be done", LONGEST)
    return _since(room, program, size, begun, used)


def _since(room: Room, program: Program, size: int, begun: float, used: Sequence[float]) -> Measured:
    """The use of time, processors and memory since a moment."""
    seconds = monotonic() - begun
    now = [cpu(pid) for pid in (program.pid, room.postmaster, room.node)]
    spent, database, broker = (late - early for late, early in zip(now, used, strict=True))
    return Measured(size, seconds, spent, peak_mib(program.pid), database, broker)
