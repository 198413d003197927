"""The messages that have arrived for a consumer and that nobody has taken yet."""

import asyncio
from typing import Self

from mailer.ports.broker import ReceivedMessage


class ArrivedMessages:
    """Collects messages one by one, and yields them in lists. Cancelling a wait loses no message."""

    def __init__(self, at_once: int | None = None) -> None:
        """Sets the most messages of one list; None: all that wait."""
        self._at_once = at_once
        self._waiting: list[ReceivedMessage] = []
        self._stirred = asyncio.Event()
        self._ended = False

    def add_message(self, arrived: ReceivedMessage) -> None:
        """Adds a message."""
        self._waiting.append(arrived)
        self._stirred.set()

    def end_iteration(self) -> None:
        """Ends the iteration. No more messages are yielded."""
        self._ended = True
        self._stirred.set()

    def __aiter__(self) -> Self:
        """Returns itself: there is only one iteration."""
        return self

    async def __anext__(self) -> list[ReceivedMessage]:
        """Waits for messages, then returns those that are still live, the oldest first."""
        while not self._ended:
            await self._stirred.wait()
            live = [arrived for arrived in self._waiting if arrived.is_unsettled]
            some = live[: self._at_once]
            self._waiting = live[len(some) :]
            if not self._waiting:
                self._stirred.clear()
            if some and not self._ended:
                return some
        raise StopAsyncIteration
