"""What the timekeeper asks of the database. Each call is bounded, and safe to run in two processes at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.ports.deliveries import State


@dataclass(frozen=True, slots=True)
class Due:
    """A batch that is to be published."""

    batch: int
    lane: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A delivery that waits for somebody who is gone.

    Attributes:
        state: intended (its owner's lease ran out after the intent) or in_doubt.
        claim: the dead owner's token; None once in doubt.
        lane: where its new batch belongs.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    state: State
    reason: str
    claim: UUID | None
    brand: str
    category: str


class Upkeep(Protocol):
    """The timekeeper's statements."""

    async def unpublished(self, limit: int) -> list[Due]:
        """Batches that are due and were never published."""
        ...

    async def lost(self, lane: str, seconds: float, limit: int) -> list[Due]:
        """Batches of a lane that were published more than `seconds` ago and that nobody has claimed."""
        ...

    async def published(self, batches: Sequence[int]) -> None:
        """Notes that batches were published now."""
        ...

    async def stale(self, limit: int) -> list[Stale]:
        """Deliveries whose owner's lease has run out after their intent, and those in doubt already."""
        ...

    async def give_back(self, limit: int) -> int:
        """Ends claims whose lease has run out and that hold no intent any more; returns how many."""
        ...

    async def batch_due(self, limit: int) -> int:
        """Cuts new batches of deferred, held and in-doubt deliveries that are due; returns how many deliveries."""
        ...

    async def finish_mailings(self) -> int:
        """Marks mailings with no open delivery as finished; returns how many.

        Where a brand has promised that outside systems retain nothing, those that took part have to purge then.
        """
        ...

    async def fold(self) -> None:
        """Adds the counters' deltas together."""
        ...

    async def forget_sends(self, days: int) -> None:
        """Forgets what was counted more than so many days ago."""
        ...

    async def lapse(self, limit: int) -> int:
        """Ends suppressions whose time has passed, on record; returns how many."""
        ...

    async def partitions(self) -> None:
        """Makes the coming months' partitions."""
        ...

    async def seal(self) -> None:
        """Signs the heads of the ledger."""
        ...
