"""Dead letters: messages that could not be taken in, stored with the reason until a person has judged them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailer.ports.broker import BrokerMessage

DAYS_KEPT = 90
"""Days for which a dead letter is stored: time to repair the fault, and personal data do not stay for ever."""


class DeadLetterCauseKind(StrEnum):
    """The kind of a dead letter, in one word; its reason says more."""

    REFUSED = "refused"
    """The message is invalid. Its publisher has to correct it."""
    ERROR = "error"
    """Handling it failed again and again because of a bug in mailer."""
    UNROUTABLE = "unroutable"
    """No queue is bound for its routing key."""
    MISSING = "missing_queue"
    """Its queue, or its binding, was missing when it was published."""
    TOO_OFTEN = "too_often"
    """It was redelivered too often, for example because it kills its consumers."""
    TOO_LARGE = "too_large"
    """Its body is larger than an event may be. The body is not stored."""
    NOT_ALLOWED = "not_allowed"
    """Its publisher is unknown, or may not publish it."""
    EXPIRED = "expired"
    """It stayed in its queue for longer than its publisher allowed."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused message.

    Attributes:
        exchange: the exchange to which it was published first. publisher: an identity; empty if it is unknown.
        replayed_at: when it was published again; None if it was not.
    """

    id: int
    at: datetime
    reason: str
    exchange: str
    publisher: str
    message: BrokerMessage
    replayed_at: datetime | None
    kind: DeadLetterCauseKind = DeadLetterCauseKind.REFUSED


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """A filter for dead letters. A dead letter has to meet all its conditions.

    Attributes:
        first, last: the lowest and the highest id, both included.
        since, until: the time at which they were stored; `until` is excluded.
        kind: their kind.
        reason: a part of the reason, exactly as written.
        key: the routing key, or its first words, such as a brand.
        replayed: also include dead letters that were replayed already.
        brands: the brands of their routing keys; None: also what belongs to no brand.
        shown_reason: returns a reason as whoever asks may see it. `reason` has to be a part of that, too: nobody finds
            out by guessing what is masked.
    """

    first: int = 1
    last: int = 2**63 - 1
    since: datetime | None = None
    until: datetime | None = None
    kind: DeadLetterCauseKind | None = None
    reason: str | None = None
    key: str | None = None
    replayed: bool = False
    brands: frozenset[str] | None = None
    shown_reason: Callable[[str], str] = str

    def fits_shown_reason(self, reason: str) -> bool:
        """Tells whether a reason, as it is shown, has the part."""
        return self.reason is None or self.reason in self.shown_reason(reason)


ALL = DeadLetterFilter(replayed=True)
"""Every dead letter."""


@dataclass(frozen=True, slots=True)
class ListedDeadLetter:
    """A dead letter in a list, without its body.

    Attributes:
        size: the number of octets of the body.
    """

    id: int
    at: datetime
    kind: DeadLetterCauseKind
    reason: str
    routing_key: str
    message_id: str | None
    publisher: str
    size: int
    replayed_at: datetime | None
    exchange: str


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """A page of dead letters, the newest first.

    Attributes:
        older_than: the id with which the next page ends (`DeadLetterFilter.last`); None if this is the last page.
    """

    letters: Sequence[ListedDeadLetter]
    older_than: int | None = None


@dataclass(frozen=True, slots=True)
class ReplayableDeadLetterPage:
    """Dead letters that can be replayed, the oldest first.

    Attributes:
        next_id: the id from which to look further; None if there is nothing left to look at.
    """

    ids: Sequence[int]
    next_id: int | None = None


class DeadLetterDesk(Protocol):
    """Lists, shows and replays dead letters for people."""

    async def list_page(self, chosen: DeadLetterFilter, limit: int) -> DeadLetterPage:
        """Returns a page. It looks at a few thousand dead letters at most, and then ends the page early."""
        ...

    async def get_dead_letter(self, letter_id: int) -> DeadLetter | None:
        """Returns a dead letter, or None if there is none with this id."""
        ...

    async def find_replayable_ids(self, chosen: DeadLetterFilter) -> Sequence[int]:
        """Returns the ids of all dead letters that can be replayed, the oldest first. It looks at each."""
        ...

    async def find_replayable_page(self, chosen: DeadLetterFilter, limit: int) -> ReplayableDeadLetterPage:
        """Returns the oldest that can be replayed. It looks at some thousands at most, and then ends the page early."""
        ...

    async def replay_dead_letters(
        self, letter_ids: Sequence[int], *, again: bool = True, brands: frozenset[str] | None = None
    ) -> list[int]:
        """Publishes the events of dead letters again, under their publishers, each with an entry of the ledger.

        A transaction has up to 100 of them. In a session, each transaction checks the session and the right once.

        Args:
            letter_ids: the dead letters.
            again: also those that were replayed already.
            brands: the only brands that they may concern (`brands_of_dead_letter`); None: any.

        Returns:
            The ids of those that were replayed; the others cannot be.
        """
        ...

    async def record_that_dead_letter_was_read(self, letter: DeadLetter) -> None:
        """Writes into the ledger that the actor has read a dead letter with its personal data."""
        ...


class DeadLetterRecorder(Protocol):
    """Stores dead letters."""

    async def add_dead_letter(
        self,
        message: BrokerMessage,
        exchange: str,
        routing_key: str,
        reason: str,
        publisher: str,
        kind: DeadLetterCauseKind,
    ) -> None:
        """Stores a dead letter, with the exchange and the routing key to which it was published first."""
        ...
