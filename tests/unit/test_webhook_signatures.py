"""The checks of SendGrid, Mailgun, Postmark and Brevo: forgeries, repetitions and old requests are refused."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailer.inbound.webhooks.provider_events import EventKind, ReceivedEvents
from mailer.inbound.webhooks.registry import parse_webhook_endpoint, verify_and_read_webhook
from mailer.inbound.webhooks.signature_reading import MAX_AGE
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused
from mailer.input_types import AHEAD
from mailer.ports.received_webhooks import MAX_WEBHOOK_OCTETS
from tests.webhook_requests import (
    ADDRESS,
    MAILGUN_KEY,
    MAILGUN_TOKEN,
    NOW,
    PASSWORD,
    SECONDS,
    Amazon,
    Request,
    brevo_request,
    mailgun_request,
    mailgun_signature,
    postmark_request,
    public_key_text,
    sendgrid_request,
)

SENDGRID = [{"event": "delivered", "email": ADDRESS, "timestamp": SECONDS, "sg_event_id": "id-1"}]
MAILGUN = {"event": "delivered", "recipient": ADDRESS, "timestamp": SECONDS}
POSTMARK = {"RecordType": "Delivery", "MessageID": "m-1", "Recipient": ADDRESS, "DeliveredAt": "2026-11-30T11:00:00Z"}
BREVO = {"event": "delivered", "email": ADDRESS, "message-id": "<m-1@relay.example>", "ts_epoch": SECONDS * 1000}
MAKERS: Mapping[str, Callable[[], Request]] = {
    "sendgrid": lambda: sendgrid_request(SENDGRID),
    "mailgun": lambda: mailgun_request(MAILGUN),
    "postmark": lambda: postmark_request(POSTMARK),
    "brevo": lambda: brevo_request(BREVO),
}
NOT_AUTHENTIC = RefusalReason.NOT_AUTHENTIC, 401
STALE = RefusalReason.STALE, 403
MALFORMED = RefusalReason.MALFORMED, 400


@cache
def honest(provider: str) -> Request:
    """A request that its provider sent."""
    return MAKERS[provider]()


async def refusal(request: Request, now: Any = NOW) -> tuple[RefusalReason, int]:
    """The reason and status with which a request is refused."""
    with pytest.raises(WebhookRefused) as caught:
        await request.read(now)
    assert PASSWORD not in str(caught.value)
    assert ADDRESS not in str(caught.value)
    return caught.value.reason, caught.value.status


def with_header(request: Request, name: str, value: str | None) -> Request:
    """The request with another value of a header field, or without it."""
    kept = [header for header in request.headers if header[0].lower() != name.lower()]
    return replace(request, headers=(*kept, *([] if value is None else [(name, value)])))


@pytest.mark.parametrize("provider", MAKERS)
async def test_an_honest_request_is_read_and_uses_no_network(provider: str) -> None:
    """Only SES needs a certificate. Header fields have any case."""
    request, network = honest(provider), Amazon()
    lower = replace(request, headers=tuple((name.lower(), value) for name, value in request.headers))
    for one in (request, lower):
        reading = await one.read(fetch=network)
        assert isinstance(reading, ReceivedEvents)
        assert [(event.kind, event.recipient) for event in reading.events] == [(EventKind.DELIVERED, ADDRESS)]
    assert network.asked == []


@pytest.mark.parametrize("provider", MAKERS)
async def test_the_same_request_has_the_same_event_key(provider: str) -> None:
    """A repetition, also a replay by a stranger, is known by the key. Keys say nothing of the person."""
    first, again = await honest(provider).read_events(), await honest(provider).read_events(NOW + timedelta(hours=1))
    assert first.events[0].event_key == again.events[0].event_key
    assert first.events[0].event_key.startswith(f"{provider}:")
    assert "@" not in first.events[0].event_key
    assert ADDRESS not in repr(first)


@pytest.mark.parametrize("provider", ["sendgrid", "postmark", "brevo"])
async def test_without_its_header_fields_no_request_is_believed(provider: str) -> None:
    """These are not believed for their body alone; Mailgun has its signature there."""
    assert await refusal(replace(honest(provider), headers=())) == NOT_AUTHENTIC


@pytest.mark.parametrize("provider", ["sendgrid", "postmark", "brevo"])
async def test_a_header_field_that_stands_twice_is_refused(provider: str) -> None:
    """A proxy and we could read another one of the two."""
    request = honest(provider)
    assert await refusal(replace(request, headers=(*request.headers, request.headers[0]))) == MALFORMED
    long = replace(request, headers=((request.headers[0][0], "a" * 5000), *request.headers[1:]))
    assert await refusal(long) == MALFORMED


@pytest.mark.parametrize("provider", ["sendgrid", "postmark", "brevo"])
async def test_the_body_is_not_parsed_before_the_check(provider: str) -> None:
    """A body that is no JSON is refused for its signature, and only an authentic one for its form."""
    request = replace(honest(provider), body=b"{" * 1000)
    expected = MALFORMED if provider != "sendgrid" else NOT_AUTHENTIC
    assert await refusal(request) == expected
    assert await refusal(replace(request, headers=())) == NOT_AUTHENTIC


async def test_sendgrid_forgeries() -> None:
    """Another body, time, key or signature does not verify."""
    request = honest("sendgrid")
    other = json.dumps([{**SENDGRID[0], "event": "bounce"}]).encode()
    signature, timestamp = (name for name, _ in request.headers)
    for forged in (
        replace(request, body=other),
        replace(request, body=request.body + b" "),
        with_header(request, timestamp, str(SECONDS + 1)),
        with_header(request, timestamp, None),
        with_header(request, signature, ""),
        with_header(request, signature, "AAAA"),
        with_header(request, signature, f"!{dict(request.headers)[signature]}"),  # not skipped, as lax decoders do
        with_header(request, signature, "no base64"),
        with_header(request, signature, "ÿ" * 90),
        with_header(request, signature, "MAYCAQACAQA="),  # r = s = 0
    ):
        assert await refusal(forged) == NOT_AUTHENTIC
    elsewhere = parse_webhook_endpoint(f"sendgrid://b?key={public_key_text(ec.generate_private_key(ec.SECP256R1()))}")
    with pytest.raises(WebhookRefused):
        await verify_and_read_webhook(elsewhere, request.headers, request.body, NOW, Amazon())


async def test_digits_do_not_move_from_sendgrids_time_into_its_body() -> None:
    """The signature covers time and body as one text; a body that begins with digits is no JSON of events."""
    signed = sendgrid_request(b"1" + json.dumps(SENDGRID).encode(), SECONDS)
    moved = with_header(signed, "X-Twilio-Email-Event-Webhook-Timestamp", f"{SECONDS}1")
    assert await refusal(replace(moved, body=signed.body[1:])) == STALE


@pytest.mark.parametrize("make", [sendgrid_request, mailgun_request])
async def test_a_signed_time_has_a_window(make: Any) -> None:
    """A request may be repeated for a day, and clocks differ by minutes. What is older or later is refused."""
    event = SENDGRID if make is sendgrid_request else MAILGUN
    oldest, latest = int(MAX_AGE.total_seconds()), int(AHEAD.total_seconds())
    for age in (0, oldest, -latest):
        assert (await make(event, SECONDS - age).read_events()).events
    for age in (oldest + 1, -latest - 1):
        assert await refusal(make(event, SECONDS - age)) == STALE
    assert await refusal(make(event), NOW + timedelta(days=30)) == STALE


@pytest.mark.parametrize("seconds", ["", "x", "1.5e9", "-1", "99999999999", "9" * 400, "٣" * 10])
async def test_a_signed_time_that_is_none(seconds: str) -> None:
    """It is refused as an error of form, or as too far away."""
    assert (await refusal(sendgrid_request(SENDGRID, seconds)))[0] in (RefusalReason.MALFORMED, RefusalReason.STALE)


async def test_mailgun_forgeries() -> None:
    """Another time, token or key does not verify, nor what is no signature."""
    body = json.loads(honest("mailgun").body)
    signed = body["signature"]
    wrong: list[Any] = [
        {**signed, "timestamp": str(SECONDS + 1)},
        {**signed, "token": MAILGUN_TOKEN[::-1]},
        {**signed, "signature": mailgun_signature(key="another-key-that-is-long-enough")},
        {**signed, "signature": ""},
        {**signed, "signature": None},
        {**signed, "signature": 0},
        {**signed, "signature": [signed["signature"]]},
        {**signed, "signature": "ÿ" * 64},
        {**signed, "token": ""},
        {**signed, "token": None},
        {"timestamp": signed["timestamp"], "token": signed["token"]},
        {},
    ]
    for signature in wrong:
        forged = json.dumps({**body, "signature": signature}).encode()
        assert await refusal(replace(honest("mailgun"), body=forged)) == NOT_AUTHENTIC


async def test_digits_do_not_move_between_mailguns_time_and_token() -> None:
    """The signature covers both as one text. So a replay could have a new time, if digits of the token could move."""
    old = SECONDS // 10_000  # six digits of an old time; the token begins with the rest of a new one
    token = f"{SECONDS % 10_000:04}{MAILGUN_TOKEN}"
    moved = {"timestamp": str(SECONDS), "token": MAILGUN_TOKEN, "signature": mailgun_signature(old, token)}
    assert moved["signature"] == mailgun_signature()
    assert await refusal(mailgun_request(MAILGUN, old, token)) == NOT_AUTHENTIC
    assert await refusal(mailgun_request(MAILGUN, SECONDS, "1234")) == NOT_AUTHENTIC


async def test_mailguns_token_is_the_key_whatever_the_event_says() -> None:
    """The signature does not cover the event: with one signature, only one event acts."""
    first = await honest("mailgun").read_events()
    body = json.loads(honest("mailgun").body)
    body["event-data"] = {**MAILGUN, "event": "complained", "recipient": "other@people.example"}
    forged = await replace(honest("mailgun"), body=json.dumps(body).encode()).read_events()
    assert forged.events[0].event_key == first.events[0].event_key == forged.request_key
    body["event-data"] = {"event": "opened", "recipient": ADDRESS}
    ignored = await replace(honest("mailgun"), body=json.dumps(body).encode()).read_events()
    assert (ignored.events, ignored.ignored) == ((), {"opened": 1})
    assert ignored.request_key == first.request_key


async def test_mailguns_primary_account_signs_for_a_subaccount() -> None:
    """The second signature is that of the account whose key we have."""
    body = json.loads(honest("mailgun").body)
    body["signature"] |= {"signature": "0" * 64, "parent-signature": mailgun_signature().upper()}
    assert (await replace(honest("mailgun"), body=json.dumps(body).encode()).read_events()).events
    body["signature"]["timestamp"] = SECONDS  # documented as a number, sent as a text
    assert (await replace(honest("mailgun"), body=json.dumps(body).encode()).read_events()).events


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer ",
        f"Bearer {PASSWORD[:-1]}",
        f"Bearer {PASSWORD}0",
        f"Bearer {PASSWORD.upper()}",
        f"Basic {PASSWORD}",
        PASSWORD,
        f"Digest {PASSWORD}",
        f"Bearer\t{PASSWORD}",
        "Bearer ÿ\x80",
    ],
)
async def test_wrong_secrets(authorization: str) -> None:
    """A secret is compared whole, with its scheme."""
    for request in (honest("brevo"), honest("postmark")):
        assert await refusal(with_header(request, "Authorization", authorization)) == NOT_AUTHENTIC


async def test_a_scheme_has_any_case() -> None:
    """RFC 9110 11.1 says so; the secret itself has its case."""
    for word in ("bearer", "BEARER"):
        assert (await with_header(honest("brevo"), "authorization", f"{word} {PASSWORD}").read_events()).events
    assert await refusal(postmark_request(POSTMARK, user="Mailer")) == NOT_AUTHENTIC
    assert await refusal(postmark_request(POSTMARK, password=MAILGUN_KEY)) == NOT_AUTHENTIC


async def test_brevo_by_user_and_password() -> None:
    """Brevo can send a user and a password, too."""
    basic = parse_webhook_endpoint(f"brevo://b?user=mailer&password={PASSWORD}")
    request = postmark_request(BREVO)
    reading = await verify_and_read_webhook(basic, request.headers, request.body, NOW, Amazon())
    assert isinstance(reading, ReceivedEvents)
    assert len(reading.events) == 1
    with pytest.raises(WebhookRefused):
        await verify_and_read_webhook(basic, honest("brevo").headers, request.body, NOW, Amazon())


@pytest.mark.parametrize("provider", MAKERS)
async def test_too_much_is_refused_before_anything_else(provider: str) -> None:
    """Neither a body nor a number of header fields is without end."""
    request = honest(provider)
    assert await refusal(replace(request, body=b" " * (MAX_WEBHOOK_OCTETS + 1))) == (RefusalReason.TOO_LARGE, 413)
    many = tuple((f"x-{number}", "") for number in range(201))
    assert await refusal(replace(request, headers=many)) == (RefusalReason.TOO_LARGE, 413)
