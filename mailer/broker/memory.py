"""The broker within the process. Its durable store is the outbox; memory holds only what consumers have room for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mailer.broker.memory_queues import Consumer, HeldRow, MemoryQueue, QueuedCopy, QueueHost
from mailer.broker.topology import DEAD_QUEUE, LAST, OUTCOMES, Queue, Topology, dead_letter
from mailer.ports.broker import BrokerMessage, ReceivedMessage, Unroutable
from mailer.ports.outbox import TAKEN_OCTETS, Outbox, OutboxRow

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
        self._rows: dict[int, HeldRow] = {}
        self._octets = 0
        self._done: list[int] = []
        self._unwanted: list[int] = []
        self._queues = {
            queue.name: MemoryQueue(queue.delivery_limit, self._queue_host(queue)) for queue in topology.queues
        }

    async def __aenter__(self) -> Self:
        """Starts to deliver."""
        self._tasks = [
            asyncio.create_task(loop()) for loop in (self._deliver_rows, self._watch_outbox, self._renew_leases)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops as `close` does."""
        await self.close()

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Returns once the message is a row; see `Broker.publish_message`."""
        if self._topology.route_message(exchange, message.routing_key):
            await self._outbox.add_messages(exchange, [message])
        elif mandatory:
            raise Unroutable("no queue is bound for the message")

    @asynccontextmanager
    async def consume_queue(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[ReceivedMessage]]]:
        """Yields what has arrived; see `Broker.consume_queue`."""
        source, consumer = self._queues[queue], Consumer(prefetch, at_once)
        source.add_consumer(consumer)
        try:
            yield consumer.arrivals
        finally:
            self._release_rows(row.parked.id for row in source.remove_consumer(consumer))
            self._wake.set()

    async def queue_depth(self, queue: str) -> int:
        """How many messages wait for a queue, here or as rows; of the rows a thousand are counted at most."""
        bound = [(binding.exchange, binding.key) for binding in self._topology.bindings if binding.queue == queue]
        return self._queues[queue].count_waiting + await self._outbox.count_waiting(bound, _DEEP)

    async def close(self) -> None:
        """Stops delivering and gives back what is not settled. Publishing still works."""
        for queue in self._queues.values():
            queue.end_consumers()
        self._closing = True
        self._wake.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _deliver_rows(self) -> None:
        """Keeps the queues filled and the outbox up to date, until the broker closes."""
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            if not await self._try_step(self._run_turn()):
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()
        self._release_rows(list(self._rows))
        await self._try_step(self._remove_done_rows())

    async def _watch_outbox(self) -> None:
        while not self._closing:
            if not await self._try_step(self._outbox.wait_for_rows(_POLL_SECONDS)):
                await asyncio.sleep(_RETRY_SECONDS)
            self._wake.set()

    async def _renew_leases(self) -> None:
        while not self._closing:
            await asyncio.sleep(_LEASE_SECONDS / 3)
            if self._rows:
                await self._try_step(self._outbox.renew_leases(self._owner, _LEASE_SECONDS))

    async def _try_step(self, step: Awaitable[None]) -> bool:
        """Whether a step succeeded. One that failed is tried again: the outbox comes back, and nothing is lost."""
        try:
            await step
        except Exception as error:
            log.warning("the outbox fails (%s); trying again", type(error).__name__)
            return False
        return True

    async def _run_turn(self) -> None:
        await self._remove_done_rows()
        await self._fill_queues()
        await self._remove_done_rows()

    async def _fill_queues(self) -> None:
        """Takes rows for the queues that are hungry, past those for which there is no room here."""
        unwanted: set[tuple[str, str]] = set()
        while self._octets < HELD_OCTETS and (
            hungry := [q.free_places for q in self._queues.values() if q.needs_filling]
        ):
            full = {
                (bound.exchange, bound.key)
                for bound in self._topology.bindings
                if not self._queues[bound.queue].needs_filling
            }
            # As many as the tightest queue takes, since nobody knows whose rows come next.
            limit = min(hungry)
            rows = await self._outbox.lease_rows(self._owner, limit, _LEASE_SECONDS, full | unwanted)
            unwanted |= {
                (parked.exchange, parked.message.routing_key) for parked in rows if not self._place_row(parked)
            }
            if len(rows) < limit and sum(len(parked.message.body) for parked in rows) < TAKEN_OCTETS:
                return

    async def _remove_done_rows(self) -> None:
        """Removes the rows that are done, and gives back those for which there is no room here."""
        if done := self._done[:]:
            await self._outbox.remove_rows(done)
            del self._done[: len(done)]
        if unwanted := self._unwanted[:]:
            await self._outbox.release_rows(unwanted)
            del self._unwanted[: len(unwanted)]

    def _place_row(self, parked: OutboxRow) -> bool:
        """Puts a row's message into its queues if each has room, else marks it to be given back.

        A row that was parked for nobody is a dead letter, as with the alternate exchange; outcomes are dropped.
        """
        names = self._topology.route_message(parked.exchange, parked.message.routing_key)
        if not names and parked.exchange == OUTCOMES:
            self._done.append(parked.id)
            return True
        queues = [self._queues[name] for name in names or (DEAD_QUEUE,)]
        if any(not queue.free_places for queue in queues):
            self._unwanted.append(parked.id)
            return False
        self._rows[parked.id] = row = HeldRow(parked, copies=len(queues), unsettled=len(queues))
        self._octets += len(parked.message.body)
        for queue in queues:
            queue.add_copy(QueuedCopy(row))
        return True

    def _release_rows(self, ids: Iterable[int]) -> None:
        for row_id in ids:
            if row := self._rows.pop(row_id, None):
                self._octets -= len(row.parked.message.body)
                self._unwanted.append(row_id)

    def _row_settled(self, row: HeldRow) -> None:
        if self._rows.pop(row.parked.id, None):
            self._octets -= len(row.parked.message.body)
            self._done.append(row.parked.id)
            self._wake.set()

    def _queue_host(self, queue: Queue) -> QueueHost:
        async def bury(message: BrokerMessage, exchange: str, reason: str, kind: str) -> None:
            await self._outbox.add_messages(queue.dead_letters or LAST, [dead_letter(message, exchange, reason, kind)])

        return QueueHost(done=self._row_settled, hungry=self._wake.set, bury=bury)
