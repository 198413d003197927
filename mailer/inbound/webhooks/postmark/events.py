"""The events of Postmark.

Source: Postmark, "Bounce webhook", "Spam complaint webhook", "Delivery webhook", "Subscription change webhook", and the
bounce types of its "Bounce API".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from mailer.inbound.webhooks.delivery_token_candidates import find_delivery_token_candidates
from mailer.inbound.webhooks.event_json import EventFields, read_recipient
from mailer.inbound.webhooks.event_reading import find_enhanced_status, ignored_event, join_diagnostic
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, IgnoredEvent, ProviderEvent, make_event_key
from mailer.rendering.signed_links import METADATA_NAME

_BOUNCES: Final[Mapping[str, tuple[EventKind, BounceClass | None]]] = {
    "HardBounce": (EventKind.BOUNCED, BounceClass.HARD),
    "BadEmailAddress": (EventKind.BOUNCED, BounceClass.HARD),
    "SoftBounce": (EventKind.BOUNCED, BounceClass.SOFT),
    "DnsError": (EventKind.BOUNCED, BounceClass.SOFT),
    "Unknown": (EventKind.BOUNCED, None),
    "Blocked": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "SpamNotification": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "VirusNotification": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "DMARCPolicy": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "ManuallyDeactivated": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "Unconfirmed": (EventKind.BOUNCED, BounceClass.BLOCKED),
    "Transient": (EventKind.DEFERRED, None),
    "SpamComplaint": (EventKind.COMPLAINED, None),
    "Unsubscribe": (EventKind.UNSUBSCRIBED, None),
}
"""The `Type` of a bounce. The others are automatic replies, tests, and faults in using Postmark."""
_TIMES: Final = ("DeliveredAt", "BouncedAt", "ChangedAt")


def read_postmark_event(fields: EventFields, now: datetime) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns what one event tells.

    Raises:
        MalformedEventError: it has no name, no address or no id.
    """
    name = fields.identifier("RecordType")
    match name:
        case "Delivery":
            return [_read_event(fields, now, EventKind.DELIVERED, None)]
        case "SpamComplaint":
            return [_read_event(fields, now, EventKind.COMPLAINED, None)]
        case "Bounce":
            told = fields.identifier("Type")
            known = _BOUNCES.get(told)
            return ignored_event(f"Bounce {told}") if known is None else [_read_event(fields, now, *known)]
        case "SubscriptionChange" if _is_opt_out_of_recipient(fields):
            return [_read_event(fields, now, EventKind.UNSUBSCRIBED, None)]
        case _:
            return ignored_event(name)


def _is_opt_out_of_recipient(fields: EventFields) -> bool:
    """Tells whether a change is the recipient's own opt-out.

    Bounces and complaints, which also change a subscription, have events of their own. Staff of Postmark's customer can
    change one, too; and a change back to sending would widen what the person gets.
    """
    values = fields.values
    return (
        values.get("SuppressSending") is True
        and values.get("Origin") == "Recipient"
        and values.get("SuppressionReason") == "ManualSuppression"
    )


def _read_event(fields: EventFields, now: datetime, kind: EventKind, bounce: BounceClass | None) -> ProviderEvent:
    recipient = fields.identifier("Email", "Recipient")
    details = fields.text("Details")
    time = next((name for name in _TIMES if fields.text(name)), _TIMES[0])
    return ProviderEvent(
        kind=kind,
        event_key=make_event_key(
            "postmark", kind, fields.identifier("ID", "MessageID"), recipient, fields.text(time)[:100]
        ),
        at=fields.time(time, now),
        recipient=read_recipient(recipient),
        candidates=find_delivery_token_candidates((fields.child("Metadata").text(METADATA_NAME),)),
        status=find_enhanced_status(details),
        diagnostic=join_diagnostic(details, fields.text("Description")),
        bounce=bounce,
    )
