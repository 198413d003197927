"""The whole message as bytes (RFC 5322, 2045, 6532), written directly.

Python's `EmailMessage` costs 1,400 µs a message, ten times the budget for all of its way. So what does not depend on
the recipient is written once a mailing, as a `Skeleton`, and each message only fills it. The tests read what is written
here back with Python's own parser.
"""

from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from mailer.events import Attachment
from mailer.policy.category import Category
from mailer.rendering.headers import MAX_LINE, a_labels, mailbox, one_line, parameter, split_mailbox, unstructured

# "=_" can stand in neither quoted-printable nor base64 (RFC 2045 6.7), so a boundary with it never occurs in a part.
_ALTERNATIVE = "=_mailer_alternative"
_MIXED = "=_mailer_mixed"
_ASCII = bytes(range(128))
_DENSE = 6
"""Above one octet in six beyond ASCII, base64 is the shorter encoding."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages of a mailing have in common.

    Attributes:
        sender: the From, `Name <address>`.
        brand, domain: who mails; `domain` names the list (RFC 2919).
        category: decides which headers a message has.
        campaign: for the Feedback-ID; None where the mailing counts by itself.
        reply_to: an address, or None.
        attachments: they go with each copy.
    """

    sender: str
    brand: str
    domain: str
    category: Category
    campaign: str | None = None
    reply_to: str | None = None
    attachments: Sequence[Attachment] = ()


class Skeleton:
    """A mailing's message without its recipient."""

    def __init__(self, head: Letterhead) -> None:
        """Writes what is the same for all.

        Raises:
            HeaderRefused: a value has a line break or control character, or an address is none.
        """
        self._optional = head.category.optional
        name, address = split_mailbox(head.sender, "From")
        self._from = f"From: {mailbox(address, name, 'From')}\r\n"
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in _fixed_headers(head))
        self._opening = _opening(bool(head.attachments))
        self._closing = _closing(head.attachments)

    def message(
        self,
        *,
        to: str,
        name: str | None,
        subject: str,
        text: str,
        html: str,
        message_id: str,
        date: int,
        unsubscribe_url: str | None,
    ) -> bytes:
        """One recipient's message, with CRLF line ends.

        Args:
            to: the address.
            name: the display name, or None.
            subject: as rendered, on one line.
            text: the plain part, as rendered.
            html: the HTML part, as rendered.
            message_id: with its angle brackets.
            date: seconds since the epoch.
            unsubscribe_url: an https URL for optional mail (RFC 8058 3.1), None for mandatory mail.

        Raises:
            HeaderRefused: a value has a line break or control character, or the address is none.
            ValueError: optional mail without an unsubscribe link, or mandatory mail with one.
        """
        if self._optional != (unsubscribe_url is not None):
            raise ValueError("optional mail has an unsubscribe link, mandatory mail has none")
        leave = f"List-Unsubscribe: <{one_line(unsubscribe_url, 'List-Unsubscribe')}>\r\n" if unsubscribe_url else ""
        head = (
            f"{self._from}To: {mailbox(to, name, 'To')}\r\n"
            f"Subject: {unstructured(subject, 'Subject')}\r\n"
            f"Date: {_date(date)}\r\n"
            f"Message-ID: {one_line(message_id, 'Message-ID')}\r\n"
            f"{leave}{self._fixed}"
        )
        return b"".join((head.encode(), self._opening, _part("plain", text), _part("html", html), self._closing))


def _fixed_headers(head: Letterhead) -> list[tuple[str, str]]:
    category = head.category.name
    headers = [
        ("Auto-Submitted", "auto-generated"),
        ("Feedback-ID", unstructured(f"{head.campaign or '-'}:{category}:{head.brand}:mailer", "Feedback-ID")),
    ]
    if head.reply_to:
        headers.append(("Reply-To", mailbox(head.reply_to, None, "Reply-To")))
    if head.category.optional:
        headers.append(("List-Id", one_line(f"<{category}.{head.brand}.{a_labels(head.domain)}>", "List-Id")))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    headers.append(("MIME-Version", "1.0"))
    return headers


def _opening(mixed: bool) -> bytes:
    alternative = f'Content-Type: multipart/alternative; boundary="{_ALTERNATIVE}"\r\n\r\n'
    if not mixed:
        return alternative.encode()
    return f'Content-Type: multipart/mixed; boundary="{_MIXED}"\r\n\r\n--{_MIXED}\r\n{alternative}'.encode()


def _closing(attachments: Sequence[Attachment]) -> bytes:
    parts = [f"--{_ALTERNATIVE}--\r\n".encode()]
    for attachment in attachments:
        head = (
            f"\r\n--{_MIXED}\r\n"
            f"Content-Type: {attachment.content_type}\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment{parameter('filename', attachment.filename)}\r\n\r\n"
        )
        parts += [head.encode(), _base64(attachment.content)]
    if attachments:
        parts.append(f"\r\n--{_MIXED}--\r\n".encode())
    return b"".join(parts)


def _part(subtype: str, content: str) -> bytes:
    lines = content.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    data = lines.replace("\n", "\r\n").encode()
    if len(data.translate(None, _ASCII)) * _DENSE > len(data):
        encoding, body = "base64", _base64(data)
    else:
        encoding, body = "quoted-printable", b2a_qp(data)
    head = (
        f"--{_ALTERNATIVE}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return b"%b%b\r\n" % (head.encode(), body)


def _base64(data: bytes) -> bytes:
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[start : start + MAX_LINE] for start in range(0, len(text), MAX_LINE)]) + b"\r\n"


@lru_cache(maxsize=8)
def _date(seconds: int) -> str:
    return formatdate(seconds).replace("-0000", "+0000")
