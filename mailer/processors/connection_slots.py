"""The places of a relay: so many for all mail, and some more that only urgent mail may take."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol


class WindowSenders(Protocol):
    """Those who carry one window, each on a place."""

    @property
    def urgent(self) -> bool:
        """Whether they may take the places that are kept for urgent mail."""

    @property
    def needs_more(self) -> bool:
        """Whether one more would find something to carry; where it is not so, nobody asks again."""

    def add_sender(self) -> None:
        """One more begins; the place has been taken for it."""


class ConnectionSlots:
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
        self._crews: dict[bool, deque[WindowSenders]] = {True: deque(), False: deque()}

    async def acquire_slot(self, urgent: bool, patience: float | None) -> bool:
        """Takes a place; whether there was one within so many seconds."""
        taken = False
        try:
            async with asyncio.timeout(patience):
                while not self._free_slots(urgent):
                    await self._wait_for_slot(urgent)
                self._count_slots(-1, urgent)
                taken = True
        except TimeoutError:
            pass
        finally:
            self._hand_out_free_slots()  # who was woken and then gave up, or left some, passes it on
        return taken

    def release_slot(self, urgent: bool) -> None:
        """Gives a place back."""
        self._count_slots(1, urgent)
        self._hand_out_free_slots()

    def share_free_slots(self, crew: WindowSenders) -> None:
        """Gives a crew what is free, now and as long as it is short, until it is forgotten."""
        self._crews[crew.urgent].append(crew)
        self._hand_out_free_slots()

    def stop_sharing(self, crew: WindowSenders) -> None:
        """Its window is through."""
        with suppress(ValueError):
            self._crews[crew.urgent].remove(crew)

    def _free_slots(self, urgent: bool) -> int:
        return self._all if urgent else min(self._all, self._bulk)

    def _count_slots(self, places: int, urgent: bool) -> None:
        self._all += places
        if not urgent:
            self._bulk += places

    async def _wait_for_slot(self, urgent: bool) -> None:
        """Waits until a place may be free."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[urgent].append(waiter)
        try:
            await waiter
        finally:
            self._waiting[urgent].remove(waiter)

    def _hand_out_free_slots(self) -> None:
        for urgent, waiters in self._waiting.items():
            for waiter in list(waiters)[: self._free_slots(urgent)]:
                if not waiter.done():
                    waiter.set_result(None)
        for urgent, crews in self._crews.items():
            while crews and self._spare_slots(urgent) > 0:
                crew = crews.popleft()
                if crew.needs_more:
                    crews.append(crew)
                    self._count_slots(-1, urgent)
                    crew.add_sender()

    def _spare_slots(self, urgent: bool) -> int:
        """How many are free beyond what those who wait for their first place will take."""
        bulk = min(len(self._waiting[False]), self._free_slots(False))
        beyond = self._all - bulk - len(self._waiting[True])
        return beyond if urgent else min(beyond, self._bulk - bulk)
