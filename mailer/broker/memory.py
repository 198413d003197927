"""The broker within the process. Its durable store is the outbox; memory holds only what consumers have room for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mailer.broker.memory_queues import Consumer, Copy, Host, MemoryQueue, Row
from mailer.broker.topology import DEAD_QUEUE, LAST, OUTCOMES, Queue, Topology, dead_letter
from mailer.ports.broker import Message, Received, Unroutable
from mailer.ports.outbox import TAKEN_OCTETS, Outbox, Parked

log = logging.getLogger(__name__)

_LEASE_SECONDS = 30.0
_POLL_SECONDS = 1.0
"""How often to look for rows whose lease has ended or that another process put back: nothing announces them."""
_RETRY_SECONDS = 1.0
_DEEP = 1_000
HELD_OCTETS = 4 * TAKEN_OCTETS
"""The octets of all bodies in memory with which no more rows are taken."""


class MemoryBroker:
    """Publishes by parking a row, and delivers the rows to the consumers of this process.

    Several processes may share one outbox: each takes rows, under a lease, for the queues that it consumes. A row goes
    once its message is settled; the rows of a process that died come back when their lease ends. To publish, the
    broker need not be started; to consume it must be (`async with`).
    """

    def __init__(self, topology: Topology, outbox: Outbox, owner: str) -> None:
        """Takes nothing yet.

        Args:
            topology: what RabbitMQ would have declared.
            outbox: the durable store.
            owner: a name that no other process, and no earlier one, has.
        """
        self._topology = topology
        self._outbox = outbox
        self._owner = owner
        self._wake = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._rows: dict[int, Row] = {}
        self._octets = 0
        self._done: list[int] = []
        self._unwanted: list[int] = []
        self._queues = {queue.name: MemoryQueue(queue.delivery_limit, self._host(queue)) for queue in topology.queues}

    async def __aenter__(self) -> Self:
        """Starts to deliver."""
        self._tasks = [asyncio.create_task(loop()) for loop in (self._deliver, self._watch, self._renew)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops as `close` does."""
        await self.close()

    async def publish(self, exchange: str, message: Message, *, mandatory: bool = True) -> None:
        """Returns once the message is a row; see `Broker.publish`."""
        if self._topology.route(exchange, message.routing_key):
            await self._outbox.park(exchange, [message])
        elif mandatory:
            raise Unroutable("no queue is bound for the message")

    @asynccontextmanager
    async def consume(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[Received]]]:
        """Yields what has arrived; see `Broker.consume`."""
        source, consumer = self._queues[queue], Consumer(prefetch, at_once)
        source.join(consumer)
        try:
            yield consumer.arrivals
        finally:
            self._give_back(row.parked.id for row in source.leave(consumer))
            self._wake.set()

    async def depth(self, queue: str) -> int:
        """How many messages wait for a queue, here or as rows; of the rows a thousand are counted at most."""
        bound = [(binding.exchange, binding.key) for binding in self._topology.bindings if binding.queue == queue]
        return self._queues[queue].depth + await self._outbox.waiting(bound, _DEEP)

    async def close(self) -> None:
        """Stops delivering and gives back what is not settled. Publishing still works."""
        for queue in self._queues.values():
            queue.end()
        self._closing = True
        self._wake.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _deliver(self) -> None:
        """Keeps the queues filled and the outbox up to date, until the broker closes."""
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            if not await self._tried(self._turn()):
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()
        self._give_back(list(self._rows))
        await self._tried(self._tidy())

    async def _watch(self) -> None:
        while not self._closing:
            if not await self._tried(self._outbox.wait(_POLL_SECONDS)):
                await asyncio.sleep(_RETRY_SECONDS)
            self._wake.set()

    async def _renew(self) -> None:
        while not self._closing:
            await asyncio.sleep(_LEASE_SECONDS / 3)
            if self._rows:
                await self._tried(self._outbox.renew(self._owner, _LEASE_SECONDS))

    async def _tried(self, step: Awaitable[None]) -> bool:
        """Whether a step succeeded. One that failed is tried again: the outbox comes back, and nothing is lost."""
        try:
            await step
        except Exception as error:
            log.warning("the outbox fails (%s); trying again", type(error).__name__)
            return False
        return True

    async def _turn(self) -> None:
        await self._tidy()
        await self._fill()
        await self._tidy()

    async def _fill(self) -> None:
        """Takes rows for the queues that are hungry, past those for which there is no room here."""
        unwanted: set[tuple[str, str]] = set()
        while self._octets < HELD_OCTETS and (hungry := [q.room for q in self._queues.values() if q.hungry]):
            full = {
                (bound.exchange, bound.key) for bound in self._topology.bindings if not self._queues[bound.queue].hungry
            }
            # As many as the tightest queue takes, since nobody knows whose rows come next.
            limit = min(hungry)
            rows = await self._outbox.take(self._owner, limit, _LEASE_SECONDS, full | unwanted)
            unwanted |= {(parked.exchange, parked.message.routing_key) for parked in rows if not self._placed(parked)}
            if len(rows) < limit and sum(len(parked.message.body) for parked in rows) < TAKEN_OCTETS:
                return

    async def _tidy(self) -> None:
        """Removes the rows that are done, and gives back those for which there is no room here."""
        if done := self._done[:]:
            await self._outbox.remove(done)
            del self._done[: len(done)]
        if unwanted := self._unwanted[:]:
            await self._outbox.put_back(unwanted)
            del self._unwanted[: len(unwanted)]

    def _placed(self, parked: Parked) -> bool:
        """Puts a row's message into its queues if each has room, else marks it to be given back.

        A row that was parked for nobody is a dead letter, as with the alternate exchange; outcomes are dropped.
        """
        names = self._topology.route(parked.exchange, parked.message.routing_key)
        if not names and parked.exchange == OUTCOMES:
            self._done.append(parked.id)
            return True
        queues = [self._queues[name] for name in names or (DEAD_QUEUE,)]
        if any(not queue.room for queue in queues):
            self._unwanted.append(parked.id)
            return False
        self._rows[parked.id] = row = Row(parked, copies=len(queues), unsettled=len(queues))
        self._octets += len(parked.message.body)
        for queue in queues:
            queue.put(Copy(row))
        return True

    def _give_back(self, ids: Iterable[int]) -> None:
        for row_id in ids:
            if row := self._rows.pop(row_id, None):
                self._octets -= len(row.parked.message.body)
                self._unwanted.append(row_id)

    def _settled(self, row: Row) -> None:
        if self._rows.pop(row.parked.id, None):
            self._octets -= len(row.parked.message.body)
            self._done.append(row.parked.id)
            self._wake.set()

    def _host(self, queue: Queue) -> Host:
        async def bury(message: Message, exchange: str, reason: str, kind: str) -> None:
            await self._outbox.park(queue.dead_letters or LAST, [dead_letter(message, exchange, reason, kind)])

        return Host(done=self._settled, hungry=self._wake.set, bury=bury)
