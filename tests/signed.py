"""Signed mail, and what somebody in between may add to it."""

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailer.events import Attachment
from mailer.policy.category import CATEGORIES
from mailer.rendering.dkim import DkimKey, DkimSigner
from mailer.rendering.headers import check_and_encode_addr_spec
from mailer.rendering.mail_merge import MergeForm
from mailer.rendering.message import MailingHeaders, StaticMessageParts

DOMAIN = "paltalk.example"
NOW = 1_700_000_000
COVERED = (
    "From",
    "Sender",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "In-Reply-To",
    "References",
    "Mail-Followup-To",
    "Content-Disposition",
    "List-Help",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Disposition-Notification-To",
    "Return-Receipt-To",
    "Organization",
    "BIMI-Selector",
    "Autocrypt",
)
"""Fields that a reader, a mail program or a provider goes by: nobody on the way may add one of them (RFC 6376 8.15)."""

KINDS = ("newsletter", "topic", "file", "few fields")


def pem(key: Any) -> bytes:
    """A private key as it lies in a file."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@cache
def signer() -> DkimSigner:
    """A signer with both kinds of key."""
    return DkimSigner(
        DOMAIN,
        DkimKey("r1", pem(rsa.generate_private_key(65537, 2048))),
        DkimKey("e1", pem(ed25519.Ed25519PrivateKey.generate())),
    )


def newsletter(**changes: Any) -> bytes:
    """A newsletter as it goes out; `changes`: of its letterhead."""
    stated: dict[str, Any] = {
        "sender": "Paltalk News <news@mail.paltalk.example>",
        "brand": "paltalk-2006",
        "domain": DOMAIN,
        "category": CATEGORIES["newsletter"],
        "reply_to": "help@paltalk.example",
        "name": "Paltalk",
    }
    form = MergeForm(("Grüße " * 20,), ("<p>Hello   </p>",), ("Hello \n\n\n",))
    return (
        StaticMessageParts(MailingHeaders(**stated | changes))
        .compile_merge_form(form)
        .fill_message(
            to=check_and_encode_addr_spec("zoë@bücher.example", "To"),
            name="Zoë",
            message_id="<1@paltalk.example>",
            date=NOW,
            unsubscribe_url="https://mail.example/u/token",
        )
    )


@cache
def kinds() -> dict[str, bytes]:
    """Signed mail of each of `KINDS`."""
    file = Attachment(filename="a.txt", content_type="text/plain", content=base64.b64encode(b"hi"))
    few = b"From: a@paltalk.example\r\nTo: b@c.example\r\n\r\nx\r\n"
    messages = {
        "newsletter": newsletter(),
        "topic": newsletter(topic="chat-rooms", reply_to=None),
        "file": newsletter(attachments=(file,)),
        "few fields": few,
    }
    return {name: signer().sign_message(message, NOW) for name, message in messages.items()}


def tampered(signed: bytes) -> Iterator[tuple[str, bytes]]:
    """The mail with one field more, above or below all others: of each name a new, an empty and a known one."""
    head, _, body = signed.partition(b"\r\n\r\n")
    known = {line.partition(b":")[0].lower(): line for line in head.split(b"\r\n")}
    for name in COVERED:
        fields = {"new": f"{name}: x@evil.example".encode(), "empty": f"{name}: ".encode()}
        if (old := known.get(name.lower().encode())) is not None:
            fields["known"] = old
        for what, field in fields.items():
            yield f"{name} {what} above", field + b"\r\n" + signed
            yield f"{name} {what} below", head + b"\r\n" + field + b"\r\n\r\n" + body
