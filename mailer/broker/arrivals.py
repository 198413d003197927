"""What has arrived for a consumer and was not yet taken from it."""

import asyncio
from typing import Self

from mailer.ports.broker import ReceivedMessage


class ArrivedMessages:
    """Collects messages one by one and hands them out by the list. Cancelling a wait loses nothing."""

    def __init__(self, at_once: int | None = None) -> None:
        """Hands out at most so many in one list, by default all."""
        self._at_once = at_once
        self._waiting: list[ReceivedMessage] = []
        self._stirred = asyncio.Event()
        self._ended = False

    def add_message(self, arrived: ReceivedMessage) -> None:
        """Adds a message."""
        self._waiting.append(arrived)
        self._stirred.set()

    def end_iteration(self) -> None:
        """Ends the iteration; nothing more will come."""
        self._ended = True
        self._stirred.set()

    def __aiter__(self) -> Self:
        """The iteration; there is one."""
        return self

    async def __anext__(self) -> list[ReceivedMessage]:
        """What waits, the oldest first, once something does."""
        while not self._ended:
            await self._stirred.wait()
            live = [arrived for arrived in self._waiting if arrived.is_live]
            some = live[: self._at_once]
            self._waiting = live[len(some) :]
            if not self._waiting:
                self._stirred.clear()
            if some and not self._ended:
                return some
        raise StopAsyncIteration
