"""The places of a relay: so many for all mail, and some more that only urgent mail may take."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol


class Crew(Protocol):
    """Those who carry one window, each on a place."""

    @property
    def urgent(self) -> bool:
        """Whether they may take the places that are kept for urgent mail."""

    @property
    def short(self) -> bool:
        """Whether one more would find something to carry; where it is not so, nobody asks again."""

    def join(self) -> None:
        """One more begins; the place has been taken for it."""


class Places:
    """Counts who may use a connection at the same time, and gives what is free to whom it serves.

    Every window gets one place before any gets more; what is left then goes round among the windows under way, also
    what becomes free while they are. So nobody waits as long as anything is free, and no connection rests as long as
    there is something to carry.

    Args:
        bulk: places for all mail. urgent: those beyond.
    """

    def __init__(self, bulk: int, urgent: int) -> None:
        self._bulk = bulk
        self._all = bulk + urgent
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._crews: dict[bool, deque[Crew]] = {True: deque(), False: deque()}

    async def enter(self, urgent: bool, patience: float | None) -> bool:
        """Takes a place; whether there was one within so many seconds."""
        taken = False
        try:
            async with asyncio.timeout(patience):
                while not self._free(urgent):
                    await self._turn(urgent)
                self._count(-1, urgent)
                taken = True
        except TimeoutError:
            pass
        finally:
            self._share_out()  # who was woken and then gave up, or left some, passes it on
        return taken

    def leave(self, urgent: bool) -> None:
        """Gives a place back."""
        self._count(1, urgent)
        self._share_out()

    def strengthen(self, crew: Crew) -> None:
        """Gives a crew what is free, now and as long as it is short, until it is forgotten."""
        self._crews[crew.urgent].append(crew)
        self._share_out()

    def forget(self, crew: Crew) -> None:
        """Its window is through."""
        with suppress(ValueError):
            self._crews[crew.urgent].remove(crew)

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

    def _share_out(self) -> None:
        for urgent, waiters in self._waiting.items():
            for waiter in list(waiters)[: self._free(urgent)]:
                if not waiter.done():
                    waiter.set_result(None)
        for urgent, crews in self._crews.items():
            while crews and self._spare(urgent) > 0:
                crew = crews.popleft()
                if crew.short:
                    crews.append(crew)
                    self._count(-1, urgent)
                    crew.join()

    def _spare(self, urgent: bool) -> int:
        """How many are free beyond what those who wait for their first place will take."""
        bulk = min(len(self._waiting[False]), self._free(False))
        beyond = self._all - bulk - len(self._waiting[True])
        return beyond if urgent else min(beyond, self._bulk - bulk)
