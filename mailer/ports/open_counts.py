"""Opens and clicks, as far as they may be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.policy.standing import Standing


@dataclass(frozen=True, slots=True)
class FetchTrace:
    """The fetch of a pixel or of a tracked link, as far as it is kept: no time, no address, no program.

    Attributes:
        mailing_id: what is counted.
        machine: a proxy or a scanner fetched it; counted apart.
        nonce: random, of one message and kept beside nobody, so that its second open is known as such (unlinkable).
        recipient_id: whose; only with that person's consent (individual). It is counted for that person alone: were it
            in the mailing's count too, the count less the known persons would be about who is left.
    """

    mailing_id: UUID
    machine: bool = False
    nonce: str | None = None
    recipient_id: int | None = None


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """A person who is named by a link."""

    brand: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class WrittenCounts:
    """The fetches that went into the database: opens and clicks, each by whether a machine made them."""

    opens: Mapping[bool, int]
    clicks: Mapping[bool, int]


class OpenCounts(Protocol):
    """Counts opens and clicks. What it is given without a recipient can be joined to none (paltalk06-18).

    Counts stay in memory until their hour is over. So the database tells neither an order nor a time within an hour.
    """

    def add_open(self, trace: FetchTrace) -> None:
        """Adds one fetch of a mailing's pixel."""
        ...

    def add_click(self, trace: FetchTrace, link: str) -> None:
        """Adds one click on a mailing's link; `link` names no person."""
        ...

    async def find_mailed_person(self, mailing_id: UUID, recipient_id: int) -> LinkHolder | None:
        """Finds who was sent a mailing, as of now; None if they or it are not known any more."""
        ...

    def seconds_to_next_hour(self) -> float:
        """Returns how long the hour still takes, in seconds."""
        ...

    async def write_finished_hours(self) -> WrittenCounts:
        """Writes the hours that are over, as far as their mailings may be counted.

        A mailing counts once enough mailboxes were handed a pixel of it (`minimum_cell`). Until then its fetches wait;
        they are dropped if it finishes without. After an error the hours are kept, and can be written again.
        """
        ...

    async def park_counts(self) -> None:
        """Seals what is not written yet and leaves it to the next process, since this one ends."""
        ...
