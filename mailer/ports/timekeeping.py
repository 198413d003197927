"""The timekeeper's interface to the database. Each call is bounded, and two processes may run it at the same time."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.ports.deliveries import DeliveryState


@dataclass(frozen=True, slots=True)
class DueBatch:
    """A batch that has to be published."""

    batch: int
    lane: str


@dataclass(frozen=True, slots=True)
class OrphanedDelivery:
    """A delivery whose worker has died.

    Attributes:
        state: intended (its owner's lease ran out after the intent) or in_doubt.
        claim: the dead owner's token; None once in doubt.
        tried_at: when it was offered to a processor for the first time, if that is known.
        doubts: the number of times it was in doubt; a copy may have gone out each time.
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
class MailingWithDeliveriesToEnd:
    """A mailing whose open deliveries have to end.

    Attributes:
        state: cancelled, or ended after a restore.
    """

    mailing_id: UUID
    brand: str
    category: str
    state: str


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery that has not ended and that no worker has claimed.

    Attributes:
        category: the category of the mail for this person.
    """

    recipient_id: int
    attempt: int
    state: DeliveryState
    reason: str
    category: str


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A queued delivery of a batch that no worker has claimed."""

    brand: str
    category: str
    mailing_id: UUID
    recipient_id: int
    attempt: int
    state: DeliveryState
    reason: str


class TimekeeperStore(Protocol):
    """Runs the timekeeper's statements."""

    def holding_publishing_lock_if_free(self) -> AbstractAsyncContextManager[bool]:
        """Enters with True if no other process publishes batches. No other process begins while the context is open."""
        ...

    async def due_unpublished_batches(self, limit: int) -> list[DueBatch]:
        """Returns due batches that were never published and are not halted, at most `limit` of each lane, by lane."""
        ...

    async def lanes_with_lost_batches(self, seconds: float) -> list[str]:
        """Returns the lanes for which `published_unclaimed_batches_of_lane` would return batches."""
        ...

    async def published_unclaimed_batches_of_lane(self, lane: str, seconds: float, limit: int) -> list[DueBatch]:
        """Returns batches of a lane that were published over `seconds` ago, were not claimed, and are not halted."""
        ...

    async def mark_batches_published(self, batches: Sequence[int]) -> None:
        """Stores that batches were published now, except halted ones: they are published when their halt ends."""
        ...

    async def deliveries_with_unknown_outcome(self, limit: int) -> list[OrphanedDelivery]:
        """Returns deliveries whose owner's lease has run out after their intent, and deliveries in doubt.

        Deliveries in doubt of a category that this version does not know are left to newer versions.
        """
        ...

    async def end_expired_claims_without_intents(self, limit: int) -> int:
        """Ends claims whose lease has run out and that hold no intent any more. Returns their number."""
        ...

    async def put_due_deliveries_into_new_batches(self, limit: int) -> int:
        """Puts due deferred and held deliveries into new batches. Returns the number of deliveries."""
        ...

    async def mailings_with_deliveries_to_end(self, limit: int) -> list[MailingWithDeliveriesToEnd]:
        """Returns mailings that have not finished and whose open deliveries have to end."""
        ...

    async def list_open_deliveries_of_mailing(self, mailing_id: UUID, after: int, limit: int) -> list[OpenDelivery]:
        """Returns queued, held and deferred deliveries of a mailing, in order of recipient, after recipient `after`."""
        ...

    async def queued_deliveries_of_batch(self, batch: int) -> list[QueuedDelivery]:
        """Returns the queued deliveries of a batch that no worker has claimed, in order of recipient."""
        ...

    async def delete_empty_batches_of_mailing(self, mailing_id: UUID) -> None:
        """Deletes a mailing's batches that have no queued delivery any more."""
        ...

    async def finish_completed_mailings(self) -> int:
        """Marks mailings with no open delivery as finished. Returns their number.

        If a brand has promised that outside systems retain nothing, the processors that took part have to purge then.
        """
        ...

    async def fold_older_counter_deltas(self) -> None:
        """Adds the deltas of counters together. Deltas of the last two minutes stay separate for each second."""
        ...

    async def delete_old_send_counts(self, days: int) -> None:
        """Deletes counts of sent messages that are older than so many days."""
        ...

    async def delete_old_rate_windows(self) -> None:
        """Deletes the used tokens of rate windows that have ended, and paces that have recovered."""
        ...

    async def queue_late_received_mail(self, minutes: int) -> None:
        """Queues received mail again that was not handled for so many minutes: the queue may have lost its id."""
        ...

    async def delete_old_received_mail(self, days: int) -> None:
        """Deletes the contents of received mail that was handled, and is older than so many days."""
        ...

    async def delete_old_webhook_requests(self, days: int) -> None:
        """Deletes requests of e-mail services that are older than so many days, with their keys."""
        ...

    async def delete_expired_attribute_values(self, limit: int) -> None:
        """Deletes attributes that nobody has said again for as long as the policy keeps them, or that it dropped.

        Each call looks at the next people, at most `limit`, so that all are looked at in turn.
        """
        ...

    async def delete_old_dead_letters(self, days: int) -> None:
        """Deletes dead letters that are older than so many days, also those that nobody has judged."""
        ...

    async def delete_remaining_data_after_erasures(self, limit: int) -> int:
        """Deletes the remaining data of erased people who got their answer, and ends stubs whose time has expired."""
        ...

    async def delete_expired_wishes(self) -> None:
        """Deletes wishes that can no longer be confirmed (`ports.pending_requests.LASTS`)."""
        ...

    async def end_expired_suppressions(self, limit: int) -> int:
        """Ends suppressions that have expired, and records it in the ledger. Returns their number."""
        ...

    async def create_partitions_of_coming_months(self) -> None:
        """Creates the partitions of the coming months."""
        ...

    async def seal_ledger(self) -> None:
        """Signs the heads of the ledger's chains and stores the seal."""
        ...
