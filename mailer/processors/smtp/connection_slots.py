"""The slots of a relay, one for each connection: some for all mail, some only for urgent mail."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol


class WindowSenderStarter(Protocol):
    """The senders of one window. Each sender uses one slot."""

    @property
    def is_urgent(self) -> bool:
        """Tells whether they may use the slots that are kept for urgent mail."""

    @property
    def needs_more_senders(self) -> bool:
        """Tells whether one more sender would have a message to send. After False they are not asked again."""

    def start_sender(self) -> None:
        """Starts one more sender. Its slot is taken already."""


class ConnectionSlots:
    """Limits how many connections are used at the same time, and gives free slots to the windows.

    Every window gets one slot before any window gets a second one. The remaining free slots then go to the running
    windows in turn, as do slots that become free later. So no window waits while a slot is free for it, and no slot
    stays free while a running window can use it.

    Args:
        bulk: the number of slots for all mail.
        urgent: the number of further slots, for urgent mail only.
    """

    def __init__(self, bulk: int, urgent: int) -> None:
        self._bulk = bulk
        self._all = bulk + urgent
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._crews: dict[bool, deque[WindowSenderStarter]] = {True: deque(), False: deque()}

    async def acquire_slot(self, urgent: bool, patience: float | None) -> bool:
        """Waits for a free slot and takes it. Returns False if none became free within `patience` seconds."""
        taken = False
        try:
            async with asyncio.timeout(patience):
                while not self._number_of_free_slots(urgent):
                    await self._wait_until_slot_may_be_free(urgent)
                self._adjust_free_slot_counts(-1, urgent)
                taken = True
        except TimeoutError:
            pass
        finally:
            self._hand_out_free_slots()  # a waiter that was woken and then timed out leaves its slot to others
        return taken

    def release_slot(self, urgent: bool) -> None:
        """Gives a slot back, and hands it out again."""
        self._adjust_free_slot_counts(1, urgent)
        self._hand_out_free_slots()

    def start_giving_free_slots_to(self, crew: WindowSenderStarter) -> None:
        """Gives free slots to these senders, now and later, as long as they need more."""
        self._crews[crew.is_urgent].append(crew)
        self._hand_out_free_slots()

    def stop_giving_slots_to(self, crew: WindowSenderStarter) -> None:
        """Gives no more slots to these senders, as their window has ended."""
        with suppress(ValueError):
            self._crews[crew.is_urgent].remove(crew)

    def _number_of_free_slots(self, urgent: bool) -> int:
        return self._all if urgent else min(self._all, self._bulk)

    def _adjust_free_slot_counts(self, places: int, urgent: bool) -> None:
        self._all += places
        if not urgent:
            self._bulk += places

    async def _wait_until_slot_may_be_free(self, urgent: bool) -> None:
        """Waits until a slot may be free."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[urgent].append(waiter)
        try:
            await waiter
        finally:
            self._waiting[urgent].remove(waiter)

    def _hand_out_free_slots(self) -> None:
        for urgent, waiters in self._waiting.items():
            for waiter in list(waiters)[: self._number_of_free_slots(urgent)]:
                if not waiter.done():
                    waiter.set_result(None)
        for urgent, crews in self._crews.items():
            while crews and self._free_slots_beyond_waiters(urgent) > 0:
                crew = crews.popleft()
                if crew.needs_more_senders:
                    crews.append(crew)
                    self._adjust_free_slot_counts(-1, urgent)
                    crew.start_sender()

    def _free_slots_beyond_waiters(self, urgent: bool) -> int:
        """Returns how many free slots remain after each waiting window has taken its first slot."""
        bulk = min(len(self._waiting[False]), self._number_of_free_slots(False))
        beyond = self._all - bulk - len(self._waiting[True])
        return beyond if urgent else min(beyond, self._bulk - bulk)
