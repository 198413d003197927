"""A mailing by whatever an operator has at hand: its own id, or that of its event."""

from contextlib import suppress
from uuid import UUID

from mailer.app import App
from mailer.ports.halts import MailingRefused
from mailer.ports.mailings import MailingStatus


async def find_mailings(app: App, identifier: str) -> list[MailingStatus]:
    """The mailings that an id means: of several brands, where their events have the same id."""
    if by_event := await app.mailings.statuses_by_event(identifier):
        return by_event
    try:
        status = await app.mailings.mailing_status(UUID(identifier))
    except ValueError:
        return []
    return [status] if status else []


async def named_mailing(app: App, identifier: str) -> MailingStatus:
    """The one mailing that is meant.

    Raises:
        MailingRefused: it is none, or several; the message says which.
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
    """The id of the one mailing that is meant. A mailing's own id is taken as it is, also of one that is not there.

    Raises:
        MailingRefused: see `named_mailing`.
    """
    with suppress(ValueError):
        if not await app.mailings.statuses_by_event(identifier):
            return UUID(identifier)
    return (await named_mailing(app, identifier)).id
