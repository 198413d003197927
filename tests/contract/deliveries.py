"""Publishes, takes and counts messages for the contract suites."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from mailer.broker.topology import BATCHES, lane_events_queue_name
from mailer.policy.category import Lane
from mailer.ports.broker import Broker, BrokerMessage, HeaderName, ReceivedMessage
from tests.contract.brokers import BRAND

SERVICE = lane_events_queue_name(Lane.SERVICE)
SECONDS = 60
"""The longest to wait for a thing that must happen. No test waits that long when all is well."""


def numbered(number: int, key: str = f"{BRAND}.service") -> BrokerMessage:
    """A message that can be told from others."""
    return BrokerMessage(b'{"n": %d}' % number, key, message_id=str(number))


def headers(received: ReceivedMessage) -> dict[str, str]:
    """The headers without the publisher's. A store that tells users apart adds it."""
    return {name: value for name, value in received.message.headers.items() if name != HeaderName.PUBLISHER}


def ids(received: list[ReceivedMessage]) -> list[str | None]:
    """The ids of these messages."""
    return [one.message.message_id for one in received]


async def take(
    batches: AsyncIterator[list[ReceivedMessage]], count: int, *, ack: bool = False
) -> list[ReceivedMessage]:
    """The next messages, settled or not."""
    taken: list[ReceivedMessage] = []
    async with asyncio.timeout(SECONDS):
        while len(taken) < count:
            batch = await anext(batches)
            assert batch
            taken += batch
            if ack:
                for received in batch:
                    await received.acknowledge()
    assert len(taken) == count
    return taken


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(SECONDS):
        while not await holds():  # noqa: ASYNC110 (brokers announce no such thing)
            await asyncio.sleep(0.01)


async def waits(broker: Broker, queue: str, count: int) -> None:
    """Waits until that many messages wait in a queue."""

    async def holds() -> bool:
        return await broker.queue_depth(queue) == count

    await eventually(holds)


async def emptied(broker: Broker, queue: str) -> list[str | None]:
    """All that is in a queue, found by publishing a last message behind it."""
    lane = queue.rpartition(".")[2]
    await broker.publish_message(BATCHES, BrokerMessage(b"{}", lane, message_id="last"))
    found: list[str | None] = []
    async with broker.messages_while_consuming(queue, 10) as batches, asyncio.timeout(SECONDS):
        while "last" not in found:
            for received in await anext(batches):
                found.append(received.message.message_id)
                await received.acknowledge()
    return found[:-1]
