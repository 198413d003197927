"""The header field that gives our return path to an e-mail service, and the service's webhook that gives it back."""

import json
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.ports.processor import OutgoingMessage
from mailer.processors.smtp.return_path_fields import FIELDS, add_return_path_field
from mailer.rendering.link_tokens import BounceToken
from mailer.rendering.signed_links import RETURN_PATH_METADATA
from tests.integration.smtp_world import allowed, processor, scripted, soon
from tests.webhook_payloads import brevo, mailgun, only_event, postmark, sendgrid
from tests.webhook_requests import (
    LINKS,
    MAILING,
    RECIPIENT,
    RETURN_PATH,
    Request,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
)

MAIL = OutgoingMessage(
    RETURN_PATH, "ann@people.example", b"DKIM-Signature: x\r\nSubject: News\r\n\r\nHi.\r\n", "e", True
)


def webhook_giving_back(service: str, fields: dict[str, str]) -> Request:
    """The webhook of a service about a mail with these header fields, as it documents to give them back."""
    match service:
        case "brevo":
            return brevo_request(brevo("spam", **{"X-Mailin-custom": fields["X-Mailin-custom"]}))
        case "mailgun":
            variables = json.loads(fields["X-Mailgun-Variables"])
            return mailgun_request(mailgun("complained", **{"user-variables": variables, "envelope": {}}))
        case "postmark":
            named = {name.removeprefix("X-PM-Metadata-"): value for name, value in fields.items()}
            return postmark_request(postmark("SpamComplaint", Metadata=named))
        case _:
            arguments: dict[str, Any] = json.loads(fields["X-SMTPAPI"])["unique_args"]
            told = {name: value for name, value in sendgrid("spamreport").items() if name != RETURN_PATH_METADATA}
            return sendgrid_request([{**told, **arguments}])


@pytest.mark.parametrize("service", FIELDS)
async def test_what_is_sent_comes_back_as_a_proof(service: str) -> None:
    """The event names the delivery, and the rest of the message is as it was signed."""
    sent = add_return_path_field(MAIL, service)
    assert sent.content.endswith(MAIL.content)
    assert max(map(len, sent.content.split(b"\r\n"))) < 200
    parsed = message_from_bytes(sent.content, policy=SMTP)
    fields = {name: str(value) for name, value in parsed.items() if name not in ("DKIM-Signature", "Subject")}
    assert len(fields) == 1
    event = await only_event(webhook_giving_back(service, fields))
    assert find_only_delivery_proof(event.candidates, LINKS) == BounceToken(MAILING, RECIPIENT)


@pytest.mark.parametrize("service", [None, "postmark"])
async def test_a_relay_of_a_service_gets_the_field(service: str | None) -> None:
    """No other relay does."""
    async with scripted() as server, processor(server.port, service=service) as relay:
        await relay.send([MAIL], soon(), allowed)
    [content] = server.contents
    assert content.startswith(b"X-PM-Metadata-mailer_return_path: b+") is (service is not None)
    assert MAIL.content in content
