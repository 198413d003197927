"""The connections of a relay: so many for all mail, and some more that only urgent mail may take."""

import asyncio
import time
from collections import deque

from mailer.processors.line import Dialler
from mailer.processors.relay import Relay
from mailer.processors.share import Share
from mailer.processors.speaker import Speaker


class Pool:
    """Gives out places, on each of which somebody may hold one connection.

    Connections are not bound to places: what one window leaves open the next one takes, whichever it is. So bulk mail
    is kept from the urgent places by number alone, and a warm connection serves whoever comes first.

    Args:
        relay: how many, and how long a connection lies unused.
        dialler: makes connections.
    """

    def __init__(self, relay: Relay, dialler: Dialler) -> None:
        self._relay = relay
        self._dialler = dialler
        self._bulk = relay.pool
        self._all = relay.pool + relay.urgent
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._idle: list[tuple[float, Speaker]] = []
        """Connections that nobody uses, with when they were left; the last is the most likely to be alive."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    async def enter(self, wanted: int, urgent: bool, patience: float | None) -> int:
        """Takes up to so many places: waits for one, and takes more if they are free.

        Returns:
            How many; 0 if there was none within so many seconds.
        """
        taken = 0
        try:
            async with asyncio.timeout(patience):
                while not self._free(urgent):
                    await self._turn(urgent)
                taken = min(wanted, self._free(urgent))
                self._count(-taken, urgent)
        except TimeoutError:
            pass
        finally:
            self._wake()  # who was woken and then gave up, or left some, passes it on
        return taken

    def leave(self, urgent: bool) -> None:
        """Gives a place back."""
        self._count(1, urgent)
        self._wake()

    async def work(self, share: Share) -> str | None:
        """Carries what waits, on one place, as long as there is time. Returns what trouble ended it before, if any."""
        while share.waiting and (left := share.left) > 0:
            line = self._used() or await self._dialler.dial(left)
            if isinstance(line, str):
                return line
            await line.carry(share)
            if line.usable and not line.spent:
                self._keep(line)
            elif line.fell_at_once:
                return "the relay ended a new connection at its first message"
            else:
                self._end(line)
        return None

    async def close(self) -> None:
        """Ends every connection politely, once the windows under way are through."""
        places = range(self._relay.pool + self._relay.urgent)
        for _ in places:
            await self.enter(1, True, None)
        while self._idle:
            self._end(self._idle.pop()[1])
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        await asyncio.gather(*self._farewells)
        for _ in places:
            self.leave(True)

    def _free(self, urgent: bool) -> int:
        return self._all if urgent else min(self._all, self._bulk)

    def _count(self, places: int, urgent: bool) -> None:
        self._all += places
        if not urgent:
            self._bulk += places

    async def _turn(self, urgent: bool) -> None:
        """Waits until a place may be free."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[urgent].append(waiter)
        try:
            await waiter
        finally:
            self._waiting[urgent].remove(waiter)

    def _wake(self) -> None:
        for urgent, waiters in self._waiting.items():
            for waiter in list(waiters)[: self._free(urgent)]:
                if not waiter.done():
                    waiter.set_result(None)

    def _used(self) -> Speaker | None:
        """A connection that was used before and can be used again."""
        now = time.monotonic()
        while self._idle:
            left, line = self._idle.pop()
            if now - left < self._relay.idle and line.usable and not line.spent:
                return line
            self._end(line)
        return None

    def _keep(self, line: Speaker) -> None:
        """Leaves a connection for whoever comes next."""
        self._idle.append((time.monotonic(), line))
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._relay.idle, self._sweep)

    def _sweep(self) -> None:
        """Ends the connections that nobody has used for too long."""
        oldest = time.monotonic() - self._relay.idle
        old = [line for left, line in self._idle if left <= oldest]
        self._idle = [(left, line) for left, line in self._idle if left > oldest]
        for line in old:
            self._end(line)
        self._sweeper = None
        if self._idle:
            wait = self._idle[0][0] - oldest
            self._sweeper = asyncio.get_running_loop().call_later(wait, self._sweep)

    def _end(self, line: Speaker) -> None:
        """Says goodbye, with nobody waiting for it; to a server that has gone, nothing."""
        if not line.usable:
            line.drop()
            return
        farewell = asyncio.get_running_loop().create_task(line.quit())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)
