"""The events of Amazon SES, published by a configuration set or as an identity's notifications.

Source: Amazon SES, "Contents of event data that Amazon SES publishes to Amazon SNS", "Amazon SNS notification contents
for Amazon SES".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from mailer.inbound.delivery_proof import find_delivery_token_candidates
from mailer.inbound.webhooks.event_json import EventFields, read_recipient
from mailer.inbound.webhooks.event_reading import find_enhanced_status, ignored_event, join_diagnostic
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, IgnoredEvent, ProviderEvent, make_event_key
from mailer.rendering.signed_links import BOUNCE_PREFIX, RETURN_PATH_METADATA

_CLASSES: Final[Mapping[tuple[str, str], BounceClass]] = {
    ("Permanent", "General"): BounceClass.HARD,
    ("Permanent", "NoEmail"): BounceClass.HARD,
    ("Permanent", "Suppressed"): BounceClass.BLOCKED,
    ("Permanent", "OnAccountSuppressionList"): BounceClass.BLOCKED,
    ("Transient", "General"): BounceClass.SOFT,
    ("Transient", "MailboxFull"): BounceClass.SOFT,
    ("Transient", "MessageTooLarge"): BounceClass.BLOCKED,
    ("Transient", "ContentRejected"): BounceClass.BLOCKED,
    ("Transient", "AttachmentRejected"): BounceClass.BLOCKED,
}
"""The type and sub-type of a bounce. SES does not even try addresses that its own lists suppress."""
_NO_COMPLAINTS: Final = frozenset(("not-spam", "auth-failure", "virus"))
"""Kinds of feedback (RFC 5965 7.3) by which nobody calls the mail spam."""
_LISTED: Final = "OnAccountSuppressionList"
_HEADERS: Final = frozenset(("return-path", "list-unsubscribe"))
"""The header fields of our mails that carry a token."""
MAX_HEADERS: Final = 200
"""The most header fields of a mail that are looked at."""


@dataclass(frozen=True, slots=True)
class _SesMail:
    """The mail of an event, and the time at which the event was received."""

    mail: EventFields
    now: datetime

    def event(
        self,
        kind: EventKind,
        part: EventFields,
        recipient: str,
        diagnostic: str = "",
        status: str = "",
        bounce: BounceClass | None = None,
    ) -> ProviderEvent:
        """Makes the event of one recipient. `part` is the object that belongs to the kind, with the time."""
        moment = part.text("feedbackId") or part.text("timestamp")
        return ProviderEvent(
            kind=kind,
            event_key=make_event_key("ses", kind, self.mail.identifier("messageId"), recipient, moment[:500]),
            at=part.time("timestamp", self.now),
            recipient=read_recipient(recipient),
            candidates=find_delivery_token_candidates(self._texts_with_tokens()),
            status=find_enhanced_status(status, diagnostic),
            diagnostic=join_diagnostic(diagnostic),
            bounce=bounce,
        )

    def _texts_with_tokens(self) -> Iterator[str]:
        """Yields the sender of the envelope, which is our return path, and the header fields that SES gives back."""
        yield self.mail.text("source")
        yield from self._return_path_in_tag()
        headers = self.mail.values.get("headers")
        for header in headers[:MAX_HEADERS] if isinstance(headers, list) else ():
            if isinstance(header, dict) and (fields := EventFields(header)).text("name").lower() in _HEADERS:
                yield fields.text("value")

    def _return_path_in_tag(self) -> Iterator[str]:
        """Yields the local part of the return path. A tag takes no `+`, so it carries the part after the prefix."""
        values = self.mail.child("tags").values.get(RETURN_PATH_METADATA)
        for value in values[:1] if isinstance(values, list) else ():
            if isinstance(value, str):
                yield f"{BOUNCE_PREFIX}{value}"


def read_ses_event(fields: EventFields, now: datetime) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns what one event tells, for each of its recipients.

    Raises:
        MalformedEventError: it has no name, no mail or no recipients.
    """
    name, mail = fields.identifier("eventType", "notificationType"), _SesMail(fields.child("mail"), now)
    match name:
        case "Bounce":
            return _read_bounce(fields.child("bounce"), mail)
        case "Complaint":
            return _read_complaint(fields.child("complaint"), mail)
        case "Delivery":
            part = fields.child("delivery")
            reply = part.text("smtpResponse")
            return [mail.event(EventKind.DELIVERED, part, one, reply) for one in _addresses(part, "recipients")]
        case "DeliveryDelay":
            part = fields.child("deliveryDelay")
            return [mail.event(EventKind.DEFERRED, part, *one) for one in _refusals(part, "delayedRecipients")]
        case "Reject":
            part = fields.child("reject")
            blocked = partial(mail.event, EventKind.BOUNCED, part, bounce=BounceClass.BLOCKED)
            return [blocked(one, part.text("reason")) for one in _addresses(mail.mail, "destination")]
        case "Subscription" if _leaves_more_than_before(part := fields.child("subscription")):
            return [mail.event(EventKind.UNSUBSCRIBED, part, one) for one in _addresses(mail.mail, "destination")]
        case _:
            return ignored_event(name)


def _read_bounce(part: EventFields, mail: _SesMail) -> Sequence[ProviderEvent]:
    bounce = _CLASSES.get((part.text("bounceType"), part.text("bounceSubType")))
    bounced = partial(mail.event, EventKind.BOUNCED, part, bounce=bounce)
    return [bounced(*one) for one in _refusals(part, "bouncedRecipients")]


def _read_complaint(part: EventFields, mail: _SesMail) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns the complaints. One about a mail that SES did not even send, for its own list, is no new complaint."""
    told, feedback = part.text("complaintSubType"), part.text("complaintFeedbackType").lower()
    if told == _LISTED or feedback in _NO_COMPLAINTS:
        return ignored_event(f"Complaint {_LISTED if told == _LISTED else feedback}")
    return [
        mail.event(EventKind.COMPLAINED, part, EventFields.from_json(one).identifier("emailAddress"), feedback)
        for one in part.items("complainedRecipients")
    ]


def _addresses(part: EventFields, name: str) -> Sequence[str]:
    return [EventFields({name: one}).identifier(name) for one in part.items(name)]


def _refusals(part: EventFields, name: str) -> Sequence[tuple[str, str, str]]:
    """Returns the address, the diagnostic and the status of each recipient."""
    recipients = [EventFields.from_json(one) for one in part.items(name)]
    return [(one.identifier("emailAddress"), one.text("diagnosticCode"), one.text("status")) for one in recipients]


def _leaves_more_than_before(subscription: EventFields) -> bool:
    """Tells whether a change of a contact's preferences leaves all mail, or a topic that was not left before."""
    before, after = subscription.child("oldTopicPreferences"), subscription.child("newTopicPreferences")
    return after.values.get("unsubscribeAll") is True or bool(_left_topics(after) - _left_topics(before))


def _left_topics(preferences: EventFields) -> set[str]:
    statuses = preferences.values.get("topicSubscriptionStatus")
    topics = [EventFields(one) for one in statuses if isinstance(one, dict)] if isinstance(statuses, list) else []
    return {one.text("topicName") for one in topics if one.text("subscriptionStatus").upper() in ("OPTOUT", "OPT_OUT")}
