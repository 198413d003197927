"""Segments: conditions with a name, their counts, and the people whom they choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from mailer.policy.policy_file import Policy
from mailer.policy.segments import Condition
from mailer.ports.person_history import ListedRecipient

COUNT_SECONDS: Final = 20.0
"""The time limit of one count. A request waits for it."""
FREEZE_SECONDS: Final = 600.0
"""The time limit to put the people of a segment on a list: that of an event's audience."""
SAMPLE_SECONDS: Final = 5.0
"""The time limit to find the people of a preview."""
SAMPLE_PEOPLE: Final = 10
"""The people whom a preview shows."""


class SegmentSlow(Exception):
    """Raised if a query over people was stopped at its time limit. The message says what to do."""


class SegmentChanged(Exception):
    """Raised if somebody has saved a segment since it was read. Nothing was saved."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a brand.

    Attributes:
        condition: as plain values of JSON; one that was saved long ago may be refused now.
        revision: grows with each saving, from 1 on.
        people: the last count of this condition; None: it was not counted since it was saved.
        counted_at: the time of the count.
        created_by, updated_by: identities, as text.
    """

    brand: str
    name: str
    condition: object
    revision: int
    people: int | None
    counted_at: datetime | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


class SegmentStore(Protocol):
    """Keeps the segments of brands. Each change is an entry of the ledger."""

    async def list_segments(self, brand: str, after: str, limit: int) -> Sequence[Segment]:
        """Returns segments of a brand whose names follow `after`, in the order of their names."""
        ...

    async def find_segment(self, brand: str, name: str) -> Segment | None:
        """Returns a segment; None if the brand has none of that name."""
        ...

    async def save_segment(
        self, policy: Policy, name: str, condition: Condition, by: str, seen_revision: int | None = None
    ) -> Segment:
        """Saves a condition under a name, and forgets its count if the condition is another one.

        Args:
            policy: of the brand.
            name: of the segment, new or known.
            condition: with the values as somebody gave them.
            by: who saves it, an identity as text.
            seen_revision: the revision that was changed, 0 for a new segment; None: whatever there is.

        Raises:
            SegmentRefused: the policy does not allow it, or it names a list or a campaign that is not there.
            SegmentChanged: the segment has another revision.
        """
        ...

    async def delete_segment(self, brand: str, name: str) -> bool:
        """Deletes a segment. Mailings that were made with it stay as they are. Returns False if there was none."""
        ...

    async def list_drafts_using_segment(self, brand: str, name: str) -> Sequence[str]:
        """Returns the names of campaigns, not over yet, whose drafts name the segment, at most 20."""
        ...

    async def count_segment(self, policy: Policy, name: str, seconds: float = COUNT_SECONDS) -> Segment:
        """Counts the people of a segment now, and keeps the figure with its time.

        Raises:
            SegmentRefused: it cannot be used now. SegmentSlow: it took longer than `seconds`, or is being counted.
        """
        ...

    async def read_people_of_segment(self, policy: Policy, name: str) -> Sequence[ListedRecipient]:
        """Returns up to `SAMPLE_PEOPLE` people of a segment.

        Raises:
            SegmentRefused: it cannot be used now. SegmentSlow: it took longer than `SAMPLE_SECONDS`.
        """
        ...
