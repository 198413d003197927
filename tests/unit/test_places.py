"""The connection slots of a relay: no window waits while a slot is free, and no slot rests while there is mail."""

import asyncio
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.ports.processor import OutgoingMessage, Permit
from mailer.processors.smtp.connection import SmtpConnection
from mailer.processors.smtp.connection_errors import NoConnectionResult
from mailer.processors.smtp.connection_pool import ConnectionPool
from mailer.processors.smtp.connection_slots import ConnectionSlots
from mailer.processors.smtp.connector import Connector
from mailer.processors.smtp.relay_url import RelaySettings, parse_relay_url
from mailer.processors.smtp.transaction import SmtpExtensions
from mailer.processors.smtp.window_message_queue import WindowMessageQueue
from mailer.rendering.headers import AddrSpec

RELAY: RelaySettings = replace(
    parse_relay_url("smtp://127.0.0.1:2525?name=relay&country=US&contract=none"), pool=4, urgent=2
)
DOWN = NoConnectionResult(ConnectionTrouble.UNREACHABLE, "it is down")
TAKEN = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "taken")


@dataclass
class Crew:
    """A stand-in for a window. It wants so many more senders."""

    wanted: int
    is_urgent: bool = False
    size: int = 0

    @property
    def needs_more_senders(self) -> bool:
        """True if it has fewer senders than it wants."""
        return self.size < self.wanted

    def start_sender(self) -> None:
        """Counts one more sender."""
        self.size += 1


async def test_what_is_free_goes_round() -> None:
    """Bulk crews share the places for all mail one by one; an urgent one also gets those that are kept for it."""
    places, first, second, urgent = ConnectionSlots(5, 2), Crew(9), Crew(9), Crew(9, is_urgent=True)
    assert await places.acquire_slot(False, 0)
    assert await places.acquire_slot(False, 0)
    places.start_giving_free_slots_to(first)
    places.start_giving_free_slots_to(second)
    assert (first.size, second.size) == (3, 0)
    places.release_slot(False)
    places.release_slot(False)
    assert (first.size, second.size) == (4, 1)
    places.start_giving_free_slots_to(urgent)
    assert urgent.size == 2


async def test_who_has_none_comes_first() -> None:
    """A free slot goes to a window that waits for its first slot, not to one that wants more."""
    places, crew = ConnectionSlots(2, 0), Crew(9)
    places.start_giving_free_slots_to(crew)
    waiting = [asyncio.create_task(places.acquire_slot(False, 5)) for _ in range(2)]
    await asyncio.sleep(0)
    places.release_slot(False)
    places.release_slot(False)
    assert await asyncio.gather(*waiting) == [True, True]
    assert crew.size == 2
    places.release_slot(False)
    assert crew.size == 3


async def test_what_only_urgent_mail_may_have_waits_for_no_bulk_mail() -> None:
    """A bulk window that waits cannot take the places that are kept, so an urgent one gets all of them."""
    places, bulk, urgent = ConnectionSlots(1, 4), Crew(9), Crew(9, is_urgent=True)
    places.start_giving_free_slots_to(bulk)
    waiting = asyncio.create_task(places.acquire_slot(False, 5))
    await asyncio.sleep(0)
    places.start_giving_free_slots_to(urgent)
    assert (bulk.size, urgent.size) == (1, 4)
    places.release_slot(True)
    assert (bulk.size, urgent.size, waiting.done()) == (1, 5, False)
    places.release_slot(False)
    assert await waiting
    assert (bulk.size, urgent.size) == (1, 5)


async def test_nobody_takes_what_is_promised_to_urgent_mail() -> None:
    """A free slot that is promised to an urgent window goes to no other window in the meantime."""
    places, bulk = ConnectionSlots(2, 0), Crew(9)
    assert await places.acquire_slot(True, 0)
    assert await places.acquire_slot(False, 0)
    waiting = asyncio.create_task(places.acquire_slot(True, 5))
    await asyncio.sleep(0)
    places.start_giving_free_slots_to(bulk)
    places.release_slot(False)
    assert bulk.size == 0
    assert await waiting
    places.release_slot(True)
    assert bulk.size == 1


async def test_a_crew_that_is_not_short_is_forgotten() -> None:
    """A window with enough senders is not asked again, so that it may end."""
    places, crew = ConnectionSlots(3, 0), Crew(1)
    places.start_giving_free_slots_to(crew)
    assert crew.size == 1
    crew.wanted = 9
    places.release_slot(False)
    assert crew.size == 1
    assert [await places.acquire_slot(False, 0) for _ in range(4)] == [True, True, True, False]


class Line:
    """A connection that accepts a message as soon as the test lets it."""

    is_connection_open, is_spent, has_failed_at_once = True, False, False

    def __init__(self, relay: "Fake") -> None:
        self._relay = relay

    async def send_messages(self, share: WindowMessageQueue) -> None:
        """Accepts one message after the other."""
        while (letter := share.take_next_message(SmtpExtensions(), time.monotonic())) is not None:
            await self._relay.carries()
            share.store_message_outcome(letter, TAKEN)

    async def quit(self) -> None:
        """Does nothing: there is no connection to end."""


@dataclass
class Fake:
    """A stand-in for a relay and its connector.

    Attributes:
        dialled: how many connections were asked for. carrying, most: how many carry a message now, and did at most.
        lets: it lets go of so many messages, the oldest first.
    """

    down: bool = False
    dialled: int = 0
    carrying: int = 0
    most: int = 0
    lets: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def connect_or_return_failure(self, patience: float) -> SmtpConnection | NoConnectionResult:
        """A connection, or the reason why there is none."""
        self.dialled += 1
        await asyncio.sleep(0)
        return DOWN if self.down else cast(SmtpConnection, Line(self))

    async def carries(self) -> None:
        """A message is with the relay until it lets go of it."""
        self.carrying += 1
        self.most = max(self.most, self.carrying)
        try:
            await self.lets.acquire()
        finally:
            self.carrying -= 1

    def let_go(self, messages: int) -> None:
        """Lets go of so many more messages."""
        for _ in range(messages):
            self.lets.release()

    def pool(self) -> ConnectionPool:
        """The relay's slots: four for all mail and two more for urgent mail."""
        return ConnectionPool(RELAY, cast(Connector, self))


def window(size: int, permit: Permit = lambda index: None, seconds: float = 30) -> WindowMessageQueue:
    """A window of this many messages, with this much time."""
    message = OutgoingMessage("b@news.example", AddrSpec("ada@people.example"), b"Subject: a\r\n\r\nb\r\n", None)
    return WindowMessageQueue([message] * size, time.monotonic() + seconds, permit)


async def settle() -> None:
    """Everybody gets on as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_window_under_way_gets_what_becomes_free() -> None:
    """A window begins with the one slot that a small window has left. Then it gets all of them."""
    relay = Fake()
    pool = relay.pool()
    small = asyncio.create_task(pool.send_window_until_trouble(window(3), False))
    await settle()
    large = asyncio.create_task(pool.send_window_until_trouble(window(40), False))
    await settle()
    assert relay.carrying == 4
    relay.let_go(3)
    assert await small is None
    await settle()
    assert relay.carrying == 4
    relay.let_go(40)
    assert await large is None
    assert (relay.most, relay.dialled) == (4, 4)
    await pool.close()


async def test_a_relay_that_is_down_is_asked_once_a_place() -> None:
    """A sender that finds no connection is not replaced. Else the relay would be asked again until the time is up."""
    relay, share = Fake(down=True), window(40)
    assert await relay.pool().send_window_until_trouble(share, False) == DOWN
    assert relay.dialled == 4
    assert all(outcome.trouble for outcome in share.outcome_of_each_message_or_unsent(DOWN))


async def test_no_place_is_lost() -> None:
    """A slot is not lost by a bug in a permit, nor by a cancellation before messages begin or while they wait."""

    def bug(index: int) -> str | None:
        raise LookupError("a bug")

    relay = Fake()
    pool = relay.pool()
    with pytest.raises(LookupError):
        await pool.send_window_until_trouble(window(40, bug), False)
    for turns in range(4):
        broken = asyncio.create_task(pool.send_window_until_trouble(window(40), False))
        for _ in range(turns):
            await asyncio.sleep(0)
        broken.cancel()
        await asyncio.gather(broken, return_exceptions=True)
    relay.most = 0
    whole = asyncio.create_task(pool.send_window_until_trouble(window(40), True))
    await settle()
    assert relay.carrying == 6
    relay.let_go(40)
    assert await whole is None


@pytest.mark.parametrize("sizes", [(40, 40), (40, 1), (1, 40), (40, 40, 40)])
@pytest.mark.parametrize("turns", range(4))
async def test_windows_that_are_cancelled_together_leave_every_place(sizes: Sequence[int], turns: int) -> None:
    """Windows that are cancelled together, as when a worker fails, leave every slot free."""
    relay = Fake()
    pool = relay.pool()
    carrying = [asyncio.create_task(pool.send_window_until_trouble(window(size), False)) for size in sizes]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in carrying:
        task.cancel()
    ended = await asyncio.gather(*carrying, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * len(sizes)
    await asyncio.wait_for(pool.close(), 5)


async def test_a_window_that_is_through_is_kept_nowhere() -> None:
    """A finished window is kept nowhere, even while others wait. Its messages would else stay in memory."""
    relay = Fake()
    pool = relay.pool()
    relay.let_go(10_000)
    shares = [window(5) for _ in range(50)]
    kept = [weakref.ref(share) for share in shares]
    through: list[int] = []

    async def one_after_the_other() -> None:
        while shares:
            await pool.send_window_until_trouble(shares.pop(), False)
            through.append(sum(share() is not None for share in kept) - len(shares))

    await asyncio.gather(*(one_after_the_other() for _ in range(8)))
    assert max(through) <= 8


async def test_a_window_whose_time_is_up_takes_no_place() -> None:
    """A window without time ends with nothing begun, and its slot is free again."""
    relay, late = Fake(), window(2, seconds=-1)
    pool = relay.pool()
    assert await pool.send_window_until_trouble(late, False) is None
    assert relay.dialled == 0
    assert [outcome.result for outcome in late.outcome_of_each_message_or_unsent(None)] == [OutcomeKind.UNSENT] * 2
    await asyncio.wait_for(pool.close(), 5)
