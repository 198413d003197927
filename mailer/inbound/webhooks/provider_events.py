"""The vocabulary of all webhooks: the events that we act on, and the result of reading a request."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer.inbound.delivery_proof import DeliveryTokenCandidates


class EventKind(StrEnum):
    """The fate of a mail, as its provider tells it."""

    DELIVERED = "delivered"
    """The recipient's server accepted the mail."""
    BOUNCED = "bounced"
    """The mail will not be delivered."""
    DEFERRED = "deferred"
    """The mail is late. The provider tries again."""
    COMPLAINED = "complained"
    """The recipient called the mail spam."""
    UNSUBSCRIBED = "unsubscribed"
    """The recipient opted out by a link of the provider's own."""


class BounceClass(StrEnum):
    """The provider's own word for a bounce. It is a hint: the status and the text decide by `smtp_replies`."""

    HARD = "hard"
    """The address does not exist."""
    SOFT = "soft"
    """The mailbox did not take this mail, and may take the next one."""
    BLOCKED = "blocked"
    """The mail was refused for its sender or content, or the provider sent nothing. It says nothing of the address."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """The fate of one mail for one recipient. Its repr has no address and no token.

    Attributes:
        kind: see `EventKind`.
        event_key: the same text for the same event, however often it is sent. Whoever acts stores it first.
        at: the time of the event, UTC; the time of the request if the provider gives none that can be true.
        recipient: the address in its normal form; None if the provider gives none that is one. It proves nothing.
        candidates: the places in which our signed token may stand. The event is believed only if one verifies.
        status: the enhanced status code (RFC 3463), such as `5.1.1`; None if there is none.
        diagnostic: the words of the recipient's server or of the provider, as replies of relays are stored.
        bounce: the provider's class of a bounce; None if it gives none that we know, or for other kinds.
    """

    kind: EventKind
    event_key: str
    at: datetime
    recipient: str | None = field(repr=False)
    candidates: DeliveryTokenCandidates = field(repr=False)
    status: str | None = None
    diagnostic: str = field(default="", repr=False)
    bounce: BounceClass | None = None


@dataclass(frozen=True, slots=True)
class IgnoredEvent:
    """An event on which nobody acts, such as an open.

    Attributes:
        name: the provider's name of it, as in its documentation; `unknown` for a name that is none.
    """

    name: str


@dataclass(frozen=True, slots=True)
class ReceivedEvents:
    """The events of an authentic request.

    Attributes:
        events: the events to act on, in the order of the request.
        ignored: the number of other events by their names. At most 32 names are told apart; the others are `others`.
        malformed: the number of events that lack something or have the wrong types. Somebody must look at the body.
        request_key: the key of a request whose signature does not cover its events; None for others. The caller stores
            it even if no event is to act. If it is stored already, nothing of the request acts.
    """

    events: tuple[ProviderEvent, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    malformed: int = 0
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionToConfirm:
    """A request to confirm a subscription. The caller fetches the URL by GET, once, and follows no redirect.

    Attributes:
        url: an https URL at the pinned host of the provider. It has a secret, so that the repr does not show it.
    """

    url: str = field(repr=False)


WebhookReading = ReceivedEvents | SubscriptionToConfirm
"""The result of reading an authentic request."""


def make_event_key(provider: str, *parts: str) -> str:
    """Returns the key of an event, from the parts that identify it at its provider: `sendgrid:` and 64 digits."""
    return f"{provider}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"
