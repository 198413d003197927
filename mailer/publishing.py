"""The functions that applications call: `publish`, and `publish_blocking` for synchronous code.

Each event loop has a publisher of its own, opened at first use from the same settings that the worker reads. With
RabbitMQ an event is safe once RabbitMQ has confirmed it; with the in-process broker it is a row of the outbox, and safe
once that is committed.
"""

import asyncio
import atexit
import os
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from mailer.account_event_types import AccountEvent
from mailer.events import MessageEvent
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.ports.broker import BrokerUnavailable
from mailer.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from mailer.broker.topology import Topology

__all__ = ["publish", "publish_blocking"]

_LEAVE_SECONDS = 5.0


class _AnyPublisher(Protocol):
    async def publish_event(self, event: MessageEvent | AccountEvent, identity: Identity | None = None) -> None: ...


_publishers: WeakKeyDictionary[
    asyncio.AbstractEventLoop, tuple[AsyncGenerator[_AnyPublisher, None], asyncio.Task[_AnyPublisher]]
] = WeakKeyDictionary()
"""The publishers by event loop: the generator that opens and closes one, and the task that opens it."""


async def publish(event: MessageEvent | AccountEvent) -> None:
    """Publishes an event, of a message or of an account; returns once it is safe.

    Args:
        event: with an id of its own. Publishing it again, with the same id, is harmless: it is answered with the first.

    Raises:
        BrokerUnavailable: no confirm came (`mailer.ports.broker`); publish again, with the same id.
        EventRefused: it is too large, and can never be published (`mailer.events`).
        SettingsError: the settings do not say where to publish.
    """
    publisher = await asyncio.shield(_get_or_start_task_opening_publisher(asyncio.get_running_loop()))
    await publisher.publish_event(event)


async def publish_as(event: MessageEvent | AccountEvent, identity: Identity) -> None:
    """Publishes an event for somebody: a person at a command.

    Args:
        event: as of `publish`.
        identity: its publisher, believed of mailer's own broker user and of a role that owns the outbox, or may take
            from it.

    Raises:
        BrokerUnavailable, EventRefused, SettingsError: see `publish`.
    """
    publisher = await asyncio.shield(_get_or_start_task_opening_publisher(asyncio.get_running_loop()))
    await publisher.publish_event(event, identity)


def publish_blocking(event: MessageEvent | AccountEvent) -> None:
    """The same for synchronous code; any number of threads may call it, and forked processes too.

    Raises:
        BrokerUnavailable, EventRefused, SettingsError: see `publish`.
    """
    asyncio.run_coroutine_threadsafe(publish(event), _get_or_start_background_event_loop()).result()


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_starting = threading.Lock()
# Nobody holds it while a process forks: in the child it would never be let go.
os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_starting.release)


def _get_or_start_background_event_loop() -> asyncio.AbstractEventLoop:
    """Returns an event loop in a thread of this process. A fork gets its own, since it does not inherit the thread."""
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="mailer-publisher", daemon=True).start()
        return loop


_held: defaultdict[int, ExitStack] = defaultdict(ExitStack)
"""The embedded database by process, if there is one. It runs until its stack is closed."""


@atexit.register
def _close_publishers() -> None:
    """Closes the publishers of this process. Those of its parent, from before a fork, are not its own."""
    loop = _loops.pop(os.getpid(), None)
    if loop is not None:
        with suppress(TimeoutError):  # nobody's exit waits for a broker that hangs
            asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(_LEAVE_SECONDS)
    _held[os.getpid()].close()


def _get_or_start_task_opening_publisher(loop: asyncio.AbstractEventLoop) -> "asyncio.Task[_AnyPublisher]":
    """Returns the task that opens the publisher of a loop. A task that failed is started again."""
    _, opening = _publishers.get(loop, (None, None))
    if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
        publishers = _yield_open_publisher(read_settings())
        opening = loop.create_task(_get_first_yielded_publisher(publishers))
        _publishers[loop] = publishers, opening
    return opening


async def _get_first_yielded_publisher(publishers: AsyncGenerator[_AnyPublisher, None]) -> _AnyPublisher:
    return await anext(publishers)


async def _yield_open_publisher(settings: Settings) -> AsyncGenerator[_AnyPublisher, None]:
    """Yields a publisher. The loop closes it when it shuts its asynchronous generators down, as asyncio.run does."""
    # The drivers are loaded here, so that `import mailer` costs an application nothing.
    if settings.is_broker_in_process:
        try:
            from mailer.app import yield_database_url_running_server_if_embedded
            from mailer.database.connections import open_pool
            from mailer.postgres.outbox import UNREACHABLE, PublisherToOutbox
        except ModuleNotFoundError as error:
            raise _error_without_server_extra(error) from None

        try:
            pool = await open_pool(
                _held[os.getpid()].enter_context(yield_database_url_running_server_if_embedded(settings)), size=4
            )
        except UNREACHABLE as error:
            raise BrokerUnavailable(f"the database does not answer: {error}") from error
        try:
            yield PublisherToOutbox(pool)
        finally:
            await pool.close()
    else:
        from mailer.broker.event_publisher import EventPublisher
        from mailer.broker.rabbitmq import RabbitBroker
        from mailer.broker.topology import EVENTS

        broker = RabbitBroker(settings.broker_url, plan=lambda: _load_topology_to_declare(settings))
        try:
            await broker.has_exchange(
                EVENTS
            )  # a RabbitMQ that is away is told at once, and asked for anew the next time
            yield EventPublisher(broker)
        finally:
            await broker.close()


def _load_topology_to_declare(settings: Settings) -> "Topology":
    """Returns the topology to declare, so that events published before the first worker starts are kept for it."""
    from mailer.policy_loading import load_broker_topology

    return load_broker_topology(settings)


def _error_without_server_extra(error: ModuleNotFoundError) -> Exception:
    """Returns the error for an application that publishes by the outbox without mailer's database driver installed."""
    if (error.name or "mailer").partition(".")[0] == "mailer":
        return error
    return SettingsError(
        f"MAILER_BROKER_URL: memory:// publishes by the database, which needs {error.name}:"
        " pip install 'pactmail[server]'; or name RabbitMQ (amqp://user:password@host/vhost)"
    )
