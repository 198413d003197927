"""What the timekeeper asks of the database. Each call is bounded, and safe to run in two processes at once."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.ports.deliveries import DeliveryState


@dataclass(frozen=True, slots=True)
class DueBatch:
    """A batch that is to be published."""

    batch: int
    lane: str


@dataclass(frozen=True, slots=True)
class OrphanedDelivery:
    """A delivery that waits for somebody who is gone.

    Attributes:
        state: intended (its owner's lease ran out after the intent) or in_doubt.
        claim: the dead owner's token; None once in doubt.
        tried_at: when it was offered to a processor for the first time, as far as that is known.
        doubts: how often it has been in doubt; each time may have been a copy.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    state: DeliveryState
    reason: str
    claim: UUID | None
    brand: str
    category: str
    tried_at: datetime | None = None
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class EndingMailing:
    """A mailing whose open deliveries are to end.

    Attributes:
        state: cancelled, or ended after a restore.
    """

    mailing_id: UUID
    brand: str
    category: str
    state: str


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery that nobody holds and that is not over.

    Attributes:
        category: what the mail is to this person.
    """

    recipient_id: int
    attempt: int
    state: DeliveryState
    reason: str
    category: str


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A delivery of a batch that nobody holds."""

    brand: str
    category: str
    mailing_id: UUID
    recipient_id: int
    attempt: int
    state: DeliveryState
    reason: str


class TimekeeperStore(Protocol):
    """The timekeeper's statements."""

    def lock_publishing(self) -> AbstractAsyncContextManager[bool]:
        """Whether no other process is publishing what waits; none begins while somebody is in here."""
        ...

    async def unpublished_batches(self, limit: int) -> list[DueBatch]:
        """Batches that are due, were never published, and do not stand still: so many of each lane, lane by lane."""
        ...

    async def late_lanes(self, seconds: float) -> list[str]:
        """The lanes that have batches of which `lost_batches` tells."""
        ...

    async def lost_batches(self, lane: str, seconds: float, limit: int) -> list[DueBatch]:
        """Batches of a lane that were published more than `seconds` ago, that nobody has claimed and nothing halts."""
        ...

    async def mark_published(self, batches: Sequence[int]) -> None:
        """Notes that batches were published now, but for those that stand still: they are published once they go on."""
        ...

    async def orphaned_deliveries(self, limit: int) -> list[OrphanedDelivery]:
        """Deliveries whose owner's lease has run out after their intent, and those in doubt.

        Those in doubt of a category that is not known here are left to newer versions.
        """
        ...

    async def end_expired_claims(self, limit: int) -> int:
        """Ends claims whose lease has run out and that hold no intent any more; returns how many."""
        ...

    async def batch_due_deliveries(self, limit: int) -> int:
        """Cuts new batches of deferred, held and in-doubt deliveries that are due; returns how many deliveries."""
        ...

    async def ending_mailings(self, limit: int) -> list[EndingMailing]:
        """Mailings that are not over and whose open deliveries are to end."""
        ...

    async def open_deliveries_of(self, mailing_id: UUID, after: int, limit: int) -> list[OpenDelivery]:
        """What is queued, held or deferred of a mailing, in order of recipient, behind one of them."""
        ...

    async def queued_deliveries_of(self, batch: int) -> list[QueuedDelivery]:
        """Returns what is queued of a batch that nobody holds, in order of recipient."""
        ...

    async def retry_held(self, mailing_id: UUID, reason: str) -> int:
        """Has deliveries tried again that wait for a person, and whose reason begins so; returns how many."""
        ...

    async def delete_empty_batches(self, mailing_id: UUID) -> None:
        """Removes a mailing's batches of which nothing is queued any more."""
        ...

    async def finish_mailings(self) -> int:
        """Marks mailings with no open delivery as finished; returns how many.

        Where a brand has promised that outside systems retain nothing, those that took part have to purge then.
        """
        ...

    async def fold_counters(self) -> None:
        """Adds the counters' deltas together, those of the last two minutes by the second."""
        ...

    async def delete_old_send_counts(self, days: int) -> None:
        """Forgets what was counted more than so many days ago."""
        ...

    async def delete_old_rate_windows(self) -> None:
        """Forgets what was used of rates in windows that are over, and slow-downs that have recovered."""
        ...

    async def delete_old_dead_letters(self, days: int) -> None:
        """Forgets dead letters that were kept more than so many days ago, whether or not anybody has judged them."""
        ...

    async def finish_erasures(self, limit: int) -> int:
        """Empties the rest of people who were erased and have had their answer, and ends stubs whose day has come."""
        ...

    async def delete_old_requests(self) -> None:
        """Forgets what can no longer be confirmed (`ports.pending_requests.LASTS`)."""
        ...

    async def end_expired_suppressions(self, limit: int) -> int:
        """Ends suppressions whose time has passed, on record; returns how many."""
        ...

    async def create_partitions(self) -> None:
        """Makes the coming months' partitions."""
        ...

    async def seal_ledger(self) -> None:
        """Signs the heads of the ledger."""
        ...
