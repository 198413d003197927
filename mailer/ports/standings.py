"""Standings, as the actions change them and the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.standing import Standing

OWN_WORDS = (
    *("one-click", "page", "not-mine", "confirmed", "application", "import", "recipient", "operator", "report"),
    *("timekeeper", "expired", "processor", "restored", "instead of all optional mail", "new address of who left"),
    *("a consent given since", "undone on the same page", "taken back, and confirmed by mail", "privacy-signal"),
)
"""Ways in which a change is said, and actors, in mailer's own words: they name nobody. What staff, an import or an
application writes may name people, so it is kept in texts that erasure deletes."""


def ledger_rule_of(source: str, otherwise: str = "operator") -> str:
    """The rule of a change in the ledger, which keeps it for ever: only what is said in mailer's own words is named."""
    return f"action:{source if source in OWN_WORDS else otherwise}"


class StandingFlag(StrEnum):
    """What is simply so or not so of a person; the names are those of the ledger's entries."""

    DEACTIVATED = "deactivated"
    RESTRICTED = "restricted"
    UNDER_13 = "under_13"
    ELECTRONIC_REFUSED = "electronic_refused"
    PERSONALISATION_REFUSED = "personalisation_refused"
    TRACKING_REFUSED = "tracking_refused"


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """The result of an opt-out.

    Attributes:
        suppression: the record that it made; None where there was one already, or the person has no address.
        at: since when it holds, an aware time; None where `suppression` is.
    """

    suppression: int | None = None
    at: datetime | None = None


class StandingStore(Protocol):
    """Each change and its ledger entry commit together; when a method returns, no hand-over that it forbids begins."""

    async def get_standing(self, brand: str, recipient_id: int) -> Standing | None:
        """A recipient's standing, None if the brand has no such recipient."""
        ...

    async def find_recipient(self, brand: str, ref: str) -> int | None:
        """The id of the recipient whom the application calls so, None if the brand has no such recipient."""
        ...

    async def record_opt_out(
        self, brand: str, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
    ) -> OptOutResult | None:
        """Leaves a category, or `EVERYTHING_OPTIONAL`, for the person and everyone at the brand with that address.

        `mailing_id` is that of the mail whose link was used, if one was.

        Idempotent. None: the brand has no such recipient.
        """
        ...

    async def set_flag(self, brand: str, recipient_id: int, flag: StandingFlag, on: bool, source: str) -> bool:
        """Sets or clears a flag. Idempotent. False: the brand has no such recipient."""
        ...

    async def set_channel(self, brand: str, recipient_id: int, channel: str, source: str) -> bool:
        """How the person wants to be reached: `email`, or another name. False: the brand has no such recipient."""
        ...

    async def set_postal_address(self, brand: str, recipient_id: int, lines: Sequence[str] | None, source: str) -> bool:
        """Sets the postal address for written notices, or forgets it. False: the brand has no such recipient.

        Raises:
            RecipientErased: the person was erased.
        """
        ...

    async def set_paid_product(
        self, brand: str, recipient_id: int, product: str | None, paid: bool, source: str
    ) -> bool:
        """Notes whether the account pays for a product, or None: for every product, or for none (interpals-08).

        Returns:
            False: the brand has no such recipient.
        """
        ...

    async def mark_address_dead(self, brand: str, recipient_id: int, address: str, source: str) -> bool:
        """Marks an address as known not to exist, for the whole controller.

        False: the brand has no such recipient, or they have another address by now.
        """
        ...
