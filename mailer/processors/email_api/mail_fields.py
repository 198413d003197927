"""The fields of a finished message, for services that take no MIME: read with Python's parser, and none is dropped.

What such a service cannot carry is refused, so that another processor sends the message as it was written. Only our
DKIM signature and what the service writes itself (Date, MIME headers) are left out; the service signs by its own key.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from functools import lru_cache
from typing import Any, Final, TypeAlias

from mailer.ports.processor import OutgoingMessage
from mailer.processors.email_api.provider_api import NotCarriedError, check_plain_envelope

_Part: TypeAlias = "Message[Any, Any]"
_PARSER: Final = BytesParser()
"""A parser that leaves headers as they are. Python's structured headers take 13 ms for one message."""
_MAILBOX: Final = re.compile(
    r"""(?:(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<words>[^"<>,;:@\\]*?))\s*<(?P<address>[^<>\s,;:"]+)>)|(?P<bare>[^<>\s,;:"]+)""",
    re.ASCII,
)
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that a service could take for the end of a header. An encoded word can hide them."""
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
        subject=_decode_header("Subject", mail.get("Subject", "")),
        text=text,
        html=html,
        headers=_read_other_headers(mail),
        files=files,
        return_path_local=message.sender.rpartition("@")[0],
    )


def _read_mailbox(mail: _Part, name: str) -> Mailbox:
    values = mail.get_all(name, [])
    found = _parse_mailbox(_unfold_header(name, values[0])) if len(values) == 1 else None
    if found is None:
        raise NotCarriedError(f"a header {name} that is not one ASCII address", "5.6.7")
    return found


@lru_cache(maxsize=100)
def _parse_mailbox(value: str) -> Mailbox | None:
    """Returns the mailbox in a header that has one, or None."""
    found = _MAILBOX.fullmatch(value.strip())
    address = found and (found["address"] or found["bare"])
    if not found or not address or address.count("@") != 1:
        return None
    if found["quoted"] is not None:
        return Mailbox(address, re.sub(r"\\(.)", r"\1", found["quoted"]))
    return Mailbox(address, _decode_header("a name", found["words"] or ""))


def _read_other_headers(mail: _Part) -> Mapping[str, str]:
    found: dict[str, str] = {}
    names: set[str] = set()
    for name, value in mail.items():
        lower = name.lower()
        if lower in _NOT_CARRIED or lower.startswith("resent-"):
            raise NotCarriedError(f"the header {name}")
        if lower in _FIELDS_OF_THEIR_OWN | _WRITTEN_BY_SERVICE or lower.startswith("content-"):
            continue
        if lower in names:
            raise NotCarriedError(f"the header {name}, which stands twice")
        names.add(lower)
        found[name] = _decode_header(name, value)
    return found


def _unfold_header(name: str, value: Any) -> str:
    """Returns a header on one line. The parser returns no text for one that is not in ASCII."""
    if not isinstance(value, str):
        raise NotCarriedError(f"a header {name} that is not ASCII", "5.6.7")
    return _FOLD.sub("", value)


def _decode_header(name: str, value: Any) -> str:
    """Returns a header without encoded words (RFC 2047)."""
    text = _unfold_header(name, value)
    if "=?" in text:
        try:
            text = str(make_header(decode_header(text)))
        except (HeaderParseError, LookupError, UnicodeError):
            raise NotCarriedError(f"a header {name} with an encoded word that cannot be read") from None
    if _CONTROL.search(text):
        raise NotCarriedError(f"a header {name} with a control character", "5.6.0")
    return text


def _read_parts(mail: _Part) -> tuple[str, str, tuple[AttachedFile, ...]]:
    """Returns the text, the HTML and the attachments. Their order is that of our own messages, or it is refused."""
    bodies, files = mail, list[_Part]()
    if mail.get_content_type() == "multipart/mixed":
        bodies, *files = _children(mail)
    children = _children(bodies)
    kinds = [part.get_content_type() for part in children]
    if bodies.get_content_type() == "multipart/alternative" and kinds == ["text/plain", "text/html"]:
        text, html = (_read_text(part) for part in children)
    elif bodies.get_content_type() == "text/plain":
        text, html = _read_text(bodies), ""
    else:
        raise NotCarriedError(f"a body of the type {bodies.get_content_type()}")
    return text, html, tuple(_read_file(part) for part in files)


def _children(part: _Part) -> list[_Part]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _read_text(part: _Part) -> str:
    octets = part.get_payload(decode=True)
    try:
        text = octets.decode(part.get_content_charset("utf-8")) if isinstance(octets, bytes) else ""
    except (LookupError, UnicodeError) as error:
        raise NotCarriedError(f"a text of an unknown charset: {type(error).__name__}") from None
    return text.replace("\r\n", "\n")


def _read_file(part: _Part) -> AttachedFile:
    filename, content = part.get_filename(), part.get_payload(decode=True)
    if part.get_content_disposition() != "attachment" or not filename or not isinstance(content, bytes):
        raise NotCarriedError("a part that is no attachment with a name")
    return AttachedFile(filename, part.get_content_type(), content)
