"""Public notices of a data breach. Each step is an entry of the ledger, which commits with it."""

from datetime import date
from typing import Protocol
from uuid import UUID

from mailer.policy.public_notices import PublicNotice


class PublicNoticeStore(Protocol):
    """Stores public notices, and when they were seen at the public address."""

    async def add_draft(self, notice: PublicNotice) -> None:
        """Stores a notice that nobody has released yet."""
        ...

    async def find_notice(self, id_: UUID) -> PublicNotice | None:
        """Returns a notice, or None if there is none of this id."""
        ...

    async def list_notices(self, brand: str | None) -> list[PublicNotice]:
        """Returns the newest 100 notices of a brand, or of all, those with the latest first day first."""
        ...

    async def list_public_notices_in_force(self, brand: str | None, today: date) -> list[PublicNotice]:
        """Returns all notices that stand on a day, of a brand or of all, those with the latest first day first."""
        ...

    async def release(self, id_: UUID, by: str) -> bool:
        """Releases a draft.

        Returns:
            False if it is none, or if this person drafted it, or has lately shared a one-time link with who did.

        Raises:
            ValueError: `by` is no name of a person.
        """
        ...

    async def withdraw(self, id_: UUID, by: str) -> bool:
        """Takes a released notice off its page. Returns False if it was not released, or was withdrawn before."""
        ...

    async def record_whether_notice_is_online(self, notice: PublicNotice, *, is_there: bool) -> None:
        """Records whether a notice is at its public address. The ledger has an entry a day, and each change."""
        ...
