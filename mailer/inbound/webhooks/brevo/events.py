"""The transactional events of Brevo.

Source: Brevo, "Transactional webhooks".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from mailer.inbound.delivery_proof import find_delivery_token_candidates
from mailer.inbound.webhooks.event_json import EventFields, read_recipient
from mailer.inbound.webhooks.event_reading import find_enhanced_status, ignored_event, join_diagnostic
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, IgnoredEvent, ProviderEvent, make_event_key

_EVENTS: Final[Mapping[str, tuple[EventKind, BounceClass | None]]] = {
    "delivered": (EventKind.DELIVERED, None),
    "deferred": (EventKind.DEFERRED, None),
    "hard_bounce": (EventKind.BOUNCED, BounceClass.HARD),
    "soft_bounce": (EventKind.BOUNCED, BounceClass.SOFT),
    "blocked": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "invalid_email": (EventKind.BOUNCED, None),
    "error": (EventKind.BOUNCED, None),
    "spam": (EventKind.COMPLAINED, None),
    "complaint": (EventKind.COMPLAINED, None),
    "unsubscribed": (EventKind.UNSUBSCRIBED, None),
    "unsubscribe": (EventKind.UNSUBSCRIBED, None),
}
"""The `event`. Brevo's pages disagree on the address that is meant by `invalid_email`, and so it has no class."""


def read_brevo_event(fields: EventFields, now: datetime) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns what one event tells. Brevo gives events no id; mail, address, name and time stand for it.

    Raises:
        MalformedEventError: it has no name, no address, no id of a mail or no time.
    """
    name = fields.identifier("event")
    if name not in _EVENTS:
        return ignored_event(name)
    kind, bounce = _EVENTS[name]
    message_id, recipient = fields.identifier("message-id"), fields.identifier("email")
    reason = fields.text("reason")
    return [
        ProviderEvent(
            kind=kind,
            event_key=make_event_key("brevo", name, message_id, recipient, fields.identifier("ts_epoch", "ts_event")),
            at=fields.time("ts_epoch" if "ts_epoch" in fields.values else "ts_event", now),
            recipient=read_recipient(recipient),
            candidates=find_delivery_token_candidates((fields.text("X-Mailin-custom"),)),
            status=find_enhanced_status(reason),
            diagnostic=join_diagnostic(reason),
            bounce=bounce,
        )
    ]
