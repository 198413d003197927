"""Requests of e-mail services, signed by keys of this process as the real ones sign them, and sent to our endpoints."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mailer.inbound.webhooks.provider_events import ReceivedEvents, WebhookReading
from mailer.inbound.webhooks.registry import WebhookEndpoint, parse_webhook_endpoint, verify_and_read_webhook
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.signed_links import BOUNCE_PREFIX, SignedLinks

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
LINKS = SignedLinks("https://mail.example.org", ["a-secret-of-this-test-and-of-no-other"])
MAILING, RECIPIENT = UUID(int=77), 4711
DOMAIN = "mail.example.org"
RETURN_PATH = LINKS.bounce_address(MAILING, RECIPIENT, DOMAIN)
RETURN_LOCAL = RETURN_PATH.partition("@")[0]
MESSAGE_ID = LINKS.stable_message_id(MAILING, RECIPIENT, DOMAIN).strip("<>")
UNSUBSCRIBE_LINK = LINKS.unsubscribe_link(UnsubscribeToken("brand", RECIPIENT, "newsletter", MAILING, 1))
ADDRESS = "ann@people.example"
PASSWORD = "5c1f0e7d9a3b48d6b7f2e1a0c9d8e7f6"
MAILGUN_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
MAILGUN_TOKEN = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123"
TOPIC = "arn:aws:sns:us-east-1:123456789012:bounces"
SNS_HOST = "sns.us-east-1.amazonaws.com"
CERTIFICATE_URL = f"https://{SNS_HOST}/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
SUBSCRIBE_URL = f"https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425f"

assert RETURN_LOCAL.startswith(BOUNCE_PREFIX)


@dataclass
class Amazon:
    """The host of Amazon's certificates, as a fetcher. It notes each URL that it was asked for."""

    files: dict[str, bytes] = field(default_factory=lambda: {CERTIFICATE_URL: certificate()})
    asked: list[str] = field(default_factory=list)

    async def __call__(self, url: str) -> bytes:
        """Returns the file at a URL, or fails as a network does."""
        self.asked.append(url)
        if url not in self.files:
            raise OSError("no such file")
        return self.files[url]


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    """The key by which SendGrid signs."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def sns_key() -> rsa.RSAPrivateKey:
    """The key by which Amazon signs."""
    return rsa.generate_private_key(65537, 2048)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    begins: datetime = NOW - timedelta(days=30),
    ends: datetime = NOW + timedelta(days=30),
) -> bytes:
    """A certificate in PEM, by default of Amazon's key and valid now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    signer = key or sns_key()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signer.public_key())
    made = builder.serial_number(7).not_valid_before(begins).not_valid_after(ends).sign(signer, SHA256())
    return made.public_bytes(Encoding.PEM)


def public_key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """A public key as SendGrid shows it: DER in base64."""
    octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(octets).decode()


@cache
def endpoint(provider: str) -> WebhookEndpoint:
    """Our endpoint for a provider."""
    urls = {
        "brevo": f"brevo://main?token={PASSWORD}",
        "mailgun": f"mailgun://main?key={MAILGUN_KEY}",
        "postmark": f"postmark://main?user=mailer&password={PASSWORD}",
        "sendgrid": f"sendgrid://main?key={quote(public_key_text(sendgrid_key()))}",
        "ses": f"ses://main?topic={TOPIC}",
    }
    return parse_webhook_endpoint(urls[provider])


@dataclass(frozen=True)
class Request:
    """A request to an endpoint."""

    provider: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    async def read(self, now: datetime = NOW, fetch: Amazon | None = None) -> WebhookReading:
        """Sends it to our endpoint."""
        return await verify_and_read_webhook(endpoint(self.provider), self.headers, self.body, now, fetch or Amazon())

    async def read_events(self, now: datetime = NOW) -> ReceivedEvents:
        """Sends it, and returns its events."""
        reading = await self.read(now)
        assert isinstance(reading, ReceivedEvents)
        return reading


def as_body(value: Any) -> bytes:
    """A value as JSON; bytes as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def sendgrid_request(events: Any, seconds: int | str = SECONDS) -> Request:
    """A request that SendGrid signed."""
    body = as_body(events)
    signature = sendgrid_key().sign(f"{seconds}".encode() + body, ec.ECDSA(SHA256()))
    signed = ("X-Twilio-Email-Event-Webhook-Signature", base64.b64encode(signature).decode())
    return Request("sendgrid", (signed, ("X-Twilio-Email-Event-Webhook-Timestamp", f"{seconds}")), body)


def postmark_request(event: Any, user: str = "mailer", password: str = PASSWORD) -> Request:
    """A request of Postmark."""
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Request("postmark", (("Authorization", f"Basic {secret}"),), as_body(event))


def brevo_request(events: Any, token: str = PASSWORD) -> Request:
    """A request of Brevo."""
    return Request("brevo", (("Authorization", f"Bearer {token}"),), as_body(events))


def mailgun_signature(seconds: int | str = SECONDS, token: str = MAILGUN_TOKEN, key: str = MAILGUN_KEY) -> str:
    """The signature of Mailgun."""
    return hmac.digest(key.encode(), f"{seconds}{token}".encode(), "sha256").hex()


def mailgun_request(
    event: Any, seconds: int | str = SECONDS, token: str = MAILGUN_TOKEN, key: str = MAILGUN_KEY
) -> Request:
    """A request that Mailgun signed."""
    signature = {"timestamp": f"{seconds}", "token": token, "signature": mailgun_signature(seconds, token, key)}
    return Request("mailgun", (), as_body({"signature": signature, "event-data": event}))


def sns_message(kind: str = "Notification", version: str = "1", **fields: Any) -> dict[str, Any]:
    """A message of Amazon SNS with its signature. A field that is None is left out."""
    message = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": "2026-11-30T11:59:58.123Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **({} if kind == "Notification" else {"Token": "2336412f37fb687f5d51e6e2425f", "SubscribeURL": SUBSCRIBE_URL}),
        **fields,
    }
    given = {name: value for name, value in message.items() if value is not None}
    return {**given, "Signature": sns_signature(given)}


def sns_signature(message: Mapping[str, Any], key: rsa.RSAPrivateKey | None = None) -> str:
    """The signature of Amazon for a message."""
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    left_out = ("SubscribeURL", "Token") if message["Type"] == "Notification" else ("Subject",)
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message and name not in left_out)
    hashed = SHA256() if message["SignatureVersion"] == "2" else SHA1()  # noqa: S303 - as Amazon signs by default
    return base64.b64encode((key or sns_key()).sign(signed.encode(), padding.PKCS1v15(), hashed)).decode()


def sns_request(message: Any) -> Request:
    """A request of Amazon SNS, whose content type is plain text."""
    kind = message["Type"] if isinstance(message, dict) and isinstance(message.get("Type"), str) else "Notification"
    headers = (("Content-Type", "text/plain; charset=UTF-8"), ("X-Amz-Sns-Message-Type", kind))
    return Request("ses", headers, as_body(message))


def ses_request(event: Any) -> Request:
    """A notification of SNS with an event of SES."""
    return sns_request(sns_message(Message=event if isinstance(event, str) else json.dumps(event)))


def ses_mail(**fields: Any) -> dict[str, Any]:
    """The mail of an event of SES, as event publishing tells it."""
    return {
        "timestamp": "2026-11-30T11:59:02.012Z",
        "source": RETURN_PATH,
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/mail.example.org",
        "sendingAccountId": "123456789012",
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "destination": [ADDRESS],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "Brand <news@mail.example.org>"},
            {"name": "Message-ID", "value": f"<{MESSAGE_ID}>"},
            {"name": "List-Unsubscribe", "value": f"<{UNSUBSCRIBE_LINK}>"},
        ],
        "commonHeaders": {"from": ["Brand <news@mail.example.org>"], "to": [ADDRESS], "messageId": f"<{MESSAGE_ID}>"},
        **fields,
    }
