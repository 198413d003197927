"""The one automatic answer to a letter (RFC 3834): whether it is due, and what it says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mailer.events import MessageEvent, Refs
from mailer.inbound.letters import DATA_REQUESTS, ProvenSender
from mailer.inbound.mailboxes import mail_domains_of_brand, mailboxes_of_brand
from mailer.inbound.reports.header_fields import HeaderFields
from mailer.inbound.reports.message_ids import read_message_ids
from mailer.inbound.reports.mime_parts import parse_message
from mailer.inbound.requests.acknowledgement_rules import acknowledgement_obstacle
from mailer.inbound.requests.request_types import OptOutReach, ReadRequest, RequestKind
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_and_staff_identity import ITSELF
from mailer.policy.publisher_rights import ACKNOWLEDGEMENT
from mailer.policy.rule_registry import rule
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.received_mail import LetterAcknowledgement, LetterWriter, NewReceivedMail, ReceivedMailEffect
from mailer.rendering.mailbox_spellings import canonical_mailbox

_ANSWERED: Final = frozenset({ReceivedMailEffect.OPT_OUT, ReceivedMailEffect.WAITS})
"""The effects of letters that get an answer. A link that is sent is an answer already."""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """Our own addresses, which never get an automatic answer, in lower case.

    Attributes:
        addresses: of mailboxes and senders. domains: domains of which each address is ours.
    """

    addresses: frozenset[str]
    domains: frozenset[str]


def own_addresses_of_policies(policies: Mapping[str, Policy]) -> OwnAddresses:
    """Returns the addresses and domains of all brands."""
    everybody = policies.values()
    return OwnAddresses(
        frozenset(address for policy in everybody for address in mailboxes_of_brand(policy)),
        frozenset(domain for policy in everybody for domain in mail_domains_of_brand(policy)),
    )


@dataclass(frozen=True, slots=True)
class AnswerableLetter:
    """A letter that may get an answer.

    Attributes:
        message_id: of the letter, with its brackets; empty if it has none that can be quoted.
        thread: the Message-IDs of the letter and of those before it.
    """

    message_id: str
    thread: tuple[str, ...]


@rule("acknowledgement", "paltalk06-26, paltalk06-29, peerstream-10; RFC 3834 2 and 4")
def find_answerable_letter(
    mail: NewReceivedMail, sender: ProvenSender, effect: ReceivedMailEffect, own: OwnAddresses
) -> AnswerableLetter | None:
    """A letter gets an automatic answer if its sender is proven, and no machine, list or mailbox of ours sent it.

    Args:
        mail: the letter with its envelope.
        sender: its sender.
        effect: its effect.
        own: our own addresses.

    Returns:
        None if it gets none.
    """
    message = parse_message(mail.content)
    if message is None or sender.address is None or not sender.is_proven or effect not in _ANSWERED:
        return None
    if canonical_mailbox(mail.sender) != canonical_mailbox(sender.address):
        return None  # the answer would go elsewhere than RFC 3834 4 says
    fields = [pair for pair in message.header.pairs if pair[0] != "return-path"]
    headers = [("Return-Path", f"<{mail.sender}>"), *fields]
    if acknowledgement_obstacle(headers, own.addresses, own.domains) is not None:
        return None
    own_id = next(iter(read_message_ids(message.header.first("message-id"))), "")
    return AnswerableLetter(own_id, _thread_of_header(message.header))


def _thread_of_header(header: HeaderFields) -> tuple[str, ...]:
    """Returns the Message-IDs of a letter and of those before it, each once."""
    named = (header.first(name) for name in ("message-id", "references", "in-reply-to"))
    return tuple(dict.fromkeys(found for text in named for found in read_message_ids(text)))


def build_acknowledgement(
    mail_id: UUID,
    letter: AnswerableLetter,
    recipient_id: int,
    policy: Policy,
    reading: ReadRequest,
    languages: frozenset[str],
    *,
    is_done: bool,
) -> LetterAcknowledgement:
    """Returns the acknowledgement of a letter, to the person's address on record.

    Args:
        mail_id: the id of the letter, of which the answer's is made: so it is published once.
        letter: the letter.
        recipient_id: its writer, who has the address at this brand.
        policy: the policy of the brand.
        reading: the reading of the letter.
        languages: those in which the brand has the answer. In another one, the person's own language is taken.
        is_done: what it asks for was done; else a person reads it.
    """
    what = name_understood_request(reading, is_done=is_done)
    values = {"understood": what, "answered": letter.message_id}
    if reading.language in languages:
        values["language"] = reading.language

    def build_message(writer: LetterWriter) -> BrokerMessage:
        authority = authority_for_complaint(policy, writer.country) if what == "complaint" else None
        event = MessageEvent(
            id=f"letter-{mail_id.hex}",
            brand=policy.brand,
            category="rights",
            template=ACKNOWLEDGEMENT,
            to=Refs(refs=(writer.ref,)),
            context={**values, **({"authority": authority} if authority else {})},
        )
        return BrokerMessage(event.to_json(), event.routing_key, event.id, {HeaderName.PUBLISHER: str(ITSELF)})

    return LetterAcknowledgement(recipient_id, letter.thread, build_message)


def name_understood_request(reading: ReadRequest, *, is_done: bool) -> str:
    """Returns the name of what was understood, as the template knows it.

    A doubtful letter that says nothing of a complaint or of data is a question, whatever else is suggested.
    """
    if is_done:
        return "objection" if reading.reach is OptOutReach.COMPANY else "opt-out"
    kinds = {reading.request, *(one.kind for one in reading.suggestions)}
    if RequestKind.COMPLAINT in kinds:
        return "complaint"
    return "data-request" if kinds & DATA_REQUESTS.keys() else "question"


@rule("authority-named", "peerstream-10; GDPR Art. 12(4)")
def authority_for_complaint(policy: Policy, country: str | None) -> str | None:
    """The answer to a complaint names the authority of the person's country, else the one that the policy names.

    Args:
        policy: the policy of the brand.
        country: where the person lives; None: unknown.
    """
    law = policy.law.reviewed_jurisdiction_or_none(country)
    return law.authority if law and law.authority else policy.controller.authority
