"""Finds a mailing by its own id, or by the id of its event."""

from contextlib import suppress
from uuid import UUID

from mailer.app import App
from mailer.ports.halts import MailingRefused
from mailer.ports.mailings import MailingStatus


async def find_mailings(app: App, identifier: str) -> list[MailingStatus]:
    """Returns the mailings with an id. Several brands may have events with the same id."""
    if by_event := await app.mailings.statuses_by_event(identifier):
        return by_event
    try:
        status = await app.mailings.mailing_status(UUID(identifier))
    except ValueError:
        return []
    return [status] if status else []


async def named_mailing(app: App, identifier: str) -> MailingStatus:
    """Returns the one mailing with an id.

    Raises:
        MailingRefused: no mailing or several have the id; the message lists them.
    """
    found = await find_mailings(app, identifier)
    if not found:
        raise MailingRefused(
            f"there is no mailing and no event {identifier}; `mailer mailing list` shows what there is"
        )
    if len(found) > 1:
        those = ", ".join(f"{status.id} of {status.brand}" for status in found)
        raise MailingRefused(f"{identifier} names {len(found)} mailings: {those}; give the id of one")
    return found[0]


async def mailing_id(app: App, identifier: str) -> UUID:
    """Returns the id of the one mailing with an id. A UUID that is no event's id is returned unchecked.

    Raises:
        MailingRefused: see `named_mailing`.
    """
    with suppress(ValueError):
        if not await app.mailings.statuses_by_event(identifier):
            return UUID(identifier)
    return (await named_mailing(app, identifier)).id
