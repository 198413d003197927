"""The origin of a mail, shown to people who ask why they got it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MailAndAddressOrigin:
    """The facts about a mail that anybody who has it may see, even after forwarding: no address, name or reference.

    Attributes:
        category: the category under which it was sent to this person; None if retention has deleted its mailing.
        inviter: the member for whom it was sent.
        source, collected_at, policy_version: of the address.
        asked: the person's consent held at the hand-over. If no hand-over is on record: it holds now.
    """

    category: str | None
    inviter: str | None
    source: str | None
    collected_at: datetime | None
    policy_version: str | None
    asked: bool


@dataclass(frozen=True, slots=True)
class DeliveryToPerson:
    """The delivery of a mailing to one person.

    Attributes:
        state, reason: of the delivery.
        category: the category under which it was sent to this person.
        handed_over_at: the last hand-over, an aware time; None if none is on record.
    """

    state: str
    reason: str
    category: str
    handed_over_at: datetime | None


class MailAndAddressOriginReader(Protocol):
    """Reads the origin of mailings and of addresses."""

    async def read_mail_and_address_origin(
        self, brand: str, recipient_id: int, mailing_id: UUID
    ) -> MailAndAddressOrigin | None:
        """Returns the origin of one mail, or None if the brand has no such recipient."""
        ...

    async def read_delivery_to_person(self, brand: str, recipient_id: int, mailing_id: UUID) -> DeliveryToPerson | None:
        """Returns the delivery of a mailing to a person, or None if there is no such delivery any more."""
        ...
