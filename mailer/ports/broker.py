"""The message broker: the interface that the pipeline uses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from mailer.policy.publisher_and_staff_identity import Identity, IdentityKind, identity_or_none


@dataclass(slots=True)
class BrokerMessage:
    """A message of the broker. It carries ids and facts, never a rendered body.

    No code changes it; `frozen` would make its creation five times slower.

    Attributes:
        body: JSON, UTF-8.
        routing_key: for topic exchanges `<brand>.<category>`, for `mailer.batches` the lane.
        message_id: the publisher's id, if it gave one.
        headers: strings only, with the names of `HeaderName`. Only mailer sets the headers of mailer: a broker drops
            them from messages of other publishers.
        user_id: the identity that the broker has validated; None if the publisher did not set it.
    """

    body: bytes
    routing_key: str
    message_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    user_id: str | None = None


_OURS = "mailer-"


def is_mailer_header(name: str) -> bool:
    """Returns True if only mailer itself sets a header of this name."""
    return name.startswith(_OURS)


class HeaderName:
    """The names of the headers that mailer sets."""

    REASON = "mailer-reason"
    """The reason for which a message is a dead letter."""
    EXCHANGE = "mailer-exchange"
    """The exchange to which a dead letter was published first."""
    ROUTING_KEY = "mailer-routing-key"
    """The routing key with which a dead letter was published first."""
    KIND = "mailer-kind"
    """The kind of a dead letter, a value of `DeadLetterCauseKind`."""
    SIZE = "mailer-size"
    """The number of octets of a body that was too large; the message comes without it. Only the broker sets it."""
    PUBLISHER = "mailer-publisher"
    """The identity that published a message which mailer republishes or rejects; empty if it is unknown."""
    AGAIN = "mailer-again"
    """Set when mailer has published a message again, because its queue was missing the first time."""


def publisher_identity_text_of_message(message: BrokerMessage) -> str:
    """Returns the publisher's identity as text: from our header, else as the broker validated it; empty: unknown."""
    noted = message.headers.get(HeaderName.PUBLISHER)
    if noted is not None:
        return noted
    return f"{IdentityKind.BROKER}:{message.user_id}" if message.user_id else ""


def publisher_identity_of_message(message: BrokerMessage) -> Identity | None:
    """Returns the identity that published a message, or None if it is unknown."""
    return identity_or_none(publisher_identity_text_of_message(message))


class ReceivedMessage(Protocol):
    """A message that a consumer holds until it settles it, once, by one of three methods."""

    @property
    def message(self) -> BrokerMessage:
        """The message itself."""
        ...

    @property
    def exchange(self) -> str:
        """The exchange to which it was published."""
        ...

    @property
    def is_unsettled(self) -> bool:
        """True while the consumer has to settle it: it is not settled yet, and is not back in its queue."""
        ...

    async def acknowledge(self) -> None:
        """Settles it as done; the broker deletes it."""
        ...

    async def reject(self, reason: str, kind: str = "refused") -> None:
        """Settles it as bad: the broker moves it to `mailer.dead` with the reason and its kind in the headers.

        A message that is rejected from there goes to `mailer.dead.last`, which has no consumer.
        """
        ...

    async def return_to_queue(self) -> None:
        """Gives it back to its queue, for any consumer."""
        ...


class MessageUnroutable(Exception):
    """No queue is bound for the message; it was not accepted."""


class BrokerUnavailable(Exception):
    """The broker did not confirm; the message may or may not be in a queue. Publish it again with the same id."""


class BrokerAccessRefused(BrokerUnavailable):
    """The broker answers and refuses us: a wrong password, virtual host or permission. An operator has to repair it."""


class QueueRefusedMessage(BrokerUnavailable):
    """The broker answers, but a queue does not accept the message: it is full, or most of its nodes are away.

    Other queues may still accept messages.
    """


class MessageUnpublishable(Exception):
    """The broker can never accept this message, for example because it is too large. It may accept other messages."""


class Broker(Protocol):
    """Publishes with confirms and consumes with settlement. `mailer.broker.topology` lists exchanges and queues."""

    async def publish_message(self, exchange: str, message: BrokerMessage, *, mandatory: bool = True) -> None:
        """Returns once the broker has confirmed the message.

        Raises:
            MessageUnroutable: `mandatory`, and no queue is bound, though the topology was declared again.
            MessageUnpublishable: this message can never be published.
            BrokerUnavailable: no confirm came.
        """
        ...

    def messages_while_consuming(
        self, queue: str, prefetch: int, at_once: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[list[ReceivedMessage]]]:
        """Yields the messages that have arrived, at least one and at most `at_once` at a time; by default all.

        The consumer holds at most `prefetch` messages. Leaving the context cancels the consumer and gives unsettled
        messages back.
        """
        ...

    async def queue_depth(self, queue: str) -> int:
        """Returns the number of messages that wait in a queue, without those that consumers hold."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...
