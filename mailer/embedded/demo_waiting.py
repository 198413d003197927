"""Waits within the demo, for at most `PATIENCE` seconds each."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from mailer.embedded.demo_report import DemoPrinter

PATIENCE = 120.0
"""Seconds that the demo waits for one thing at most."""


async def wait_until(narrator: DemoPrinter, look: Callable[[], Awaitable[bool]], what: str) -> None:
    """Looks ten times a second until the look returns True.

    Raises:
        DemoCheckFailed: it did not within `PATIENCE` seconds; `what` says which statement is not true.
    """
    deadline = time.monotonic() + PATIENCE
    while not await look():
        if time.monotonic() > deadline:
            narrator.fail(f"{what} within {PATIENCE:.0f} seconds")
        await asyncio.sleep(0.1)
