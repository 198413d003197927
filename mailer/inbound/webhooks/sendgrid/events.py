"""The events of SendGrid.

Source: Twilio SendGrid, "Event Webhook Reference".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from mailer.inbound.webhooks.delivery_token_candidates import find_delivery_token_candidates
from mailer.inbound.webhooks.event_json import EventFields, read_recipient
from mailer.inbound.webhooks.event_reading import find_enhanced_status, ignored_event, join_diagnostic
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, IgnoredEvent, ProviderEvent, make_event_key
from mailer.rendering.signed_links import METADATA_NAME

_KINDS: Final[Mapping[str, EventKind]] = {
    "delivered": EventKind.DELIVERED,
    "deferred": EventKind.DEFERRED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.BOUNCED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
}
_CLASSES: Final[Mapping[str, BounceClass]] = {
    "bounce": BounceClass.HARD,
    "blocked": BounceClass.BLOCKED,
    "expired": BounceClass.SOFT,
}
"""The `type` of a bounce."""


def read_sendgrid_event(fields: EventFields, now: datetime) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns what one event tells. A resubscription is ignored, since only the person can widen what they get.

    Raises:
        MalformedEventError: it has no name, no address or no id.
    """
    name = fields.identifier("event")
    kind = _KINDS.get(name)
    if kind is None:
        return ignored_event(name)
    reason, response = fields.text("reason"), fields.text("response")
    return [
        ProviderEvent(
            kind=kind,
            event_key=make_event_key("sendgrid", fields.identifier("sg_event_id")),
            at=fields.time("timestamp", now),
            recipient=read_recipient(fields.identifier("email")),
            candidates=find_delivery_token_candidates((fields.text(METADATA_NAME), fields.text("smtp-id"))),
            status=find_enhanced_status(fields.text("status"), reason, response),
            diagnostic=join_diagnostic(reason, response),
            bounce=_bounce_class(name, fields.text("type")),
        )
    ]


def _bounce_class(name: str, told: str) -> BounceClass | None:
    """Returns the class. SendGrid drops a mail by a list of its own, and so has not asked the recipient's server."""
    if name == "dropped":
        return BounceClass.BLOCKED
    return _CLASSES.get(told.lower()) if name == "bounce" else None
