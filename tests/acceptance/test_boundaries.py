"""Each value at a border, in each field and each route, through the running processes: nothing stops for anybody."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import aio_pika
import asyncpg
from aio_pika.abc import AbstractExchange

from mailer.broker.topology import EVENTS, lane_events_queue_name
from mailer.policy.category import Lane
from mailer.web.app import openapi_document
from tests.acceptance.asking import Answer, Asker
from tests.acceptance.boundaries import accounts, drawn, message, messages, mixed, pages, put, requests, written
from tests.acceptance.samples import CATEGORIES, event, people
from tests.integration.web_world import World
from tests.processes import Process, Stack, until

AT_ONCE = 250
"""Inputs before the lanes are asked whether they go on."""
CLIENTS = 16
LONGEST = 5.0
"""Seconds that a lane may wait behind inputs."""
MOMENT = 0.01
"""Seconds of work that tell how busy the machine is."""
KEYS = frozenset(f"interpals.{category}" for category in (*CATEGORIES, "account"))


class Busy:
    """Factor by which a process takes longer than alone a process takes now, since others want the same processors."""

    def __init__(self) -> None:
        self._worked = self._waited = 0.0

    def look(self) -> None:
        """Works for a moment, and sees how long that takes."""
        begun, worked = time.monotonic(), time.thread_time()
        while time.thread_time() - worked < MOMENT:
            pass
        self._waited += time.monotonic() - begun
        self._worked += MOMENT

    @property
    def factor(self) -> float:
        """The factor, at least 1."""
        return max(1.0, self._waited / self._worked)


@dataclass
class Running:
    """The running processes, and the ways to send to them."""

    stack: Stack
    processes: list[Process]
    asker: Asker
    exchange: AbstractExchange
    database: "asyncpg.Connection[asyncpg.Record]"
    sentinels: "itertools.count[int]"

    async def publish(self, name: str, value: Any, key: str) -> None:
        """Publishes a message to the queue, as any application might."""
        await self.exchange.publish(aio_pika.Message(written(value), message_id=name, user_id="guest"), key)

    async def lanes_go_on(self) -> None:
        """Sends a good event on each lane, and returns once each is handed over, or waits for a second person.

        None may wait longer than `LONGEST`, by a clock that is as slow as the machine makes a process meanwhile.
        """
        names = {category: f"sentinel-{next(self.sentinels)}-{category}" for category in CATEGORIES}
        for category, name in names.items():
            to = {"audience": "everyone"} if category == "breach" else people(name)
            await self.publish(name, event(name, "interpals", category, to), f"interpals.{category}")
        statement = (
            "SELECT event_id FROM mailings m WHERE event_id = ANY ($1) AND (lane = 'breach'"
            " OR EXISTS (SELECT FROM deliveries d WHERE d.mailing_id = m.id AND d.state = 'handed_over'))"
        )

        begun, waits, busy = time.monotonic(), dict[str, float](), Busy()

        async def through() -> bool:
            assert not [process.status for process in self.processes if process.ended], "a process ended"
            for row in await self.database.fetch(statement, list(names.values())):
                waits.setdefault(row["event_id"], time.monotonic() - begun)
            busy.look()
            return len(waits) == len(names)

        await until(through, f"a good event of each lane ({', '.join(names.values())})")
        late = {name: seconds for name, seconds in waits.items() if seconds > LONGEST * busy.factor}
        assert not late, f"lanes waited, on a machine that makes all take {busy.factor:.1f} times as long: {late}"


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[Running]:
    """Web, worker and timekeeper, as in production."""
    key = await stack.api_key("shop", "interpals")
    async with AsyncExitStack() as open_:
        processes = await open_.enter_async_context(stack.running("worker", "timekeeper", "web"))
        await open_.enter_async_context(stack.client())
        asker = open_.enter_context(closing(Asker(int(stack.env["MAILER_PORT"]), key)))
        await until(
            lambda: stack.consumers(lane_events_queue_name(Lane.SERVICE)), "the worker to have declared its queues"
        )
        connection = await open_.enter_async_context(await aio_pika.connect(stack.env["MAILER_BROKER_URL"]))
        exchange = await (await connection.channel()).get_exchange(EVENTS)
        database = await asyncpg.connect(stack.database_url)
        open_.push_async_callback(database.close)
        yield Running(stack, processes, asker, exchange, database, itertools.count())


async def in_parts(world: Running, sending: Sequence[Callable[[], Any]]) -> None:
    """Sends inputs, and after each part of them a good event on each lane."""
    for start in range(0, len(sending), AT_ONCE):
        waiting = iter(sending[start : start + AT_ONCE])

        async def client(rest: Iterable[Callable[[], Any]] = waiting) -> None:
            for send in rest:
                await send()

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        await world.lanes_go_on()


def key_of(value: Any, default: str) -> str:
    """The routing key of an event where a lane takes it, else one that a lane does take."""
    key = f"{value.get('brand')}.{value.get('category', 'account')}"
    return key if key in KEYS else default


async def dead(world: Running, names: Sequence[str]) -> dict[str, int]:
    """Counts the dead letters that each input has become."""
    rows = await world.database.fetch(
        "SELECT message_id, count(*) FROM dead_letters WHERE message_id = ANY ($1) GROUP BY 1", names
    )
    return {row["message_id"]: row["count"] for row in rows}


async def all_is_done_with(world: Running, sent: dict[str, Any]) -> None:
    """Each message event is a mailing or exactly one dead letter; returns once that is so."""

    async def open_() -> bool:
        letters = await dead(world, list(sent))
        assert max(letters.values(), default=0) <= 1, {name: n for name, n in letters.items() if n > 1}
        ids = {name: value["id"] for name, value in sent.items() if name not in letters}
        taken = await world.database.fetch("SELECT event_id FROM events WHERE event_id = ANY ($1)", list(ids.values()))
        left = set(ids.values()) - {row["event_id"] for row in taken}
        return not left

    await until(open_, "each input to be a mailing or a dead letter")


async def test_each_field_of_a_message_event(stack: Stack) -> None:
    """Each event on the queue becomes a mailing or one dead letter, for any value. The lanes and the worker live on."""
    sent = {f"m{number}": make(f"m{number}") for number, make in enumerate(messages())}
    for number, changes in enumerate(drawn(mixed(), 150)):
        value = message(f"x{number}")
        for path, changed in changes:
            value = put(value, path, changed)
        sent[f"x{number}"] = value
    async with running(stack) as world:
        await in_parts(
            world,
            [
                partial(world.publish, name, value, key_of(value, "interpals.newsletter"))
                for name, value in sent.items()
            ],
        )
        await all_is_done_with(world, {name: value for name, value in sent.items() if isinstance(value["id"], str)})
    await nothing_is_left(stack)


async def test_each_field_of_an_account_event(stack: Stack) -> None:
    """Account events with any value do the same, on the lane that carries opt-outs and erasures."""
    sent = {f"a{number}": make(f"a{number}") for number, make in enumerate(accounts())}
    async with running(stack) as world:
        await in_parts(
            world, [partial(world.publish, name, value, "interpals.account") for name, value in sent.items()]
        )
        letters = await dead(world, list(sent))
    assert max(letters.values()) == 1
    assert 0 < len(letters) < len(sent)
    await nothing_is_left(stack)


async def nothing_is_left(stack: Stack) -> None:
    """Each message was taken in or refused: with the worker gone, no queue has a message that was given back."""
    for lane in Lane:
        assert await stack.depth(lane_events_queue_name(lane)) == 0


async def test_each_field_of_the_api(stack: Stack) -> None:
    """Each parameter and each field of each route that there is: a 4xx with what to mend, or it is done."""
    accepted: dict[str, Any] = {}
    async with running(stack) as world:

        async def publish(value: dict[str, Any]) -> None:
            answer = await ask(world.asker, "post", "/api/v1/events", written(value))
            if answer.status in (200, 202):
                accepted[value["id"]] = value

        # The queue has had each of them: here some go the way of the outbox.
        events = [make(f"h{number}") for number, make in enumerate(messages()) if number % 5 == 0]
        asked = [*requests(openapi_document()), *pages(World().app.routes)]
        await in_parts(
            world,
            [
                *(partial(publish, value) for value in events),
                *(partial(ask, world.asker, *request) for request in asked),
            ],
        )
        await all_is_done_with(world, accepted)
    assert accepted
    await nothing_is_left(stack)


async def ask(asker: Asker, method: str, path: str, body: bytes) -> Answer:
    """Sends a request, whose answer is no failure and says something."""
    answer = await asker.ask(method, path, body)
    assert answer.status < 500, (method, path, body[:200], answer.status)
    if answer.status >= 400 and method.lower() != "head":
        assert answer.content, (method, path)
    if path.startswith("/api/") and answer.status >= 400 and answer.status != 405:
        assert answer.json["problems"], (method, path)
    return answer
