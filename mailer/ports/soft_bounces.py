"""Soft bounces: the days on which mailboxes took no mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.policy.soft_bounces import SoftBounceDay


@dataclass(frozen=True, slots=True)
class SoftBounce:
    """A soft bounce of today.

    Attributes:
        address: the address that took no mail; only its hash is stored.
        status: the enhanced status code, or the reply code if there was none.
        is_out_of_storage: the mailbox was full.
    """

    recipient_id: int
    address: str
    status: str
    is_out_of_storage: bool


@dataclass(frozen=True, slots=True)
class CountedSoftBounces:
    """The days of a person's present address on which it took no mail, the oldest first; today is the last."""

    brand: str
    recipient_id: int
    days: tuple[SoftBounceDay, ...]


class SoftBounceStore(Protocol):
    """Stores soft bounces, one a day for each mailbox."""

    async def count_soft_bounces(self, bounces: Sequence[SoftBounce]) -> Sequence[CountedSoftBounces]:
        """Counts soft bounces of today. Returns the days that a person has not ended since.

        An address that is its owner's no more is left out.
        """
        ...
