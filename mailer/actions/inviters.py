"""Stopping a member's invitations, and letting them invite again."""

from mailer.ports.inviters import InviterStore


async def pause_inviter(inviters: InviterStore, brand: str, inviter: str, source: str) -> bool:
    """Stops a member's invitations after a report (paltalk02-07): at once, also those that are on their way in.

    Args:
        inviters: where it is kept.
        brand: whose member it is.
        inviter: as events name the member.
        source: how it was said, such as `report`; it stands in the ledger.

    Returns:
        False if they were stopped already.
    """
    return await inviters.pause_inviter(brand, inviter, source)


async def resume_inviter(inviters: InviterStore, brand: str, inviter: str, source: str) -> bool:
    """Lets a member invite again. Invitations that were suppressed meanwhile stay suppressed.

    Returns:
        False if they were not stopped.
    """
    return await inviters.resume_inviter(brand, inviter, source)
