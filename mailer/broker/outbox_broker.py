"""The in-process broker. It stores messages in the outbox; memory holds only as many as consumers have room for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mailer.broker.memory_queues import Consumer, LeasedOutboxRow, MemoryQueue, QueueCallbacks, QueuedCopy
from mailer.broker.topology import DEAD_QUEUE, LAST, OUTCOMES, Queue, Topology, build_dead_letter
from mailer.ports.broker import BrokerMessage, MessageUnroutable, ReceivedMessage
from mailer.ports.outbox import TAKEN_OCTETS, Outbox, OutboxRow

log = logging.getLogger(__name__)

_LEASE_SECONDS = 30.0
_POLL_SECONDS = 1.0
"""Seconds between two looks for rows with an expired lease or rows given back. The database does not announce these."""
_RETRY_SECONDS = 1.0
_DEEP = 1_000
HELD_OCTETS = 4 * TAKEN_OCTETS
"""The most octets of message bodies in memory. Above it, the broker takes no more rows."""


class OutboxBroker:
    """Publishes a message by adding a row to the outbox, and delivers rows to the consumers of this process.

    Several processes may share one outbox: each leases rows for the queues that it consumes. A row is deleted after
    its message is settled. If a process dies, its rows become free when their lease ends. Publishing works without
    starting the broker; consuming needs `async with`.
    """

    def __init__(self, topology: Topology, outbox: Outbox, owner: str) -> None:
        """Creates the queues. Takes no rows yet.

        Args:
            topology: the exchanges, queues and bindings, as for RabbitMQ.
            outbox: the durable store.
            owner: a name that no other process has or had.
        """
        self._topology = topology
        self._outbox = outbox
        self._owner = owner
        self._wake = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._rows: dict[int, LeasedOutboxRow] = {}
        self._octets = 0
        self._done: list[int] = []
        self._unwanted: list[int] = []
        self._queues = {
            queue.name: MemoryQueue(queue.delivery_limit, self._build_queue_callbacks(queue))
            for queue in topology.queues
        }

    async def __aenter__(self) -> Self:
        """Starts to deliver rows."""
        self._tasks = [
            asyncio.create_task(loop()) for loop in (self._deliver_rows, self._wake_at_new_rows, self._renew_leases)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the broker; see `close`."""
        await self.close()

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Adds the message to the outbox; see `Broker.publish_message`."""
        if self._topology.queues_for_message(exchange, message.routing_key):
            await self._outbox.add_messages(exchange, [message])
        elif mandatory:
            raise MessageUnroutable("no queue is bound for the message")

    @asynccontextmanager
    async def messages_while_consuming(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AsyncIterator[AsyncIterator[list[ReceivedMessage]]]:
        """Yields the messages that arrive; see `Broker.messages_while_consuming`."""
        source, consumer = self._queues[queue], Consumer(prefetch, at_once)
        source.add_consumer(consumer)
        try:
            yield consumer.arrivals
        finally:
            self._mark_rows_for_release(row.parked.id for row in source.remove_consumer(consumer))
            self._wake.set()

    async def queue_depth(self, queue: str) -> int:
        """Returns the number of messages that wait for a queue, in memory and as rows. Counts at most 1,000 rows."""
        bound = [(binding.exchange, binding.key) for binding in self._topology.bindings if binding.queue == queue]
        return self._queues[queue].count_waiting + await self._outbox.count_unleased_rows_up_to_limit(bound, _DEEP)

    async def close(self) -> None:
        """Stops delivering, and releases the rows that are not settled. Publishing still works."""
        for queue in self._queues.values():
            queue.end_consumers()
        self._closing = True
        self._wake.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _deliver_rows(self) -> None:
        """Fills the queues from the outbox, and removes settled rows from it, until the broker closes."""
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            if not await self._await_outbox_step_or_log_failure(self._delete_settled_rows_and_fill_queues()):
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()
        self._mark_rows_for_release(list(self._rows))
        await self._await_outbox_step_or_log_failure(self._delete_settled_and_free_unplaced_rows())

    async def _wake_at_new_rows(self) -> None:
        while not self._closing:
            if not await self._await_outbox_step_or_log_failure(self._outbox.wait_for_rows(_POLL_SECONDS)):
                await asyncio.sleep(_RETRY_SECONDS)
            self._wake.set()

    async def _renew_leases(self) -> None:
        while not self._closing:
            await asyncio.sleep(_LEASE_SECONDS / 3)
            if self._rows:
                await self._await_outbox_step_or_log_failure(
                    self._outbox.renew_leases_of_owner(self._owner, _LEASE_SECONDS)
                )

    async def _await_outbox_step_or_log_failure(self, step: Awaitable[None]) -> bool:
        """Awaits a step. Returns False if it failed, and logs the error. The caller tries again; nothing is lost."""
        try:
            await step
        except Exception as error:
            log.warning("the outbox fails (%s); trying again", type(error).__name__)
            return False
        return True

    async def _delete_settled_rows_and_fill_queues(self) -> None:
        await self._delete_settled_and_free_unplaced_rows()
        await self._fill_queues()
        await self._delete_settled_and_free_unplaced_rows()

    async def _fill_queues(self) -> None:
        """Leases rows for the queues that need filling. Skips rows for queues without room."""
        unwanted: set[tuple[str, str]] = set()
        while self._octets < HELD_OCTETS and (
            hungry := [q.free_place_count for q in self._queues.values() if q.needs_filling]
        ):
            full = {
                (bound.exchange, bound.key)
                for bound in self._topology.bindings
                if not self._queues[bound.queue].needs_filling
            }
            # No more rows than the fullest queue has room for: the next rows may all be for that queue.
            limit = min(hungry)
            rows = await self._outbox.lease_rows(self._owner, limit, _LEASE_SECONDS, full | unwanted)
            unwanted |= {
                (parked.exchange, parked.message.routing_key)
                for parked in rows
                if not self._add_row_to_queues_or_mark_for_release(parked)
            }
            if len(rows) < limit and sum(len(parked.message.body) for parked in rows) < TAKEN_OCTETS:
                return

    async def _delete_settled_and_free_unplaced_rows(self) -> None:
        """Deletes settled rows from the outbox, and releases the rows that no queue had room for."""
        if done := self._done[:]:
            await self._outbox.remove_rows(done)
            del self._done[: len(done)]
        if unwanted := self._unwanted[:]:
            await self._outbox.release_rows(unwanted)
            del self._unwanted[: len(unwanted)]

    def _add_row_to_queues_or_mark_for_release(self, parked: OutboxRow) -> bool:
        """Adds a row's message to its queues and returns True. If one has no room, marks the row for release.

        A row without a bound queue becomes a dead letter, as with RabbitMQ's alternate exchange. Outcomes without a
        bound queue are dropped.
        """
        names = self._topology.queues_for_message(parked.exchange, parked.message.routing_key)
        if not names and parked.exchange == OUTCOMES:
            self._done.append(parked.id)
            return True
        queues = [self._queues[name] for name in names or (DEAD_QUEUE,)]
        if any(not queue.free_place_count for queue in queues):
            self._unwanted.append(parked.id)
            return False
        self._rows[parked.id] = row = LeasedOutboxRow(parked, copies=len(queues), unsettled=len(queues))
        self._octets += len(parked.message.body)
        for queue in queues:
            queue.add_copy(QueuedCopy(row))
        return True

    def _mark_rows_for_release(self, ids: Iterable[int]) -> None:
        for row_id in ids:
            if row := self._rows.pop(row_id, None):
                self._octets -= len(row.parked.message.body)
                self._unwanted.append(row_id)

    def _mark_settled_row_for_deletion(self, row: LeasedOutboxRow) -> None:
        if self._rows.pop(row.parked.id, None):
            self._octets -= len(row.parked.message.body)
            self._done.append(row.parked.id)
            self._wake.set()

    def _build_queue_callbacks(self, queue: Queue) -> QueueCallbacks:
        async def bury(message: BrokerMessage, exchange: str, reason: str, kind: str) -> None:
            await self._outbox.add_messages(
                queue.dead_letters or LAST, [build_dead_letter(message, exchange, reason, kind)]
            )

        return QueueCallbacks(done=self._mark_settled_row_for_deletion, hungry=self._wake.set, bury=bury)
