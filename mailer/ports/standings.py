"""Standings, as the actions change them and the pages show them."""

from typing import Protocol

from mailer.policy.standing import Standing


class Standings(Protocol):
    """Each change and its ledger entry commit together; when a method returns, no hand-over that it forbids begins."""

    async def get(self, brand: str, recipient_id: int) -> Standing | None:
        """A recipient's standing, None if the brand has no such recipient."""
        ...

    async def opt_out(self, brand: str, recipient_id: int, scope: str, source: str) -> bool:
        """Leaves a category, or `EVERYTHING_OPTIONAL`, for the person and everyone at the brand with that address.

        Idempotent. False: the brand has no such recipient.
        """
        ...

    async def deactivate(self, brand: str, recipient_id: int, source: str) -> bool:
        """Closes the account. Idempotent. False: the brand has no such recipient."""
        ...

    async def address_dead(self, brand: str, recipient_id: int, address: str, source: str) -> bool:
        """Marks an address as known not to exist, for the whole controller.

        False: the brand has no such recipient, or they have another address by now.
        """
        ...
