"""What has arrived for a consumer and was not yet taken from it."""

import asyncio
from typing import Self

from mailer.ports.broker import Received


class Arrivals:
    """Collects messages one by one and hands them out by the list. Cancelling a wait loses nothing."""

    def __init__(self) -> None:
        self._waiting: list[Received] = []
        self._stirred = asyncio.Event()
        self._ended = False

    def add(self, arrived: Received) -> None:
        """Adds a message."""
        self._waiting.append(arrived)
        self._stirred.set()

    def end(self) -> None:
        """Ends the iteration; nothing more will come."""
        self._ended = True
        self._stirred.set()

    def __aiter__(self) -> Self:
        """The iteration; there is one."""
        return self

    async def __anext__(self) -> list[Received]:
        """All that waits, once something does."""
        while not self._ended:
            await self._stirred.wait()
            self._stirred.clear()
            live = [arrived for arrived in self._waiting if arrived.live]
            self._waiting.clear()
            if live and not self._ended:
                return live
        raise StopAsyncIteration
