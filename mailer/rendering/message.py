"""The whole message as bytes (RFC 5322, 2045, 6532), written directly.

Python's `EmailMessage` costs 1,400 µs a message, ten times the budget of the whole pipeline. The parts that do not
depend on the recipient are therefore written once a mailing, as `StaticMessageParts`. A `CompiledMessage` lacks only a
few values, and each message fills them in. The tests read these messages back with Python's own parser.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from markupsafe import escape

from mailer.events import Attachment
from mailer.policy.category import Category
from mailer.policy.text_formats import split_sender
from mailer.rendering.headers import (
    AddrSpec,
    HeaderRefused,
    addr_spec_with_name,
    check_one_line,
    check_structured_value,
    encode_unstructured_header_value,
    format_header_parameter,
    list_id_value,
    mailbox_header_value,
)
from mailer.rendering.mail_merge import MergeField, MergeForm, Pieces, fill_pieces
from mailer.rendering.transfer_encoding import (
    base64_lines,
    encode_piece_as_quoted_printable,
    is_base64_shorter,
    is_utf8,
)

# "=_" can stand in neither quoted-printable nor base64 (RFC 2045 6.7), so a boundary with it never occurs in a part.
_ALTERNATIVE = "=_mailer_alternative"
_MIXED = "=_mailer_mixed"
_NOTHING: Mapping[str, str] = {}
MAX_LIST_NAME = 100
"""Characters of a brand's name in a List-Id."""


@dataclass(frozen=True, slots=True)
class MailingHeaders:
    """The values of the headers that all messages of a mailing share.

    Attributes:
        sender: the From, `Name <address>`.
        brand, domain: the sending brand; `domain` is part of the List-Id (RFC 2919).
        category: decides which headers a message has.
        campaign: for the Feedback-ID; None if the mailing is counted by itself.
        reply_to: an address, or None.
        attachments: the files in every copy.
        name: the brand's name for recipients, for the List-Id; if it is not plain ASCII, `brand` is used instead.
        topic: a topic within the category, which has a List-Id of its own; None for a mailing without a topic.
        answered_message_id: the Message-ID of the letter that it answers automatically (RFC 3834); None: it is no such
            answer. Empty: the letter had none.
    """

    sender: str
    brand: str
    domain: str
    category: Category
    campaign: str | None = None
    reply_to: str | None = None
    attachments: Sequence[Attachment] = ()
    name: str = ""
    topic: str | None = None
    answered_message_id: str | None = None


class StaticMessageParts:
    """The parts of a message that are the same for every recipient of a mailing."""

    def __init__(self, head: MailingHeaders) -> None:
        """Writes the headers and the multipart frame that all messages share.

        Raises:
            HeaderRefused: a value has a line break or control character, or an address is none.
        """
        self._optional = head.category.is_optional
        name, address = split_sender(head.sender)
        self._from = f"From: {mailbox_header_value(address, name, 'From')}\r\n"
        fixed = "".join(f"{name}: {value}\r\n" for name, value in _fixed_headers(head))
        self._opening = fixed.encode() + _multipart_opening(bool(head.attachments))
        self._closing = _attachments_and_multipart_end(head.attachments)

    def compile_merge_form(self, form: MergeForm, fields: tuple[str, ...] = ()) -> "CompiledMessage":
        """Builds the message for all recipients who share a form. `fields` are the kinds of personal data in it.

        Raises:
            HeaderRefused: its subject has a line break or control character.
        """
        return CompiledMessage(self._from, self._opening, self._closing, form, fields, optional=self._optional)


class CompiledMessage:
    """A message without its recipient and values in its slots. `StaticMessageParts.compile_merge_form` makes it.

    Attributes:
        fields: the kinds of personal data in it.
    """

    def __init__(
        self, sender: str, opening: bytes, closing: bytes, form: MergeForm, fields: tuple[str, ...], *, optional: bool
    ) -> None:
        self.fields = fields
        self._sender = sender
        self._optional = optional
        self._subject = form.subject
        self._line = (
            encode_unstructured_header_value(fill_pieces(form.subject, _NOTHING), "Subject")
            if _has_no_merge_fields(form.subject)
            else None
        )
        parts = [b"", opening, *_build_part("plain", form.text), *_build_part("html", form.html), closing]
        self._pieces = [part if isinstance(part, bytes) else b"" for part in parts]
        self._dense = [(at, part) for at, part in enumerate(parts) if isinstance(part, _Base64Part)]
        self._holes: dict[str, tuple[list[int], list[int]]] = {}
        for at, part in enumerate(parts):
            if isinstance(part, _QuotedPrintableField):
                self._holes.setdefault(part.name, ([], []))[part.html].append(at)

    def fill_message(
        self,
        *,
        to: AddrSpec,
        name: str | None,
        message_id: str,
        date: int,
        unsubscribe_url: str | None,
        unsubscribe_mailto: str | None = None,
        values: Mapping[str, str] = _NOTHING,
    ) -> bytes:
        """Returns one recipient's message, with CRLF line ends.

        Args:
            to: the address.
            name: the display name, or None.
            message_id: with its angle brackets.
            date: seconds since the epoch.
            unsubscribe_url: an https URL for optional mail (RFC 8058 3.1), None for mandatory mail.
            unsubscribe_mailto: a mailto that does the same, after the URL (RFC 2369 2); None if nobody reads mail.
            values: the values of the slots, by name.

        Raises:
            HeaderRefused: a value has a line break or control character.
            ValueError: optional mail without an unsubscribe link, or mandatory mail with one.
        """
        if self._optional != (unsubscribe_url is not None):
            raise ValueError("optional mail has an unsubscribe link, mandatory mail has none")
        leave = _list_unsubscribe_field(unsubscribe_url, unsubscribe_mailto) if unsubscribe_url else ""
        subject = self._line
        if subject is None:
            subject = encode_unstructured_header_value(fill_pieces(self._subject, values), "Subject")
        head = (
            f"{self._sender}To: {addr_spec_with_name(to, name, 'To')}\r\n"
            f"Subject: {subject}\r\n"
            f"Date: {_date_header_value(date)}\r\n"
            f"Message-ID: {check_one_line(message_id, 'Message-ID')}\r\n{leave}"
        )
        pieces = self._pieces.copy()
        pieces[0] = head.encode()
        for wanted, (in_text, in_html) in self._holes.items():
            value = values[wanted]
            piece = _quoted_printable_value(value)
            for at in in_text:
                pieces[at] = piece
            if in_html and _needs_escaping(value):
                piece = _quoted_printable_value(_escape_if_html(value, html=True))
            for at in in_html:
                pieces[at] = piece
        for at, part in self._dense:
            pieces[at] = part.fill_part(values)
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _QuotedPrintableField:
    """The slot of a value in a quoted-printable part; see `encode_piece_as_quoted_printable`."""

    name: str
    html: bool


@dataclass(frozen=True, slots=True)
class _Base64Part:
    """A part with slots that is encoded as a whole, in base64, for each message."""

    pieces: Pieces
    html: bool

    def fill_part(self, values: Mapping[str, str]) -> bytes:
        """Returns the whole part in base64, with its slots filled."""
        wanted = [piece.name for piece in self.pieces if isinstance(piece, MergeField)]
        shown = {name: _to_crlf(_escape_if_html(values[name], self.html)) for name in wanted}
        return base64_lines(fill_pieces(self.pieces, shown).encode())


def _list_unsubscribe_field(url: str, mailto: str | None) -> str:
    """Returns the field (RFC 2369 3.2). A program uses the first URI that it can; each stands on a line of its own."""
    uris = ",\r\n ".join(f"<{check_one_line(uri, 'List-Unsubscribe')}>" for uri in (url, mailto) if uri)
    return f"List-Unsubscribe: {uris}\r\n"


def _fixed_headers(head: MailingHeaders) -> list[tuple[str, str]]:
    answered = head.answered_message_id
    headers = [
        ("Auto-Submitted", "auto-generated" if answered is None else "auto-replied"),
        ("Feedback-ID", _feedback_id_value(head)),
    ]
    if answered:
        value = check_structured_value(answered, "In-Reply-To")
        headers += [("In-Reply-To", value), ("References", value)]
    if head.reply_to:
        headers.append(("Reply-To", mailbox_header_value(head.reply_to, None, "Reply-To")))
    if head.category.is_optional:
        headers.append(("List-Id", _list_id_of_mailing(head)))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        headers.append(("X-Auto-Response-Suppress", "All"))  # Exchange heeds nothing else
    headers.append(("MIME-Version", "1.0"))
    return headers


def _feedback_id_value(head: MailingHeaders) -> str:
    """Returns the Feedback-ID: four parts by which providers count complaints. None of them is about the recipient."""
    parts = (head.campaign or "-", head.category.name, head.brand, "mailer")
    if any(":" in part for part in parts):
        raise HeaderRefused("Feedback-ID: a part of it has a colon")
    return check_structured_value(":".join(parts), "Feedback-ID")


def _list_id_of_mailing(head: MailingHeaders) -> str:
    """Returns the List-Id: the name of the list and its identifier. A topic has an identifier of its own."""
    category, topic = head.category, head.topic
    plain = (
        head.name.isascii() and head.name.isprintable() and "=?" not in head.name and len(head.name) <= MAX_LIST_NAME
    )
    phrase = f"{category.list_name} of {(plain and head.name) or head.brand}"
    if topic is None:
        return list_id_value(phrase, (category.name, head.brand), head.domain)
    return list_id_value(f"{phrase} - {topic.replace('-', ' ')}", (topic, category.name, head.brand), head.domain)


def _multipart_opening(mixed: bool) -> bytes:
    alternative = f'Content-Type: multipart/alternative; boundary="{_ALTERNATIVE}"\r\n\r\n'
    if not mixed:
        return alternative.encode()
    return f'Content-Type: multipart/mixed; boundary="{_MIXED}"\r\n\r\n--{_MIXED}\r\n{alternative}'.encode()


def _attachments_and_multipart_end(attachments: Sequence[Attachment]) -> bytes:
    parts = [f"--{_ALTERNATIVE}--\r\n".encode()]
    for attachment in attachments:
        head = (
            f"\r\n--{_MIXED}\r\n"
            f"Content-Type: {_content_type_of_attachment(attachment)}\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment{format_header_parameter('filename', attachment.filename)}\r\n\r\n"
        )
        parts += [head.encode(), base64_lines(attachment.content)]
    if attachments:
        parts.append(f"\r\n--{_MIXED}--\r\n".encode())
    return b"".join(parts)


def _content_type_of_attachment(attachment: Attachment) -> str:
    """Returns the content type; a text has its charset (RFC 2046 4.1.2). Older attachments may not be in UTF-8."""
    if not attachment.content_type.startswith("text/"):
        return attachment.content_type
    return f"{attachment.content_type}; charset={'utf-8' if is_utf8(attachment.content) else 'unknown-8bit'}"


def _build_part(subtype: str, pieces: Pieces) -> list[bytes | _QuotedPrintableField | _Base64Part]:
    """Builds one part: its headers and fixed text as octets, and the slots between them."""
    html = subtype == "html"
    pieces = _with_crlf_lines(pieces)
    dense = is_base64_shorter("".join(piece for piece in pieces if isinstance(piece, str)).encode())
    head = (
        f"--{_ALTERNATIVE}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {'base64' if dense else 'quoted-printable'}\r\n\r\n"
    ).encode()
    if not dense:
        body = [
            _QuotedPrintableField(piece.name, html)
            if isinstance(piece, MergeField)
            else encode_piece_as_quoted_printable(piece.encode())
            for piece in pieces
        ]
        return [head, *body, b"\r\n"]
    if _has_no_merge_fields(pieces):
        return [head + base64_lines(fill_pieces(pieces, _NOTHING).encode()), b"\r\n"]
    return [head, _Base64Part(pieces, html), b"\r\n"]


def _with_crlf_lines(pieces: Pieces) -> Pieces:
    """Returns the pieces with CRLF line ends, and exactly one CRLF at the end."""
    *others, last = pieces or ("",)
    if isinstance(last, MergeField):
        others, last = [*others, last], ""
    ended = (*others, _to_crlf(last).removesuffix("\r\n") + "\r\n")
    return tuple(_to_crlf(piece) if isinstance(piece, str) else piece for piece in ended)


def _quoted_printable_value(value: str) -> bytes:
    return encode_piece_as_quoted_printable(_to_crlf(value).encode())


def _to_crlf(text: str) -> str:
    if "\n" not in text and "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def _needs_escaping(value: str) -> bool:
    """Tells whether HTML must escape a character of the value."""
    return "&" in value or "<" in value or ">" in value or '"' in value or "'" in value


def _escape_if_html(value: str, html: bool) -> str:
    return str(escape(value)) if html else value


def _has_no_merge_fields(pieces: Pieces) -> bool:
    """Tells whether the pieces have no slots."""
    return all(isinstance(piece, str) for piece in pieces)


@lru_cache(maxsize=8)
def _date_header_value(seconds: int) -> str:
    return formatdate(seconds).replace("-0000", "+0000")
