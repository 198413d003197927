"""Measures if a worker's memory grows with the audience: `python -m bench.memory`.

Each audience is taken in and handed over by a process of its own, by the real hand-over, to a processor that takes all.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from bench.handing import opened, working
from bench.setting import database, setting

AUDIENCES = {"small": 2_000, "large": 20_000, "huge": 100_000}


async def hand_over(url: str, audience: str) -> None:
    """Takes an audience in and hands it over, then prints the peak of this process."""
    async with setting(url) as room:
        accepted = await room.accept(audience)
    async with opened(url) as app, working(app) as handover:
        begun = time.perf_counter()
        for batch in accepted.batches:
            await handover.hand_over_batches([batch])
        seconds = time.perf_counter() - begun
        sent: int = await app.pool.fetchval(
            "SELECT sum(n)::bigint FROM counters WHERE mailing_id = $1 AND state = 'handed_over'", accepted.mailing_id
        )
    rate = sent / seconds
    print(f"{audience}: {sent:,} handed over, peak {peak_mib():.1f} MiB, {rate:,.0f} a second by one task")


def peak_mib() -> float:
    """The most resident memory of this process. Its `ru_maxrss` would count that of its parent before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def prepare(url: str) -> None:
    """Fills the audiences."""
    async with setting(url) as room:
        first = 0
        for audience, size in AUDIENCES.items():
            await room.recipients(first, first + size, audience)
            first += size


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(hand_over(*sys.argv[1:]))
    else:
        with database() as server:
            asyncio.run(prepare(server))
            for name in AUDIENCES:
                subprocess.run([sys.executable, "-m", "bench.memory", server, name], check=True)
