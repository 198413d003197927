"""The pool of connections to one relay, which sends windows of messages."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.processors.smtp.connection import SmtpConnection
from mailer.processors.smtp.connection_errors import NoConnectionResult
from mailer.processors.smtp.connection_slots import ConnectionSlots
from mailer.processors.smtp.connector import Connector
from mailer.processors.smtp.relay_url import RelaySettings
from mailer.processors.smtp.window_message_queue import WindowMessageQueue

FINISHING: Final = 5.0
"""Seconds after the stop signal in which messages of running windows may still begin. The rest is not sent."""
PARTING: Final = 30.0
"""Seconds after the stop signal after which all busy connections are dropped.

A message whose final dot was sent without a reply is then in doubt.
"""
_BROKEN_OFF: Final = NoConnectionResult(ConnectionTrouble.LOST, "broken off")


class ConnectionPool:
    """Sends windows to one relay, each over as many connections as it has slots.

    A connection does not belong to a slot: any window can reuse a connection that another window left open. Only the
    number of slots keeps bulk mail from the slots for urgent mail.

    Args:
        relay: gives the number of connections, and how long an unused connection stays open.
        dialler: opens connections.
    """

    def __init__(self, relay: RelaySettings, dialler: Connector) -> None:
        self._relay = relay
        self._dialler = dialler
        self._places = ConnectionSlots(relay.pool, relay.urgent)
        self._idle: list[tuple[float, SmtpConnection]] = []
        """The unused connections, each with the time of its last use. The last one is most likely still open."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._timers: tuple[asyncio.TimerHandle, ...] = ()
        self._parted = False
        self._farewells: set[asyncio.Task[None]] = set()
        self._carried = set[WindowMessageQueue]()
        self._busy = set[SmtpConnection]()

    async def send_window_until_trouble(self, share: WindowMessageQueue, urgent: bool) -> NoConnectionResult | None:
        """Sends the window's messages until its deadline.

        Returns:
            The failure that ended a sender early, or None. The outcomes are in the window itself.
        """
        if self._parted:
            share.move_deadline_to_now()
        self._carried.add(share)
        try:
            if not await self._places.acquire_slot(urgent, share.seconds_left):
                return self._trouble_if_relay_is_silent()
            if share.count_waiting > 1:
                return await self._send_on_free_slots(share, urgent)
            try:
                return await self._send_over_connections_until_empty_or_trouble(share)
            finally:
                self._places.release_slot(urgent)
        finally:
            self._carried.discard(share)

    def start_shutdown_timers(self) -> None:
        """Starts the two timers that limit windows after the stop signal: `FINISHING` and `PARTING`."""
        loop = asyncio.get_running_loop()
        self._timers += (
            loop.call_later(FINISHING, self._move_window_deadlines_to_now),
            loop.call_later(PARTING, self._drop_busy_connections),
        )

    def _move_window_deadlines_to_now(self) -> None:
        self._parted = True
        for share in self._carried:
            share.move_deadline_to_now()

    def _drop_busy_connections(self) -> None:
        for line in list(self._busy):
            line.drop_connection()

    async def _send_on_free_slots(self, share: WindowMessageQueue, urgent: bool) -> NoConnectionResult | None:
        """Sends a window on the slot that it has and on each slot that becomes free meanwhile."""
        crew = _WindowSenderTasks(share, urgent, self._send_over_connections_until_empty_or_trouble, self._places)
        crew.start_sender()
        try:
            self._places.start_giving_free_slots_to(crew)
            return await crew.over
        finally:
            self._places.stop_giving_slots_to(crew)
            await crew.cancel_senders()

    def _trouble_if_relay_is_silent(self) -> NoConnectionResult | None:
        """Returns a failure if no busy connection began a message in the last `times.connect` seconds, else None.

        It is called when every slot is taken.
        """
        silent = min((time.monotonic() - line.begun for line in self._busy), default=0.0)
        if silent < self._relay.times.connect:
            return None
        text = f"{self._relay.name}: no connection is free, and none has had an answer for {silent:.0f} seconds"
        return NoConnectionResult(ConnectionTrouble.TIMED_OUT, text)

    async def _send_over_connections_until_empty_or_trouble(
        self, share: WindowMessageQueue
    ) -> NoConnectionResult | None:
        """Sends waiting messages, one connection after another. Returns the reason that stopped it early, or None."""
        while share.count_waiting and (left := share.seconds_left) > 0:
            line = self._take_idle_connection() or await self._dialler.connect_or_return_failure(left)
            if isinstance(line, NoConnectionResult):
                return line
            self._busy.add(line)
            try:
                await line.send_messages(share)
            finally:
                self._busy.discard(line)
            if line.is_connection_open and not line.is_spent:
                self._add_to_idle_connections(line)
            elif line.has_ended_before_first_answer:
                return NoConnectionResult(
                    ConnectionTrouble.LOST, "the relay ended a new connection at its first message"
                )
            else:
                self._quit_in_background(line)
        return None

    async def close(self) -> None:
        """Waits until all running windows have ended, then ends every connection with QUIT."""
        places = range(self._relay.pool + self._relay.urgent)
        for _ in places:
            await self._places.acquire_slot(True, None)
        while self._idle:
            self._quit_in_background(self._idle.pop()[1])
        for timer in (self._sweeper, *self._timers):
            if timer is not None:
                timer.cancel()
        self._sweeper = None
        await asyncio.gather(*self._farewells)
        for _ in places:
            self._places.release_slot(True)

    def _take_idle_connection(self) -> SmtpConnection | None:
        """Takes an unused connection that is still open, or returns None. Ends those that cannot be used."""
        now = time.monotonic()
        while self._idle:
            left, line = self._idle.pop()
            if now - left < self._relay.idle and line.is_connection_open and not line.is_spent:
                return line
            self._quit_in_background(line)
        return None

    def _add_to_idle_connections(self, line: SmtpConnection) -> None:
        """Puts a connection back, for the next window."""
        self._idle.append((time.monotonic(), line))
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._relay.idle, self._quit_long_idle_connections)

    def _quit_long_idle_connections(self) -> None:
        """Ends the connections that were unused for longer than `relay.idle` seconds."""
        oldest = time.monotonic() - self._relay.idle
        old = [line for left, line in self._idle if left <= oldest]
        self._idle = [(left, line) for left, line in self._idle if left > oldest]
        for line in old:
            self._quit_in_background(line)
        self._sweeper = None
        if self._idle:
            wait = self._idle[0][0] - oldest
            self._sweeper = asyncio.get_running_loop().call_later(wait, self._quit_long_idle_connections)

    def _quit_in_background(self, line: SmtpConnection) -> None:
        """Sends QUIT in a task of its own. A connection that is not usable is dropped without QUIT."""
        if not line.is_connection_open:
            line.drop_connection()
            return
        farewell = asyncio.get_running_loop().create_task(line.quit())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


class _WindowSenderTasks:
    """The tasks that send one window. Each task uses one slot.

    This is no `asyncio.TaskGroup`: a task group that has begun to end refuses new tasks, and shows this only by an
    error when a task is added.

    Args:
        share: the window.
        urgent: tells whether it is urgent mail.
        work: the coroutine function that each task runs.
        places: the slots; each task gives its slot back there.

    Attributes:
        over: a future that is done when all tasks have ended. Its result is the first failure, or None. If a task
            raises an exception, the future has that exception.
    """

    def __init__(
        self,
        share: WindowMessageQueue,
        urgent: bool,
        work: Callable[[WindowMessageQueue], Coroutine[Any, Any, NoConnectionResult | None]],
        places: ConnectionSlots,
    ) -> None:
        self.is_urgent = urgent
        self.over: asyncio.Future[NoConnectionResult | None] = asyncio.get_running_loop().create_future()
        self._share = share
        self._work = work
        self._places = places
        self._tasks: set[asyncio.Task[NoConnectionResult | None]] = set()
        self._trouble: NoConnectionResult | None = None

    @property
    def needs_more_senders(self) -> bool:
        """Tells whether more messages wait than there are tasks, no task failed, and there is time left."""
        return self._trouble is None and self._share.count_waiting > len(self._tasks) and self._share.seconds_left > 0

    def start_sender(self) -> None:
        """Starts one more task. Its slot is given back even if it is cancelled before it begins."""
        task = asyncio.get_running_loop().create_task(self._work(self._share))
        self._tasks.add(task)
        task.add_done_callback(self._handle_sender_end)

    async def cancel_senders(self) -> None:
        """Cancels the tasks that still run, and waits until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _handle_sender_end(self, task: asyncio.Task[NoConnectionResult | None]) -> None:
        self._tasks.discard(task)
        bug = None if task.cancelled() else task.exception()
        ended = _BROKEN_OFF if bug or task.cancelled() else task.result()
        self._trouble = self._trouble or ended
        self._places.release_slot(self.is_urgent)
        if self.over.done():
            return
        if bug is not None:
            self.over.set_exception(bug)
        elif not self._tasks:
            self.over.set_result(self._trouble)
