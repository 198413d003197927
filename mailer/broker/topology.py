"""The exchanges, queues and bindings of mailer as data, for both brokers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, HeaderName

EVENTS = "mailer.events"
"""The topic exchange for events of applications. Key: `<brand>.<category>` or `<brand>.account`."""
ACCOUNT = "account"
"""The word in the key of an account event, in the place of a category (paltalk06-21). It is also the category of
account mail, with the same key and queue. The body of an event shows which of the two it is."""
BATCHES = "mailer.batches"
"""The direct exchange for the ids of batches to hand over. Key: the lane."""
INBOUND = "mailer.inbound"
"""The fanout exchange for the ids of received mail, and its queue. Key: the brand."""
OUTCOMES = "mailer.outcomes"
"""The topic exchange for outcomes. Key: `<brand>.<category>.<state>`. Without a bound queue outcomes are dropped."""
DEAD = "mailer.dead"
"""The fanout exchange for dead letters: messages that had no queue, were refused, or were delivered too often."""
DEAD_QUEUE = "mailer.dead.letters"
"""The queue of that exchange. Each of its messages becomes a row in the database."""
OLD_DEAD_QUEUE = "mailer.dead"
"""The former queue of that exchange, which had no delivery limit. Its messages are moved to `DEAD_QUEUE`."""
DEAD_AGAIN = "mailer.dead.again"
"""A fanout exchange and its queue: dead letters that RabbitMQ removed from `DEAD_QUEUE`. They become rows, too."""
DEAD_QUEUES = (DEAD_QUEUE, DEAD_AGAIN)
LAST = "mailer.dead.last"
"""A fanout exchange and its queue: dead letters that could not be kept. Nobody consumes it; an operator looks at it."""
MOST_LAST = 10_000
"""The most messages in the queue `LAST`. The oldest are dropped first."""

DELIVERY_LIMIT = 100
"""The number of times that a message may come back to its queue. Set explicitly for both brokers: RabbitMQ's default is
no limit in 3.x and 20 in 4.x. It stops a message that kills its consumers. `return_to_queue` counts too."""
DEAD_DELIVERY_LIMIT = 20
"""The delivery limit of a dead letter that cannot be kept."""
DELIVERY_LIMIT_REASON = "delivered too often"
"""The reason of a dead letter that reached its delivery limit."""
_LONGEST_REASON = 2_000
"""The most characters of a reason. The headers must fit one frame, 128 KiB by default (AMQP 0-9-1, 4.2.6)."""
_MOST_CARRIED = 8 * 1024
"""The most octets of headers that a dead letter copies. If a message has more, only mailer's headers are copied."""
_LONGEST_NAME = 128
"""The most octets of the name of a header that can be published."""


class ExchangeKind(StrEnum):
    """The type of an exchange, which decides how it routes (AMQP 0-9-1, 3.1.3)."""

    TOPIC = "topic"
    DIRECT = "direct"
    FANOUT = "fanout"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange.

    Attributes:
        name: the name that publishers use.
        kind: the type.
        alternate: the exchange that gets messages without a matching binding.
    """

    name: str
    kind: ExchangeKind
    alternate: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A quorum queue.

    Attributes:
        name: the name that consumers use.
        delivery_limit: the number of times that a message may come back before it becomes a dead letter.
        dead_letters: the exchange for dead letters; None: they are dropped.
        most: the most messages; the newest are kept. None: no limit.
    """

    name: str
    delivery_limit: int = DELIVERY_LIMIT
    dead_letters: str | None = DEAD
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding: the exchange copies a message to the queue if the key matches. A fanout exchange ignores the key."""

    exchange: str
    queue: str
    key: str = ""


Part = Exchange | Queue | Binding


@dataclass(frozen=True, slots=True)
class Topology:
    """All exchanges, queues and bindings of a broker."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]

    @property
    def parts_in_declaration_order(self) -> tuple[Part, ...]:
        """Returns all parts in the order of their declaration.

        An exchange with an alternate comes after the alternate, its queue and its binding. So no message is dropped: if
        its own queue is not bound yet, it becomes a dead letter, and is published again from there.
        """
        first = [exchange for exchange in self.exchanges if not exchange.alternate]
        names = {exchange.name for exchange in first}
        return (
            *self.queues,
            *first,
            *(binding for binding in self.bindings if binding.exchange in names),
            *(exchange for exchange in self.exchanges if exchange.alternate),
            *(binding for binding in self.bindings if binding.exchange not in names),
        )

    def queues_for_message(self, exchange: str, key: str) -> tuple[str, ...]:
        """Returns the names of the queues that get a message. Empty if no exchange or no binding fits."""
        found = next((candidate for candidate in self.exchanges if candidate.name == exchange), None)
        if found is None:
            return ()
        bound = (binding for binding in self.bindings if binding.exchange == exchange)
        queues = tuple(dict.fromkeys(binding.queue for binding in bound if _key_matches(found.kind, binding.key, key)))
        return queues or (self.queues_for_message(found.alternate, key) if found.alternate else ())

    def has_processing_queue_for_message(self, exchange: str, key: str) -> bool:
        """Returns True if a message goes to any queue other than the dead-letter queues."""
        return any(queue not in DEAD_QUEUES for queue in self.queues_for_message(exchange, key))


def build_topology(categories: Mapping[tuple[str, str], Lane]) -> Topology:
    """Returns the topology for the categories of all brands.

    Args:
        categories: the lane of each (brand, category).
    """
    return Topology(
        exchanges=(
            Exchange(LAST, ExchangeKind.FANOUT),
            Exchange(DEAD_AGAIN, ExchangeKind.FANOUT),
            Exchange(DEAD, ExchangeKind.FANOUT),
            Exchange(BATCHES, ExchangeKind.DIRECT),
            Exchange(INBOUND, ExchangeKind.FANOUT),
            Exchange(OUTCOMES, ExchangeKind.TOPIC),
            Exchange(EVENTS, ExchangeKind.TOPIC, alternate=DEAD),
        ),
        queues=(
            Queue(LAST, dead_letters=None, most=MOST_LAST),
            Queue(DEAD_AGAIN, DEAD_DELIVERY_LIMIT, LAST),
            Queue(DEAD_QUEUE, DEAD_DELIVERY_LIMIT, DEAD_AGAIN),
            Queue(INBOUND),
            *(Queue(lane_events_queue_name(lane)) for lane in Lane),
            *(Queue(lane_batches_queue_name(lane)) for lane in Lane),
        ),
        bindings=(
            Binding(LAST, LAST),
            Binding(DEAD_AGAIN, DEAD_AGAIN),
            Binding(DEAD, DEAD_QUEUE),
            Binding(INBOUND, INBOUND),
            *(Binding(BATCHES, lane_batches_queue_name(lane), lane) for lane in Lane),
            *(
                Binding(EVENTS, lane_events_queue_name(lane), f"{brand}.{category}")
                for (brand, category), lane in categories.items()
            ),
            *(
                Binding(EVENTS, lane_events_queue_name(Lane.SERVICE), f"{brand}.{ACCOUNT}")
                for brand in dict.fromkeys(brand for brand, _ in categories)
                if (brand, ACCOUNT) not in categories
            ),
        ),
    )


def lane_events_queue_name(lane: str) -> str:
    """Returns the name of the queue for a lane's events."""
    return f"{EVENTS}.{lane}"


def lane_batches_queue_name(lane: str) -> str:
    """Returns the name of the queue for a lane's batches."""
    return f"{BATCHES}.{lane}"


def build_dead_letter(message: BrokerMessage, exchange: str, reason: str, kind: str) -> BrokerMessage:
    """Returns a dead letter: a copy of a message with the reason in its headers.

    Args:
        message: the message that can never be processed.
        exchange: the exchange of the message.
        reason: the reason; cut at `_LONGEST_REASON` characters.
        kind: the kind of reason, a `DeadLetterCauseKind`.
    """
    died = {
        HeaderName.KIND: kind,
        HeaderName.REASON: reason[:_LONGEST_REASON],
        HeaderName.EXCHANGE: exchange,
        HeaderName.ROUTING_KEY: message.routing_key,
    }
    return replace(message, headers={**_headers_copied_to_dead_letter(message.headers), **died})


def _headers_copied_to_dead_letter(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Returns the headers that a dead letter copies. With its own headers they must fit a frame and an outbox row."""
    octets = sum(len(name.encode()) + len(value.encode()) for name, value in headers.items())
    if octets <= _MOST_CARRIED and all(len(name.encode()) <= _LONGEST_NAME for name in headers):
        return headers
    return {name: headers[name] for name in (HeaderName.PUBLISHER, HeaderName.SIZE) if name in headers}


def _key_matches(kind: ExchangeKind, pattern: str, key: str) -> bool:
    match kind:
        case ExchangeKind.FANOUT:
            return True
        case ExchangeKind.DIRECT:
            return pattern == key
        case ExchangeKind.TOPIC:
            return pattern == key or _topic_pattern_matches(pattern.split("."), key.split("."))


def _topic_pattern_matches(pattern: list[str], words: list[str]) -> bool:
    """Returns True if words match a pattern. `*` is one word, `#` any number of words (AMQP 0-9-1, 3.1.3.3)."""
    if not pattern:
        return not words
    head, *rest = pattern
    if head == "#":
        return any(_topic_pattern_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _topic_pattern_matches(rest, words[1:])
