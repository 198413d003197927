"""Counts of what came back of optional mail: complaints and hard bounces, against the mail that was handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from mailer.policy.feedback_rates import FeedbackTotals


class FeedbackKey(NamedTuple):
    """The mail that is counted together. provider: of the mailboxes (`policy.mailbox_providers`)."""

    brand: str
    processor: str
    provider: str


@dataclass(frozen=True, slots=True)
class FeedbackSubject:
    """The mail that a complaint or hard bounce is about. handed_over_at: the time of its hand-over."""

    key: FeedbackKey
    handed_over_at: datetime


class HandOverCount(NamedTuple):
    """New counts of a worker. hard_bounces: those of the handed-over mails that were refused for good at once."""

    handed_over: int
    hard_bounces: int


class HandOverCountStore(Protocol):
    """Stores the counts of workers."""

    async def add_hand_over_counts(self, counts: Mapping[FeedbackKey, HandOverCount]) -> None:
        """Adds counts of this hour."""
        ...


class FeedbackStore(Protocol):
    """Reads the counts, for the timekeeper."""

    async def read_totals_since_release(self) -> Sequence[FeedbackTotals]:
        """Returns the totals by brand and processor of the last days, since a person let promotions go on."""
        ...

    async def delete_old_counts(self) -> None:
        """Deletes counts that no figure needs any more."""
        ...
