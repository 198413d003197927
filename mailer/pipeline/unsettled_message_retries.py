"""Handles received messages until they are settled. It waits for outages; a bug affects one message, not its lane."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from mailer.metrics_and_logger import IN_HAND, log
from mailer.ports.broker import ReceivedMessage
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.runtime.error_kinds import ErrorKind, classify_error, error_type_and_place
from mailer.runtime.repeating import doubling_pauses, sleep_unless_stopped

LONGEST_PAUSE = 5.0
"""Seconds between two tries while a service is away. So mail flows again within ten seconds of its return."""
BUG_PAUSES = (0.1, 0.5)
"""Seconds before each new try of a message that met a bug. After them it is a dead letter."""
PASSING_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The same for passing errors: a conflict with another transaction, or a statement that took too long."""

Handle = Callable[[Sequence[ReceivedMessage]], Awaitable[None]]
GiveUp = Callable[[ReceivedMessage, str, int], Awaitable[None]]
"""Ends a message that cannot be handled. It gets the last error's type and place, and the number of tries."""


async def reject_as_dead_letter(received: ReceivedMessage, place: str, tries: int) -> None:
    """Rejects a message that cannot be handled, so that it becomes a dead letter."""
    await received.reject(f"handling it failed {tries} times, at last with {place}", DeadLetterCauseKind.ERROR)


class UnsettledMessageRetries:
    """Handles the messages of one consumer.

    It keeps messages instead of giving them back, because a broker counts deliveries: an outage would turn good
    messages into dead letters. Messages that failed together are tried one by one. A message that fails alone is tried
    again in a task of its own, so that a consumer never waits for a bug.

    Args:
        queue: their queue. handle: does the work, and settles them. stop: set when no new work may begin.
        give_up: ends a message that met a bug at each try.
    """

    def __init__(
        self, queue: str, handle: Handle, stop: asyncio.Event, give_up: GiveUp = reject_as_dead_letter
    ) -> None:
        self._queue = queue
        self._handle = handle
        self._stop = stop
        self._give_up = give_up
        self._apart: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.Task[None]] = set()
        self._closed = False

    async def handle_until_settled(self, arrived: Sequence[ReceivedMessage]) -> None:
        """Handles messages together. Returns when each is settled, or has a task that tries it again."""
        error = await self._handle_through_outages(arrived)
        if error is None:
            return
        log.warning(
            "messages failed together; trying each by itself", queue=self._queue, error=error_type_and_place(error)
        )
        for received in arrived:
            first = error if len(arrived) == 1 else await self._handle_through_outages([received])
            if first is not None:
                task = asyncio.create_task(self._retry_message(received, first))
                self._apart.add(task)
                task.add_done_callback(self._apart.discard)

    async def finish_running_tries(self) -> None:
        """Finishes the running tries. Messages that wait for another try are left to other workers."""
        self._closed = True
        for task in self._resting:
            task.cancel()
        try:
            await asyncio.gather(*self._apart, return_exceptions=True)
        finally:
            for task in self._apart:
                task.cancel()

    async def _handle_through_outages(self, arrived: Sequence[ReceivedMessage]) -> Exception | None:
        """Handles messages, and waits for services that are away. Returns any other error."""
        pauses = doubling_pauses(1.0, LONGEST_PAUSE)
        with _timing_messages_in_hand(self._queue):
            while open_ := [received for received in arrived if received.is_unsettled]:
                try:
                    await self._handle(open_)
                except Exception as error:
                    if classify_error(error) not in (ErrorKind.AWAY, ErrorKind.SET_UP):
                        return error
                    seconds = next(pauses)
                    log.warning(
                        "could not handle messages; trying again",
                        queue=self._queue,
                        messages=len(open_),
                        seconds=seconds,
                        error=error_type_and_place(error),
                    )
                    await sleep_unless_stopped(self._stop, seconds)
                    if self._stop.is_set():
                        return None
        return None

    async def _retry_message(self, received: ReceivedMessage, error: Exception) -> None:
        """Tries a message a few more times, then gives it up."""
        pauses = PASSING_PAUSES if classify_error(error) is ErrorKind.PASSING else BUG_PAUSES
        with _timing_messages_in_hand(self._queue):
            for seconds in pauses:
                await self._wait_before_retry(seconds)
                if self._closed or self._stop.is_set() or not received.is_unsettled:
                    return
                again = await self._handle_through_outages([received])
                if again is None:
                    return
                error = again
            await self._give_up_message(received, error, len(pauses) + 1)

    async def _wait_before_retry(self, seconds: float) -> None:
        """Waits before another try, unless this consumer is closing."""
        if self._closed or (task := asyncio.current_task()) is None:
            return
        self._resting.add(task)
        try:
            await sleep_unless_stopped(self._stop, seconds)
        finally:
            self._resting.discard(task)

    async def _give_up_message(self, received: ReceivedMessage, error: Exception, tries: int) -> None:
        """Gives a message up. If that fails, it goes back to its queue, and the broker counts its deliveries."""
        log.error("a message is given up", queue=self._queue, tries=tries, exc_info=error)
        try:
            await self._give_up(received, error_type_and_place(error), tries)
        except Exception:
            log.exception("a message cannot be given up; it goes back to its queue", queue=self._queue)
            await sleep_unless_stopped(self._stop, 1.0)
            await received.return_to_queue()


_held: dict[str, dict[object, float]] = {}
"""The times (`time.monotonic()` seconds) since which messages are in hand, by queue."""


@contextmanager
def _timing_messages_in_hand(queue: str) -> Iterator[None]:
    """A context in which messages of a queue count as in hand, for the metric of their age."""
    if queue not in _held:
        held = _held.setdefault(queue, {})
        IN_HAND.labels(queue).set_function(lambda: _age_of_oldest_message_in_hand(held))
    token = object()
    _held[queue][token] = time.monotonic()
    try:
        yield
    finally:
        del _held[queue][token]


def _age_of_oldest_message_in_hand(held: dict[object, float]) -> float:
    since = list(held.values())
    return time.monotonic() - min(since) if since else 0.0
