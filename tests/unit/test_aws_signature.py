"""The signature of requests to AWS, by the example that AWS publishes, and the tag that SES gives back."""

from datetime import UTC, datetime
from typing import Any

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.inbound.webhooks.event_json import EventFields
from mailer.inbound.webhooks.provider_events import ProviderEvent
from mailer.inbound.webhooks.ses.events import read_ses_event
from mailer.processors.ses.request_signing import sign_post_request, sign_string
from mailer.rendering.link_tokens import BounceToken
from tests.webhook_requests import LINKS, MAILING, NOW, RECIPIENT, RETURN_LOCAL

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def test_the_example_of_aws() -> None:
    """The string to sign and its signature are those of the example in the AWS General Reference."""
    scope = "20150830/us-east-1/iam/aws4_request"
    to_sign = (
        f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\nf536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    assert sign_string(to_sign, scope, SECRET) == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


def test_everything_that_matters_is_signed() -> None:
    """Another body, time, host or path has another signature; the secret is in no header."""
    told: dict[str, Any] = {
        "host": "email.eu-west-1.amazonaws.com",
        "path": "/v2/email/outbound-emails",
        "body": b"{}",
        "region": "eu-west-1",
        "service": "ses",
        "key_id": "AKIDEXAMPLE",
        "secret": SECRET,
        "now": datetime(2026, 11, 30, 7, tzinfo=UTC),
    }
    usual = sign_post_request(**told)
    others: list[dict[str, Any]] = [
        {"body": b"{ }"},
        {"host": "x"},
        {"path": "/"},
        {"region": "us-east-1"},
        {"now": NOW},
    ]
    signatures = {sign_post_request(**told | other)["authorization"] for other in others}
    assert usual["authorization"] not in signatures
    assert len(signatures) == len(others)
    assert SECRET not in str(usual)
    assert usual["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261130/eu-west-1/ses/aws4_request, SignedHeaders="
    )


def test_the_tag_names_the_delivery() -> None:
    """SES gives back a tag, which takes no `+`; the return path is put together again, and verified."""
    tagged = RETURN_LOCAL.removeprefix("b+")
    event: dict[str, Any] = {
        "eventType": "Delivery",
        "mail": {"messageId": "m", "source": "a@b.example", "tags": {"mailer_return_path": [tagged]}},
        "delivery": {"timestamp": "2026-11-30T12:00:00Z", "recipients": ["ann@people.example"]},
    }
    [read] = read_ses_event(EventFields(event), NOW)
    assert isinstance(read, ProviderEvent)
    assert find_only_delivery_proof(read.candidates, LINKS) == BounceToken(MAILING, RECIPIENT)
    for wrong in ([], [7], "text", [f"{tagged}x"], None):
        event["mail"]["tags"]["mailer_return_path"] = wrong
        [read] = read_ses_event(EventFields(event), NOW)
        assert isinstance(read, ProviderEvent)
        assert find_only_delivery_proof(read.candidates, LINKS) is None
