"""Batches, fields and bodies of webhooks that are not as they should be: what is counted, and what is refused."""

from typing import Any

import pytest

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.inbound.webhooks.event_json import MAX_BRACKETS, MAX_DEPTH, MAX_EVENTS, MAX_IDENTIFIER
from mailer.inbound.webhooks.event_reading import MAX_IGNORED_NAMES
from mailer.inbound.webhooks.provider_events import EventKind, ReceivedEvents
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused
from mailer.rendering.link_tokens import BounceToken
from tests.webhook_payloads import brevo, mailgun, only_event, postmark, sendgrid
from tests.webhook_requests import (
    LINKS,
    MAILING,
    NOW,
    RECIPIENT,
    SECONDS,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
)


async def test_batches_keep_their_order_and_each_event_stands_alone() -> None:
    """One that is malformed is counted, and the events beside it are read."""
    for request_of, make, name in (
        (sendgrid_request, sendgrid, "sg_event_id"),
        (brevo_request, brevo, "message-id"),
    ):
        good = [make("delivered", email=f"{letter}@people.example", **{name: letter}) for letter in "abc"]
        batch = [
            good[0],
            7,
            None,
            [],
            {},
            make("delivered", email=None),
            good[1],
            make("click"),
            good[2],
            make("click"),
        ]
        reading = await request_of(batch).read_events()
        assert [event.recipient for event in reading.events] == [f"{letter}@people.example" for letter in "abc"]
        assert len({event.event_key for event in reading.events}) == 3
        assert (reading.ignored, reading.malformed) == ({"click": 2}, 5)
        assert await request_of([]).read_events() == ReceivedEvents()


async def test_a_batch_has_an_end() -> None:
    """More events than any provider sends are refused whole, and names are told apart up to a number."""
    many = [brevo("delivered", **{"message-id": f"{number}@relay.example"}) for number in range(500)]
    assert len((await brevo_request(many).read_events()).events) == 500
    assert len((await brevo_request(many + many).read_events()).events) == 500  # each once
    with pytest.raises(WebhookRefused) as caught:
        await brevo_request([0] * (MAX_EVENTS + 1)).read()
    assert (caught.value.reason, caught.value.status) == (RefusalReason.TOO_LARGE, 413)
    reading = await brevo_request([{"event": f"name_{number}"} for number in range(100)]).read_events()
    assert (len(reading.ignored), reading.ignored["others"]) == (MAX_IGNORED_NAMES + 1, 100 - MAX_IGNORED_NAMES)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": None},
        {"event": 1.5},
        {"event": True},
        {"event": ["delivered"]},
        {"event": ""},
        {"event": "deliv\ud800ered"},
        {"email": None},
        {"email": {}},
        {"email": ""},
        {"email": "a" * (MAX_IDENTIFIER + 1)},
        {"email": "a@b.example\r\nBcc: c@d.example"},
        {"email": "a@b.example\u202e"},
    ],
)
async def test_fields_that_an_event_needs_have_their_types(fields: dict[str, Any]) -> None:
    """A field that is missing, of another type or not fit for one line makes an event malformed."""
    ids = {"sg_event_id": "id", "message-id": "id"}
    for request in (
        sendgrid_request({**sendgrid("delivered", **ids), **fields}),
        brevo_request(brevo("delivered") | fields),
    ):
        assert await request.read_events() == ReceivedEvents(malformed=1)


async def test_events_without_what_makes_them_unique_are_malformed() -> None:
    """An event that cannot be told from its repetition would act twice."""
    for request in (
        sendgrid_request(sendgrid("delivered", sg_event_id=None)),
        sendgrid_request(sendgrid("delivered", sg_event_id=[])),
        postmark_request(postmark("Delivery", MessageID=None)),
        brevo_request({name: value for name, value in brevo("delivered").items() if not name.startswith("ts_")}),
        brevo_request(brevo("delivered", **{"message-id": ""})),
    ):
        assert await request.read_events() == ReceivedEvents(malformed=1)
    for severity in (None, "", "Permanent", "unknown", 5):
        reading = await mailgun_request(mailgun("failed", severity=severity)).read_events()
        assert (reading.events, reading.malformed) == ((), 1)


async def test_an_address_that_is_none_does_not_lose_the_event() -> None:
    """Providers redact addresses. The person is found by the token, and not by the address."""
    for address in ("redacted", "ann@", "<ann@people.example", "a b@people.example", "ann@people.example>"):
        event = await only_event(sendgrid_request(sendgrid("spamreport", email=address)))
        assert (event.recipient, event.kind) == (None, EventKind.COMPLAINED)
        assert find_only_delivery_proof(event.candidates, LINKS) == BounceToken(MAILING, RECIPIENT)


@pytest.mark.parametrize(
    "time",
    [
        None,
        "",
        "soon",
        -1,
        0.5e18,
        10**400,
        True,
        [],
        float("nan"),
        float("inf"),
        SECONDS + 3600,
        "2030-01-01T00:00:00Z",
    ],
)
async def test_a_time_that_cannot_be_true_is_that_of_the_request(time: Any) -> None:
    """No event happens after it is told; a wrong clock loses none."""
    assert (await only_event(sendgrid_request(sendgrid("delivered", timestamp=time)))).at == NOW


async def test_words_are_fit_to_be_stored() -> None:
    """No control character, no half of a surrogate pair, and not without end."""
    event = await only_event(sendgrid_request(sendgrid("bounce", reason="5.1.1 \x00\x1b[31m\ud800" + "x" * 100_000)))
    assert len(event.diagnostic) <= 2_000
    assert event.diagnostic.encode()
    assert "\x1b" not in event.diagnostic
    assert event.status == "5.1.1"
    assert event.diagnostic[:20] not in repr(event)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe",
        b"event=delivered&email=ann%40people.example",
        b'[{"event": "open", "event": "delivered"}]',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 500_000,
        b"[" + b"[]," * MAX_BRACKETS + b"[]]",
        b"[" * 40_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        b'[{"timestamp": ' + b"9" * 10_000 + b"}]",
    ],
    ids=range(12),
)
async def test_bodies_that_are_no_json_of_ours(body: bytes) -> None:
    """Whoever signed them, they are refused with 400. Depth, duplicate keys and huge numbers count as broken."""
    for request in (sendgrid_request(body), postmark_request(body), brevo_request(body)):
        with pytest.raises(WebhookRefused) as caught:
            await request.read()
        assert (caught.value.reason, caught.value.status) == (RefusalReason.MALFORMED, 400)
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert await brevo_request(deepest).read_events() == ReceivedEvents(malformed=1)
