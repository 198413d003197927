"""Lists and changes of mailings that need several steps, for console, API and commands."""

from dataclasses import replace
from uuid import UUID

from mailer.ports.halts import HaltStore
from mailer.ports.held_deliveries import HeldDeliveryStore
from mailer.ports.mailings import MailingDirectory, MailingFilter, MailingStatus


async def resume_mailing_and_held_deliveries(
    halts: HaltStore, held: HeldDeliveryStore, mailing_id: UUID, by: str
) -> tuple[bool, int]:
    """Lets a mailing go on, and tries what of it is held: by a bug, for its doubt (one copy), for our set-up.

    Returns:
        True if it was paused, and the number of deliveries that are tried again.

    Raises:
        MailingControlRefused: it is cancelled or finished.
    """
    lifted = await halts.resume_mailing(mailing_id, by)
    return lifted, await held.release_held_deliveries_of_mailing(mailing_id, by)


async def list_mailings_across_pages(
    directory: MailingDirectory, chosen: MailingFilter, limit: int
) -> list[MailingStatus]:
    """Returns mailings that fit the filter, the newest first, from as many pages as it takes."""
    found: list[MailingStatus] = []
    while len(found) < limit:
        page = await directory.list_mailings(chosen, limit - len(found))
        found += page.mailings
        if page.older_than is None:
            break
        chosen = replace(chosen, before=page.older_than)
    return found
