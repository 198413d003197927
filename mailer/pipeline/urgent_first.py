"""Urgent mail goes first within a worker: bulk mail begins no window while urgent mail needs the database.

Without this, a service event would wait, again and again, for the statements of all bulk windows that are running.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailer.policy.category import Lane

URGENT = frozenset({Lane.BREACH, Lane.SERVICE})
"""The lanes that go first, and may use the connections that are reserved for urgent mail."""
LONGEST = 0.1
"""The most seconds that a window of bulk mail waits. A large breach notice slows bulk mail, and does not stop it."""


class LanePriority:
    """Lets bulk mail wait for urgent mail. Only one event loop may use it."""

    def __init__(self) -> None:
        self._urgent = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def mark_urgent_work_running(self, *, urgent: bool) -> Iterator[None]:
        """A context for work that bulk mail waits for, if `urgent` is True. Else it does nothing.

        Do not use it for work that may take long by itself, such as waiting for a relay or a rate.
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

    async def wait_while_urgent_work_runs(self, *, urgent: bool) -> None:
        """Waits until no urgent work is running, at most `LONGEST` seconds. If `urgent` is True, it does not wait."""
        if self._urgent and not urgent:
            # `wait_for` would forget a cancellation that comes together with the end of the urgent mail.
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST):
                    await self._none.wait()
