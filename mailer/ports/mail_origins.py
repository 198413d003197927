"""Where a mail came from, for whoever asks why they got it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MailOrigin:
    """What may be told of a mail to whoever holds it, also if it was forwarded: neither address, name nor reference.

    Attributes:
        category: as what it was sent to this person; None where its mailing is gone by retention.
        inviter: the member for whom it was sent.
        source, collected_at, policy_version: of the address.
        asked: the person's consent to it stood when it was handed over; stands now, if no hand-over is on record.
    """

    category: str | None
    inviter: str | None
    source: str | None
    collected_at: datetime | None
    policy_version: str | None
    asked: bool


class MailOrigins(Protocol):
    """Mailings and addresses, as far as their origin goes."""

    async def find_origin(self, brand: str, recipient_id: int, mailing_id: UUID) -> MailOrigin | None:
        """The origin of one mail, None if the brand has no such recipient."""
        ...
