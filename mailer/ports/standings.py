"""Standings: the actions change them, and the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.limits_set_by_recipient import OwnLimit
from mailer.policy.standing import Standing

OWN_WORDS = (
    *("one-click", "page", "not-mine", "confirmed", "application", "import", "recipient", "operator", "report"),
    *("timekeeper", "expired", "processor", "restored", "instead of all optional mail", "new address of who left"),
    *("a consent given since", "undone on the same page", "taken back, and confirmed by mail", "privacy-signal"),
    *("the country was corrected", "feedback report", "mail", "inbound", "webhook"),
)
"""Sources of changes, and actors, in mailer's own words: they name nobody. Texts of staff, imports and applications may
name people, so they are stored where erasure deletes them."""


def build_ledger_rule_text_from_known_source(source: str, otherwise: str = "operator") -> str:
    """Returns the rule text of a change for the ledger, which stores it for ever: so it names only `OWN_WORDS`."""
    return f"action:{source if source in OWN_WORDS else otherwise}"


class StandingFlag(StrEnum):
    """Properties of a person that are true or false. The names are those in the ledger's entries."""

    DEACTIVATED = "deactivated"
    RESTRICTED = "restricted"
    UNDER_13 = "under_13"
    ELECTRONIC_REFUSED = "electronic_refused"
    PERSONALISATION_REFUSED = "personalisation_refused"
    TRACKING_REFUSED = "tracking_refused"


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """The result of an opt-out, or of a limit that a person set.

    Attributes:
        suppression: the id of the new suppression; None if there was one already, or the person has no address.
        at: its beginning, an aware time; None if `suppression` is None.
    """

    suppression: int | None = None
    at: datetime | None = None


class StandingStore(Protocol):
    """Stores standings. A change and its ledger entry commit together. Then no hand-over that it forbids begins."""

    async def get_standing(self, brand: str, recipient_id: int) -> Standing | None:
        """Returns a recipient's standing, or None if the brand has no such recipient."""
        ...

    async def find_recipient_id(self, brand: str, ref: str) -> int | None:
        """Returns the id of the recipient with this reference of the application, or None if the brand has none."""
        ...

    async def record_opt_out(
        self, brand: str, recipient_id: int, scope: str, source: str, mailing_id: UUID | None = None
    ) -> OptOutResult | None:
        """Opts the person, and all others at the brand with the address, out of a category or `EVERYTHING_OPTIONAL`.

        `mailing_id` is that of the mail whose link was used, if one was.

        Idempotent. Returns None if the brand has no such recipient.
        """
        ...

    async def record_own_limit(
        self,
        brand: str,
        recipient_id: int,
        limit: OwnLimit,
        source: str,
        actor: str,
        mailing_id: UUID | None = None,
        since: datetime | None = None,
    ) -> OptOutResult | None:
        """Limits optional mail for the person, and for all others at the brand with the address. It never loosens.

        Args:
            brand: the brand of the recipient.
            recipient_id: the recipient.
            limit: the pause or the own cap.
            source: how it was said.
            actor: who said it.
            mailing_id: that of the mail whose link was used, if one was.
            since: the beginning of the limit, an aware time; None: now.

        Returns:
            The result; None if the brand has no such recipient.
        """
        ...

    async def set_standing_flag(self, brand: str, recipient_id: int, flag: StandingFlag, on: bool, source: str) -> bool:
        """Sets or clears a flag. Idempotent. Returns False if the brand has no such recipient."""
        ...

    async def set_preferred_channel(self, brand: str, recipient_id: int, channel: str, source: str) -> bool:
        """Sets the channel that a person prefers: `email`, or another name. False: the brand has no such recipient."""
        ...

    async def set_recipient_postal_address(
        self, brand: str, recipient_id: int, lines: Sequence[str] | None, source: str
    ) -> bool:
        """Sets or deletes the postal address for written notices. Returns False if the brand has no such recipient.

        Raises:
            RecipientErased: the person was erased.
        """
        ...

    async def store_whether_product_is_paid(
        self, brand: str, recipient_id: int, product: str | None, paid: bool, source: str
    ) -> bool:
        """Stores if the account pays for a product. `product` None means every product (interpals-08).

        Returns:
            False if the brand has no such recipient.
        """
        ...

    async def mark_address_dead(self, brand: str, recipient_id: int, address: str, source: str) -> bool:
        """Marks an address as not existing, for the whole controller.

        Returns False if the brand has no such recipient, or the recipient has another address by now.
        """
        ...
