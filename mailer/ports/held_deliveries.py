"""Deliveries of a mailing that are held until a person decides about them."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HeldDoubtfulDelivery:
    """A mandatory delivery that may have arrived already, and is held for that reason.

    Attributes:
        category: the category of the mail for this person.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    brand: str
    category: str


class HeldDeliveryStore(Protocol):
    """Deliveries that are held because they may have arrived, or until our own set-up is repaired."""

    async def release_held_deliveries_of_mailing(self, mailing_id: UUID, by: str) -> int:
        """Releases the held deliveries of a mailing now, also those that a bug of mailer keeps. Returns their number.

        The ledger has an entry of it, if there were any.
        """
        ...

    async def list_held_doubtful_deliveries_of_mailing(
        self, mailing_id: UUID, limit: int
    ) -> list[HeldDoubtfulDelivery]:
        """Returns the deliveries of a mailing that are held because they may have arrived, in order of recipient."""
        ...
