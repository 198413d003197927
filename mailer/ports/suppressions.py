"""Suppressions: entries, by keyed hash, of addresses that get no mail. An ended suppression stays on record."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppression on record.

    Attributes:
        brand: its brand; None if it holds for the whole controller.
        scope: a category, `category/topic`, `purpose/…`, `partner/…`, or `*` for all optional mail; of an own cap:
            its name.
        reason: opt_out, complaint, objection, address_dead, soft_bounces, erased, invited, own_pause or
            own_cap.
        source: the way in which it came. actor: who made it. at: its beginning. expires_at: its end; None: for ever.
        lifted_at, lifted_by, lift_reason: when, by whom and why it was ended; None while it holds.
        hash: HMAC-SHA-256 of the normalised address, in hexadecimal. key: the id of the key that made it.
        mailing_id: the mailing whose link was used last; None if no link was used.
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
    """A suppression that will be made. The fields are those of `Suppression`; `at` None means now."""

    scope: str
    reason: str
    source: str
    actor: str
    at: datetime | None = None
    expires_at: datetime | None = None
    mailing_id: UUID | None = None


class SuppressionStore(Protocol):
    """Stores suppressions. A change, the standings that it changes, and their ledger entries commit together."""

    async def suppress_recipient(self, brand: str, recipient_id: int, new: NewSuppression) -> bool:
        """Suppresses a person's address: for the brand, or for the whole controller if the reason is an objection.

        Idempotent. Returns False if the brand has no such recipient.
        """
        ...

    async def suppress_addresses(
        self, brand: str, controller: str, addresses: Sequence[tuple[str, NewSuppression]]
    ) -> int:
        """Suppresses addresses, also unknown ones; it stores their hashes only. Returns the number of new ones."""
        ...

    async def get_suppression_by_id(self, brand: str, controller: str, id: int) -> Suppression | None:
        """Returns a suppression of the brand or of the whole controller, by its id."""
        ...

    async def lift_suppression(self, id: int, actor: str, reason: str, at: datetime, *, by_owner: bool = False) -> bool:
        """Ends a suppression, for all people who share the address.

        Consents older than the suppression count no more, unless the owner of the address ends it (`by_owner`).

        Returns False if it has ended already, or if its time is not `at`, because it was made again meanwhile.
        """
        ...

    async def all_suppressions_of_recipient(self, brand: str, recipient_id: int) -> list[Suppression]:
        """Returns all suppressions that a person's address ever had at the brand, also ended ones, oldest first."""
        ...

    async def all_suppressions_of_address(self, brand: str, controller: str, address: str) -> list[Suppression]:
        """Returns all suppressions that an address ever had, also an unknown address, oldest first."""
        ...

    async def list_suppressions_in_force(
        self, brand: str, controller: str, before: int | None, limit: int
    ) -> list[Suppression]:
        """Returns suppressions of the brand and of the whole controller that hold now, the newest first.

        Args:
            brand: the brand.
            controller: its controller.
            before: only those with smaller ids; None: the newest.
            limit: how many at most.
        """
        ...

    def iterate_suppressions_in_force(self, brand: str, controller: str) -> AsyncIterator[Suppression]:
        """Yields the suppressions of the brand and of the whole controller that hold now."""
        ...
