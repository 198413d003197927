"""The queues of the in-process broker: the messages in memory, and the consumer that holds each."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailer.broker.arrivals import ArrivedMessages
from mailer.broker.topology import DELIVERY_LIMIT_REASON
from mailer.ports.broker import BrokerMessage, BrokerUnavailable
from mailer.ports.dead_letters import DeadLetterCauseKind
from mailer.ports.outbox import OutboxRow


@dataclass(eq=False, slots=True)
class LeasedOutboxRow:
    """A leased row of the outbox, in memory.

    Attributes:
        parked: the row.
        copies: the number of queues that got a copy.
        unsettled: the number of copies that are not settled.
    """

    parked: OutboxRow
    copies: int
    unsettled: int


@dataclass(eq=False, slots=True)
class QueuedCopy:
    """A copy of a row's message in one queue. It came back to the queue `returns` times."""

    row: LeasedOutboxRow
    returns: int = 0


class Consumer:
    """A consumer of a queue. It holds at most `prefetch` unsettled messages, in the order of arrival."""

    def __init__(self, prefetch: int, at_once: int | None) -> None:
        self.prefetch = prefetch
        self.arrivals = ArrivedMessages(at_once)
        self.unsettled: dict[MemoryDelivery, None] = {}

    @property
    def has_capacity(self) -> bool:
        """Returns True if the consumer can take one more message."""
        return len(self.unsettled) < self.prefetch


@dataclass(frozen=True, slots=True)
class QueueCallbacks:
    """The functions of the broker that a queue calls.

    Attributes:
        done: called with a row when all of its copies are settled.
        hungry: called when a queue has room again.
        bury: adds a dead letter to the outbox: message, exchange, reason, kind. May raise BrokerUnavailable.
    """

    done: Callable[[LeasedOutboxRow], None]
    hungry: Callable[[], None]
    bury: Callable[[BrokerMessage, str, str, str], Awaitable[None]]


class MemoryQueue:
    """A queue in memory. It has room for twice the prefetch of its consumers: they need not wait for the outbox."""

    def __init__(self, delivery_limit: int, host: QueueCallbacks) -> None:
        self._limit = delivery_limit
        self._host = host
        self._ready: deque[QueuedCopy] = deque()
        self._consumers: deque[Consumer] = deque()

    @property
    def count_waiting(self) -> int:
        """Returns the number of messages that wait for a consumer."""
        return len(self._ready)

    @property
    def free_place_count(self) -> int:
        """Returns the number of messages that the queue has room for; 0 without a consumer."""
        held = len(self._ready) + sum(len(consumer.unsettled) for consumer in self._consumers)
        return max(0, 2 * self._total_prefetch - held)

    @property
    def needs_filling(self) -> bool:
        """Returns True if the queue has room for half of its consumers' prefetch, so that a query is worth it."""
        return bool(self._consumers) and self.free_place_count >= max(1, self._total_prefetch // 2)

    def add_copy(self, copy: QueuedCopy) -> None:
        """Adds a message at the end of the queue."""
        self._ready.append(copy)
        self._dispatch_ready()

    def add_consumer(self, consumer: Consumer) -> None:
        """Adds a consumer, which gets messages from now on."""
        self._consumers.append(consumer)
        self._dispatch_ready()
        self._host.hungry()

    def remove_consumer(self, consumer: Consumer) -> list[LeasedOutboxRow]:
        """Removes a consumer, and puts its unsettled messages back at the front, in the same order.

        This does not count towards the delivery limit. If a message kills the process, the count is lost anyway.

        Returns:
            The rows that leave the queue because no consumer is left; else none.
        """
        consumer.arrivals.end_iteration()
        self._consumers.remove(consumer)
        self._ready.extendleft(delivery.copy for delivery in reversed(consumer.unsettled))
        consumer.unsettled.clear()
        if self._consumers:
            self._dispatch_ready()
            return []
        # A row with copies in other queues stays: after a release, these would get it twice.
        leaving = [copy.row for copy in self._ready if copy.row.copies == 1]
        self._ready = deque(copy for copy in self._ready if copy.row.copies > 1)
        return leaving

    def end_consumers(self) -> None:
        """Ends the iterations of all consumers."""
        for consumer in self._consumers:
            consumer.arrivals.end_iteration()

    def settle_delivery(self, delivery: "MemoryDelivery") -> None:
        """Removes a settled message, and reports its row when all copies are settled."""
        del delivery.consumer.unsettled[delivery]
        row = delivery.copy.row
        row.unsettled -= 1
        if not row.unsettled:
            self._host.done(row)
        self._dispatch_ready()
        if self.needs_filling:
            self._host.hungry()

    async def reject_delivery(self, delivery: "MemoryDelivery", reason: str, kind: str) -> None:
        """Moves a message to the dead letters, or back to the queue if the outbox is unavailable."""
        try:
            await self._host.bury(delivery.message, delivery.exchange, reason, kind)
        except BrokerUnavailable:
            if delivery.is_unsettled:
                self._put_back(delivery)
        else:
            if delivery.is_unsettled:
                self.settle_delivery(delivery)

    async def requeue_or_dead_letter_delivery(self, delivery: "MemoryDelivery") -> None:
        """Puts a message back at the front; after too many returns, moves it to the dead letters."""
        delivery.copy.returns += 1
        if delivery.copy.returns > self._limit:
            await self.reject_delivery(delivery, DELIVERY_LIMIT_REASON, DeadLetterCauseKind.TOO_OFTEN)
        else:
            self._put_back(delivery)

    @property
    def _total_prefetch(self) -> int:
        return sum(consumer.prefetch for consumer in self._consumers)

    def _put_back(self, delivery: "MemoryDelivery") -> None:
        del delivery.consumer.unsettled[delivery]
        self._ready.appendleft(delivery.copy)
        self._dispatch_ready()

    def _dispatch_ready(self) -> None:
        """Gives waiting messages to the consumers in turn."""
        while self._ready and (consumer := self._next_free_consumer()):
            delivery = MemoryDelivery(self, consumer, self._ready.popleft())
            consumer.unsettled[delivery] = None
            consumer.arrivals.add_message(delivery)

    def _next_free_consumer(self) -> Consumer | None:
        for _ in range(len(self._consumers)):
            self._consumers.rotate(-1)
            if self._consumers[-1].has_capacity:
                return self._consumers[-1]
        return None


class MemoryDelivery:
    """A message that a consumer holds. After it went back to the queue, settling does nothing."""

    __slots__ = ("_queue", "consumer", "copy", "exchange", "message")

    def __init__(self, queue: MemoryQueue, consumer: Consumer, copy: QueuedCopy) -> None:
        self._queue = queue
        self.consumer = consumer
        self.copy = copy
        self.exchange = copy.row.parked.exchange
        self.message = copy.row.parked.message

    @property
    def is_unsettled(self) -> bool:
        """Returns True if the consumer can still settle the message."""
        return self in self.consumer.unsettled

    async def acknowledge(self) -> None:
        """See `ReceivedMessage.acknowledge`."""
        if self.is_unsettled:
            self._queue.settle_delivery(self)

    async def reject(self, reason: str, kind: str = DeadLetterCauseKind.REFUSED) -> None:
        """See `ReceivedMessage.reject`."""
        if self.is_unsettled:
            await self._queue.reject_delivery(self, reason, kind)

    async def return_to_queue(self) -> None:
        """See `ReceivedMessage.return_to_queue`."""
        if self.is_unsettled:
            await self._queue.requeue_or_dead_letter_delivery(self)
