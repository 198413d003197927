"""Traffic while things break: mailings to audiences, single service events, repeated events, and people who leave."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aio_pika
import asyncpg
import httpx

from mailer import MessageEvent, publish_in_transaction
from mailer.broker.event_publisher import EventPublisher
from mailer.broker.rabbitmq import RabbitBroker
from mailer.policy.category import CATEGORIES
from mailer.ports.broker import BrokerUnavailable
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from tests.acceptance.samples import BRANDS, event
from tests.chaos.facts import OptOut, Published
from tests.chaos.journal import Journal
from tests.chaos.people import AUDIENCES, SIZE, ref
from tests.chaos.poison import Poisoner
from tests.processes import PUBLIC_URL, Stack

UNREACHABLE = (OSError, TimeoutError, httpx.HTTPError, asyncpg.PostgresError, asyncpg.InterfaceError, BrokerUnavailable)
"""Errors that a publisher or a person meets while a service is away. They try again."""
AT_ONCE = 4
"""Batches that may wait when another mailing is begun: there is always some, and the run stays small."""
_WAITING = "SELECT count(*) FROM batches WHERE due_at <= now()"
OPTIONAL = [name for name in ("newsletter", "promotional") if CATEGORIES[name].is_optional]
_OPEN = (
    "SELECT m.brand, m.category, m.id, d.recipient_id FROM batches b JOIN deliveries d ON d.batch = b.id"
    " JOIN mailings m ON m.id = d.mailing_id WHERE m.category = ANY ($1)"
    " AND d.state IN ('queued', 'claimed', 'intended') ORDER BY (d.state = 'queued'), random() LIMIT 1"
)


class Traffic:
    """Applications and recipients.

    Args:
        stack: the commands, and the services past all proxies. broker: where RabbitMQ is, past its proxy.
        client: of the web process, with an API key. chance: decides what comes next.
    """

    def __init__(
        self, stack: Stack, broker: str, client: httpx.AsyncClient, journal: Journal, chance: random.Random
    ) -> None:
        self._stack = stack
        self._publisher = EventPublisher(RabbitBroker(broker, confirm_seconds=3))
        self._poisoner = Poisoner(broker)
        self._client = client
        self._journal = journal
        self._chance = chance
        self._events: list[MessageEvent] = []
        self._links = SignedLinks(PUBLIC_URL, [stack.env["MAILER_SECRET_KEYS"]])
        self.outbox_only = False

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until told to stop. Work that has begun then is brought to its end."""
        async with asyncio.TaskGroup() as tasks:
            for step, seconds in (
                (self._single, 0.08),
                (self._mailing, 1.0),
                (self._repeat, 1.5),
                (self._leave, 0.25),
                (self._poison, 0.5),
            ):
                tasks.create_task(self._again(step, seconds, stop))
        await self._publisher.close()

    async def _again(self, step: Callable[[], Awaitable[None]], seconds: float, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await step()
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * seconds)

    async def _single(self) -> None:
        """A service event for one person."""
        to = {"refs": [ref(self._chance.randrange(SIZE))]}
        await self._publish(self._made("service", to, 1))

    async def _mailing(self) -> None:
        """A mailing to an audience, if few enough are on their way."""
        try:
            waiting = await self._stack.value(_WAITING)
        except UNREACHABLE:
            return
        if waiting >= AT_ONCE:
            return
        audience, category = self._chance.choices(
            [
                ("all", "promotional"),
                ("all", "newsletter"),
                ("some", "service"),
                ("few", "newsletter"),
                ("few", "breach"),
                ("family", "newsletter"),
                ("family", "service"),
            ],
            [4, 4, 3, 2, 1, 1, 1],
        )[0]
        made = self._made(category, {"audience": audience}, AUDIENCES[audience])
        self._journal.say(f"mailing: {category} to {AUDIENCES[audience]} of {made.brand}")
        await self._publish(made)
        if CATEGORIES[category].needs_release:
            await self._release(made.id)

    async def _release(self, event_id: str) -> None:
        """Has a second person release the mailing. If that fails, it is released at the end of the run."""
        await asyncio.sleep(2)
        await self._stack.run("mailing", "approve", event_id, "--by", "Dana Duty")

    async def _repeat(self) -> None:
        """Publishes the same event again, by any way."""
        if self._events:
            self._journal.repeats += 1
            await self._send(self._chance.choice(self._events))

    def _made(self, category: str, to: dict[str, Any], size: int) -> MessageEvent:
        brand = self._chance.choice(BRANDS)
        made = MessageEvent.model_validate(event(f"chaos-{len(self._journal.published)}", brand, category, to))
        self._journal.published[made.id] = Published(brand, made.id, size, confirmed=False)
        return made

    async def _publish(self, made: MessageEvent) -> None:
        if await self._send(made):
            published = self._journal.published[made.id]
            self._journal.published[made.id] = replace(published, confirmed=True)
            self._events.append(made)

    async def _send(self, made: MessageEvent) -> bool:
        """Publishes an event. Returns True if it was confirmed. Without an answer it tries again, maybe another way."""
        ways: list[Callable[[MessageEvent], Awaitable[None]]]
        ways = [self._outbox] if self.outbox_only else [self._outbox, self._http, self._publisher.publish_event]
        for _ in range(20):
            try:
                await self._chance.choice(ways)(made)
            except UNREACHABLE:
                await asyncio.sleep(0.5)
            else:
                return True
        return False

    async def _outbox(self, made: MessageEvent) -> None:
        connection = await asyncpg.connect(self._stack.database_url, timeout=5)
        try:
            async with connection.transaction():
                await publish_in_transaction(connection, made)
        finally:
            await connection.close(timeout=5)

    async def _http(self, made: MessageEvent) -> None:
        (await self._client.post("/api/v1/events", content=made.to_json())).raise_for_status()

    async def _poison(self) -> None:
        """Publishes a message that nobody can take in."""
        number = len(self._journal.poison)
        self._journal.poison.append(False)
        try:
            self._journal.poison[number] = await self._poisoner.publish(number, self._chance)
        except (*UNREACHABLE, aio_pika.exceptions.AMQPError):
            return

    async def _leave(self) -> None:
        """Has a person whose mail is on its way leave its category."""
        try:
            found = await self._stack.query(_OPEN, OPTIONAL)
        except UNREACHABLE:
            return
        for brand, category, mailing, recipient in found:
            link = self._links.unsubscribe_link(UnsubscribeToken(brand, recipient, category, mailing))
            for _ in range(20):
                try:
                    answer = await self._client.post(
                        link.removeprefix(PUBLIC_URL), data={"List-Unsubscribe": "One-Click"}
                    )
                    answer.raise_for_status()
                except UNREACHABLE:
                    await asyncio.sleep(0.5)
                else:
                    self._journal.opt_outs.append(OptOut(brand, recipient, category, time.time()))
                    break
