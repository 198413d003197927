"""Events of SendGrid, Postmark, Mailgun and Brevo, in the forms that they publish."""

import json
from datetime import UTC, datetime
from typing import Any

from mailer.inbound.webhooks.provider_events import ProviderEvent
from mailer.rendering.signed_links import METADATA_NAME
from tests.webhook_requests import ADDRESS, MESSAGE_ID, RETURN_LOCAL, RETURN_PATH, Request, sendgrid_request

REPLY = "550 5.1.1 The email account that you tried to reach does not exist"
AT = datetime(2026, 11, 30, 11, 59, 10, tzinfo=UTC)


def sendgrid(event: str, **fields: Any) -> dict[str, Any]:
    """An event of SendGrid."""
    return {
        "email": ADDRESS,
        "timestamp": int(AT.timestamp()),
        "smtp-id": f"<{MESSAGE_ID}>",
        "event": event,
        "category": ["newsletter"],
        "sg_event_id": "ZGVsaXZlcmVkLTAtMTIzNDU2Nzg5",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        METADATA_NAME: RETURN_LOCAL,
        **fields,
    }


def postmark(record: str, **fields: Any) -> dict[str, Any]:
    """An event of Postmark."""
    common = {
        "RecordType": record,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "ServerID": 23,
        "MessageStream": "outbound",
        "Tag": "newsletter",
        "Metadata": {METADATA_NAME: RETURN_LOCAL, "user_id": "12345"},
    }
    if record in ("Bounce", "SpamComplaint"):
        told = {"ID": 901542550, "Email": ADDRESS, "BouncedAt": "2026-11-30T06:59:10.0000001-05:00"}
        words = {"Name": "Hard bounce", "Description": "The server was unable to deliver.", "Details": f"smtp;{REPLY}"}
        return {**common, **told, **words, "DumpAvailable": True, "Inactive": True, "CanActivate": True, **fields}
    return {**common, "Recipient": ADDRESS, "DeliveredAt": "2026-11-30T11:59:10Z", "Details": "250 2.0.0 OK", **fields}


def mailgun(event: str, **fields: Any) -> dict[str, Any]:
    """The data of an event of Mailgun."""
    return {
        "event": event,
        "id": "ncV2XwymRUKbPek_MIM-Gw",
        "timestamp": AT.timestamp() + 0.25,
        "log-level": "error",
        "recipient": ADDRESS,
        "recipient-domain": "people.example",
        "user-variables": {METADATA_NAME: RETURN_LOCAL},
        "envelope": {"sender": RETURN_PATH, "transport": "smtp", "targets": ADDRESS},
        "message": {"headers": {"to": ADDRESS, "message-id": MESSAGE_ID, "subject": "News"}, "size": 809},
        "delivery-status": {"code": 550, "message": REPLY.removeprefix("550 "), "description": "", "attempt-no": 1},
        "flags": {"is-test-mode": False},
        "tags": [],
        **fields,
    }


def brevo(event: str, **fields: Any) -> dict[str, Any]:
    """An event of Brevo."""
    return {
        "event": event,
        "email": ADDRESS,
        "id": 26224,
        "date": "2026-11-30 12:59:10",
        "ts": int(AT.timestamp()),
        "ts_event": int(AT.timestamp()),
        "ts_epoch": int(AT.timestamp()) * 1000,
        "message-id": f"<{MESSAGE_ID}>",
        "X-Mailin-custom": json.dumps({METADATA_NAME: RETURN_LOCAL}),
        "reason": f" RecipientError: {REPLY}",
        "tags": ["newsletter"],
        **fields,
    }


def sendgrid_of(event: dict[str, Any]) -> Request:
    """A request of SendGrid with one event."""
    return sendgrid_request([event])


async def only_event(request: Request) -> ProviderEvent:
    """The only event of a request."""
    reading = await request.read_events()
    assert (reading.ignored, reading.malformed) == ({}, 0)
    (event,) = reading.events
    return event
