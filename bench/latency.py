"""`python -m bench latency`: from the publish of a service event to the sink's 250, idle and under 200,000 promotions.

A process of its own publishes 20 events a second over RabbitMQ to one worker; a sink in Python notes when it answered.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from statistics import median, quantiles
from time import monotonic

from bench.speed.machine import Program, free_port, until
from bench.speed.ours import Ours, event_of, profiled, publish
from bench.speed.page import profile_of
from bench.speed.publisher import RATE
from bench.speed.room import ROOT, Room, open_room

BULK = 200_000
SECONDS = {"idle": 20, "under load": 20}
PREFIX = "u20"
"""A prefix of the addresses after the first 200,000, and of few others."""
MOST = 500.0
"""Milliseconds that the 99th of a hundred may take."""


def main() -> int:
    """Measures, prints, and returns the exit status: 1 if mail was lost, or nothing flowed beside it at the end."""
    people = (BULK, BULK + RATE * sum(SECONDS.values()) + RATE)
    with open_room("--profile" in sys.argv, people) as room:
        published, answered, rate, flowed = _run(room)
    print(profile_of("latency") if "--profile" in sys.argv else "")
    print(f"promotional mail meanwhile: {rate:,.0f} a second")
    lost = 0
    for name, moments in published.items():
        took = [(answered[address] - moment) * 1000 for address, moment in moments.items() if address in answered]
        lost += len(moments) - len(took)
        late = quantiles(took, n=100)[98]
        verdict = "" if name == "idle" else f" ({'within' if late <= MOST else 'BEYOND'} {MOST:.0f} ms)"
        said = f"median {median(took):.1f} ms, p99 {late:.1f} ms{verdict}, most {max(took):.1f} ms"
        print(f"{name}: {len(took)} events, {said}")
    if lost:
        print(f"{lost} service events never arrived", file=sys.stderr)
    if not flowed:
        print("the promotional mailing was through before the measurement", file=sys.stderr)
    return 1 if lost or not flowed else 0


def _run(room: Room) -> tuple[dict[str, dict[str, float]], dict[str, float], float, bool]:
    """The moments of publishing by phase, those of the answers, promotional mail a second, and whether any was left."""
    ours, port, notes = Ours("latency", "latency", 0), free_port(), room.folder / "answers"
    sink = Program(
        [sys.executable, "-m", "bench.sink", str(port), str(notes), PREFIX], room.folder / "sink.log", cwd=ROOT
    )
    with ExitStack() as stack:
        stack.callback(sink.stop)
        sink.up("listening")
        with ours.processes(room, port) as programs:
            first = BULK
            _publisher(room, first, first + RATE)  # everything is warm then
            first += RATE
            idle = _publisher(room, first, first + RATE * SECONDS["idle"])
            first += RATE * SECONDS["idle"]
            publish(room, True, [event_of("promotional", "spring-offer", {"audience": f"first-{BULK}"})])
            until(lambda: room.handed_over() > RATE * SECONDS["idle"] + 5_000, "promotional mail to flow")
            before, begun = room.handed_over(), monotonic()
            with profiled(room, ours.key, programs):
                busy = _publisher(room, first, first + RATE * SECONDS["under load"])
            rate = (room.handed_over() - before) / (monotonic() - begun)
            flowed = bool(room.sql("SELECT FROM batches WHERE lane = 'promotional' LIMIT 1"))
            room.sql("UPDATE mailings SET expires_at = now()")
    answered = dict(line.split() for line in notes.read_text().splitlines())
    moments = {address: float(moment) for address, moment in answered.items()}
    return {"idle": idle, "under load": busy}, moments, rate, flowed


def _publisher(room: Room, first: int, last: int) -> dict[str, float]:
    """Runs the publishing process to its end; the moments by address."""
    file = room.folder / f"published-{first}.json"
    command = [sys.executable, "-m", "bench.speed.publisher", room.broker, str(first), str(last), str(file)]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    moments: dict[str, float] = json.loads(file.read_text())
    return moments


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
