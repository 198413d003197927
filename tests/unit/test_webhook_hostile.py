"""Random and mutilated requests: each is read or refused, quickly, and no other error leaves the reader."""

import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.inbound.webhooks.delivery_token_candidates import find_verified_delivery
from mailer.inbound.webhooks.provider_events import EventKind, ReceivedEvents, SubscriptionToConfirm, WebhookReading
from mailer.inbound.webhooks.registry import PROVIDERS, parse_webhook_endpoint
from mailer.inbound.webhooks.webhook_requests import MAX_BODY, WebhookRefused
from mailer.input_types import AHEAD, EARLIEST, parse_address
from mailer.rendering.signed_links import METADATA_NAME
from tests.webhook_requests import (
    ADDRESS,
    CERTIFICATE_URL,
    LINKS,
    MESSAGE_ID,
    NOW,
    RETURN_LOCAL,
    SECONDS,
    SUBSCRIBE_URL,
    TOPIC,
    Amazon,
    Request,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
    ses_mail,
    ses_request,
    sns_message,
    sns_request,
)

SIGNED: dict[str, Callable[[Any], Request]] = {
    "sendgrid": sendgrid_request,
    "postmark": postmark_request,
    "brevo": brevo_request,
    "mailgun": mailgun_request,
    "ses": ses_request,
}
HONEST: dict[str, Any] = {
    "sendgrid": [
        {
            "event": "bounce",
            "type": "bounce",
            "email": ADDRESS,
            "timestamp": SECONDS,
            "sg_event_id": "a",
            "reason": "x",
        },
        {
            "event": "spamreport",
            "email": ADDRESS,
            "timestamp": SECONDS,
            "sg_event_id": "b",
            METADATA_NAME: RETURN_LOCAL,
        },
    ],
    "postmark": {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": 42,
        "Email": ADDRESS,
        "BouncedAt": "2026-11-30T06:59:10-05:00",
        "Details": "smtp;550 5.1.1 x",
        "Metadata": {METADATA_NAME: RETURN_LOCAL},
    },
    "brevo": [{"event": "hard_bounce", "email": ADDRESS, "ts_epoch": SECONDS, "message-id": MESSAGE_ID, "reason": "x"}],
    "mailgun": {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "recipient": ADDRESS,
        "timestamp": SECONDS,
        "message": {"headers": {"message-id": MESSAGE_ID}},
        "delivery-status": {"code": 550, "message": "5.1.1 x"},
        "user-variables": {METADATA_NAME: RETURN_LOCAL},
    },
    "ses": {
        "eventType": "Bounce",
        "mail": ses_mail(),
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": ADDRESS, "status": "5.1.1", "diagnosticCode": "x"}],
            "timestamp": "2026-11-30T11:59:41.669Z",
            "feedbackId": "f",
        },
    },
}
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Mn", "Lo"]), max_size=40),
    st.sampled_from(
        [ADDRESS, RETURN_LOCAL, MESSAGE_ID, TOPIC, SUBSCRIBE_URL, CERTIFICATE_URL, "5.1.1", "Bounce", "failed"]
    ),
)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, SECONDS, SECONDS * 1000, 10**400, True, False, None])
)
NAMES = st.sampled_from(
    ["event", "email", "eventType", "mail", "bounce", "headers", "timestamp", "RecordType", "recipient"]
)
JSON = st.recursive(
    TEXTS | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def run(reading: Coroutine[Any, Any, WebhookReading]) -> WebhookReading | WebhookRefused:
    """Runs a reader to its end without an event loop: it may wait for nothing but the fetch, which is at once."""
    try:
        reading.send(None)
    except StopIteration as done:
        made: WebhookReading = done.value
        return made
    except WebhookRefused as refused:
        return refused
    raise AssertionError("it waits for something")


def check(result: WebhookReading | WebhookRefused) -> None:
    """Checks all that holds for every result."""
    if isinstance(result, WebhookRefused):
        assert 400 <= result.status <= 503
        assert str(result).isprintable()
    elif isinstance(result, ReceivedEvents):
        json.dumps(dict(result.ignored)).encode()
        for event in result.events:
            assert event.kind in EventKind
            assert EARLIEST <= event.at <= NOW + AHEAD
            assert event.recipient is None or parse_address(event.recipient) == event.recipient
            assert len(event.event_key) < 80
            assert event.event_key.isascii()
            assert len(event.diagnostic.encode()) <= 8_000
            find_verified_delivery(event.candidates, LINKS)
    else:
        assert result == SubscriptionToConfirm(SUBSCRIBE_URL)


@st.composite
def mutilated(draw: st.DrawFn, value: Any) -> Any:
    """An honest payload in which some values are others, or are missing."""
    if draw(st.integers(0, 11)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: draw(mutilated(inner)) for name, inner in value.items() if draw(st.integers(0, 19))}
    if isinstance(value, list):
        return [draw(mutilated(inner)) for inner in value]
    return value


@pytest.mark.parametrize("provider", SIGNED)
def test_signed_nonsense_is_read_or_refused(provider: str) -> None:
    """Providers make mistakes, too, and change their forms."""

    @settings(max_examples=60)
    @given(JSON | mutilated(HONEST[provider]))
    def try_nonsense(payload: Any) -> None:
        check(run(SIGNED[provider](payload).read()))

    try_nonsense()
    honest = run(SIGNED[provider](HONEST[provider]).read())
    assert isinstance(honest, ReceivedEvents)
    assert honest.events
    assert honest.malformed == 0


@settings(max_examples=60)
@given(mutilated(dict.fromkeys(["Subject", "MessageId", "Message"], "x") | {"Type": "SubscriptionConfirmation"}))
def test_messages_of_sns_with_other_fields(fields: Any) -> None:
    """Each field of a message may be anything; only our topic and its host lead anywhere."""
    network = Amazon()
    message = {**sns_message("SubscriptionConfirmation"), **(fields if isinstance(fields, dict) else {})}
    check(run(sns_request(message).read(fetch=network)))
    assert set(network.asked) <= {CERTIFICATE_URL}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_random_octets_are_never_accepted(provider: str) -> None:
    """Nobody without a secret gets an event in, whatever the body and the header fields are."""
    names = ["authorization", "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"]
    headers = st.lists(st.tuples(st.sampled_from([*names, "X"]), st.text(max_size=99)), max_size=5)
    whole = JSON.map(lambda value: json.dumps({"signature": value, "event-data": HONEST["mailgun"]}).encode())

    @settings(max_examples=60)
    @given(headers, st.binary(max_size=300) | JSON.map(json.dumps).map(str.encode) | whole)
    def try_random(headers: list[tuple[str, str]], body: bytes) -> None:
        network = Amazon()
        assert isinstance(run(Request(provider, tuple(headers), body).read(fetch=network)), WebhookRefused)
        assert network.asked == []

    try_random()


@settings(max_examples=150)
@given(
    st.text(max_size=120) | st.builds("{}://{}?{}={}".format, st.sampled_from([*PROVIDERS, "x"]), TEXTS, TEXTS, TEXTS)
)
def test_any_text_as_a_url(url: str) -> None:
    """A setting is right or a ValueError on one printable line."""
    try:
        parse_webhook_endpoint(url)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017 - both ways are right


LARGEST = {
    "open lists": b"[" * MAX_BODY,
    "numbers": b"[" + b"1," * (MAX_BODY // 2 - 2) + b"1]",
    "empty objects": b"[" + b"{}," * (MAX_BODY // 3 - 2) + b"{}]",
    "one text": b'{"event": "' + b"a" * (MAX_BODY - 20) + b'"}',
    "escapes": b'"' + b"\\u0000" * (MAX_BODY // 6 - 2) + b'"',
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}",
    "digits": b"9" * MAX_BODY,
    "octets": b"\xff" * MAX_BODY,
}


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_largest_bodies_take_less_than_a_second(provider: str, name: str) -> None:
    """Time grows with the size of a body, and the size has a limit."""
    body = LARGEST[name]
    assert len(body) <= MAX_BODY
    in_body = provider in ("mailgun", "ses")
    request = replace(sns_request({}), provider=provider, body=body) if in_body else SIGNED[provider](body)
    began = time.process_time()
    check(run(request.read()))
    assert time.process_time() - began < 1
