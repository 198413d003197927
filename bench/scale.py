"""A million recipients: imported, expanded and handed over: `python -m bench scale [--size N]`.

The import is the command; the mailing is taken in as by a worker; the hand-over is the worker's, with two consumers and
a timekeeper beside it, to a processor that takes everything. PostgreSQL is the embedded one with its own settings, on
disk, with fsync and synchronous commit. Each part is a process of its own. What is not met is said, with status 1.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.handing import opened, working
from bench.memory import peak_mib
from bench.setting import ADDRESS_KEY, BRAND, LEDGER_KEY, SECRET_KEY, database, setting
from bench.speed.machine import cpu
from mailer.database.statements import Pool
from mailer.pipeline.timekeeper import Timekeeper
from mailer.ports.broker import BrokerMessage
from mailer.postgres.mailings import BATCH_SIZE

SIZE = 1_000_000
STEPS = 10
CONSUMERS = 2
IMPORT_SECONDS = 60.0
EXPANSION_SECONDS = 15.0
GROWTH_MIB = 50.0
SLOWER = 1.15
"""The processor time a message of the last tenth, over that of the first: more than this is no noise."""
_HEADER = "ref,email,name,locale,country,source,collected_at,policy_version,audiences\n"
_COUNTRIES = ("US", "GB", "DE", "FR", "US", "US")
"""Half of the people may get a newsletter that they have not asked for; the law of the others wants an opt-in."""

Figures = Mapping[str, Any]


def write_people(file: Path, size: int) -> None:
    """A CSV file as a brand would bring it; one line of a thousand is no good."""
    with file.open("w") as lines:
        lines.write(_HEADER)
        for n in range(size):
            country = _COUNTRIES[n % len(_COUNTRIES)]
            address = f"ada.{n}@mail{n % 500}.people.example" if n % 1000 else f"ada.{n}"
            lines.write(f"user-{n},{address},Ada {n},en-{country},{country},sign-up,2024-01-11T10:00:00Z,2024,all\n")


def import_people(url: str, file: str) -> None:
    """The command, in this process."""
    from mailer.cli import main as command

    keys = {"ADDRESS_KEY": ADDRESS_KEY, "LEDGER_KEY": LEDGER_KEY, "SECRET_KEYS": SECRET_KEY}
    os.environ |= {f"MAILER_{name}": value for name, value in {"DATABASE_URL": url, **keys}.items()}
    sys.argv = ["mailer", "recipients", "import", file, "--brand", BRAND, "--json"]
    begun = time.perf_counter()
    try:
        command()
    except SystemExit as ended:
        if ended.code:
            raise
    seconds, spent = time.perf_counter() - begun, time.process_time()
    print(json.dumps({"seconds": seconds, "cpu": spent, "peak": peak_mib()}))


async def expand(url: str, _: str) -> None:
    """Takes a newsletter to everyone in."""
    async with setting(url) as room:
        await room.pool.execute("CHECKPOINT")
        begun = time.perf_counter()
        accepted = await room.accept("everyone")
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "size": accepted.size, "mailing": str(accepted.mailing_id)}))


async def hand_over(url: str, mailing: str) -> None:
    """Hands a mailing over, and prints a line at the start and at each tenth."""
    async with opened(url) as app, working(app) as handover:
        rows = await app.pool.fetch("SELECT id FROM batches WHERE mailing_id = $1 ORDER BY id", UUID(mailing))
        server = await _server(app.pool)
        batches, done = iter([row["id"] for row in rows]), 0

        def tell() -> None:
            spent = {"cpu": time.process_time(), "server": cpu(server), "at": time.perf_counter()}
            print(json.dumps({"n": done * BATCH_SIZE, "resident": _resident_mib(), **spent}), flush=True)

        async def consume() -> None:
            nonlocal done
            for batch in batches:
                await handover.hand_over_batches([batch])
                done += 1
                if done % max(len(rows) // STEPS, 1) == 0:
                    tell()

        tell()
        await asyncio.gather(*(consume() for _ in range(CONSUMERS)))


class _Nowhere:
    """A broker whose queues are never empty: the batches are taken from the table."""

    async def publish(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Forgets it."""

    async def depth(self, queue: str) -> int:
        """Something is waiting."""
        return 1


async def keep_time(url: str, _: str) -> None:
    """Keeps time until told to stop; then prints how long the longest round took, and its processor time."""
    stop, longest = asyncio.Event(), 0.0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with opened(url) as app:
        timekeeper = Timekeeper(app.upkeep, app.deliveries, _Nowhere())  # type: ignore[arg-type]  # all that it asks of one
        begun = time.process_time()
        while not stop.is_set():
            before = time.perf_counter()
            await timekeeper.run_all_steps_once()
            longest = max(longest, time.perf_counter() - before)
            await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=1)
    print(json.dumps({"longest": longest, "cpu": time.process_time() - begun}))


async def _server(pool: Pool) -> int:
    """The process of which all of the server's descend."""
    pid_file: str = await pool.fetchval("SELECT pg_read_file('postmaster.pid')")
    return int(pid_file.splitlines()[0])


def _resident_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


PARTS = {"expand": expand, "hand-over": hand_over, "timekeeper": keep_time}


def _run(part: str, *arguments: str) -> list[Figures]:
    """A part in a process of its own; the figures that it prints, one JSON object a line."""
    with _started(part, *arguments) as process:
        said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{part} failed")
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def _started(part: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "bench.scale", part, *arguments], stdout=subprocess.PIPE, text=True)


def measure(size: int) -> list[str]:
    """Measures, prints the table, and returns what was not met."""
    with database() as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "people.csv")
        write_people(file, size)
        *_, imported = _run("import", url, str(file))
        [expanded] = _run("expand", url, "")
        timekeeper = _started("timekeeper", url, "")
        try:
            steps = _run("hand-over", url, expanded["mailing"])
        finally:
            timekeeper.terminate()
            said, _ = timekeeper.communicate()
    kept = json.loads(said.splitlines()[-1])
    return _report(size, imported, expanded, steps, kept)


def _report(size: int, imported: Figures, expanded: Figures, steps: list[Figures], kept: Figures) -> list[str]:
    spent = f"{imported['cpu']:.1f} s of processor time in the command, peak {imported['peak']:.0f} MiB"
    print(f"import of {size:,} lines: {imported['seconds']:.1f} s, {spent}")
    print(f"expansion to {expanded['size']:,}: {expanded['seconds']:.1f} s")
    print(f"timekeeper beside it: longest round {kept['longest']:.2f} s, {kept['cpu']:.1f} s of processor time")
    print("handed over | worker µs a message | server µs a message | a second | resident MiB")
    costs = []
    for before, after in pairwise(steps):
        n = after["n"] - before["n"]
        worker, server = ((after[name] - before[name]) / n * 1e6 for name in ("cpu", "server"))
        costs.append(worker + server)
        rate = n / (after["at"] - before["at"])
        print(f"{after['n']:>11,} | {worker:19.0f} | {server:19.0f} | {rate:8,.0f} | {after['resident']:12.1f}")
    growth = max(step["resident"] for step in steps[1:]) - steps[0]["resident"]
    slower = costs[-1] / costs[0]
    print(f"memory over that of the start: {growth:.1f} MiB; the last tenth over the first: {slower:.2f}")
    limits = {
        "the import took too long": imported["seconds"] > IMPORT_SECONDS,
        "the expansion took too long": expanded["seconds"] > EXPANSION_SECONDS,
        "the worker's memory grew": growth > GROWTH_MIB,
        "a message costs more at the end": slower > SLOWER,
    }
    return [what for what, broken in limits.items() if broken]


def main() -> None:
    """Measures all, or is one of the parts."""
    if len(sys.argv) == 4 and sys.argv[1] == "import":
        import_people(*sys.argv[2:])
    elif len(sys.argv) == 4 and sys.argv[1] in PARTS:
        asyncio.run(PARTS[sys.argv[1]](*sys.argv[2:]))
    else:
        parser = argparse.ArgumentParser(prog="python -m bench scale")
        parser.add_argument("--size", type=int, default=SIZE)
        if missed := measure(parser.parse_known_args()[0].size):
            sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
