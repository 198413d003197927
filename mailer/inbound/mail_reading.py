"""Reads a stored message: its kind, the token or the proof in it. Parsing takes a thread, two messages at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mailer.inbound.delivery_proof import find_delivery_proof
from mailer.inbound.letters import find_opt_out_token
from mailer.inbound.reports.classification import classify_message
from mailer.inbound.reports.received_report import CandidateSource, ReceivedReport, ReportKind
from mailer.inbound.webhook_events import StoredWebhookEvent, read_stored_event
from mailer.policy.policy_file import Policy
from mailer.ports.received_mail import Mailbox, ReceivedMail
from mailer.rendering.link_tokens import BounceToken, UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks

READ_AT_ONCE: Final = 2
"""The threads that parse at a time: one message of `MAX_OCTETS` may take 100 MB meanwhile."""
SMALL: Final = 64 * 1024
"""Octets of a message that is read together with others, in milliseconds. A thread of its own would cost it 60 µs."""
_PROOFS_OF_BOUNCE: Final = (CandidateSource.ENVELOPE_RECIPIENT, CandidateSource.ENVELOPE_ID)
_KINDS_OF_LETTERS: Final = (ReportKind.REPLY, ReportKind.AUTOMATIC_REPLY, ReportKind.UNREADABLE)
"""Kinds in which a token is obeyed: some mail programs call the mail that they write for a person automatic."""


@dataclass(frozen=True, slots=True)
class MailReading:
    """The contents of a stored message that decide about it.

    Attributes:
        content: what was read: a report of any kind, or a webhook's event.
        proof: the delivery that it proves to answer; None if it proves none.
        token: the signed opt-out to which it was sent; None if there is none.
    """

    mail: ReceivedMail
    content: ReceivedReport | StoredWebhookEvent
    proof: BounceToken | None = None
    token: UnsubscribeToken | None = None


class ReceivedMailReadingPool:
    """Reads stored messages in threads.

    Args:
        policies: the policies by brand.
        links: reads signed return paths and links.
    """

    def __init__(self, policies: Mapping[str, Policy], links: SignedLinks) -> None:
        self._policies = policies
        self._links = links
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    async def read_mails(self, mails: Sequence[ReceivedMail]) -> list[MailReading | Exception]:
        """Reads messages. Returns the reading of each in order, or the error that it met."""
        small = [mail for mail in mails if len(mail.mail.content) <= SMALL]
        large = [[mail] for mail in mails if len(mail.mail.content) > SMALL]
        groups = [*([small] if small else []), *large]
        read = dict[UUID, MailReading | Exception]()
        for part in await asyncio.gather(*map(self._read_group, groups)):
            read |= part
        return [read[mail.id] for mail in mails]

    async def _read_group(self, mails: Sequence[ReceivedMail]) -> dict[UUID, MailReading | Exception]:
        async with self._reading:
            return await asyncio.to_thread(lambda: {mail.id: self._read_or_return_error(mail) for mail in mails})

    def _read_or_return_error(self, mail: ReceivedMail) -> MailReading | Exception:
        try:
            if mail.mail.mailbox is Mailbox.WEBHOOK:  # its token was verified before it was stored
                event = read_stored_event(mail.mail.content)
                return MailReading(mail, event, event.delivery)
            return self._read_message(mail)
        except Exception as error:
            return error

    def _read_message(self, mail: ReceivedMail) -> MailReading:
        report = classify_message(mail.mail.content, mail.mail.recipient)
        if report.kind in _KINDS_OF_LETTERS:
            token = find_opt_out_token(mail.mail, self._links.opt_out_mail, self._policies)
            if token is not None:
                return MailReading(mail, report, token=token)
        return MailReading(mail, report, find_delivery_proof(_candidates_of_kind(report), self._links))


def _candidates_of_kind(report: ReceivedReport) -> Sequence[str]:
    """Returns the values that may prove a message of its kind.

    A bounce makes an address dead, also for mandatory mail: so what it quotes is not enough (MAIL.md, "Bounces").
    """
    is_bounce = report.kind is ReportKind.BOUNCE
    return [one.value for one in report.candidates if not is_bounce or one.source in _PROOFS_OF_BOUNCE]
