"""The record of one person and one mailing, for whoever explains why a mail came or did not come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mailer.policy.past_standing import StandingChange
from mailer.ports.halts import Halt


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An entry of the ledger about a delivery or its mailing. Its fields are those of `ports.ledger_entry.LedgerEntry`.

    Attributes:
        whole: it is of the mailing as a whole.
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
class DeliveryResult:
    """A mailing, and what has become of it for one person.

    Attributes:
        mailing: the mailing's state. created_at: when it was taken in. send_at: when it is to go.
        state, reason: the delivery's; None: the person was not in the audience.
        due_at: when it is looked at again.
    """

    mailing: str
    created_at: datetime
    send_at: datetime | None
    state: str | None
    reason: str | None
    due_at: datetime | None


class DeliveryHistory(Protocol):
    """Reads; changes nothing."""

    async def read_entries(self, mailing_id: UUID, recipient_id: int) -> list[HistoryEntry]:
        """The ledger's entries of a delivery, and those of its mailing as a whole, oldest first."""
        ...

    async def read_delivery(self, mailing_id: UUID, recipient_id: int) -> DeliveryResult | None:
        """The state of a delivery; None: there is no such mailing."""
        ...

    async def read_halts(self, brand: str, mailing_id: UUID | None) -> list[Halt]:
        """Halts that may keep a brand's mail from going: of everything, the brand, the mailing, or a processor."""
        ...

    async def read_standing_changes(self, brand: str, recipient_id: int) -> list[StandingChange]:
        """All changes of a person's standing, oldest first."""
        ...

    async def read_known_since(self, recipient_id: int) -> datetime:
        """The time at which a person became known."""
        ...

    async def read_templates(self, mailings: Collection[UUID]) -> Mapping[UUID, str]:
        """The templates of mailings."""
        ...
