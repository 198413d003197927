"""The queues of the in-process broker: what is held in memory, and by which consumer."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailer.broker.arrivals import Arrivals
from mailer.broker.topology import DELIVERY_LIMIT_REASON
from mailer.ports.broker import BrokerUnavailable, Message
from mailer.ports.dead_letters import DeadKind
from mailer.ports.outbox import Parked


@dataclass(eq=False, slots=True)
class Row:
    """A row of the outbox that is held in memory.

    Attributes:
        parked: what it says.
        copies: in how many queues it was put.
        unsettled: how many of the copies are not done with.
    """

    parked: Parked
    copies: int
    unsettled: int


@dataclass(eq=False, slots=True)
class Copy:
    """A row's message in one queue; it has come back `returns` times."""

    row: Row
    returns: int = 0


class Consumer:
    """Who takes from a queue: at most `prefetch` unsettled messages at a time, in the order of arrival."""

    def __init__(self, prefetch: int, at_once: int | None) -> None:
        self.prefetch = prefetch
        self.arrivals = Arrivals(at_once)
        self.unsettled: dict[Delivery, None] = {}

    @property
    def free(self) -> bool:
        """Whether it can take one more."""
        return len(self.unsettled) < self.prefetch


@dataclass(frozen=True, slots=True)
class Host:
    """What the queues ask of the broker.

    Attributes:
        done: told of a row with every copy settled.
        hungry: told that a queue has room again.
        bury: parks a dead letter: message, exchange, reason, kind. May raise BrokerUnavailable.
    """

    done: Callable[[Row], None]
    hungry: Callable[[], None]
    bury: Callable[[Message, str, str, str], Awaitable[None]]


class MemoryQueue:
    """One queue. It has room for twice what its consumers prefetch, so that they need not wait for the outbox."""

    def __init__(self, delivery_limit: int, host: Host) -> None:
        self._limit = delivery_limit
        self._host = host
        self._ready: deque[Copy] = deque()
        self._consumers: deque[Consumer] = deque()

    @property
    def depth(self) -> int:
        """How many wait for a consumer."""
        return len(self._ready)

    @property
    def room(self) -> int:
        """How many more it may hold; none without a consumer."""
        held = len(self._ready) + sum(len(consumer.unsettled) for consumer in self._consumers)
        return max(0, 2 * self._prefetch - held)

    @property
    def hungry(self) -> bool:
        """Whether filling it is worth a query: it has room for half of what its consumers prefetch."""
        return bool(self._consumers) and self.room >= max(1, self._prefetch // 2)

    def put(self, copy: Copy) -> None:
        """Adds a message behind the others."""
        self._ready.append(copy)
        self._dispatch()

    def join(self, consumer: Consumer) -> None:
        """Starts a consumer."""
        self._consumers.append(consumer)
        self._dispatch()
        self._host.hungry()

    def leave(self, consumer: Consumer) -> list[Row]:
        """Ends a consumer and takes back what it has not settled, before the others and in the same order.

        That does not count towards the delivery limit: a message that kills its consumer takes this memory with it.

        Returns:
            If no consumer is left, the rows that wait here for nobody; they are no longer held.
        """
        consumer.arrivals.end()
        self._consumers.remove(consumer)
        self._ready.extendleft(delivery.copy for delivery in reversed(consumer.unsettled))
        consumer.unsettled.clear()
        if self._consumers:
            self._dispatch()
            return []
        # A row with copies elsewhere stays: given back, it would be delivered there twice.
        leaving = [copy.row for copy in self._ready if copy.row.copies == 1]
        self._ready = deque(copy for copy in self._ready if copy.row.copies > 1)
        return leaving

    def end(self) -> None:
        """Ends the iterations of its consumers."""
        for consumer in self._consumers:
            consumer.arrivals.end()

    def settle(self, delivery: "Delivery") -> None:
        """Forgets a message."""
        del delivery.consumer.unsettled[delivery]
        row = delivery.copy.row
        row.unsettled -= 1
        if not row.unsettled:
            self._host.done(row)
        self._dispatch()
        if self.hungry:
            self._host.hungry()

    async def reject(self, delivery: "Delivery", reason: str, kind: str) -> None:
        """Moves a message to the dead letters, or back to the queue while that cannot be done."""
        try:
            await self._host.bury(delivery.message, delivery.exchange, reason, kind)
        except BrokerUnavailable:
            if delivery.live:
                self._give_back(delivery)
        else:
            if delivery.live:
                self.settle(delivery)

    async def release(self, delivery: "Delivery") -> None:
        """Puts a message back before the others, or among the dead letters if it came back too often."""
        delivery.copy.returns += 1
        if delivery.copy.returns > self._limit:
            await self.reject(delivery, DELIVERY_LIMIT_REASON, DeadKind.TOO_OFTEN)
        else:
            self._give_back(delivery)

    @property
    def _prefetch(self) -> int:
        return sum(consumer.prefetch for consumer in self._consumers)

    def _give_back(self, delivery: "Delivery") -> None:
        del delivery.consumer.unsettled[delivery]
        self._ready.appendleft(delivery.copy)
        self._dispatch()

    def _dispatch(self) -> None:
        """Hands what is ready to the consumers in turn."""
        while self._ready and (consumer := self._next_free()):
            delivery = Delivery(self, consumer, self._ready.popleft())
            consumer.unsettled[delivery] = None
            consumer.arrivals.add(delivery)

    def _next_free(self) -> Consumer | None:
        for _ in range(len(self._consumers)):
            self._consumers.rotate(-1)
            if self._consumers[-1].free:
                return self._consumers[-1]
        return None


class Delivery:
    """A copy in the hands of a consumer. Settling it does nothing once it went back."""

    __slots__ = ("_queue", "consumer", "copy", "exchange", "message")

    def __init__(self, queue: MemoryQueue, consumer: Consumer, copy: Copy) -> None:
        self._queue = queue
        self.consumer = consumer
        self.copy = copy
        self.exchange = copy.row.parked.exchange
        self.message = copy.row.parked.message

    @property
    def live(self) -> bool:
        """Whether it is still this consumer's to settle."""
        return self in self.consumer.unsettled

    async def ack(self) -> None:
        """See `Received.ack`."""
        if self.live:
            self._queue.settle(self)

    async def reject(self, reason: str, kind: str = DeadKind.REFUSED) -> None:
        """See `Received.reject`."""
        if self.live:
            await self._queue.reject(self, reason, kind)

    async def release(self) -> None:
        """See `Received.release`."""
        if self.live:
            await self._queue.release(self)
