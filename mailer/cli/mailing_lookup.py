"""Finds a mailing by its own id, or by the id of its event."""

from contextlib import suppress
from uuid import UUID

from mailer.app import App
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import MailingStatus


async def find_mailings_by_id_or_event(app: App, identifier: str) -> list[MailingStatus]:
    """Returns the mailings with an id. Several brands may have events with the same id."""
    if by_event := await app.mailings.statuses_of_mailings_of_event(identifier):
        return by_event
    try:
        status = await app.mailings.mailing_status(UUID(identifier))
    except ValueError:
        return []
    return [status] if status else []


async def find_one_mailing_or_raise(app: App, identifier: str) -> MailingStatus:
    """Returns the one mailing with an id.

    Raises:
        MailingControlRefused: no mailing or several have the id; the message lists them.
    """
    found = await find_mailings_by_id_or_event(app, identifier)
    if not found:
        raise MailingControlRefused(
            f"there is no mailing and no event {identifier}; `mailer mailing list` shows what there is"
        )
    if len(found) > 1:
        those = ", ".join(f"{status.id} of {status.brand}" for status in found)
        raise MailingControlRefused(f"{identifier} names {len(found)} mailings: {those}; give the id of one")
    return found[0]


async def find_mailing_id_or_raise(app: App, identifier: str) -> UUID:
    """Returns the id of the one mailing with an id. A UUID that is no event's id is returned unchecked.

    Raises:
        MailingControlRefused: see `find_one_mailing_or_raise`.
    """
    with suppress(ValueError):
        if not await app.mailings.statuses_of_mailings_of_event(identifier):
            return UUID(identifier)
    return (await find_one_mailing_or_raise(app, identifier)).id
