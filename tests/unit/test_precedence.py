"""Urgent mail goes first, and bulk mail is not stopped by it."""

import asyncio
import time
from collections.abc import Awaitable

import pytest

from mailer.pipeline.urgent_first import LONGEST, LanePriority


async def at_once(step: Awaitable[None]) -> None:
    """Fails if a step waits for anything."""
    async with asyncio.timeout(0.5 * LONGEST):
        await step


async def test_bulk_mail_waits_until_nothing_urgent_is_going_on() -> None:
    """Bulk mail waits for the last of two urgent tasks, and goes on at once then."""
    precedence, order = LanePriority(), list[str]()

    async def bulk() -> None:
        await precedence.wait_while_urgent_work_runs(urgent=False)
        order.append("bulk")

    with precedence.mark_urgent_work_running(urgent=True):
        with precedence.mark_urgent_work_running(urgent=True):
            waiting = asyncio.create_task(bulk())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        order.append("urgent")
    await waiting
    assert order == ["urgent", "bulk"]


async def test_urgent_mail_does_not_wait_for_urgent_mail() -> None:
    """Urgent mail does not wait for urgent mail. Nothing waits for bulk mail."""
    precedence = LanePriority()
    with precedence.mark_urgent_work_running(urgent=True):
        await at_once(precedence.wait_while_urgent_work_runs(urgent=True))
    with precedence.mark_urgent_work_running(urgent=False):
        await at_once(precedence.wait_while_urgent_work_runs(urgent=False))


async def test_bulk_mail_is_only_slowed() -> None:
    """Bulk mail goes out late, but it goes out, while a large breach notice is being sent."""
    precedence, begun = LanePriority(), time.monotonic()
    with precedence.mark_urgent_work_running(urgent=True):
        await precedence.wait_while_urgent_work_runs(urgent=False)
    assert time.monotonic() - begun >= LONGEST * 0.9


async def test_what_fails_keeps_nobody_waiting() -> None:
    """An urgent statement that fails has ended, too."""
    precedence = LanePriority()
    try:
        with precedence.mark_urgent_work_running(urgent=True):
            raise OSError
    except OSError:
        await at_once(precedence.wait_while_urgent_work_runs(urgent=False))


async def test_a_cancellation_is_not_forgotten() -> None:
    """A worker whose consumers are told to end as urgent mail ends does end."""
    precedence = LanePriority()
    with precedence.mark_urgent_work_running(urgent=True):
        waiting = asyncio.create_task(precedence.wait_while_urgent_work_runs(urgent=False))
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
