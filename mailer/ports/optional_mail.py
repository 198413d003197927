"""Stores for the timekeeper's watch over optional mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mailer.ports.feedback import FeedbackStore, HandOverCountStore


class OptOutCheckStore(Protocol):
    """Compares what was handed over with opt-outs, apart from the decision that should have prevented it."""

    async def find_mail_after_opt_out(self) -> Sequence[tuple[UUID, int]]:
        """Compares the newest hand-overs of optional mail since the last look.

        Returns:
            The mailing and the recipient of each that went to somebody who had left; each once.
        """
        ...


class FeedbackCounts(FeedbackStore, HandOverCountStore, Protocol):
    """The counts as workers write them and the timekeeper reads them."""


@dataclass(frozen=True, slots=True)
class OptionalMailStores:
    """The stores together."""

    feedback: FeedbackCounts
    opt_outs: OptOutCheckStore
