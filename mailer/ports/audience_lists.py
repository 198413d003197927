"""Lists of people by name, which imports and frozen segments make."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.policy.policy_file import Policy
from mailer.ports.person_history import ListedRecipient
from mailer.ports.segments import FREEZE_SECONDS


class ListRefused(ValueError):
    """Raised if a list cannot be made or changed. The message says why."""


@dataclass(frozen=True, slots=True)
class AudienceList:
    """A list of a brand.

    Attributes:
        people: the last count; None: it was never counted.
        counted_at: the time of the count.
        origin: the segment from which it was frozen; empty: an import made it.
        created_by: who froze it; empty for an import.
        created_at: when it was frozen; None for an import.
    """

    brand: str
    name: str
    people: int | None = None
    counted_at: datetime | None = None
    origin: str = ""
    created_by: str = ""
    created_at: datetime | None = None


class AudienceListStore(Protocol):
    """Keeps the lists of brands. Each change is an entry of the ledger."""

    async def list_lists(self, brand: str, after: str, limit: int) -> Sequence[AudienceList]:
        """Returns lists of a brand whose names follow `after`, in the order of their names."""
        ...

    async def find_list(self, brand: str, name: str) -> AudienceList | None:
        """Returns a list; None if nobody is on one of that name."""
        ...

    async def read_people_of_list(self, brand: str, name: str, after: int, limit: int) -> Sequence[ListedRecipient]:
        """Returns people on a list whose numbers follow `after`, in the order of their numbers."""
        ...

    async def count_list(self, brand: str, name: str) -> AudienceList:
        """Counts the people on a list now, and keeps the figure with its time.

        Raises:
            SegmentSlow: it took longer than `COUNT_SECONDS`. ListRefused: there is no such list.
        """
        ...

    async def freeze_segment(
        self, policy: Policy, segment: str, name: str, by: str, seconds: float = FREEZE_SECONDS
    ) -> AudienceList:
        """Puts the people of a segment, as they are now, on a new list.

        Args:
            policy: of the brand.
            segment: the name of the segment.
            name: the name of the list.
            by: who does it, an identity as text.
            seconds: the time limit.

        Raises:
            SegmentRefused: the segment cannot be used now. SegmentSlow: it took longer than `seconds`.
            ListRefused: there is a list of that name, or the segment chooses nobody.
        """
        ...

    async def remove_people_from_list(self, brand: str, name: str, recipients: Sequence[int]) -> int:
        """Takes people off a list. Returns the number of those who were on it."""
        ...

    async def delete_list(self, brand: str, name: str) -> bool:
        """Takes everybody off a list, which then is gone. Returns False if nobody was on it."""
        ...
