"""Shares of complaints and hard bounces among optional mail, and the limits beyond which promotions stop. Pure."""

from dataclasses import dataclass
from typing import Final

WINDOW_DAYS: Final = 7
"""The days of hand-overs over which shares are taken. Most complaints and bounces come within a few of them."""


@dataclass(frozen=True, slots=True)
class ShareLimit:
    """A limit of a share. Both the share and the number have to be reached, so that 1 of 3 stops nothing.

    Attributes:
        share: from 0 to 1. least: the smallest number that says anything.
    """

    share: float
    least: int

    def is_reached(self, number: int, handed_over: int) -> bool:
        """Tells whether so many of the mails that were handed over reach the limit."""
        return number >= self.least and number >= self.share * handed_over


COMPLAINTS_TO_STOP: Final = ShareLimit(0.003, 5)
"""Gmail's and Yahoo's rules for bulk senders: never 0.3 % or more."""
BOUNCES_TO_STOP: Final = ShareLimit(0.05, 20)
"""Receivers begin to block senders with so many unknown addresses."""


@dataclass(frozen=True, slots=True)
class FeedbackTotals:
    """Complaints and hard bounces of a brand's optional mail at a processor, of hand-overs of `WINDOW_DAYS` days."""

    brand: str
    processor: str
    handed_over: int
    complaints: int
    hard_bounces: int


def reason_to_stop_promotions(totals: FeedbackTotals) -> str | None:
    """Returns the reason for which a brand's promotions stop, in words with the numbers; None if they go on."""
    for number, name, limit in (
        (totals.complaints, "complaints", COMPLAINTS_TO_STOP),
        (totals.hard_bounces, "hard bounces", BOUNCES_TO_STOP),
    ):
        if limit.is_reached(number, totals.handed_over):
            return (
                f"{number} {name} of {totals.handed_over} optional mails by {totals.processor} in {WINDOW_DAYS} days"
                f" (limit {limit.share:.1%})"
            )
    return None
