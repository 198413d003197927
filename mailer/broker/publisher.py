"""Publishing events: what `mailer.publish` uses over RabbitMQ."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mailer.broker.topology import EVENTS
from mailer.events import MessageEvent
from mailer.ports.broker import Broker, Message

_T = TypeVar("_T")


class EventPublisher:
    """Publishes events through a broker, for asynchronous code."""

    def __init__(self, broker: Broker) -> None:
        """Takes the broker over: `close` closes it."""
        self._broker = broker

    async def publish(self, event: MessageEvent) -> None:
        """Returns once the event is safe. One for which no lane is bound becomes a dead letter, and is safe there.

        Raises:
            BrokerUnavailable: no confirm came; publish it again, with the same id.
        """
        message = Message(event.to_json(), event.routing_key, message_id=event.id)
        await self._broker.publish(EVENTS, message)

    async def close(self) -> None:
        """Closes the broker."""
        await self._broker.close()


class BlockingPublisher:
    """The same for synchronous code. Any number of threads may share one; a forked process makes its own."""

    def __init__(self, open_broker: Callable[[], Broker]) -> None:
        """Starts a thread with an event loop.

        Args:
            open_broker: makes the broker; called in that thread.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailer-publisher", daemon=True)
        self._thread.start()
        self._publisher = self._run(self._open(open_broker))

    def publish(self, event: MessageEvent) -> None:
        """Returns once the event is safe; see `EventPublisher.publish`."""
        self._run(self._publisher.publish(event))

    def close(self) -> None:
        """Closes the broker and ends the thread."""
        self._run(self._publisher.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, open_broker: Callable[[], Broker]) -> EventPublisher:
        return EventPublisher(open_broker())

    def _run(self, step: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()
