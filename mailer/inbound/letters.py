"""Letters of people: what one asks for, and the effect of it. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from mailer.inbound.effects import EffectDecision
from mailer.inbound.reports.header_fields import decode_octets, decode_words
from mailer.inbound.reports.mime_parts import Part, parse_message
from mailer.inbound.requests.html_plain_text import plain_text_of_html
from mailer.inbound.requests.reading import read_request
from mailer.inbound.requests.request_types import (
    MAX_TEXT,
    Certainty,
    MailToRead,
    OptOutReach,
    ReadRequest,
    RequestKind,
    RequestMailbox,
)
from mailer.policy.data_requests import DataRequestKind
from mailer.policy.policy_file import Policy
from mailer.policy.rule_registry import rule
from mailer.ports.received_mail import Mailbox, ReceivedMailEffect

DATA_REQUESTS: Final = {
    RequestKind.COPY: DataRequestKind.COPY,
    RequestKind.CORRECTION: DataRequestKind.CORRECTION,
    RequestKind.ERASURE: DataRequestKind.ERASURE,
    RequestKind.RESTRICTION: DataRequestKind.RESTRICTION,
}
"""Requests that a person confirms by a link to the address on record (GDPR Art. 12(6))."""
_MAILBOXES: Final = {Mailbox.OPT_OUT: RequestMailbox.OPT_OUT, Mailbox.RETURN_PATH: RequestMailbox.REPLY}
_OCTETS: Final = 4 * MAX_TEXT
_E: Final = ReceivedMailEffect


@dataclass(frozen=True, slots=True)
class ProvenSender:
    """The sender of a letter.

    Attributes:
        address: the one address of the From field; None if it is not exactly one plain address.
        is_proven: the domain of the address authorized the message (DMARC).
    """

    address: str | None
    is_proven: bool


def read_letter(content: bytes, mailbox: Mailbox, policy: Policy) -> ReadRequest:
    """Returns what a letter to a mailbox of a brand asks for. Raises nothing, whatever it is."""
    message = parse_message(content)
    subject, sender = "", ""
    if message is not None:
        subject = decode_words(message.header.first("subject"))
        sender = next((address for _, address in message.header.addresses("from")), "")
    box = _MAILBOXES.get(mailbox, RequestMailbox.SUPPORT)
    texts = (_texts(message) if message else []) or [""]
    reading, *others = [read_request(MailToRead(subject, text, box, policy.name, sender)) for text in texts]
    said = reading.request, reading.reach, reading.certainty
    if any((other.request, other.reach, other.certainty) != said for other in others):
        # The writer saw one of the two, and nobody knows which.
        reasons = ("its plain text and its HTML say different things", *reading.reasons)
        return replace(reading, certainty=Certainty.DOUBTFUL, reasons=reasons)
    return reading


def is_effect_up_to_sender(reading: ReadRequest, mailbox: Mailbox) -> bool:
    """Tells whether a letter may have an effect at all, which its sender decides about."""
    is_plain = mailbox in _MAILBOXES and reading.certainty is Certainty.PLAIN
    return is_plain and reading.request is not RequestKind.NOTHING


def decide_effect_of_letter(
    reading: ReadRequest, mailbox: Mailbox, sender: ProvenSender, *, has_token: bool
) -> EffectDecision:
    """Returns the effect of a letter. In doubt a person reads it.

    Args:
        reading: what it asks for.
        mailbox: the mailbox that it came to. Letters to postmaster and abuse are always read by a person.
        sender: its sender.
        has_token: it proves to answer a mail of ours.
    """
    if mailbox in _MAILBOXES and reading.certainty is Certainty.PLAIN:
        if reading.request is RequestKind.NOTHING:
            return EffectDecision(_E.NONE, "it asks for nothing")
        if reading.request is RequestKind.OPT_OUT and is_opt_out_by_mail_obeyed(sender, has_token=has_token):
            return EffectDecision(_E.OPT_OUT, f"the person opts out of {_REACHES[reading.reach or OptOutReach.ALL]}")
        if is_confirmation_asked_at_address_on_record(reading, sender):
            what = f"it asks for this: {reading.request.value}"
            return EffectDecision(_E.LINK_SENT, f"{what}; the address on record has to confirm it")
    return EffectDecision(_E.WAITS, _reason_to_wait(reading))


@rule("opt-out-by-mail", "paltalk06-16, paltalk06-31; CAN-SPAM 5(a)(3)", idle=False)
def is_opt_out_by_mail_obeyed(sender: ProvenSender, *, has_token: bool) -> bool:
    """A plain opt-out by mail is obeyed at once if its domain vouches for the sender, or it answers a mail of ours.

    A token of ours is enough, whoever sent it: the worst that a stranger with it can do is to stop mail.
    """
    return has_token or sender.is_proven


@rule("request-by-mail", "interpals-21, interpals-22; GDPR Art. 12(6)", idle=False)
def is_confirmation_asked_at_address_on_record(reading: ReadRequest, sender: ProvenSender) -> bool:
    """A request by mail changes nothing before the address on record has confirmed it by a link.

    That holds for an opt-out that nobody vouches for, and for each request for data, also a proven one.
    """
    is_about_somebody = sender.address is not None or reading.user_name is not None
    return is_about_somebody and reading.request in (RequestKind.OPT_OUT, *DATA_REQUESTS)


_REACHES: Final = {
    OptOutReach.LIST: "the mail that it answers",
    OptOutReach.ALL: "all optional mail",
    OptOutReach.COMPANY: "all marketing of the company",
}


def _reason_to_wait(reading: ReadRequest) -> str:
    """Returns why a person has to read a letter, with the request that it may be."""
    suggested = ", ".join(dict.fromkeys(one.kind.value for one in reading.suggestions)) or "nothing"
    reasons = "; ".join(reading.reasons[:5]) or "it is no plain request"
    return f"suggested: {suggested}; {reasons}"


def _texts(message: Part) -> list[str]:
    """Returns the text of the first plain part, and that of the first part in HTML, without empty ones."""
    first: dict[str, Part] = {}
    for part in message.walk():
        if not part.children:
            first.setdefault(part.content_type, part)
    texts = [first["text/plain"].read_text(_OCTETS)] if "text/plain" in first else []
    if html := first.get("text/html"):
        octets = html.read_octets(_OCTETS)
        texts.append(plain_text_of_html(decode_octets(octets, html.parameters.get("charset", ""))))
    return [text for text in texts if text.strip()]
