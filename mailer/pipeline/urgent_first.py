"""Urgent mail goes first within a worker: bulk mail begins no window while urgent mail needs the database.

Without it a service event waits for the statements of all bulk windows that are under way, again and again.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailer.policy.category import Lane

URGENT = frozenset({Lane.BREACH, Lane.SERVICE})
"""The lanes that go first, and may use the connections which bulk mail cannot take."""
LONGEST = 0.1
"""Seconds that a window of bulk mail waits at most: a large breach notice slows bulk mail, and does not stop it."""


class LanePriority:
    """Who goes first. Used by one event loop."""

    def __init__(self) -> None:
        self._urgent = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def mark_running(self, *, urgent: bool) -> Iterator[None]:
        """Something is done that bulk mail waits for, if it is urgent.

        Nothing that may take long for reasons of its own belongs in it, such as waiting for a relay or a rate.
        """
        if not urgent:
            yield
            return
        self._urgent += 1
        self._none.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if not self._urgent:
                self._none.set()

    async def wait_for_urgent(self, *, urgent: bool) -> None:
        """Waits, unless it is urgent itself, until nothing urgent is going on, but not for long."""
        if self._urgent and not urgent:
            # `wait_for` would forget a cancellation that comes together with the end of the urgent mail.
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST):
                    await self._none.wait()
