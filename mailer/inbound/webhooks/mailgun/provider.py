"""The check of Mailgun's signature: HMAC-SHA-256 over a timestamp and a random token.

Source: Mailgun, "Securing Webhooks". The signature stands in the body, so that its JSON is parsed, within limits, to
find it. It does not cover the event: whoever saw one request could send another event with its signature. So the token
is the key of the request, and of its event. A token that was stored already is a repetition: nothing is done for it.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import EventFields, parse_json_within_limits
from mailer.inbound.webhooks.event_reading import read_each_event
from mailer.inbound.webhooks.mailgun.events import read_mailgun_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents, make_event_key
from mailer.inbound.webhooks.signature_reading import read_signed_seconds, refuse_unless_recent
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused, WebhookRequest

_MIN_TOKEN, _MAX_TOKEN = 20, 100
"""Characters of a token. Mailgun's have 50; a short one could repeat by chance."""
_TIMESTAMP_DIGITS: Final = 10
"""Digits of a time in seconds, from 2001 to 2286."""
_SIGNATURES: Final = ("signature", "parent-signature")
"""The second is that of the primary account, for an event of a subaccount."""


@dataclass(frozen=True, slots=True)
class MailgunWebhooks:
    """An endpoint for Mailgun's events.

    Attributes:
        key: the HTTP webhook signing key.
    """

    key: bytes = field(repr=False)

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> ReceivedEvents:
        """See the interface. The event is read only after the signature verified."""
        body = parse_json_within_limits(request.body)
        if not isinstance(body, dict) or not isinstance(signature := body.get("signature"), dict):
            raise WebhookRefused(RefusalReason.MALFORMED, "the body has no signature; Mailgun's JSON webhooks have one")
        timestamp, token = _text_or_digits(signature.get("timestamp")), _text_or_digits(signature.get("token"))
        self._refuse_unless_signed(signature, timestamp, token)
        refuse_unless_recent(read_signed_seconds(timestamp), request.now)
        key = make_event_key("mailgun", token)
        read = read_each_event([body.get("event-data")], partial(read_mailgun_event, event_key=key), request.now)
        return replace(read, request_key=key)

    def _refuse_unless_signed(self, signature: Mapping[str, Any], timestamp: str, token: str) -> None:
        expected = hmac.digest(self.key, f"{timestamp}{token}".encode("utf-8", "replace"), "sha256").hex().encode()
        given = [EventFields(signature).text(name).lower().encode("utf-8", "replace") for name in _SIGNATURES]
        matches = [hmac.compare_digest(expected, one) for one in given]
        # A timestamp of 1 and a token of 23 have the signature of 12 and 3: digits must not move between the two.
        if not any(matches) or not _MIN_TOKEN <= len(token) <= _MAX_TOKEN or len(timestamp) != _TIMESTAMP_DIGITS:
            raise WebhookRefused(
                RefusalReason.NOT_AUTHENTIC,
                "the signature does not verify; set the HTTP webhook signing key of Mailgun in MAILER_WEBHOOKS",
            )


def _text_or_digits(value: Any) -> str:
    """Returns a text, or the digits of a whole number; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def open_mailgun_webhooks(url: EndpointUrl) -> MailgunWebhooks:
    """Opens `mailgun://name?key=…`; the key is Mailgun's HTTP webhook signing key.

    Raises:
        ValueError: the key is missing, short or not in ASCII.
    """
    url.refuse_other_keys("key")
    return MailgunWebhooks(url.required_secret("key", "the HTTP webhook signing key of Mailgun").encode())
