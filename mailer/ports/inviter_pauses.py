"""Members who invite others."""

from typing import Protocol


class InviterPauseStore(Protocol):
    """Stops the invitations of single members, and lets them go on."""

    async def pause_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """Stops a member's invitations, also the waiting ones. After it returns, no hand-over of one begins.

        Returns False if they were stopped already.
        """
        ...

    async def resume_inviter(self, brand: str, inviter: str, reason: str) -> bool:
        """Lets a member invite again. Returns False if the invitations were not stopped."""
        ...
