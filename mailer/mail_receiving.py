"""Composes the process `mailer inbound`: the listeners, and the consumers that handle what was stored."""

import asyncio
from datetime import UTC, datetime
from ipaddress import ip_address

from mailer.app import App
from mailer.inbound.handling import ReceivedMailHandler
from mailer.inbound.letter_handling import LetterHandler
from mailer.inbound.letters import ProvenSender
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import ReceptionLimits
from mailer.inbound.reception.listener_url import ListenerUrl, parse_listener_url
from mailer.inbound.reception.server import receiving_mail
from mailer.inbound.reception.session import ReceptionHandler
from mailer.inbound.reports.mime_parts import parse_message
from mailer.inbound.sender_authentication.authentication import SmtpEnvelope, authenticate_sender
from mailer.metrics_and_logger import log
from mailer.pipeline import consumers
from mailer.ports.broker import Broker
from mailer.ports.dns_lookup import Address, DnsLookup
from mailer.ports.received_mail import EXCHANGE, NewReceivedMail, ReceivedMail
from mailer.processors.smtp.ehlo_name import EhloNameProvider
from mailer.rendering.mailbox_spellings import canonical_mailbox
from mailer.runtime.system_resolver import SystemResolver
from mailer.settings import Settings, SettingsError

HANDLERS = 2
"""The messages that are handled at a time: while one waits for the database, another one is parsed."""
_HELD = 8
"""The prefetch of a consumer."""


def listener_urls_of_settings(settings: Settings) -> list[ListenerUrl]:
    """Returns the addresses at which mail is received.

    Raises:
        SettingsError: there is none, or one cannot be read.
    """
    if not settings.inbound:
        raise SettingsError("MAILER_INBOUND is empty; set it to lmtp://127.0.0.1:2424, for example")
    try:
        return [parse_listener_url(text) for text in settings.inbound]
    except ValueError as error:
        raise SettingsError(f"MAILER_INBOUND: {error}") from None


class SenderProver:
    """Proves the senders of letters by the DNS.

    Args:
        lookup: queries the DNS.
    """

    def __init__(self, lookup: DnsLookup) -> None:
        self._lookup = lookup

    async def prove(self, mail: ReceivedMail) -> ProvenSender:
        """Returns the sender of a letter. From a mail server of ours in front, only DKIM proves.

        Anybody can send a signed message again (RFC 6376 8.6). So a letter proves nothing if it was written to others:
        whoever gets an opt-out could otherwise use it against each brand.
        """
        received = mail.mail
        envelope = SmtpEnvelope(_outside_address_or_none(received.peer), received.helo, received.sender)
        now = int(datetime.now(UTC).timestamp())
        found = await authenticate_sender(envelope, received.content, self._lookup, now)
        return ProvenSender(found.from_address, found.is_from_proven and _is_written_to(received))


def _is_written_to(received: NewReceivedMail) -> bool:
    """Tells whether the letter names the mailbox that it came to as its recipient."""
    message = parse_message(received.content)
    named = [address for name in ("to", "cc") for _, address in message.header.addresses(name)] if message else []
    return canonical_mailbox(received.recipient) in map(canonical_mailbox, named)


def _outside_address_or_none(peer: str) -> Address | None:
    try:
        address = ip_address(peer)
    except ValueError:
        return None
    return address if address.is_global else None


def build_received_mail_handler(app: App, lookup: DnsLookup) -> ReceivedMailHandler:
    """Builds the handler of stored messages, which proves the senders of letters by `lookup`."""
    letters = LetterHandler(app.received_mail, app.requests.by_address, app.policies, SenderProver(lookup).prove)
    return ReceivedMailHandler(app.received_mail, app.policies, app.links, letters)


async def receive_mail_until_stopped(app: App, broker: Broker, stop: asyncio.Event) -> None:
    """Receives and handles mail until `stop` is set, then finishes the messages in hand.

    Raises:
        SettingsError: `MAILER_INBOUND` cannot be used. ListenerUnusable: an address is taken.
    """
    urls = listener_urls_of_settings(app.settings)
    mailboxes = MailboxDirectory(app.policies, app.links)
    answers = ReceptionHandler(app.received_mail, mailboxes, ReceptionLimits())
    handler = build_received_mail_handler(app, SystemResolver())
    async with app.control.polling_while_in_use(), asyncio.TaskGroup() as tasks:
        for _ in range(HANDLERS):
            tasks.create_task(
                consumers.consume_queue(broker, EXCHANGE, _HELD, handler.handle_messages, stop, give_up=handler.give_up)
            )
        if not app.settings.is_broker_in_process:
            tasks.create_task(consumers.relay_outbox_until_stopped(app.outbox, broker, app.letters, app.owner, stop))
        name = await EhloNameProvider(None).ehlo_name_for_local_address("127.0.0.1")
        async with receiving_mail(urls, answers, name) as ports:
            for url, port in zip(urls, ports, strict=True):
                log.info("mail is received", protocol="lmtp" if url.is_lmtp else "smtp", host=url.host, port=port)
            await stop.wait()
