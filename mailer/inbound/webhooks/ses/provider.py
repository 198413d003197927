"""The check of messages of Amazon SNS: the topic, then the signature, then the time.

The signature stands in the body, so that its JSON is parsed, within limits, to find it. The cheap checks come first: a
stranger who does not know the topic makes us fetch nothing. The certificate comes only from the topic's own region.
"""

from dataclasses import dataclass

from mailer.inbound.webhooks.endpoint_urls import EndpointUrl
from mailer.inbound.webhooks.event_json import parse_json_within_limits, read_time
from mailer.inbound.webhooks.event_reading import read_each_event
from mailer.inbound.webhooks.provider_events import ReceivedEvents, SubscriptionToConfirm, WebhookReading
from mailer.inbound.webhooks.ses.events import read_ses_event
from mailer.inbound.webhooks.ses.signing_certificates import MAX_CERTIFICATE, has_signed, read_signing_key
from mailer.inbound.webhooks.ses.sns_messages import SnsMessage, SnsType, parse_sns_message
from mailer.inbound.webhooks.ses.sns_topic import SnsTopic, parse_sns_topic
from mailer.inbound.webhooks.signature_reading import decode_base64_strictly, refuse_unless_recent
from mailer.inbound.webhooks.webhook_provider import CertificateFetcher
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused, WebhookRequest


@dataclass(frozen=True, slots=True)
class SesWebhooks:
    """An endpoint for the events of SES that one topic carries."""

    topic: SnsTopic

    async def verify_and_read(self, request: WebhookRequest, fetch: CertificateFetcher) -> WebhookReading:
        """See the interface. The inner message is parsed only after the signature verified."""
        message = parse_sns_message(request.body)
        if message.fields["TopicArn"] != self.topic.arn:
            raise WebhookRefused(RefusalReason.WRONG_TOPIC, "the message is of another topic than MAILER_WEBHOOKS says")
        await self._refuse_unless_signed(message, request, fetch)
        refuse_unless_recent(read_time(message.fields["Timestamp"]), request.now)
        match message.type:
            case SnsType.NOTIFICATION:
                return _read_notification(message.fields["Message"], request)
            case SnsType.SUBSCRIPTION_CONFIRMATION:
                return self._read_subscription(message.fields["SubscribeURL"])
            case SnsType.UNSUBSCRIBE_CONFIRMATION:
                return ReceivedEvents(ignored={message.type: 1})

    async def _refuse_unless_signed(
        self, message: SnsMessage, request: WebhookRequest, fetch: CertificateFetcher
    ) -> None:
        url, version = message.fields["SigningCertURL"], message.fields["SignatureVersion"]
        signature = decode_base64_strictly(message.fields["Signature"])
        if version not in ("1", "2") or not signature or not self.topic.has_certificate_at(url):
            raise _not_authentic()
        certificate = await _fetch_certificate(url, fetch)
        key = read_signing_key(certificate, request.now)
        if key is None or not has_signed(key, version, signature, message.signed_octets):
            raise _not_authentic()

    def _read_subscription(self, url: str) -> SubscriptionToConfirm:
        if not self.topic.has_confirmation_at(url):
            raise WebhookRefused(RefusalReason.MALFORMED, "the subscription is not confirmed at the topic's region")
        return SubscriptionToConfirm(url)


async def _fetch_certificate(url: str, fetch: CertificateFetcher) -> bytes:
    try:
        certificate = await fetch(url)
    except OSError:
        certificate = b""
    if not certificate or len(certificate) > MAX_CERTIFICATE:
        raise WebhookRefused(
            RefusalReason.CERTIFICATE_UNAVAILABLE, "Amazon's certificate cannot be fetched now; the message comes again"
        )
    return certificate


def _not_authentic() -> WebhookRefused:
    return WebhookRefused(
        RefusalReason.NOT_AUTHENTIC,
        "the signature does not verify by a certificate of Amazon SNS in the topic's region",
    )


def _read_notification(text: str, request: WebhookRequest) -> ReceivedEvents:
    """Reads the message of a notification. SES also publishes plain sentences, as when a topic is set up."""
    if not text.lstrip().startswith("{"):
        return ReceivedEvents(ignored={"unknown": 1})
    return read_each_event([parse_json_within_limits(text)], read_ses_event, request.now)


def open_ses_webhooks(url: EndpointUrl) -> SesWebhooks:
    """Opens `ses://name?topic=…`; the topic is the ARN of the SNS topic to which SES publishes.

    Raises:
        ValueError: the topic is missing or wrong.
    """
    url.refuse_other_keys("topic")
    return SesWebhooks(parse_sns_topic(url.required("topic", "the ARN of the SNS topic to which SES publishes")))
