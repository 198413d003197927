"""Opens, as the pixel counts them."""

from typing import Protocol
from uuid import UUID


class Opens(Protocol):
    """Counts a mailing's opens; it takes nothing that could say whose (paltalk06-18)."""

    async def count(self, mailing_id: UUID, *, machine: bool) -> None:
        """Adds one fetch of the mailing's pixel."""
        ...
