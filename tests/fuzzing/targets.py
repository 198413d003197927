"""The targets of fuzzing: functions of octets, which raise for a fault only."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final, cast
from uuid import UUID

from mailer.inbound.letters import read_letter
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import ReceptionLimits
from mailer.inbound.reception.session import ReceptionHandler, ReceptionSession
from mailer.inbound.reports.classification import classify_message
from mailer.inbound.requests.reading import read_request
from mailer.inbound.requests.request_types import MailToRead, RequestMailbox
from mailer.inbound.sender_authentication.authentication import SmtpEnvelope, authenticate_sender
from mailer.inbound.webhooks.registry import PROVIDERS
from mailer.inbound.webhooks.webhook_requests import WebhookRefused
from mailer.ports.received_mail import Mailbox, NewReceivedMail, ReceivedMailStore
from mailer.rendering.signed_links import SignedLinks
from tests.dkim_signatures import key_record, private_key, sign
from tests.dns_zone import WrittenZone
from tests.factories import BRAND, policies
from tests.inbound import DOMAIN, bounce, complaint
from tests.inbound_requests.labelled_texts import read_unseen_texts
from tests.webhook_requests import (
    ADDRESS,
    SECONDS,
    Request,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
    ses_mail,
    ses_request,
    sns_message,
    sns_request,
)

Target = Callable[[bytes], None]
LINKS: Final = SignedLinks("https://mail.example", ["a key of ours"])
DIALOGUE: Final = (
    b"EHLO mx.people.example\r\nMAIL FROM:<> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<postmaster@%b>\r\nDATA\r\n"
    b"Subject: x\r\n\r\n..y\r\n.\r\nRSET\r\nNOOP\r\nVRFY x\r\nQUIT\r\n" % DOMAIN.encode()
)
_SIGNERS: Final[Mapping[str, Callable[[Any], Request]]] = {
    "brevo": brevo_request,
    "mailgun": mailgun_request,
    "postmark": postmark_request,
    "sendgrid": sendgrid_request,
    "ses": ses_request,
}


def read_report(data: bytes) -> None:
    """Classifies a message."""
    classify_message(data, f"bounce-x@{DOMAIN}")


def read_letter_of_anybody(data: bytes) -> None:
    """Reads the octets as a letter to each mailbox."""
    for mailbox in Mailbox:
        read_letter(data, mailbox, policies()[BRAND])


def read_words(data: bytes) -> None:
    """Reads the octets as the words of a person."""
    subject, _, text = data.decode("utf-8", "replace").partition("\n")
    read_request(MailToRead(subject, text, RequestMailbox.REPLY, "Paltalk", ADDRESS))


def authenticate(data: bytes) -> None:
    """Authenticates a message, whose domain has a key."""
    zone = WrittenZone({"k1._domainkey.mail.example": [key_record(private_key())], "_dmarc.mail.example": ["v=DMARC1"]})
    envelope = SmtpEnvelope(ip_address("192.0.2.1"), "mail.example", "zoe@mail.example")
    asyncio.run(authenticate_sender(envelope, data, zone, 1_700_000_000))


def read_webhooks(data: bytes) -> None:
    """Gives the octets to each provider's endpoint: as they are, and as the content of an authentic request."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    for provider in PROVIDERS:
        unsigned = Request(provider, (("content-type", "application/json"),), data)
        for request in (unsigned, None if value is None else _signed_or_none(provider, value)):
            if request is not None:
                asyncio.run(_send_webhook(request))


def _signed_or_none(provider: str, value: Any) -> Request | None:
    try:
        return _SIGNERS[provider](value)
    except (TypeError, ValueError, AttributeError, KeyError, UnicodeError):
        return None  # the double of the provider cannot sign it


async def _send_webhook(request: Request) -> None:
    with contextlib.suppress(WebhookRefused):
        await request.read()


class _Store:
    def __init__(self) -> None:
        self.mails: list[NewReceivedMail] = []

    async def store_mail(self, mails: Sequence[NewReceivedMail]) -> Sequence[UUID]:
        """Keeps messages."""
        self.mails += mails
        return []


class _Handler(ReceptionHandler):
    async def handle_exception(self, error: Exception) -> str:
        """Raises a bug again, from where the session ends."""
        raise AssertionError("a session met a bug") from error


class _Client(asyncio.Transport):
    """A client that sends everything at once, and reads the replies."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 25)})
        self.replies = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keeps replies."""
        self.replies += data

    def is_closing(self) -> bool:
        """Tells whether the server has closed."""
        return self.closed

    def close(self) -> None:
        """Notes the end."""
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Does nothing: all is there."""

    def resume_reading(self) -> None:
        """Does nothing: all is there."""


def hold_dialogues(data: bytes) -> None:
    """Holds a session of SMTP and one of LMTP. Each line of a reply begins with three digits."""
    for is_lmtp in (False, True):
        asyncio.run(_hold_dialogue(data, is_lmtp=is_lmtp))


async def _hold_dialogue(data: bytes, *, is_lmtp: bool) -> None:
    handler = _Handler(cast(ReceivedMailStore, _Store()), MailboxDirectory(policies(), LINKS), ReceptionLimits())
    loop, client = asyncio.get_running_loop(), _Client()
    session = ReceptionSession(handler, is_lmtp=is_lmtp, hostname="mx", loop=loop)
    session.connection_made(client)
    session.data_received(data)
    session.eof_received()
    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
        if session._handler_coroutine is not None:
            await asyncio.wait_for(session._handler_coroutine, 5)
    session.connection_lost(None)
    lines = bytes(client.replies).split(b"\r\n")[:-1]
    bad = [line for line in lines if not line[:3].isdigit()]
    if bad:
        raise AssertionError(f"a reply has no code: {bad[0]!r}")


TARGETS: Final[Mapping[str, Target]] = {
    "reports": read_report,
    "letters": read_letter_of_anybody,
    "words": read_words,
    "authentication": authenticate,
    "webhooks": read_webhooks,
    "dialogues": hold_dialogues,
}


def seeds_of(target: str) -> list[bytes]:
    """The inputs from which a target is fuzzed."""
    letter = b"From: a@b.example\nSubject: Stop\nContent-Type: text/plain\n\nunsubscribe me\n"
    match target:
        case "reports":
            return [bounce(ADDRESS), complaint("https://mail.example/u/x"), letter]
        case "letters":
            return [letter, b"From: a@b.example\nContent-Type: text/html\n\n<p>Bitte <b>abmelden</b></p>\n"]
        case "words":
            return [text.encode() for text in (*read_unseen_texts("others")[::8], *read_unseen_texts("plain")[::8])]
        case "authentication":
            return [sign(), sign(form="simple/simple")]
        case "webhooks":
            event = {"event": "bounce", "email": ADDRESS, "timestamp": SECONDS, "sg_event_id": "a"}
            ses = {"eventType": "Bounce", "mail": ses_mail(), "bounce": {"bounceType": "Permanent"}}
            bodies = [json.dumps(one).encode() for one in ([event], event, ses, sns_message())]
            return [*bodies, sns_request(sns_message()).body]
        case _:
            return [DIALOGUE, DIALOGUE.replace(b"EHLO", b"LHLO")]
