"""Public notices of breach cases, with the proof that they were up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.public_notices import PublicNotice
from mailer.ports.public_notices import PublicNoticeStore


@dataclass(frozen=True, slots=True)
class PublicNoticeGap:
    """A time at which a notice was not found at its address.

    Attributes:
        began_at: the look that did not find it. last_seen_at: the look before; None: it had never been found.
        ended_at: the look that found it again; None: none has since.
    """

    began_at: datetime
    last_seen_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class BreachPublicNotice:
    """The public notice of a phase.

    Attributes:
        phase: of the case. gaps: the oldest first.
    """

    notice: PublicNotice
    phase: int
    gaps: Sequence[PublicNoticeGap]


class BreachPublicNoticeStore(Protocol):
    """Stores the public notices of cases."""

    @property
    def notices(self) -> PublicNoticeStore:
        """The store of public notices, which releases and withdraws them."""
        ...

    async def add_draft_of_phase(self, case_id: UUID, phase: int, variant: str, days: int, by: str) -> PublicNotice:
        """Drafts a public notice from the texts of a released phase, for a second person to release.

        Args:
            case_id: the case.
            phase: a released one.
            variant: the one that gives the texts.
            days: the days for which it is to stand, from today.
            by: the name of the person.

        Raises:
            BreachChangeRefused: there is no such released phase or variant.
            BreachPublicNoticeRefused: a part is missing, or the days are too few.
        """
        ...

    async def list_notices_of_case(self, case_id: UUID) -> Sequence[BreachPublicNotice]:
        """Returns the newest 100 public notices of a case, the newest first."""
        ...
