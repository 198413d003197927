"""The check of SendGrid's signature: ECDSA with SHA-256 over the timestamp's text and the raw body.

Source: Twilio SendGrid, "Getting Started with the Event Webhook Security Features".
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import parse_json_within_limits, read_event_list
from mailer.inbound.webhooks.event_reading import read_each_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents
from mailer.inbound.webhooks.sendgrid.events import read_sendgrid_event
from mailer.inbound.webhooks.signature_reading import (
    decode_base64_strictly,
    read_signed_seconds,
    refuse_unless_recent,
)
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused, WebhookRequest

SIGNATURE_HEADER: Final = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER: Final = "x-twilio-email-event-webhook-timestamp"


@dataclass(frozen=True, slots=True)
class SendgridWebhooks:
    """An endpoint for SendGrid's events.

    Attributes:
        key: the verification key of SendGrid's settings.
    """

    key: EllipticCurvePublicKey = field(repr=False)

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> ReceivedEvents:
        """See the interface. The body is parsed only after its signature verified."""
        timestamp = request.header(TIMESTAMP_HEADER)
        self._refuse_unless_signed(request, timestamp)
        refuse_unless_recent(read_signed_seconds(timestamp), request.now)
        items = read_event_list(parse_json_within_limits(request.body))
        return read_each_event(items, read_sendgrid_event, request.now)

    def _refuse_unless_signed(self, request: WebhookRequest, timestamp: str) -> None:
        signature = decode_base64_strictly(request.header(SIGNATURE_HEADER))
        signed = timestamp.encode("utf-8", "replace") + request.body
        try:
            self.key.verify(signature or b"", signed, ECDSA(SHA256()))
        except InvalidSignature:
            raise WebhookRefused(
                RefusalReason.NOT_AUTHENTIC,
                "the signature does not verify; switch the Signed Event Webhook on, and set its key in MAILER_WEBHOOKS",
            ) from None


def open_sendgrid_webhooks(url: EndpointUrl) -> SendgridWebhooks:
    """Opens `sendgrid://name?key=…`; the key is SendGrid's verification key, in base64.

    Raises:
        ValueError: the key is missing or wrong.
    """
    url.refuse_other_keys("key")
    octets = decode_base64_strictly(url.required("key", "the verification key of SendGrid's Event Webhook, in base64"))
    try:
        key = load_der_public_key(octets or b"")
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError(f"key of the webhook sendgrid://{url.name} is no verification key of SendGrid (ECDSA P-256)")
    return SendgridWebhooks(key)
