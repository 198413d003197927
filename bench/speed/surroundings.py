"""Describes the machine and the versions. They are printed with the table, since a figure says nothing without them."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from bench.peers.forms import BATCH, THREADS
from bench.speed.ours import CONNECTIONS, LIMIT, WARM_UP, Ours
from bench.speed.peers import CACHE, CELERY_PROCESSES, PYTHON
from bench.speed.room import Room
from bench.speed.sample import sample
from bench.speed.source import BYTES, SESSIONS
from mailer.pipeline.hand_over_of_claim import WINDOW

_PACKAGES = ("celery", "kombu", "django", "django-post-office", "psycopg")


def surroundings(room: Room) -> str:
    """Machine, services, settings of ours and of the peers, with versions, as a list in Markdown."""
    settings = Ours("", "", 0).environment(room, 2525)
    shown = {name: value for name, value in settings.items() if name in ("MAILER_PROCESSORS", "MAILER_LEASE_SECONDS")}
    size = sample(room).stat().st_size
    lines = [
        f"Machine: {_processor()}, {os.cpu_count()} processors, Linux {platform.release()}; all on one, over loopback.",
        f"Sink: `smtp-sink -c 127.0.0.1:PORT 1000` of postfix {_debian('postfix')}, a new one for each round.",
        f"PostgreSQL: {', '.join(room.settings())}.",
        f"RabbitMQ {_debian('rabbitmq-server')}: quorum queues, publisher confirms.",
        f"Python {platform.python_version()}, {_built()}.",
        "mailer: real `mailer worker` processes (and `mailer timekeeper`),"
        f" {', '.join(f'`{name}={value}`' for name, value in shown.items())}, windows of {WINDOW}, {CONNECTIONS}"
        f" connections a worker, chain, locks, outcomes, processor limit {LIMIT}; RabbitMQ is told every outcome."
        " Measured from the publishing of the event to the last outcome in the ledger; time on the processors until the"
        f" outbox is empty; {WARM_UP:,} messages before it warm up. Events wait in the queue when their time begins.",
        f"Message: {size:,} bytes, the newsletter `weekly` of interpals in a plainer layout:"
        " text and HTML, unsubscribe and other links, pixel.",
        f"smtp-source: `-s {SESSIONS} -l {BYTES}`, no pipelining, the same message each time.",
        f"nodemailer {_nodemailer()}: pool of {CONNECTIONS} connections, maxMessages Infinity; Node {_node()}.",
        f"Celery: {CELERY_PROCESSES} processes, a connection kept by each, results ignored, else its defaults.",
        f"django-post-office: 1 process, {THREADS} threads, BATCH_SIZE {BATCH:,} (each batch connects anew).",
        f"Python peers: {_python_peers()}.",
        "Peers render nothing: those that build a message get its text and HTML rendered, the others finished bytes.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _debian(package: str) -> str:
    return _output("dpkg-query", "-W", "-f", "${Version}", package) or "of unknown version"


def _node() -> str:
    return _output("node", "--version")


def _nodemailer() -> str:
    package = CACHE / "node" / "node_modules" / "nodemailer" / "package.json"
    return str(json.loads(package.read_text())["version"]) if package.exists() else "(not set up)"


def _built() -> str:
    """The builder of the interpreter. It decides how fast Python is."""
    builder = "Debian's package" if sys.base_prefix == "/usr" else "not Debian's package"
    return f"{builder}; the Python peers run on the same"


def _python_peers() -> str:
    if not PYTHON.exists():
        return "not set up"
    program = f"from importlib.metadata import version\nprint(', '.join(f'{{p}} {{version(p)}}' for p in {_PACKAGES}))"
    return _output(str(PYTHON), "-c", program)
