"""The exchanges, queues and bindings of mailer as data, which both brokers obey."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mailer.policy.category import Lane
from mailer.ports.broker import BrokerMessage, HeaderName

EVENTS = "mailer.events"
"""Topic, key `<brand>.<category>` or `<brand>.account`: what applications publish."""
ACCOUNT = "account"
"""In the place of a category: what an application says of an account (paltalk06-21). It is also the category of
an account's own mail, with the same key and queue; an event's body tells which of the two it is."""
BATCHES = "mailer.batches"
"""Direct, key the lane: ids of deliveries to hand over."""
OUTCOMES = "mailer.outcomes"
"""Topic, key `<brand>.<category>.<state>`: for whoever binds a queue; without one they are dropped."""
DEAD = "mailer.dead"
"""Fanout: what could not be routed, was refused, or was delivered too often."""
DEAD_QUEUE = "mailer.dead.letters"
"""The queue behind it, of which each message becomes a row."""
OLD_DEAD_QUEUE = "mailer.dead"
"""The queue that was behind it first, without an end to how often a message came back. It is emptied into the other."""
DEAD_AGAIN = "mailer.dead.again"
"""Fanout, and the queue behind it: dead letters that RabbitMQ took off the first one. They are kept as well."""
DEAD_QUEUES = (DEAD_QUEUE, DEAD_AGAIN)
LAST = "mailer.dead.last"
"""Fanout, and the queue behind it: dead letters that could not be kept. Nobody consumes it: a person looks at them."""
MOST_LAST = 10_000
"""The number of these that are kept; the oldest go first."""

DELIVERY_LIMIT = 100
"""How often a message may come back to its queue. Both brokers have the same, since RabbitMQ's default is none in
3.x and 20 in 4.x. It ends the rounds of a message that kills its consumers; `release` counts too."""
DEAD_DELIVERY_LIMIT = 20
"""The same of a dead letter that cannot be kept."""
DELIVERY_LIMIT_REASON = "delivered too often"
"""Why a message that reached its delivery limit is a dead letter."""
_LONGEST_REASON = 2_000
"""In characters. The headers of a message must fit one frame, 128 KiB by default (AMQP 0-9-1, 4.2.6)."""
_MOST_CARRIED = 8 * 1024
"""In octets. Of a message with more headers than this, a dead letter takes along only those of mailer."""
_LONGEST_NAME = 128
"""In octets: of the name of a header that can be published."""


class ExchangeKind(StrEnum):
    """How an exchange routes (AMQP 0-9-1, 3.1.3)."""

    TOPIC = "topic"
    DIRECT = "direct"
    FANOUT = "fanout"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange.

    Attributes:
        name: what publishers name.
        kind: how it routes.
        alternate: the exchange that gets what no binding takes.
    """

    name: str
    kind: ExchangeKind
    alternate: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A quorum queue.

    Attributes:
        name: what consumers name.
        delivery_limit: how often a message may come back before it is a dead letter.
        dead_letters: the exchange to which it goes then; None: nowhere.
        most: how many messages it keeps, the newest; None: all.
    """

    name: str
    delivery_limit: int = DELIVERY_LIMIT
    dead_letters: str | None = DEAD
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Copies what is published to an exchange into a queue, if the key matches (a fanout ignores it)."""

    exchange: str
    queue: str
    key: str = ""


Part = Exchange | Queue | Binding


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a broker has to have."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """All of it, in the order in which it is declared.

        An exchange with an alternate comes after all that its alternate leads to. So as soon as there is one, nothing
        that is published to it is dropped: what is not bound yet comes to the dead letters, which publish it again.
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

    def route_message(self, exchange: str, key: str) -> tuple[str, ...]:
        """The queues that get a message; none if the exchange, or a binding for the key, does not exist."""
        found = next((candidate for candidate in self.exchanges if candidate.name == exchange), None)
        if found is None:
            return ()
        bound = (binding for binding in self.bindings if binding.exchange == exchange)
        queues = tuple(dict.fromkeys(binding.queue for binding in bound if _key_matches(found.kind, binding.key, key)))
        return queues or (self.route_message(found.alternate, key) if found.alternate else ())

    def is_routable(self, exchange: str, key: str) -> bool:
        """Tells whether a queue, other than that of the dead letters, should take a message."""
        return any(queue not in DEAD_QUEUES for queue in self.route_message(exchange, key))


def topology_for(categories: Mapping[tuple[str, str], Lane]) -> Topology:
    """The topology for the categories of all brands.

    Args:
        categories: the lane of each (brand, category).
    """
    return Topology(
        exchanges=(
            Exchange(LAST, ExchangeKind.FANOUT),
            Exchange(DEAD_AGAIN, ExchangeKind.FANOUT),
            Exchange(DEAD, ExchangeKind.FANOUT),
            Exchange(BATCHES, ExchangeKind.DIRECT),
            Exchange(OUTCOMES, ExchangeKind.TOPIC),
            Exchange(EVENTS, ExchangeKind.TOPIC, alternate=DEAD),
        ),
        queues=(
            Queue(LAST, dead_letters=None, most=MOST_LAST),
            Queue(DEAD_AGAIN, DEAD_DELIVERY_LIMIT, LAST),
            Queue(DEAD_QUEUE, DEAD_DELIVERY_LIMIT, DEAD_AGAIN),
            *(Queue(events_queue(lane)) for lane in Lane),
            *(Queue(batches_queue(lane)) for lane in Lane),
        ),
        bindings=(
            Binding(LAST, LAST),
            Binding(DEAD_AGAIN, DEAD_AGAIN),
            Binding(DEAD, DEAD_QUEUE),
            *(Binding(BATCHES, batches_queue(lane), lane) for lane in Lane),
            *(
                Binding(EVENTS, events_queue(lane), f"{brand}.{category}")
                for (brand, category), lane in categories.items()
            ),
            *(
                Binding(EVENTS, events_queue(Lane.SERVICE), f"{brand}.{ACCOUNT}")
                for brand in dict.fromkeys(brand for brand, _ in categories)
                if (brand, ACCOUNT) not in categories
            ),
        ),
    )


def events_queue(lane: str) -> str:
    """The queue of a lane's events."""
    return f"{EVENTS}.{lane}"


def batches_queue(lane: str) -> str:
    """The queue of a lane's batches."""
    return f"{BATCHES}.{lane}"


def dead_letter(message: BrokerMessage, exchange: str, reason: str, kind: str) -> BrokerMessage:
    """The copy that goes to `mailer.dead`.

    Args:
        message: what is bad for good.
        exchange: where it was published.
        reason: why it is bad; cut if it is very long.
        kind: the same in one word, a `DeadKind`.
    """
    died = {
        HeaderName.KIND: kind,
        HeaderName.REASON: reason[:_LONGEST_REASON],
        HeaderName.EXCHANGE: exchange,
        HeaderName.ROUTING_KEY: message.routing_key,
    }
    return replace(message, headers={**_carried_headers(message.headers), **died})


def _carried_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers that a dead letter takes along: with its own it must fit a frame, and a row of the outbox."""
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
            return pattern == key or _topic_matches(pattern.split("."), key.split("."))


def _topic_matches(pattern: list[str], words: list[str]) -> bool:
    """Whether words match a pattern, in which `*` is one word and `#` any number (AMQP 0-9-1, 3.1.3.3)."""
    if not pattern:
        return not words
    head, *rest = pattern
    if head == "#":
        return any(_topic_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _topic_matches(rest, words[1:])
