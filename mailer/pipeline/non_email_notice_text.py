"""The text of a notice for one person, for a letter or a phone call."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from mailer.policy.category import Category
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.mailing_renderer import MailingRenderer

_NO_MAILBOX = "nobody@any.invalid"
"""An address for people who have none. The text does not depend on it."""


class NonEmailNoticeText(NamedTuple):
    """The subject and the text of a notice."""

    subject: str
    text: str


def render_notice_text(renderer: MailingRenderer, row: DeliveryRow, category: Category, now: int) -> NonEmailNoticeText:
    """Returns the subject and the text that the mail would have had.

    Args:
        renderer: the renderer of the mailing.
        row: the delivery.
        category: the category of the mail for this person.
        now: seconds since the epoch.

    Raises:
        RenderError, HeaderRefused, NoVisibleWayToLeave: a value of this recipient cannot be rendered.
    """
    if row.standing.address is None:
        row = replace(row, standing=replace(row.standing, address=_NO_MAILBOX))
    message = message_from_bytes(renderer.render_message(row, category, now).outgoing.content, policy=policy.default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    if body is None:
        raise AssertionError("every mail has a text part")
    return NonEmailNoticeText(str(message["Subject"]), body.get_content())
