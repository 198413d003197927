"""Deliveries of a mailing that are held until a person says how they go on."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DoubtfulDelivery:
    """A mandatory delivery that may have arrived, and is held for that.

    Attributes:
        category: what the mail is to this person.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    brand: str
    category: str


class HeldDeliveries(Protocol):
    """Deliveries that are held for their doubt, or until our own set-up is mended."""

    async def release_held(self, mailing_id: UUID, by: str) -> int:
        """Lets those of a mailing go on now, on record; returns how many."""
        ...

    async def list_doubtful(self, mailing_id: UUID, limit: int) -> list[DoubtfulDelivery]:
        """Those of a mailing that are held for their doubt, in order of recipient."""
        ...
