"""Received mail for tests: sessions as clients hold them, and reports as mail servers write them."""

import asyncio
import json
import re
import smtplib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from urllib.parse import unquote, urlsplit
from uuid import UUID

from mailer.actions.confirmation_requests import ConfirmationRequestDependencies
from mailer.inbound.handling import ReceivedMailHandler
from mailer.inbound.letter_handling import LetterAnswers, LetterHandler
from mailer.inbound.letters import ProvenSender
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import ReceptionLimits
from mailer.inbound.reception.listener_url import parse_listener_url
from mailer.inbound.reception.server import receiving_mail
from mailer.inbound.reception.session import ReceptionHandler
from mailer.inbound.reported_sender_faults import ReportedSenderFaults
from mailer.mail_receiving import SenderProver
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.ports.broker import BrokerMessage
from mailer.ports.received_mail import Mailbox, NewReceivedMail, ReceivedMail, ReceivedMailEffect, ReceivedMailResult
from mailer.postgres.received_mail import PostgresReceivedMail
from mailer.postgres.stream_pauses import PostgresStreamPauses
from mailer.rendering.signed_links import SignedLinks
from tests.doubles import FakeReceived
from tests.factories import BRAND, World, controllers, person
from tests.processes import Process, until

DOMAIN = "interpals.example"
LANGUAGES = ("en", "de", "es", "fr", "ar", "ja")
"""The languages of the acknowledgement."""


@dataclass(frozen=True)
class Reception:
    """Reception over a world. smtp, lmtp: the ports. proven: the senders whose domains authorize their mail.

    prover: proves senders by the DNS instead.
    """

    world: World
    store: PostgresReceivedMail
    limits: ReceptionLimits
    smtp: int
    lmtp: int
    faults: ReportedSenderFaults
    proven: set[str] = field(default_factory=set)
    prover: SenderProver | None = None

    @property
    def handler(self) -> ReceivedMailHandler:
        """The handler, which believes the senders in `proven`."""
        store, policies = self.store, self.world.policies
        asking = ConfirmationRequestDependencies(self.world.links, self.world.wishes)
        languages = {brand: frozenset(LANGUAGES) for brand in policies}
        answers = LetterAnswers(self.world.requests.by_address, asking, languages)
        authenticate = self.prover.prove if self.prover else self._authenticate
        letters = LetterHandler(store, answers, policies, authenticate)
        return ReceivedMailHandler(store, policies, self.world.links, letters, self.world.soft_bounces, self.faults)

    async def _authenticate(self, mail: ReceivedMail) -> ProvenSender:
        found = re.search(rb"^From:.*?([^\s<>]+@[^\s<>]+)", mail.mail.content, re.MULTILINE | re.IGNORECASE)
        address = found[1].decode() if found else None
        return ProvenSender(address, address in self.proven)

    async def send(self, recipient: str, content: bytes, sender: str = "") -> str:
        """Sends a message by SMTP. Returns the last reply."""
        return await asyncio.to_thread(_send, self.smtp, sender, recipient, content)

    async def handle_stored(self) -> None:
        """Handles all messages that were stored, as the consumer does."""
        rows = await self.world.outbox.lease_rows("inbound", 100, 30)
        arrived = [FakeReceived(row.message) for row in rows]
        await self.handler.handle_messages(arrived)
        await self.world.outbox.remove_rows([row.id for row in rows])

    async def handle_ids(self, *ids: UUID) -> None:
        """Handles messages by their ids, as if the broker had delivered these."""
        bodies = [json.dumps({"received": str(mail_id)}).encode() for mail_id in ids]
        arrived = [FakeReceived(BrokerMessage(body, BRAND)) for body in bodies]
        await self.handler.handle_messages(arrived)
        assert all(received.settled == "ack" for received in arrived)

    async def effects(self) -> list[tuple[str | None, str | None]]:
        """The kind and the effect of each message, the oldest first."""
        listed = await self.store.list_mail(None, waiting=False, limit=1000)
        return [(mail.kind, mail.effect) for mail in reversed(listed)]


def _send(port: int, sender: str, recipient: str, content: bytes) -> str:
    with closing(smtplib.SMTP("127.0.0.1", port, timeout=20)) as client:
        client.ehlo("mx.people.example")
        for code, text in (client.mail(sender), client.rcpt(recipient)):
            if code != 250:
                return f"{code} {text.decode()}"
        code, text = client.data(content)
        return f"{code} {text.decode()}"


def sender_faults_over(world: World) -> ReportedSenderFaults:
    """The counter of reports of our own faults, which pauses streams in the world."""
    return ReportedSenderFaults(PausesForBlockedMail(PostgresStreamPauses(world.pool)))


@asynccontextmanager
async def open_reception(world: World, *, tell: bool = False) -> AsyncIterator[Reception]:
    """Receives mail by SMTP and LMTP on free ports. With `tell`, what comes back is also told to applications."""
    store = PostgresReceivedMail(world.pool, world.writers, world.hasher, controllers(), tell=tell)
    limits = ReceptionLimits()
    handler = ReceptionHandler(store, MailboxDirectory(world.policies, world.links), limits)
    urls = [parse_listener_url(text) for text in ("smtp://127.0.0.1:0", "lmtp://127.0.0.1:0")]
    async with receiving_mail(urls, handler, "mx.mailer.example") as (smtp, lmtp):
        yield Reception(world, store, limits, smtp, lmtp, sender_faults_over(world))


def return_path(links: SignedLinks, mailing_id: UUID, recipient_id: int) -> str:
    """The return path of a delivery."""
    return links.bounce_address(mailing_id, recipient_id, DOMAIN)


def bounce(address: str, status: str = "5.1.1", action: str = "failed", reply: str = "550 no such user") -> bytes:
    """A delivery status notification (RFC 3464) about an address."""
    return (
        b"From: MAILER-DAEMON@mx.people.example\r\nTo: postmaster@mx.people.example\r\n"
        b"Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.people.example\r\n\r\n"
        + f"Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n".encode()
        + f"Diagnostic-Code: smtp; {reply}\r\n\r\n".encode()
        + b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: News\r\n\r\n--b--\r\n"
    )


def complaint(link: str, feedback_type: str = "abuse") -> bytes:
    """A feedback report (RFC 5965) with the header of the mail that somebody complained about."""
    return (
        b"From: feedback@people.example\r\nSubject: FW: News\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        + f"Feedback-Type: {feedback_type}\r\nUser-Agent: tests/1\r\nVersion: 1\r\n\r\n".encode()
        + b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: News\r\n"
        + f"List-Unsubscribe: <{link}>\r\n\r\n".encode()
        + b"--b--\r\n"
    )


def dialogue(port: int, lines: Sequence[bytes]) -> list[bytes]:
    """The replies of a server to raw lines, each sent after the reply to the one before; the greeting first."""
    replies = list[bytes]()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, connection.makefile("rb") as answers:

        def reply() -> bytes:
            found = answers.readline()
            while found[3:4] == b"-":
                found = answers.readline()
            return found

        replies.append(reply())
        for line in lines:
            connection.sendall(line)
            replies.append(reply())
    return replies


async def receive_letter(
    world: World, sender: str, content: bytes, recipient_id: int | None = None, brand: str = BRAND, *suggested: str
) -> UUID:
    """Stores a letter to postmaster, which waits for a person. Returns its id."""
    store = PostgresReceivedMail(world.pool, world.writers, world.hasher, controllers())
    to = f"postmaster@{world.policies[brand].domain}"
    new = NewReceivedMail(brand, Mailbox.POSTMASTER, sender, to, "192.0.2.1", "mx.people.example", content)
    [mail_id] = await store.store_mail([new])
    mail = (await store.get_unhandled_mails([mail_id])).get(mail_id)
    assert mail is not None
    waits = ReceivedMailResult("reply", ReceivedMailEffect.WAITS, "it has to be read", recipient_id, None, suggested)
    await store.finish_mail(mail, replace(waits, is_writer_proven=recipient_id is not None))
    return mail_id


async def listening_port(process: Process) -> int:
    """The port on which `mailer inbound` receives mail, once it does."""
    found = list[str]()

    async def said() -> bool:
        found[:] = re.findall(r"mail is received.*?port=(\d+)", process.log)
        return bool(found)

    await until(said, "reception to start")
    return int(found[0])


async def handed_over(world: World, people: int = 1, category: str = "newsletter") -> tuple[UUID, list[int]]:
    """A mailing that was handed over to some people. Returns its id and theirs."""
    accepted = await world.accept([person(number) for number in range(1, people + 1)], category)
    await world.handover().hand_over_batches(accepted.batches)
    return accepted.mailing_id, [await world.id_of(f"user-{number}") for number in range(1, people + 1)]


def letter(text: str, subject: str = "", sender: str = "user-1@people.example") -> bytes:
    """A letter of a person."""
    head = f"From: Ada <{sender}>\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return f"{head}{text}\r\n".encode()


def mailto_of(world: World) -> tuple[str, str]:
    """The address and the subject of the mailto in the mail that was sent last."""
    message = message_from_bytes(world.processor.sent[-1].content)
    [uri] = re.findall(r"<(mailto:[^>]+)>", message["List-Unsubscribe"])
    parts = urlsplit(uri)
    return unquote(parts.path), unquote(parts.query.removeprefix("subject="))
