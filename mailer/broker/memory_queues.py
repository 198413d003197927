"""The queues of the in-process broker: what is held in memory, and by which consumer."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailer.broker.arrivals import ArrivedMessages
from mailer.broker.topology import DELIVERY_LIMIT_REASON
from mailer.ports.broker import BrokerMessage, BrokerUnavailable
from mailer.ports.dead_letters import DeadKind
from mailer.ports.outbox import OutboxRow


@dataclass(eq=False, slots=True)
class HeldRow:
    """A row of the outbox that is held in memory.

    Attributes:
        parked: what it says.
        copies: in how many queues it was put.
        unsettled: how many of the copies are not done with.
    """

    parked: OutboxRow
    copies: int
    unsettled: int


@dataclass(eq=False, slots=True)
class QueuedCopy:
    """A row's message in one queue; it has come back `returns` times."""

    row: HeldRow
    returns: int = 0


class Consumer:
    """Who takes from a queue: at most `prefetch` unsettled messages at a time, in the order of arrival."""

    def __init__(self, prefetch: int, at_once: int | None) -> None:
        self.prefetch = prefetch
        self.arrivals = ArrivedMessages(at_once)
        self.unsettled: dict[QueueDelivery, None] = {}

    @property
    def has_capacity(self) -> bool:
        """Whether it can take one more."""
        return len(self.unsettled) < self.prefetch


@dataclass(frozen=True, slots=True)
class QueueHost:
    """What the queues ask of the broker.

    Attributes:
        done: told of a row with every copy settled.
        hungry: told that a queue has room again.
        bury: parks a dead letter: message, exchange, reason, kind. May raise BrokerUnavailable.
    """

    done: Callable[[HeldRow], None]
    hungry: Callable[[], None]
    bury: Callable[[BrokerMessage, str, str, str], Awaitable[None]]


class MemoryQueue:
    """One queue. It has room for twice what its consumers prefetch, so that they need not wait for the outbox."""

    def __init__(self, delivery_limit: int, host: QueueHost) -> None:
        self._limit = delivery_limit
        self._host = host
        self._ready: deque[QueuedCopy] = deque()
        self._consumers: deque[Consumer] = deque()

    @property
    def count_waiting(self) -> int:
        """How many wait for a consumer."""
        return len(self._ready)

    @property
    def free_places(self) -> int:
        """How many more it may hold; none without a consumer."""
        held = len(self._ready) + sum(len(consumer.unsettled) for consumer in self._consumers)
        return max(0, 2 * self._total_prefetch - held)

    @property
    def needs_filling(self) -> bool:
        """Whether filling it is worth a query: it has room for half of what its consumers prefetch."""
        return bool(self._consumers) and self.free_places >= max(1, self._total_prefetch // 2)

    def add_copy(self, copy: QueuedCopy) -> None:
        """Adds a message behind the others."""
        self._ready.append(copy)
        self._dispatch_ready()

    def add_consumer(self, consumer: Consumer) -> None:
        """Starts a consumer."""
        self._consumers.append(consumer)
        self._dispatch_ready()
        self._host.hungry()

    def remove_consumer(self, consumer: Consumer) -> list[HeldRow]:
        """Ends a consumer and takes back what it has not settled, before the others and in the same order.

        That does not count towards the delivery limit: a message that kills its consumer takes this memory with it.

        Returns:
            If no consumer is left, the rows that wait here for nobody; they are no longer held.
        """
        consumer.arrivals.end_iteration()
        self._consumers.remove(consumer)
        self._ready.extendleft(delivery.copy for delivery in reversed(consumer.unsettled))
        consumer.unsettled.clear()
        if self._consumers:
            self._dispatch_ready()
            return []
        # A row with copies elsewhere stays: given back, it would be delivered there twice.
        leaving = [copy.row for copy in self._ready if copy.row.copies == 1]
        self._ready = deque(copy for copy in self._ready if copy.row.copies > 1)
        return leaving

    def end_consumers(self) -> None:
        """Ends the iterations of its consumers."""
        for consumer in self._consumers:
            consumer.arrivals.end_iteration()

    def settle_delivery(self, delivery: "QueueDelivery") -> None:
        """Forgets a message."""
        del delivery.consumer.unsettled[delivery]
        row = delivery.copy.row
        row.unsettled -= 1
        if not row.unsettled:
            self._host.done(row)
        self._dispatch_ready()
        if self.needs_filling:
            self._host.hungry()

    async def reject_delivery(self, delivery: "QueueDelivery", reason: str, kind: str) -> None:
        """Moves a message to the dead letters, or back to the queue while that cannot be done."""
        try:
            await self._host.bury(delivery.message, delivery.exchange, reason, kind)
        except BrokerUnavailable:
            if delivery.is_live:
                self._put_back(delivery)
        else:
            if delivery.is_live:
                self.settle_delivery(delivery)

    async def release_delivery(self, delivery: "QueueDelivery") -> None:
        """Puts a message back before the others, or among the dead letters if it came back too often."""
        delivery.copy.returns += 1
        if delivery.copy.returns > self._limit:
            await self.reject_delivery(delivery, DELIVERY_LIMIT_REASON, DeadKind.TOO_OFTEN)
        else:
            self._put_back(delivery)

    @property
    def _total_prefetch(self) -> int:
        return sum(consumer.prefetch for consumer in self._consumers)

    def _put_back(self, delivery: "QueueDelivery") -> None:
        del delivery.consumer.unsettled[delivery]
        self._ready.appendleft(delivery.copy)
        self._dispatch_ready()

    def _dispatch_ready(self) -> None:
        """Hands what is ready to the consumers in turn."""
        while self._ready and (consumer := self._next_free_consumer()):
            delivery = QueueDelivery(self, consumer, self._ready.popleft())
            consumer.unsettled[delivery] = None
            consumer.arrivals.add_message(delivery)

    def _next_free_consumer(self) -> Consumer | None:
        for _ in range(len(self._consumers)):
            self._consumers.rotate(-1)
            if self._consumers[-1].has_capacity:
                return self._consumers[-1]
        return None


class QueueDelivery:
    """A copy in the hands of a consumer. Settling it does nothing once it went back."""

    __slots__ = ("_queue", "consumer", "copy", "exchange", "message")

    def __init__(self, queue: MemoryQueue, consumer: Consumer, copy: QueuedCopy) -> None:
        self._queue = queue
        self.consumer = consumer
        self.copy = copy
        self.exchange = copy.row.parked.exchange
        self.message = copy.row.parked.message

    @property
    def is_live(self) -> bool:
        """Whether it is still this consumer's to settle."""
        return self in self.consumer.unsettled

    async def acknowledge(self) -> None:
        """See `ReceivedMessage.acknowledge`."""
        if self.is_live:
            self._queue.settle_delivery(self)

    async def reject(self, reason: str, kind: str = DeadKind.REFUSED) -> None:
        """See `ReceivedMessage.reject`."""
        if self.is_live:
            await self._queue.reject_delivery(self, reason, kind)

    async def release(self) -> None:
        """See `ReceivedMessage.release`."""
        if self.is_live:
            await self._queue.release_delivery(self)
