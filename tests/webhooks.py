"""Webhooks over a world: requests that the services sign, about mails that the world handed over."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mailer.inbound.reception.limits import ReceptionLimits
from mailer.inbound.webhook_reception import WebhookReception
from mailer.inbound.webhooks.ses.signing_certificates import RememberedCertificates
from mailer.postgres.received_mail import PostgresReceivedMail
from mailer.postgres.received_webhooks import PostgresReceivedWebhooks
from mailer.rendering.signed_links import RETURN_PATH_METADATA
from tests.factories import World, controllers
from tests.inbound import Reception, return_path, sender_faults_over
from tests.webhook_payloads import REPLY, brevo, mailgun, postmark, sendgrid
from tests.webhook_requests import (
    NOW,
    Amazon,
    Request,
    brevo_request,
    endpoint,
    mailgun_request,
    postmark_request,
    sendgrid_request,
    ses_mail,
    ses_request,
)

PROVIDERS = ("brevo", "mailgun", "postmark", "sendgrid", "ses")
_FULL = "552 5.2.2 mailbox full"


def webhook_reception_over(world: World, amazon: Amazon | None = None) -> WebhookReception:
    """The reception of webhooks over a world, at the time of the requests. Amazon is a stand-in."""
    endpoints = {(provider, "main"): endpoint(provider) for provider in PROVIDERS}
    fetch, store = amazon or Amazon(), PostgresReceivedWebhooks(world.pool, world.writers, world.hasher)
    remembered = RememberedCertificates(fetch, lambda: NOW)
    return WebhookReception(endpoints, store, world.links, remembered, fetch, lambda: NOW)


def handling_over(world: World) -> Reception:
    """The part that handles what was stored; nothing listens."""
    store = PostgresReceivedMail(world.pool, world.writers, world.hasher, controllers())
    return Reception(world, store, ReceptionLimits(), 0, 0, sender_faults_over(world))


@dataclass(frozen=True)
class Told:
    """A mail that services tell of: its return path, and the address that they name."""

    path: str
    address: str

    @classmethod
    def of(cls, world: World, mailing: UUID, recipient_id: int, address: str) -> "Told":
        """The mail of a delivery."""
        return cls(return_path(world.links, mailing, recipient_id), address)

    @property
    def local(self) -> str:
        """The local part of the return path, as custom fields carry it."""
        return self.path.partition("@")[0]

    def request(self, provider: str, kind: str, number: int = 0) -> Request:
        """A request of a provider with one event: `hard`, `soft`, `blocked`, `complaint`, `left` or `delivered`."""
        return _REQUESTS[provider](self, kind, number)


async def receive_soft_bounce(world: World, recipient_id: int, address: str) -> None:
    """Stores a webhook about a mail that somebody was sent."""
    tried = "SELECT mailing_id FROM deliveries WHERE recipient_id = $1 AND attempt > 0"
    told = Told.of(world, await world.pool.fetchval(tried, recipient_id), recipient_id, address)
    request = told.request("postmark", "soft")
    answer = await webhook_reception_over(world).receive_request("postmark", "main", request.headers, request.body)
    assert answer.status == 200


def _sendgrid(told: Told, kind: str, number: int) -> Request:
    named: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "hard": ("bounce", {"type": "bounce", "reason": REPLY, "status": "5.1.1"}),
        "soft": ("bounce", {"type": "bounce", "reason": _FULL, "status": "5.2.2"}),
        "blocked": ("dropped", {"reason": "Bounced Address"}),
        "complaint": ("spamreport", {}),
        "left": ("unsubscribe", {}),
        "delivered": ("delivered", {}),
    }
    name, fields = named[kind]
    common: Mapping[str, Any] = {"email": told.address, RETURN_PATH_METADATA: told.local, "sg_event_id": f"e{number}"}
    return sendgrid_request([sendgrid(name, **{**common, **fields})])


def _postmark(told: Told, kind: str, number: int) -> Request:
    named: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "hard": ("Bounce", {"Type": "HardBounce"}),
        "soft": ("Bounce", {"Type": "SoftBounce", "Details": f"smtp;{_FULL}", "Description": ""}),
        "blocked": ("Bounce", {"Type": "Blocked"}),
        "complaint": ("SpamComplaint", {"Type": "SpamComplaint"}),
        "left": ("SubscriptionChange", {"SuppressSending": True, "Origin": "Recipient"}),
        "delivered": ("Delivery", {}),
    }
    name, fields = named[kind]
    if kind == "left":
        fields = {**fields, "SuppressionReason": "ManualSuppression", "ChangedAt": "2026-11-30T11:59:10Z"}
    address = {"Email" if name in ("Bounce", "SpamComplaint") else "Recipient": told.address}
    common: Mapping[str, Any] = {**address, "Metadata": {RETURN_PATH_METADATA: told.local}, "ID": 900 + number}
    return postmark_request(postmark(name, **{**common, **fields}))


def _mailgun(told: Told, kind: str, number: int) -> Request:
    full = {"code": 552, "message": _FULL.removeprefix("552 ")}
    named: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "hard": ("failed", {"severity": "permanent", "reason": "bounce"}),
        "soft": ("failed", {"severity": "permanent", "reason": "bounce", "delivery-status": full}),
        "blocked": ("failed", {"severity": "permanent", "reason": "suppress-bounce"}),
        "complaint": ("complained", {}),
        "left": ("unsubscribed", {}),
        "delivered": ("delivered", {}),
    }
    name, fields = named[kind]
    common: Mapping[str, Any] = {
        "recipient": told.address,
        "user-variables": {RETURN_PATH_METADATA: told.local},
        "envelope": {"sender": "bounces@mailgun.example"},
    }
    return mailgun_request(mailgun(name, **{**common, **fields}), token=f"token-number-{number:012d}-{kind}")


def _brevo(told: Told, kind: str, number: int) -> Request:
    named: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "hard": ("hard_bounce", {}),
        "soft": ("soft_bounce", {"reason": _FULL}),
        "blocked": ("blocked", {}),
        "complaint": ("spam", {}),
        "left": ("unsubscribed", {}),
        "delivered": ("delivered", {}),
    }
    name, fields = named[kind]
    custom = json.dumps({RETURN_PATH_METADATA: told.local})
    common: Mapping[str, Any] = {"email": told.address, "X-Mailin-custom": custom, "message-id": f"<{number}@brevo>"}
    return brevo_request(brevo(name, **{**common, **fields}))


def _ses(told: Told, kind: str, number: int) -> Request:
    mail = ses_mail(source=told.path, destination=[told.address], headers=[], messageId=f"m{number}", commonHeaders={})
    diagnostic = {"hard": f"smtp; {REPLY}", "soft": f"smtp; {_FULL}"}.get(kind, "")
    one = {"emailAddress": told.address, "diagnosticCode": diagnostic}
    if kind in ("hard", "soft", "blocked"):
        names = {
            "hard": ("Permanent", "General"),
            "soft": ("Transient", "MailboxFull"),
            "blocked": ("Permanent", "Suppressed"),
        }
        kinds = dict(zip(("bounceType", "bounceSubType"), names[kind], strict=True))
        return ses_request({"eventType": "Bounce", "mail": mail, "bounce": {**kinds, "bouncedRecipients": [one]}})
    if kind == "complaint":
        told_of = {"complainedRecipients": [one], "complaintFeedbackType": "abuse", "feedbackId": "f"}
        return ses_request({"eventType": "Complaint", "mail": mail, "complaint": told_of})
    if kind == "left":
        leaves = {"newTopicPreferences": {"unsubscribeAll": True}, "oldTopicPreferences": {"unsubscribeAll": False}}
        return ses_request({"eventType": "Subscription", "mail": mail, "subscription": leaves})
    arrived = {"recipients": [told.address], "timestamp": "2026-11-30T11:59:10Z"}
    return ses_request({"eventType": "Delivery", "mail": mail, "delivery": arrived})


_REQUESTS: Mapping[str, Callable[[Told, str, int], Request]] = {
    "brevo": _brevo,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "sendgrid": _sendgrid,
    "ses": _ses,
}
