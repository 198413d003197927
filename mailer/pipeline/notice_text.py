"""The words of a notice for one person, so that a letter can be written from them, or read out."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from mailer.policy.category import Category
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.mailing import MailingRenderer

_NO_MAILBOX = "nobody@any.invalid"
"""The stand-in for an address that nobody has: the words are the same."""


class NoticeText(NamedTuple):
    """A notice in words."""

    subject: str
    text: str


def notice_text_for(press: MailingRenderer, row: DeliveryRow, category: Category, now: int) -> NoticeText:
    """The words that the mail would have had.

    Args:
        press: of the mailing.
        row: whose.
        category: what the mail is to this person.
        now: seconds since the epoch.

    Raises:
        RenderError, HeaderRefused, NoWayOut: a value of this recipient cannot be rendered.
    """
    if row.standing.address is None:
        row = replace(row, standing=replace(row.standing, address=_NO_MAILBOX))
    message = message_from_bytes(press.render(row, category, now).outgoing.content, policy=policy.default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    if body is None:
        raise AssertionError("every mail has a text part")
    return NoticeText(str(message["Subject"]), body.get_content())
