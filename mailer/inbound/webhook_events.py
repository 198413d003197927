"""The stored form of a webhook's event, and the decision about its effect. All is pure."""

import json
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from mailer.inbound.effects import EffectDecision, decide_effect_of_bounce, decide_effect_of_complaint
from mailer.inbound.reports.failure_class import class_of_failure, find_reply, words_of
from mailer.inbound.reports.failure_words import class_by_words
from mailer.inbound.reports.received_report import BounceClass as ReplyClass
from mailer.inbound.reports.received_report import RecipientAction, ReportedRecipient, ReportKind
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, ProviderEvent
from mailer.ports.received_mail import ReceivedMailEffect, ReportedDelivery
from mailer.ports.received_webhooks import ProvenWebhookEvent
from mailer.rendering.link_tokens import BounceToken

ACTED_ON: Final = frozenset({EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED})
"""The kinds of events that can change something about a person. The others are only counted."""
UNSUBSCRIBED: Final = "unsubscribed"
"""The kind of an opt-out by a link of the service's own."""
_KINDS: Final = {EventKind.BOUNCED: ReportKind.BOUNCE.value, EventKind.COMPLAINED: ReportKind.COMPLAINT.value}
_CLASSES_OF_HINTS: Final = {BounceClass.HARD: ReplyClass.HARD, BounceClass.BLOCKED: ReplyClass.SENDER_FAULT}


@dataclass(frozen=True, slots=True)
class StoredWebhookEvent:
    """An event as it is stored. The fields are those of `ProviderEvent`.

    Attributes:
        delivery: the delivery that its token names.
    """

    kind: EventKind
    delivery: BounceToken
    recipient: str | None = field(repr=False)
    status: str | None
    diagnostic: str = field(repr=False)
    bounce: BounceClass | None

    @property
    def result_kind(self) -> str:
        """The kind of the result, as `mailer inbound list` shows it."""
        return _KINDS.get(self.kind, UNSUBSCRIBED)


def store_proven_event(event: ProviderEvent, delivery: BounceToken) -> ProvenWebhookEvent:
    """Returns an event in its stored form, which `read_stored_event` reads."""
    values = {
        "event": event.kind,
        "at": event.at.isoformat(),
        "mailing": str(delivery.mailing_id),
        "recipient_id": delivery.recipient_id,
        "recipient": event.recipient,
        "status": event.status,
        "diagnostic": event.diagnostic,
        "bounce": event.bounce,
    }
    content = json.dumps(values).encode()
    return ProvenWebhookEvent(event.event_key, delivery.mailing_id, delivery.recipient_id, event.recipient, content)


def read_stored_event(content: bytes) -> StoredWebhookEvent:
    """Returns a stored event. It needs no check: `store_proven_event` wrote it."""
    values = json.loads(content)
    return StoredWebhookEvent(
        EventKind(values["event"]),
        BounceToken(UUID(values["mailing"]), values["recipient_id"]),
        values["recipient"],
        values["status"],
        values["diagnostic"],
        BounceClass(values["bounce"]) if values["bounce"] else None,
    )


def decide_effect_of_event(event: StoredWebhookEvent, delivery: ReportedDelivery | None) -> EffectDecision:
    """Returns the effect of an event, which is that of the same report by mail.

    Args:
        event: its token verified.
        delivery: the delivery that the token names; None if mailer keeps nothing of it any more.
    """
    match event.kind:
        case EventKind.BOUNCED:
            return decide_effect_of_bounce((_reported_recipient(event),), delivery)
        case EventKind.COMPLAINED:
            return decide_effect_of_complaint("abuse", delivery)
        case EventKind.UNSUBSCRIBED if delivery is not None:
            return EffectDecision(ReceivedMailEffect.OPT_OUT, "the person left by a link of the e-mail service")
        case _:
            return EffectDecision(ReceivedMailEffect.NONE, "it is about no mail that we still know of")


def _reported_recipient(event: StoredWebhookEvent) -> ReportedRecipient:
    reply = find_reply(event.diagnostic)
    return ReportedRecipient(
        event.recipient or "",
        RecipientAction.FAILED,
        event.status,
        reply.code if reply else None,
        _class_of_bounce(event),
        event.diagnostic,
    )


def _class_of_bounce(event: StoredWebhookEvent) -> ReplyClass:
    """Returns the class of a bounce: what the server said decides, and the service's own class can make it milder.

    The service's word alone is believed only if the server's words say nothing.
    """
    if event.bounce is BounceClass.BLOCKED:
        return ReplyClass.SENDER_FAULT
    reply = find_reply(event.diagnostic)
    if not event.status and reply is None and class_by_words(words_of(event.diagnostic)) is None:
        return _CLASSES_OF_HINTS.get(event.bounce, ReplyClass.SOFT) if event.bounce else ReplyClass.SOFT
    told = class_of_failure(RecipientAction.FAILED, event.status, reply, event.diagnostic)
    is_milder = event.bounce is BounceClass.SOFT and told is ReplyClass.HARD
    return ReplyClass.SOFT if is_milder else told
