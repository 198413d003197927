"""Composes the process `mailer inbound`: the listeners, and the consumers that handle what was stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address

from mailer.actions.confirmation_requests import ConfirmationRequestDependencies
from mailer.app import App
from mailer.inbound.collection.collected_messages import MessageCollector, UnknownMailbox
from mailer.inbound.collection.imap_reader import ImapReader
from mailer.inbound.collection.imap_session import ImapSession
from mailer.inbound.collection.imap_url import ImapUrl, is_imap_url, parse_imap_url
from mailer.inbound.handling import ReceivedMailHandler
from mailer.inbound.letter_handling import LetterAnswers, LetterHandler
from mailer.inbound.letters import ProvenSender
from mailer.inbound.mailboxes import MailboxDirectory
from mailer.inbound.reception.limits import ReceptionLimits
from mailer.inbound.reception.listener_url import ListenerUrl, parse_listener_url
from mailer.inbound.reception.server import receiving_mail
from mailer.inbound.reception.session import ReceptionHandler
from mailer.inbound.reported_sender_faults import ReportedSenderFaults
from mailer.inbound.reports.mime_parts import parse_message
from mailer.inbound.sender_authentication.authentication import SmtpEnvelope, authenticate_sender
from mailer.metrics_and_logger import log
from mailer.pipeline import consumers
from mailer.pipeline.pauses_for_blocked_mail import PausesForBlockedMail
from mailer.policy.publisher_rights import ACKNOWLEDGEMENT
from mailer.ports.broker import Broker
from mailer.ports.dns_lookup import Address, DnsLookup
from mailer.ports.received_mail import EXCHANGE, NewReceivedMail, ReceivedMail
from mailer.postgres.pending_requests import PostgresPendingRequests
from mailer.postgres.stream_pauses import PostgresStreamPauses
from mailer.processors.smtp.ehlo_name import EhloNameProvider
from mailer.rendering.mailbox_spellings import canonical_mailbox
from mailer.rendering.template_files import read_locales_of_template
from mailer.runtime.system_resolver import SystemResolver
from mailer.settings import Settings, SettingsError

HANDLERS = 2
"""The messages that are handled at a time: while one waits for the database, another one is parsed."""
_HELD = 8
"""The prefetch of a consumer."""


@dataclass(frozen=True, slots=True)
class InboundUrls:
    """The addresses at which mail is received, and the mailboxes that are read."""

    listeners: list[ListenerUrl]
    mailboxes: list[ImapUrl]


def inbound_urls_of_settings(settings: Settings) -> InboundUrls:
    """Returns the addresses at which mail is received, and the mailboxes that are read; none for webhooks alone.

    Raises:
        SettingsError: there is none and no webhook, or one cannot be read.
    """
    if not settings.inbound and not settings.webhooks:
        raise SettingsError("MAILER_INBOUND is empty; set it to lmtp://127.0.0.1:2424, for example")
    try:
        return InboundUrls(
            [parse_listener_url(text) for text in settings.inbound if not is_imap_url(text)],
            [parse_imap_url(text) for text in settings.inbound if is_imap_url(text)],
        )
    except ValueError as error:
        raise SettingsError(f"MAILER_INBOUND: {error}") from None


def build_readers(urls: Sequence[ImapUrl], app: App, mailboxes: MailboxDirectory) -> list[ImapReader]:
    """Returns a reader for each mailbox.

    Raises:
        SettingsError: a mailbox is not one of a brand.
    """
    readers = list[ImapReader]()
    for url in urls:
        try:
            collector = MessageCollector(mailboxes, url.to)
        except UnknownMailbox as error:
            raise SettingsError(f"MAILER_INBOUND: to={url.to} {error}") from None
        session, report = partial(ImapSession, url), app.readiness.set_or_clear_problem
        readers.append(ImapReader(url.place, session, collector, app.received_mail, report))
    return readers


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


def _answers(app: App) -> LetterAnswers:
    """Returns the ways to answer letters.

    Raises:
        TemplateError: the template of an acknowledgement cannot be read.
    """
    asking = ConfirmationRequestDependencies(app.links, PostgresPendingRequests(app.pool, app.writers))
    languages = read_locales_of_template(app.settings.templates, app.policies, ACKNOWLEDGEMENT)
    return LetterAnswers(app.requests.by_address, asking, languages)


def build_received_mail_handler(app: App, lookup: DnsLookup) -> ReceivedMailHandler:
    """Builds the handler of stored messages, which proves the senders of letters by `lookup`.

    Raises:
        TemplateError: the template of an acknowledgement cannot be read.
    """
    letters = LetterHandler(app.received_mail, _answers(app), app.policies, SenderProver(lookup).prove)
    faults = ReportedSenderFaults(PausesForBlockedMail(PostgresStreamPauses(app.pool)))
    return ReceivedMailHandler(app.received_mail, app.policies, app.links, letters, app.soft_bounces, faults)


async def receive_mail_until_stopped(app: App, broker: Broker, stop: asyncio.Event) -> None:
    """Receives and handles mail until `stop` is set, then finishes the messages in hand.

    Raises:
        SettingsError: `MAILER_INBOUND` cannot be used. ListenerUnusable: an address is taken.
    """
    urls = inbound_urls_of_settings(app.settings)
    mailboxes = MailboxDirectory(app.policies, app.links)
    readers = build_readers(urls.mailboxes, app, mailboxes)
    answers = ReceptionHandler(app.received_mail, mailboxes, ReceptionLimits())
    handler = build_received_mail_handler(app, SystemResolver())
    async with app.control.polling_while_in_use(), asyncio.TaskGroup() as tasks:
        for _ in range(HANDLERS):
            tasks.create_task(
                consumers.consume_queue(broker, EXCHANGE, _HELD, handler.handle_messages, stop, give_up=handler.give_up)
            )
        if not app.settings.is_broker_in_process:
            tasks.create_task(consumers.relay_outbox_until_stopped(app.outbox, broker, app.letters, app.owner, stop))
        for reader in readers:
            tasks.create_task(reader.read_until_stopped(stop))
        name = await EhloNameProvider(None).ehlo_name_for_local_address("127.0.0.1")
        async with receiving_mail(urls.listeners, answers, name) as ports:
            for url, port in zip(urls.listeners, ports, strict=True):
                log.info("mail is received", protocol="lmtp" if url.is_lmtp else "smtp", host=url.host, port=port)
            await stop.wait()
