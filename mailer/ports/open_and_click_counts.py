"""Counts of opens and clicks, as far as the promises allow to store them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.policy.standing import Standing


@dataclass(frozen=True, slots=True)
class PixelOrLinkFetchToCount:
    """The fetch of a pixel or of a tracked link, without its time, network address and program.

    Attributes:
        mailing_id: the mailing for which it counts.
        machine: a proxy or a scanner fetched it; such fetches are counted apart.
        nonce: a random value of one message, stored with no person. It shows that an open is a repeat (unlinkable).
        recipient_id: the person; only with that person's consent (individual). The fetch then counts for that person
            only. If it counted for the mailing too, subtracting known people would tell something about the others.
    """

    mailing_id: UUID
    machine: bool = False
    nonce: str | None = None
    recipient_id: int | None = None


@dataclass(frozen=True, slots=True)
class MailedRecipientStanding:
    """The brand of a mailing, and the standing of a recipient of that brand."""

    brand: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class WrittenOpenAndClickCounts:
    """The numbers of opens and clicks written to the database, each by machine (True) or person (False)."""

    opens: Mapping[bool, int]
    clicks: Mapping[bool, int]


class OpenAndClickCounter(Protocol):
    """Counts opens and clicks. A fetch that comes without a recipient cannot be joined to one (paltalk06-18).

    Counts stay in memory until their hour is over. So the database shows neither an order nor a time within an hour.
    """

    def count_open(self, trace: PixelOrLinkFetchToCount) -> None:
        """Adds one fetch of a mailing's pixel."""
        ...

    def count_click(self, trace: PixelOrLinkFetchToCount, link: str) -> None:
        """Adds one click on a mailing's link; `link` names no person."""
        ...

    async def find_standing_of_mailed_recipient(
        self, mailing_id: UUID, recipient_id: int
    ) -> MailedRecipientStanding | None:
        """Returns a recipient of the brand of a mailing, with the standing as of now; None if either is unknown."""
        ...

    def seconds_to_next_hour(self) -> float:
        """Returns the seconds until the next full hour."""
        ...

    async def write_counts_of_finished_hours(self) -> WrittenOpenAndClickCounts:
        """Writes the counts of finished hours, for mailings that may be counted.

        A mailing may be counted once enough mailboxes were sent its pixel (`minimum_cell`). Until then its fetches
        wait; they are dropped if the mailing finishes before that. After an error the counts stay for the next call.
        """
        ...

    async def save_counts_for_next_process(self) -> None:
        """Encrypts and stores the counts that are not written yet. This process ends; the next one reads them."""
        ...
