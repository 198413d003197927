"""Dead letters: what could not be taken in, kept with its reason until somebody has judged it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailer.ports.broker import BrokerMessage

DAYS_KEPT = 90
"""Days that a dead letter is kept: time enough to mend what was wrong, and no store of personal data for ever."""


class DeadKind(StrEnum):
    """Why a message is dead, in one word; its reason says more."""

    REFUSED = "refused"
    """It is wrong: its publisher has to mend it."""
    ERROR = "error"
    """Handling it failed again and again, by a bug of mailer."""
    UNROUTABLE = "unroutable"
    """No queue takes its routing key."""
    MISSING = "missing_queue"
    """Its queue, or its binding, was missing when it was published."""
    TOO_OFTEN = "too_often"
    """It came back to its queue too often, as what kills its consumers does."""
    TOO_LARGE = "too_large"
    """Its body is larger than an event may be; the body is not kept."""
    NOT_ALLOWED = "not_allowed"
    """Nobody is known to have published it, or somebody who may not."""
    EXPIRED = "expired"
    """It stayed in its queue for longer than its publisher allowed."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused message.

    Attributes:
        exchange: where it was published first. publisher: an identity, empty where nobody is known.
        replayed_at: when it was published again, None if it was not.
    """

    id: int
    at: datetime
    reason: str
    exchange: str
    publisher: str
    message: BrokerMessage
    replayed_at: datetime | None
    kind: DeadKind = DeadKind.REFUSED


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters somebody means: those to which all of this applies.

    Attributes:
        first, last: ids.
        since, until: when they were kept; `until` is not among them.
        kind: why they are dead.
        reason: a part of the reason, letter by letter.
        key: their routing key, or the words with which it begins, such as a brand.
        replayed: also those that were replayed already.
    """

    first: int = 1
    last: int = 2**63 - 1
    since: datetime | None = None
    until: datetime | None = None
    kind: DeadKind | None = None
    reason: str | None = None
    key: str | None = None
    replayed: bool = False


ALL = DeadLetterFilter(replayed=True)
"""Every dead letter."""


class DeadLetters(Protocol):
    """The rows of refused messages."""

    async def add_dead_letter(
        self, message: BrokerMessage, exchange: str, routing_key: str, reason: str, publisher: str, kind: DeadKind
    ) -> None:
        """Adds one, with the exchange and the routing key to which it was published first."""
        ...
