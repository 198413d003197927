"""Breaks the system at random. Each fault claims the parts that it needs, so that no two faults undo each other."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailer.pipeline.background_hand_overs import MOST
from mailer.pipeline.consumers import CONSUMERS_A_LANE
from tests.acceptance.samples import BRANDS
from tests.chaos.fleet import Member
from tests.chaos.journal import Journal
from tests.chaos.servant import Servant
from tests.chaos.services import Database, Queues
from tests.chaos.sink import Refusal
from tests.processes import Stack, until

CONSUMERS = CONSUMERS_A_LANE + 1 + MOST
"""Hand-overs of a lane in a worker: those of its batches' consumers, that of its events' consumer, which hands small
mailings over by itself, and those that go on by themselves while a relay is slow (ADR 29)."""
MONKEYS = 2
"""Faults that may be done at a time."""
LINKS = ("postgres", "rabbit", "smtp")
_PAUSED = "SELECT id FROM mailings WHERE finished_at IS NULL AND audience <> '' ORDER BY random() LIMIT 1"


@dataclass(frozen=True)
class Targets:
    """All that can be broken."""

    stack: Stack
    database: Database
    queues: Queues
    proxy: Servant
    sink: Servant
    workers: Sequence[Member]
    timekeepers: Sequence[Member]
    journal: Journal
    chance: random.Random
    lease: float


@dataclass(frozen=True)
class Way:
    """A fault: how often it is chosen, the parts that it needs, and the action."""

    weight: int
    takes: frozenset[str]
    do: Callable[[], Awaitable[None]]


class Monkeys:
    """Breaks things until told to stop. Faults that have begun then are brought to their end."""

    def __init__(self, targets: Targets) -> None:
        self._at = targets
        self._taken: set[str] = set()
        self._ways = [*self._processes(), *self._links(), *self._services(), *self._relay(), *self._commands()]

    async def run(self, stop: asyncio.Event) -> None:
        """Breaks things until told to stop."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(MONKEYS):
                tasks.create_task(self._monkey(stop))

    async def outage(self, seconds: float) -> None:
        """RabbitMQ is away for a while, once nobody else does anything to it."""

        async def free() -> bool:
            return "rabbit" not in self._taken

        await until(free, "nobody to do anything to RabbitMQ")
        self._taken.add("rabbit")
        try:
            with self._at.journal.fault(f"RabbitMQ is away for {seconds:.0f} s", 0):
                await self._at.queues.restart(seconds)
        finally:
            self._taken.discard("rabbit")

    async def _monkey(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            free = [way for way in self._ways if not way.takes & self._taken]
            if free:
                [way] = self._at.chance.choices(free, [way.weight for way in free])
                self._taken |= way.takes
                try:
                    await way.do()
                finally:
                    self._taken -= way.takes
            await _unless(stop, self._at.chance.uniform(1, 4))

    def _processes(self) -> list[Way]:
        kills = [Way(3, frozenset({each.title}), self._kill(each, CONSUMERS)) for each in self._at.workers]
        kills += [Way(2, frozenset({each.title}), self._kill(each, 0)) for each in self._at.timekeepers]
        freezes = [Way(2, frozenset({each.title}), self._freeze(each, CONSUMERS)) for each in self._at.workers]
        return (
            kills + freezes + [Way(1, frozenset({each.title}), self._freeze(each, 0)) for each in self._at.timekeepers]
        )

    def _links(self) -> list[Way]:
        # What is paused is watched where it arrives, so nothing on the way there is held up meanwhile.
        drops = [Way(2, frozenset({link}), self._drop(link)) for link in LINKS]
        delays = [Way(1, frozenset({link}), self._delay(link)) for link in LINKS]
        return drops + delays + [Way(1, frozenset({link}), self._stall(link)) for link in LINKS]

    def _services(self) -> list[Way]:
        return [
            Way(1, frozenset({"postgres"}), self._restart_database(signal.SIGINT, "fast")),
            Way(1, frozenset({"postgres"}), self._restart_database(signal.SIGQUIT, "immediate")),
            Way(1, frozenset({"rabbit"}), self._restart_queues),
        ]

    def _relay(self) -> list[Way]:
        return [Way(3, frozenset({"sink"}), self._refuse_sessions), Way(3, frozenset({"sink"}), self._answer_late)]

    def _commands(self) -> list[Way]:
        halts = frozenset({"halt", "smtp", "postgres"})
        return [Way(6, halts, self._pause_mailing), Way(3, halts, self._pause_brand), Way(3, halts, self._stop)]

    def _kill(self, member: Member, windows: int) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            with self._at.journal.fault(f"SIGKILL {member.title}", windows):
                await member.kill()

        return do

    def _freeze(self, member: Member, windows: int) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            seconds = self._at.lease + self._at.chance.uniform(0.5, 3)
            with self._at.journal.fault(f"SIGSTOP {member.title} for {seconds:.1f} s", windows):
                await member.freeze(seconds)

        return do

    def _drop(self, link: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            with self._at.journal.fault(f"connections to {link} break", self._windows(link)):
                await self._at.proxy.ask(do="drop", link=link)

        return do

    def _delay(self, link: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            delay, seconds = self._at.chance.choice([0.02, 0.1, 0.3]), self._at.chance.uniform(1, 4)
            with self._at.journal.fault(f"{link} is {delay} s slower", self._windows(link), hinders=link == "smtp"):
                await self._at.proxy.ask(do="delay", link=link, seconds=delay)
                await asyncio.sleep(seconds)
                await self._at.proxy.ask(do="go", link=link)

        return do

    def _stall(self, link: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            seconds = self._at.chance.uniform(1, self._at.lease + 2)
            with self._at.journal.fault(
                f"{link} stalls for {seconds:.1f} s", self._windows(link), hinders=link == "smtp"
            ):
                await self._at.proxy.ask(do="stall", link=link)
                await asyncio.sleep(seconds)
                if self._at.chance.random() < 0.5:
                    await self._at.proxy.ask(do="drop", link=link)
                await self._at.proxy.ask(do="go", link=link)

        return do

    def _windows(self, link: str) -> int:
        """The windows of a lane that may be in doubt after a link was unusable: those that all consumers held."""
        return 0 if link == "rabbit" else CONSUMERS * len(self._at.workers)

    def _restart_database(self, how: signal.Signals, name: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            with self._at.journal.fault(f"PostgreSQL restarts ({name})", self._windows("postgres")):
                await self._at.database.restart(how)

        return do

    async def _restart_queues(self) -> None:
        with self._at.journal.fault("RabbitMQ restarts"):
            await self._at.queues.restart(0)

    async def _refuse_sessions(self) -> None:
        refusal, seconds = self._at.chance.choice(list(Refusal)), self._at.chance.uniform(1, 6)
        with self._at.journal.fault(f"the relay refuses sessions ({refusal}) for {seconds:.1f} s"):
            try:
                await self._at.sink.ask(refusal=refusal)
                await asyncio.sleep(seconds)
            finally:
                await self._at.sink.ask(refusal=None)

    async def _answer_late(self) -> None:
        """Answers final dots so late that the lease would have run out if it were not renewed."""
        delay = self._at.lease * self._at.chance.uniform(0.5, 2)
        with self._at.journal.fault(f"final dots are answered {delay:.1f} s late", hinders=True):
            try:
                await self._at.sink.ask(slow=delay)
                await asyncio.sleep(self._at.chance.uniform(0.5, 2))
            finally:
                await self._at.sink.ask(slow=0)

            async def answered() -> bool:
                return bool((await self._at.sink.ask())["waiting"] == 0)

            await until(answered, "the sink to answer all final dots")

    async def _pause_mailing(self) -> None:
        for (mailing,) in await self._at.stack.query(_PAUSED):
            await self._halt("mailing", str(mailing), ("mailing", "pause"), ("mailing", "resume"), str(mailing))

    async def _pause_brand(self) -> None:
        brand = self._at.chance.choice(BRANDS)
        await self._halt("brand", brand, ("brand", "pause"), ("brand", "resume"), brand)

    async def _stop(self) -> None:
        await self._halt("everything", "everything", ("stop",), ("start",))

    async def _halt(self, scope: str, name: str, stop: Sequence[str], go: Sequence[str], *arguments: str) -> None:
        """Stops something by its command, and always lets it go on later."""
        try:
            done = await self._at.stack.run(*stop, *arguments)
            self._at.journal.say(f"{' '.join(stop)} {name}: exit status {done.status} {done.err.strip()}")
            if done.status == 0:
                with self._at.journal.halt(scope, name):
                    await asyncio.sleep(self._at.chance.uniform(3, 6))
        finally:
            done = await self._at.stack.run(*go, *arguments)
            self._at.journal.say(f"{' '.join(go)} {name}: exit status {done.status} {done.err.strip()}")


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but not longer than until told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
