"""A fault run from its beginning to its end: services, processes, traffic, faults, then quiet, and what is left."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.processors.capture.folder import CaptureFolder
from tests.acceptance.samples import BRANDS
from tests.acceptance.test_mailings import signing_keys
from tests.chaos.display import Display
from tests.chaos.evidence import gather
from tests.chaos.facts import Evidence
from tests.chaos.faults import Monkeys, Targets
from tests.chaos.fleet import Member
from tests.chaos.journal import Journal
from tests.chaos.people import import_all
from tests.chaos.servant import Servant
from tests.chaos.services import Database, Queues
from tests.chaos.traffic import UNREACHABLE, Traffic
from tests.processes import Stack, settings_for, until

TROUBLE = 0.02
"""The share of messages that the sink refuses, or whose connection it ends."""
OUTAGE_SECONDS = 60.0
"""Seconds for which RabbitMQ is away once, in a run of four minutes or more."""
DRAIN_SECONDS = 180.0
"""The longest to wait, once the faults are over, for everything to come to its end."""
_STIR = (
    "WITH hurried AS (UPDATE batches SET due_at = now()"
    " WHERE state = 'queued' AND due_at > now() AND due_at < now() + interval '10 minutes')"
    " UPDATE deliveries SET due_at = now() WHERE state = 'deferred' AND due_at > now()"
    " OR state = 'held' AND reason = 'in_doubt' AND due_at IS NULL"
)
"""The statement that makes due what waits for a relay, or for a person to allow one more copy."""
_LEFT = (
    "SELECT (SELECT count(*) FROM mailings WHERE finished_at IS NULL)"
    " + (SELECT count(*) FROM outbox WHERE exchange = 'mailer.events')"
)


@dataclass(frozen=True)
class Plan:
    """The options of a run: seconds of faults, the seed of chance, seconds of a lease."""

    seconds: float
    seed: int
    lease: float


@dataclass
class Ground:
    """Everything that runs."""

    plan: Plan
    journal: Journal
    direct: Stack
    through: Stack
    database: Database
    queues: Queues
    sink: Servant
    sink_log: Path
    proxy: Servant
    members: dict[str, list[Member]]

    async def taken(self) -> int:
        """The number of messages that the sink has."""
        taken: int = (await self.sink.ask())["taken"]
        return taken


async def run(plan: Plan, folder: Path, journal: Journal, display: Display) -> Evidence:
    """Runs everything. Returns the violations that were found."""
    async with _ground(plan, folder, journal) as ground:
        await _disturb(ground, display)
        await _settle(ground, display)
        for member in (member for members in ground.members.values() for member in members):
            await member.end()
        return await gather(ground.direct, ground.sink_log, journal, plan.lease)


@asynccontextmanager
async def _ground(plan: Plan, folder: Path, journal: Journal) -> AsyncIterator[Ground]:
    """Starts services and processes, and ends them."""
    journal.say("starting the services")
    async with AsyncExitStack() as stack:
        database = Database(folder / "postgres")
        stack.callback(database.stop)
        queues = Queues(folder / "rabbitmq")
        stack.callback(queues.stop)
        await database.prepare()
        log = folder / "sink.jsonl"
        sink = await stack.enter_async_context(Servant("tests.chaos.sink", str(log), str(plan.seed)))
        smtp = (await sink.ask())["port"]
        targets = (f"postgres={database.socket}", f"rabbit={queues.address}", f"smtp=127.0.0.1:{smtp}")
        proxy = await stack.enter_async_context(Servant("tests.chaos.proxy", *targets))
        ports = (await proxy.ask())["ports"]
        direct, through = _stacks(plan, folder, database, queues, ports)
        members = _members(plan, folder, direct, through, journal)
        ground = Ground(plan, journal, direct, through, database, queues, sink, log, proxy, members)
        await import_all(direct)
        # A limit that is never reached, so that rates are leased and counted as in any operation.
        await direct.done("rate", "set", "processor", "relay", "100000/second")
        for member in (member for some in members.values() for member in some):
            stack.push_async_callback(member.end)
            member.begin()
        await _all_up(ground)
        yield ground


def _stacks(plan: Plan, folder: Path, database: Database, queues: Queues, ports: dict[str, int]) -> tuple[Stack, Stack]:
    """Settings past the proxies, for commands and the web process; and through them, for workers and timekeepers."""
    inbox = CaptureFolder(folder / "captured")
    env = settings_for(folder, database.url, ports["smtp"], queues.url)
    # With a reserve, so that what waits for a slow relay goes on by itself. It leads to the same sink.
    reserve = f"smtp://127.0.0.1:{ports['smtp']}?name=reserve&country=DE&contract=DPA-8&weight=0"
    processors = f"{env['MAILER_PROCESSORS']},{reserve}"
    direct = Stack(folder, database.url, inbox, env).having(LEASE_SECONDS=str(plan.lease), PROCESSORS=processors)
    through = direct.having(
        DATABASE_URL=f"postgresql://postgres@127.0.0.1:{ports['postgres']}/mailer?sslmode=disable",
        BROKER_URL=queues.url.replace(queues.address, f"127.0.0.1:{ports['rabbit']}"),
    )
    return direct, through


def _members(plan: Plan, folder: Path, direct: Stack, through: Stack, journal: Journal) -> dict[str, list[Member]]:
    chance = random.Random(f"{plan.seed} processes")
    _, dkim = signing_keys(folder)

    def some(name: str, count: int, stack: Stack) -> list[Member]:
        return [Member(name, number, stack, dkim, journal, chance) for number in range(1, count + 1)]

    timekeepers = 1 + chance.randrange(2)
    return {
        "web": some("web", 1, direct),
        "worker": some("worker", 2, through),
        "timekeeper": some("timekeeper", timekeepers, through),
    }


async def _all_up(ground: Ground) -> None:
    async def up() -> bool:
        return all(member.up for members in ground.members.values() for member in members)

    await until(up, "all processes to start", DRAIN_SECONDS)


async def _disturb(ground: Ground, display: Display) -> None:
    """Runs traffic and faults for the seconds of the plan."""
    plan, journal = ground.plan, ground.journal
    ends = time.monotonic() + plan.seconds
    quiet, silent = asyncio.Event(), asyncio.Event()
    key = await ground.direct.api_key("chaos", *BRANDS)
    await ground.sink.ask(trouble=TROUBLE)
    async with ground.direct.client(key) as client, asyncio.TaskGroup() as tasks:
        traffic = Traffic(ground.direct, ground.queues.url, client, journal, random.Random(f"{plan.seed} traffic"))
        monkeys = Monkeys(_targets(ground))
        tasks.create_task(traffic.run(silent))
        breaking = tasks.create_task(monkeys.run(quiet))
        if plan.seconds >= 4 * OUTAGE_SECONDS:
            tasks.create_task(_outage(monkeys, traffic, plan.seconds * 0.3))
        while time.monotonic() < ends:
            display.show("faults", ends - time.monotonic(), await ground.taken())
            await asyncio.sleep(0.25)
        quiet.set()
        await breaking
        silent.set()


async def _outage(monkeys: Monkeys, traffic: Traffic, after: float) -> None:
    """RabbitMQ is away for a minute, in which applications publish through the outbox."""
    await asyncio.sleep(after)
    traffic.outbox_only = True
    try:
        await monkeys.outage(OUTAGE_SECONDS)
    finally:
        traffic.outbox_only = False


def _targets(ground: Ground) -> Targets:
    members, chance = ground.members, random.Random(f"{ground.plan.seed} faults")
    return Targets(
        ground.direct,
        ground.database,
        ground.queues,
        ground.proxy,
        ground.sink,
        members["worker"],
        members["timekeeper"],
        ground.journal,
        chance,
        ground.plan.lease,
    )


async def _settle(ground: Ground, display: Display) -> None:
    """Nothing is broken any more; waits until every delivery has come to its end, or for as long as that may take."""
    ground.journal.say("the faults are over")
    await ground.sink.ask(trouble=0.0)
    await _all_up(ground)
    for row in await ground.direct.query("SELECT id FROM mailings WHERE state = 'awaiting_release'"):
        await ground.direct.run("mailing", "approve", str(row[0]), "--by", "Dana Duty")
    ends, calm = time.monotonic() + DRAIN_SECONDS, 0
    while time.monotonic() < ends and calm < 4:
        left = await _stir(ground)
        calm = calm + 1 if left == 0 else 0
        display.show(f"settling, {left} left", ends - time.monotonic(), await ground.taken())
        await asyncio.sleep(0.5)


async def _stir(ground: Ground) -> int:
    """Makes due what was deferred. Returns the number of deliveries without a final state."""
    try:
        await ground.direct.query(_STIR)
        left: int = await ground.direct.value(_LEFT)
    except UNREACHABLE:
        return 1
    missing = await _not_taken_in(ground)
    return left + missing


async def _not_taken_in(ground: Ground) -> int:
    """Events whose publisher was told that they are safe, and that are no mailing yet."""
    confirmed = [published.event for published in ground.journal.published.values() if published.confirmed]
    known: int = await ground.direct.value("SELECT count(*) FROM events WHERE event_id = ANY ($1)", confirmed)
    return len(confirmed) - known
