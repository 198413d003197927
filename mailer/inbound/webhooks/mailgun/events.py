"""The events of Mailgun.

Source: Mailgun, "Webhooks" and "Events" of its user manual.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from mailer.inbound.webhooks.delivery_token_candidates import find_delivery_token_candidates
from mailer.inbound.webhooks.event_json import EventFields, MalformedEventError, read_recipient
from mailer.inbound.webhooks.event_reading import find_enhanced_status, ignored_event, join_diagnostic
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, IgnoredEvent, ProviderEvent
from mailer.rendering.signed_links import METADATA_NAME

_KINDS: Final[Mapping[str, EventKind]] = {
    "delivered": EventKind.DELIVERED,
    "failed": EventKind.BOUNCED,
    "rejected": EventKind.BOUNCED,
    "complained": EventKind.COMPLAINED,
    "unsubscribed": EventKind.UNSUBSCRIBED,
}
_CLASSES: Final[Mapping[str, BounceClass]] = {
    "bounce": BounceClass.HARD,
    "old": BounceClass.SOFT,
    "espblock": BounceClass.BLOCKED,
    "suppress-bounce": BounceClass.BLOCKED,
    "suppress-complaint": BounceClass.BLOCKED,
    "suppress-unsubscribe": BounceClass.BLOCKED,
}
"""The `reason` of a failure. Mailgun does not even try addresses that its own lists suppress."""


def read_mailgun_event(fields: EventFields, now: datetime, event_key: str) -> Sequence[ProviderEvent | IgnoredEvent]:
    """Returns what one event tells.

    Args:
        fields: the `event-data`.
        now: the time of the request.
        event_key: the key made of the request's token, which is used once.

    Raises:
        MalformedEventError: it has no name or no address, or a failure has no known severity.
    """
    name = fields.identifier("event")
    if name not in _KINDS:
        return ignored_event(name)
    kind, bounce = _kind_and_class(name, fields)
    status, headers = fields.child("delivery-status"), fields.child("message").child("headers")
    reply = join_diagnostic(status.printable_number("code"), status.text("message"), status.text("description"))
    return [
        ProviderEvent(
            kind=kind,
            event_key=event_key,
            at=fields.time("timestamp", now),
            recipient=_read_recipient(name, fields, headers),
            candidates=find_delivery_token_candidates(
                (
                    fields.child("user-variables").text(METADATA_NAME),
                    fields.child("envelope").text("sender"),
                    headers.text("message-id"),
                )
            ),
            status=find_enhanced_status(status.text("enhanced-code"), reply),
            diagnostic=join_diagnostic(reply, fields.child("reject").text("reason")),
            bounce=bounce,
        )
    ]


def _kind_and_class(name: str, fields: EventFields) -> tuple[EventKind, BounceClass | None]:
    """Returns the kind, and the class of a bounce. A failure with another severity than these two is not guessed at."""
    if name == "rejected":
        return EventKind.BOUNCED, BounceClass.BLOCKED
    if name != "failed":
        return _KINDS[name], None
    match fields.text("severity"):
        case "temporary":
            return EventKind.DEFERRED, None
        case "permanent":
            return EventKind.BOUNCED, _CLASSES.get(fields.text("reason"))
        case _:
            raise MalformedEventError


def _read_recipient(name: str, fields: EventFields, headers: EventFields) -> str | None:
    """Returns the address. A rejected mail has it only in its To field."""
    return read_recipient(headers.text("to") if name == "rejected" else fields.identifier("recipient"))
