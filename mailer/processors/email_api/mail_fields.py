"""The fields of a finished message, for services that take no MIME: read with Python's parser, and none is dropped.

What such a service cannot carry is refused, so that another processor sends the message as it was written. Only our
DKIM signature and what the service writes itself (Date, MIME headers) are left out; the service signs by its own key.
"""

import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Final

from mailer.ports.processor import OutgoingMessage
from mailer.processors.email_api.provider_api import NotCarriedError, check_plain_envelope

_PARSER: Final = BytesParser(EmailMessage, policy=email.policy.SMTP)
_FIELDS_OF_THEIR_OWN: Final = frozenset(("from", "to", "subject", "reply-to"))
_WRITTEN_BY_SERVICE: Final = frozenset(("date", "mime-version", "dkim-signature"))
_NOT_CARRIED: Final = frozenset(("cc", "bcc", "sender", "return-path"))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and its display name, which may be empty."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An attachment: its file name, its content type without parameters, and its octets."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MailFields:
    """A message as its fields.

    Attributes:
        sender, recipient: From, and the address of the envelope with the name of To.
        reply_to: Reply-To, or None.
        subject: decoded.
        text, html: the bodies, with LF line ends; empty if there is none.
        headers: all other headers, decoded, by their names.
        files: the attachments.
        return_path_local: the local part of the envelope's sender: our signed token.
    """

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    files: tuple[AttachedFile, ...]
    return_path_local: str


def read_mail_fields(message: OutgoingMessage) -> MailFields:
    """Returns the fields of a message.

    Raises:
        NotCarriedError: it has a part, a header or an address that has no field.
    """
    check_plain_envelope(message)
    mail = _PARSER.parsebytes(message.content)
    if mail.defects:
        raise NotCarriedError(f"a message that is not well formed: {type(mail.defects[0]).__name__}", "5.6.0")
    text, html, files = _read_parts(mail)
    return MailFields(
        sender=_read_mailbox(mail, "From"),
        recipient=Mailbox(message.recipient, _read_mailbox(mail, "To").name),
        reply_to=_read_mailbox(mail, "Reply-To") if "Reply-To" in mail else None,
        subject=str(mail["Subject"] or ""),
        text=text,
        html=html,
        headers=_read_other_headers(mail),
        files=files,
        return_path_local=message.sender.rpartition("@")[0],
    )


def _read_mailbox(mail: EmailMessage, name: str) -> Mailbox:
    found = mail.get_all(name, [])
    addresses: tuple[Address, ...] = found[0].addresses if len(found) == 1 else ()
    if len(addresses) != 1 or not addresses[0].addr_spec.isascii():
        raise NotCarriedError(f"a header {name} that is not one ASCII address", "5.6.7")
    return Mailbox(addresses[0].addr_spec, addresses[0].display_name)


def _read_other_headers(mail: EmailMessage) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in mail.items():
        lower = name.lower()
        if lower in _NOT_CARRIED or lower.startswith("resent-"):
            raise NotCarriedError(f"the header {name}")
        if lower not in _FIELDS_OF_THEIR_OWN | _WRITTEN_BY_SERVICE and not lower.startswith("content-"):
            if lower in {known.lower() for known in found}:
                raise NotCarriedError(f"the header {name}, which stands twice")
            found[name] = str(value)
    return found


def _read_parts(mail: EmailMessage) -> tuple[str, str, tuple[AttachedFile, ...]]:
    """Returns the text, the HTML and the attachments. Their order is that of our own messages, or it is refused."""
    bodies, files = mail, list[EmailMessage]()
    if mail.get_content_type() == "multipart/mixed":
        bodies, *files = _children(mail)
    kinds = [part.get_content_type() for part in _children(bodies)] if bodies.is_multipart() else []
    if bodies.get_content_type() == "multipart/alternative" and kinds == ["text/plain", "text/html"]:
        text, html = (_read_text(part) for part in _children(bodies))
    elif bodies.get_content_type() == "text/plain":
        text, html = _read_text(bodies), ""
    else:
        raise NotCarriedError(f"a body of the type {bodies.get_content_type()}")
    return text, html, tuple(_read_file(part) for part in files)


def _children(part: EmailMessage) -> list[EmailMessage]:
    return [child for child in part.iter_parts() if isinstance(child, EmailMessage)]


def _read_text(part: EmailMessage) -> str:
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, KeyError) as error:
        raise NotCarriedError(f"a text of an unknown charset: {type(error).__name__}") from None


def _read_file(part: EmailMessage) -> AttachedFile:
    filename, content = part.get_filename(), part.get_payload(decode=True)
    if part.get_content_disposition() != "attachment" or not filename or not isinstance(content, bytes):
        raise NotCarriedError("a part that is no attachment with a name")
    return AttachedFile(filename, part.get_content_type(), content)
