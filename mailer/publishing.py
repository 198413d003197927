"""What applications call: `publish` and its blocking twin.

Each event loop has a publisher of its own, opened at first use from the same settings that the worker reads. With
RabbitMQ an event is safe once RabbitMQ has confirmed it; with the in-process broker it is a row of the outbox, and safe
once that is committed.
"""

import asyncio
import atexit
import os
import threading
from collections import defaultdict
from contextlib import ExitStack
from typing import Protocol
from weakref import WeakKeyDictionary

from mailer.events import MessageEvent
from mailer.ports.broker import BrokerUnavailable
from mailer.settings import Settings, read_settings

__all__ = ["publish", "publish_blocking"]


class _Publisher(Protocol):
    async def publish(self, event: MessageEvent) -> None: ...


_publishers: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[_Publisher]] = WeakKeyDictionary()
_held: defaultdict[int, ExitStack] = defaultdict(ExitStack)
"""The embedded database, if there is one, by process: it runs as long as somebody holds it."""
atexit.register(lambda: _held[os.getpid()].close())


async def publish(event: MessageEvent) -> None:
    """Publishes an event; returns once it is safe.

    Args:
        event: with an id of its own. Publishing it again, with the same id, is harmless: it is answered with the first.

    Raises:
        BrokerUnavailable: no confirm came (`mailer.ports.broker`); publish again, with the same id.
        SettingsError: the settings do not say where to publish.
    """
    loop = asyncio.get_running_loop()
    opening = _publishers.get(loop)
    if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
        opening = _publishers[loop] = loop.create_task(_open(read_settings()))
    publisher = await asyncio.shield(opening)
    await publisher.publish(event)


def publish_blocking(event: MessageEvent) -> None:
    """The same for synchronous code; any number of threads may call it, and forked processes too.

    Raises:
        BrokerUnavailable, SettingsError: see `publish`.
    """
    asyncio.run_coroutine_threadsafe(publish(event), _background()).result()


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_starting = threading.Lock()


def _background() -> asyncio.AbstractEventLoop:
    """A loop in a thread of this process; a fork has the memory of its parent's, but not its thread."""
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="mailer-publisher", daemon=True).start()
        return loop


async def _open(settings: Settings) -> _Publisher:
    # The drivers are loaded here, so that `import mailer` costs an application nothing.
    if not settings.in_process:
        return await _open_rabbit(settings)
    from mailer.app import database
    from mailer.ledger.database import open_pool
    from mailer.ledger.outbox import UNREACHABLE, OutboxPublisher

    try:
        return OutboxPublisher(await open_pool(_held[os.getpid()].enter_context(database(settings)), size=4))
    except UNREACHABLE as error:
        raise BrokerUnavailable(f"the database does not answer: {error}") from error


async def _open_rabbit(settings: Settings) -> _Publisher:
    """Declares the queues where no worker ever has, so that the first one to start finds what is published now."""
    from aio_pika.exceptions import ChannelPreconditionFailed
    from aiormq.exceptions import ChannelAccessRefused

    from mailer.broker.publisher import EventPublisher
    from mailer.broker.rabbitmq import RabbitBroker
    from mailer.broker.topology import EVENTS

    broker = RabbitBroker(settings.broker_url)
    try:
        if not await broker.has(EVENTS):
            from mailer.app import broker_topology

            await broker.declare(broker_topology(settings))
    except BaseException as error:
        await broker.close()
        if isinstance(error, ChannelAccessRefused | ChannelPreconditionFailed):
            message = f"there is no exchange {EVENTS} yet; a worker declares it when it starts"
            raise BrokerUnavailable(message) from error
        raise
    return EventPublisher(broker)
