"""Times the database from an audience's name to its deliveries and batches: `python -m bench.expansion`."""

import asyncio
import time

from bench.setting import Setting, database, setting

AUDIENCE = 20_000
OTHERS = 180_000
ROUNDS = 5


async def measure(room: Setting, audience: str) -> tuple[int, int, float]:
    """Recipients, batches, and the seconds of the transaction that took the event in."""
    await room.pool.execute("CHECKPOINT")
    begun = time.perf_counter()
    accepted = await room.accept(audience)
    return accepted.size, len(accepted.batches), time.perf_counter() - begun


async def main(url: str) -> None:
    """Measures, and prints a line a round."""
    async with setting(url) as room:
        await room.recipients(0, AUDIENCE, "some")
        await room.recipients(AUDIENCE, AUDIENCE + OTHERS, "others")
        await room.pool.execute("VACUUM ANALYZE")
        for audience in ("some",) * ROUNDS + ("everyone",):
            size, batches, seconds = await measure(room, audience)
            rate = size / seconds
            print(f"{audience}: {size:,} recipients, {batches} batches, {seconds:.3f} s, {rate:,.0f} a second")


if __name__ == "__main__":
    with database() as url:
        asyncio.run(main(url))
