"""Pauses and resumes the invitations of a member."""

from mailer.ports.inviter_pauses import InviterPauseStore


async def pause_inviter(inviters: InviterPauseStore, brand: str, inviter: str, source: str) -> bool:
    """Stops a member's invitations at once, after a report (paltalk02-07). This includes invitations in the queue.

    Args:
        inviters: the store of inviters.
        brand: the brand of the member.
        inviter: the member, as events name them.
        source: how it was asked for, such as `report`; the ledger stores it.

    Returns:
        False if they were stopped already.
    """
    return await inviters.pause_inviter(brand, inviter, source)


async def resume_inviter(inviters: InviterPauseStore, brand: str, inviter: str, source: str) -> bool:
    """Lets a member invite again. Invitations that were suppressed meanwhile stay suppressed.

    Returns:
        False if they were not stopped.
    """
    return await inviters.resume_inviter(brand, inviter, source)
