"""Suppressions: what keeps an address from getting mail, by its keyed hash. They end on record, and are kept."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Suppression:
    """One that is on record.

    Attributes:
        brand: None for one that holds for the whole controller.
        scope: a category, `category/topic`, `purpose/…`, `partner/…`, or `*` for all optional mail.
        reason: opt_out, complaint, objection, address_dead, erased or invited.
        source: how it came. actor: by whom. at: since when. expires_at: until when, None for ever.
        lifted_at, lifted_by, lift_reason: when, by whom and why it was ended; None while it holds.
        hash: HMAC-SHA-256 of the normalised address, in hexadecimal. key: the id of the key that made it.
        mailing_id: the mailing whose link was used last; None where it was said otherwise.
    """

    id: int
    brand: str | None
    scope: str
    reason: str
    source: str
    actor: str
    at: datetime
    expires_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None
    hash: str
    key: str
    mailing_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """One to be made. The fields are those of `Suppression`; `at` None is now."""

    scope: str
    reason: str
    source: str
    actor: str
    at: datetime | None = None
    expires_at: datetime | None = None
    mailing_id: UUID | None = None


class SuppressionStore(Protocol):
    """Each change, the standings that follow from it and their ledger entries commit together."""

    async def suppress_recipient(self, brand: str, recipient_id: int, new: NewSuppression) -> bool:
        """Suppresses a person's address: for the brand, or for the whole controller where the reason is an objection.

        Idempotent. False: the brand has no such recipient.
        """
        ...

    async def suppress_addresses(
        self, brand: str, controller: str, addresses: Sequence[tuple[str, NewSuppression]]
    ) -> int:
        """Suppresses addresses, whether or not they are anybody's, by their hashes only. Returns how many were new."""
        ...

    async def get_suppression(self, brand: str, controller: str, id: int) -> Suppression | None:
        """One of the brand or of the whole controller."""
        ...

    async def lift_suppression(
        self, id: int, actor: str, reason: str, at: datetime | None = None, *, by_owner: bool = False
    ) -> bool:
        """Ends one, for all who share the address.

        What was consented to before it counts no more, unless its owner takes it back (`by_owner`).

        False: it has ended already, or is of another time than `at`, since somebody has said the same again.
        """
        ...

    async def suppressions_of(self, brand: str, recipient_id: int) -> list[Suppression]:
        """All that ever concerned a person's address at the brand, oldest first, those that ended included."""
        ...

    async def suppressions_of_address(self, brand: str, controller: str, address: str) -> list[Suppression]:
        """The same of an address, whether or not it is anybody's."""
        ...

    def export_suppressions(self, brand: str, controller: str) -> AsyncIterator[Suppression]:
        """Those that hold now, of the brand and of the whole controller."""
        ...
