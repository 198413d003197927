"""The message broker, as the pipeline sees it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from mailer.policy.identity import Identity, IdentityKind, identity_or_none


@dataclass(slots=True)
class BrokerMessage:
    """What travels: ids and facts, never a rendered body.

    Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        body: JSON, UTF-8.
        routing_key: for topic exchanges `<brand>.<category>`, for `mailer.batches` the lane.
        message_id: the publisher's id, if it gave one.
        headers: strings only, with the names of `HeaderName`. Those of mailer were set by mailer itself: a broker
            drops them from what anybody else has published.
        user_id: the identity that the broker has validated, None if the publisher did not set it.
    """

    body: bytes
    routing_key: str
    message_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    user_id: str | None = None


_OURS = "mailer-"


def is_mailer_header(name: str) -> bool:
    """Tells whether a header is one that only mailer itself sets."""
    return name.startswith(_OURS)


class HeaderName:
    """The names of the headers that mailer sets."""

    REASON = "mailer-reason"
    """Why a message is a dead letter."""
    EXCHANGE = "mailer-exchange"
    """The exchange to which a dead letter was published first."""
    ROUTING_KEY = "mailer-routing-key"
    """The routing key with which a dead letter was published first."""
    KIND = "mailer-kind"
    """Why a message is a dead letter, in one word of `DeadKind`."""
    SIZE = "mailer-size"
    """The octets of a body that was too large to be taken; the message comes without it. Set by the broker only."""
    PUBLISHER = "mailer-publisher"
    """The identity that published what we relay or bury; empty where nobody is known."""
    AGAIN = "mailer-again"
    """It was published once more by us, since its queue was missing the first time."""


def publisher_text(message: BrokerMessage) -> str:
    """The identity that published a message, in text: as we noted it, or as the broker validated it; empty: nobody."""
    noted = message.headers.get(HeaderName.PUBLISHER)
    if noted is not None:
        return noted
    return f"{IdentityKind.BROKER}:{message.user_id}" if message.user_id else ""


def publisher_identity(message: BrokerMessage) -> Identity | None:
    """The identity that published a message, None where nobody is known."""
    return identity_or_none(publisher_text(message))


class ReceivedMessage(Protocol):
    """A message that a consumer holds until it settles it, once, in one of three ways."""

    @property
    def message(self) -> BrokerMessage:
        """The message itself."""
        ...

    @property
    def exchange(self) -> str:
        """Where it was published."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether it is still the consumer's to settle: not settled yet, and not gone back to its queue meanwhile."""
        ...

    async def acknowledge(self) -> None:
        """Done with; the broker forgets it."""
        ...

    async def reject(self, reason: str, kind: str = "refused") -> None:
        """Bad for good: moves to `mailer.dead` with the reason, and its kind, in its headers.

        What is rejected there goes to `mailer.dead.last`, which nobody consumes.
        """
        ...

    async def release(self) -> None:
        """Not now: goes back to its queue for any consumer."""
        ...


class Unroutable(Exception):
    """No queue is bound for the message; it was not accepted."""


class BrokerUnavailable(Exception):
    """The broker did not confirm; the message may or may not be queued. Publish again with the same id."""


class BrokerRefused(BrokerUnavailable):
    """The broker answers and refuses us: a wrong password, virtual host or permission. Somebody has to mend it."""


class QueueRefused(BrokerUnavailable):
    """The broker is there, but a queue does not take the message: it is full, or most of its nodes are away.

    Messages for other queues may well go.
    """


class Unpublishable(Exception):
    """The broker can never take this message, as it is too large for instance; all others may well go."""


class Broker(Protocol):
    """Publishes with confirms and consumes with settlement. See `mailer.broker.topology` for what is where."""

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Returns once the broker has confirmed the message.

        Raises:
            Unroutable: `mandatory`, and no queue is bound, though the topology was declared again.
            Unpublishable: this message can never be published.
            BrokerUnavailable: no confirm came.
        """
        ...

    def consume_queue(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[list[ReceivedMessage]]]:
        """Yields what has arrived, at least one and at most `at_once` messages at a time; by default all.

        The consumer holds at most `prefetch` messages. Leaving the context cancels the consumer and releases what is
        unsettled.
        """
        ...

    async def queue_depth(self, queue: str) -> int:
        """How many messages wait in a queue (those held by consumers are not counted)."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...
