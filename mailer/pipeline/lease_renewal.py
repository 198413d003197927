"""The lease of a claim: the time after which no message begins, and the renewal while a processor is slow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from mailer.metrics_and_logger import log
from mailer.runtime.repeating import sleep_unless_stopped

MARGIN: Final = 0.08
"""The last part of a lease, in which no new message begins."""
RETRY_SECONDS: Final = 1.0
"""Seconds between two tries to renew a lease."""
_T = TypeVar("_T")


class ClaimLease:
    """A claim's lease. It is renewed only while a window waits for its processor.

    A server may answer the final dot after ten minutes (RFC 5321 4.5.3.2.6). If the lease ended before, the timekeeper
    would treat the worker as dead, and mandatory mail would go out again and again.

    Args:
        renew: renews the lease; returns its new end in `time.monotonic()` seconds, or None if it is lost.
        begun, deadline: `time.monotonic()` seconds: when it was taken, and after which it may have run out.
        stop: set when the worker has to end; then the lease is not renewed any more.
    """

    def __init__(
        self, renew: Callable[[], Awaitable[float | None]], begun: float, deadline: float, stop: asyncio.Event
    ) -> None:
        self.deadline = deadline
        self._renew = renew
        self._margin = MARGIN * (deadline - begun)
        self._stop = stop
        self._keeper: asyncio.Task[None] | None = None

    @property
    def latest_message_start(self) -> float:
        """`time.monotonic()` seconds after which no message begins."""
        return self.deadline - self._margin

    async def await_sending_with_renewal(self, sending: Awaitable[_T]) -> _T:
        """Waits for `sending` and returns its result. After half of the remaining lease, it begins to renew the lease.

        Raises:
            TimeoutError: the worker has to end, and the lease is over; the messages that were sent are in doubt.
        """
        async with asyncio.timeout(None) as limit:
            timer = asyncio.get_running_loop().call_later(self._renewal_delay, self._start_renewal, limit)
            try:
                return await sending
            finally:
                timer.cancel()
                if self._keeper is not None:
                    self._keeper.cancel()
                    self._keeper = None

    @property
    def _renewal_delay(self) -> float:
        return max(0.0, self.deadline - time.monotonic()) / 2

    def _start_renewal(self, limit: asyncio.Timeout) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._renew_until_lost_or_stopped(limit))

    async def _renew_until_lost_or_stopped(self, limit: asyncio.Timeout) -> None:
        """Renews the lease until it is lost or the worker has to end."""
        while not self._stop.is_set():
            try:
                deadline = await self._renew()
            except Exception as error:
                log.warning("a lease could not be renewed; trying again", error=type(error).__name__)
                if time.monotonic() >= self.deadline:
                    return
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if deadline is None:
                log.warning("a lease was lost while a processor was waited for")
                self.deadline = float("-inf")
                return
            self.deadline = deadline
            await sleep_unless_stopped(self._stop, self._renewal_delay)
        limit.reschedule(asyncio.get_running_loop().time() + max(0.0, self.deadline - time.monotonic()))


async def gather_with_errors_or_await_single(sends: Sequence[Awaitable[_T]]) -> Sequence[_T | BaseException]:
    """Returns the result or the error of each awaitable. If there is only one, its error is raised."""
    return await asyncio.gather(*sends, return_exceptions=True) if len(sends) > 1 else [await sends[0]]
