"""Keeps the figures that take a scan, of campaigns and of breach cases, beside the timekeeper."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from mailer.runtime.repeating import run_every

_SECONDS: Final = 2.0
_AT_ONCE: Final = 20
"""The most that are counted in one round. The next round goes on."""


class FigureKeeper:
    """Counts figures of what was released again and again, less often the older it gets.

    Args:
        count_next: counts what is due the longest, and returns its id, or None if nothing is due.
        what: the plural of what it counts, for the log.
    """

    def __init__(self, count_next: Callable[[], Awaitable[UUID | None]], what: str) -> None:
        self._count_next = count_next
        self._what = what

    async def count_until_stopped(self, stop: asyncio.Event) -> None:
        """Counts what is due, every two seconds, until `stop` is set."""
        await run_every(_SECONDS, stop, self.count_what_is_due, f"figures of {self._what} could not be counted")

    async def count_what_is_due(self) -> None:
        """Counts what is due, one after the other."""
        for _ in range(_AT_ONCE):
            if await self._count_next() is None:
                return
