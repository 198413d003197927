"""Work that repeats until a process stops, and the pauses between tries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

from mailer.metrics_and_logger import log


async def sleep_unless_stopped(stop: asyncio.Event, seconds: float) -> None:
    """Waits so many seconds, or until `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def rounds_until_stopped(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yields once for each round, with a pause of so many seconds after each, until `stop` is set."""
    while not stop.is_set():
        yield
        await sleep_unless_stopped(stop, seconds)


async def run_every(seconds: float, stop: asyncio.Event, step: Callable[[], Awaitable[object]], complaint: str) -> None:
    """Runs a step each round until `stop` is set. A step that fails is logged with the complaint, and repeated."""
    async for _ in rounds_until_stopped(seconds, stop):
        try:
            await step()
        except Exception:
            log.exception(complaint)


def doubling_pauses(first: float, longest: float) -> Iterator[float]:
    """Yields the pauses between tries, in seconds: each twice the last one, up to the longest."""
    while True:
        yield first
        first = min(first * 2, longest)
