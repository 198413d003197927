"""The record of one person and one mailing. It explains why a mail came or did not come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.past_standing import StandingChange
from mailer.ports.halts import Halt


@dataclass(frozen=True, slots=True)
class DeliveryLedgerEntry:
    """An entry of the ledger about a delivery or its mailing. Its fields are those of `ports.ledger_entry.LedgerEntry`.

    Attributes:
        whole: True if the entry is about the whole mailing.
    """

    at: datetime
    kind: str
    attempt: int | None
    category: str | None
    reason: str | None
    rule: str | None
    policy: str | None
    processor: str | None
    country: str | None
    contract: str | None
    fields: Sequence[str] | None
    reply: str | None
    actor: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class MailingAndDeliveryState:
    """The state of a mailing, and of its delivery to one person.

    Attributes:
        mailing: the mailing's state. created_at: when it was taken in. send_at: when it may go.
        state, reason: of the delivery; None: the person was not in the audience.
        due_at: the time at which the delivery is decided again.
    """

    mailing: str
    created_at: datetime
    send_at: datetime | None
    state: str | None
    reason: str | None
    due_at: datetime | None


class DeliveryHistoryReader(Protocol):
    """Reads the record, and changes nothing."""

    async def read_ledger_entries(self, mailing_id: UUID, recipient_id: int) -> list[DeliveryLedgerEntry]:
        """Returns the ledger entries of a delivery, and those of its whole mailing, oldest first."""
        ...

    async def read_delivery_status(self, mailing_id: UUID, recipient_id: int) -> MailingAndDeliveryState | None:
        """Returns the state of a delivery, or None if there is no such mailing."""
        ...

    async def list_halts_in_force_for_brand(self, brand: str, mailing_id: UUID | None) -> list[Halt]:
        """Returns the halts that may stop a brand's mail: of everything, the brand, the mailing, or a processor."""
        ...

    async def read_standing_changes_of_recipient(self, brand: str, recipient_id: int) -> list[StandingChange]:
        """Returns all changes of a person's standing, oldest first."""
        ...

    async def read_recipient_known_since(self, recipient_id: int) -> datetime:
        """Returns the time at which the recipient was stored for the first time."""
        ...

    async def read_template_names_of_mailings(self, mailings: Collection[UUID]) -> Mapping[UUID, str]:
        """Returns the names of the templates of mailings, by mailing."""
        ...
