"""Members who invite others."""

from typing import Protocol


class InviterStore(Protocol):
    """Whose invitations are stopped."""

    async def pause_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """Stops a member's invitations, also those that wait; once it returns, none of them begins.

        False: they were stopped already.
        """
        ...

    async def resume_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """Lets a member invite again. False: their invitations were not stopped."""
        ...
