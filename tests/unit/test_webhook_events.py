"""The events of SendGrid, Postmark, Mailgun and Brevo, and what we make of them."""

from collections.abc import Callable
from typing import Any

import pytest

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, ReceivedEvents
from mailer.rendering.link_tokens import BounceToken
from tests.webhook_payloads import AT, REPLY, brevo, mailgun, only_event, postmark, sendgrid, sendgrid_of
from tests.webhook_requests import (
    ADDRESS,
    LINKS,
    MAILING,
    RECIPIENT,
    Request,
    brevo_request,
    mailgun_request,
    postmark_request,
    sendgrid_request,
)

BOUNCED, DEFERRED, DELIVERED = EventKind.BOUNCED, EventKind.DEFERRED, EventKind.DELIVERED
COMPLAINED, UNSUBSCRIBED = EventKind.COMPLAINED, EventKind.UNSUBSCRIBED
HARD, SOFT, BLOCKED = BounceClass


@pytest.mark.parametrize(
    ("request_of", "told", "kind", "bounce"),
    [
        (sendgrid_of, sendgrid("delivered", response="250 2.0.0 OK"), DELIVERED, None),
        (sendgrid_of, sendgrid("deferred", response="400 try again later", attempt="5"), DEFERRED, None),
        (sendgrid_of, sendgrid("bounce", type="bounce", reason=REPLY, status="5.1.1"), BOUNCED, HARD),
        (sendgrid_of, sendgrid("bounce", type="blocked", reason=REPLY, status="5.7.1"), BOUNCED, BLOCKED),
        (sendgrid_of, sendgrid("bounce", type="expired", reason="unable to get mx info"), BOUNCED, SOFT),
        (sendgrid_of, sendgrid("bounce", reason="500 unknown recipient", status="5.0.0"), BOUNCED, None),
        (sendgrid_of, sendgrid("bounce", type="new", reason="?"), BOUNCED, None),
        (sendgrid_of, sendgrid("dropped", reason="Bounced Address", status="5.0.0"), BOUNCED, BLOCKED),
        (sendgrid_of, sendgrid("spamreport"), COMPLAINED, None),
        (sendgrid_of, sendgrid("unsubscribe"), UNSUBSCRIBED, None),
        (sendgrid_of, sendgrid("group_unsubscribe", asm_group_id=10), UNSUBSCRIBED, None),
        (postmark_request, postmark("Delivery"), DELIVERED, None),
        (postmark_request, postmark("Bounce", Type="HardBounce", TypeCode=1), BOUNCED, HARD),
        (postmark_request, postmark("Bounce", Type="SoftBounce", TypeCode=4096), BOUNCED, SOFT),
        (postmark_request, postmark("Bounce", Type="DnsError", TypeCode=256), BOUNCED, SOFT),
        (postmark_request, postmark("Bounce", Type="Unknown", TypeCode=2048), BOUNCED, None),
        (postmark_request, postmark("Bounce", Type="SpamNotification", TypeCode=512), BOUNCED, BLOCKED),
        (postmark_request, postmark("Bounce", Type="DMARCPolicy", TypeCode=100009), BOUNCED, BLOCKED),
        (postmark_request, postmark("Bounce", Type="ManuallyDeactivated", TypeCode=100006), BOUNCED, BLOCKED),
        (postmark_request, postmark("Bounce", Type="Transient", TypeCode=2), DEFERRED, None),
        (postmark_request, postmark("Bounce", Type="Unsubscribe", TypeCode=16), UNSUBSCRIBED, None),
        (postmark_request, postmark("Bounce", Type="SpamComplaint", TypeCode=100001), COMPLAINED, None),
        (postmark_request, postmark("SpamComplaint", Type="SpamComplaint"), COMPLAINED, None),
        (mailgun_request, mailgun("delivered"), DELIVERED, None),
        (mailgun_request, mailgun("failed", severity="temporary", reason="generic"), DEFERRED, None),
        (mailgun_request, mailgun("failed", severity="permanent", reason="bounce"), BOUNCED, HARD),
        (mailgun_request, mailgun("failed", severity="permanent", reason="suppress-bounce"), BOUNCED, BLOCKED),
        (mailgun_request, mailgun("failed", severity="permanent", reason="suppress-complaint"), BOUNCED, BLOCKED),
        (mailgun_request, mailgun("failed", severity="permanent", reason="old"), BOUNCED, SOFT),
        (mailgun_request, mailgun("failed", severity="permanent", reason="generic"), BOUNCED, None),
        (mailgun_request, mailgun("complained"), COMPLAINED, None),
        (mailgun_request, mailgun("unsubscribed"), UNSUBSCRIBED, None),
        (mailgun_request, mailgun("rejected", reject={"reason": "Sandbox"}, recipient=None), BOUNCED, BLOCKED),
        (brevo_request, brevo("delivered"), DELIVERED, None),
        (brevo_request, brevo("deferred"), DEFERRED, None),
        (brevo_request, brevo("hard_bounce"), BOUNCED, HARD),
        (brevo_request, brevo("soft_bounce"), BOUNCED, SOFT),
        (brevo_request, brevo("blocked"), BOUNCED, BLOCKED),
        (brevo_request, brevo("invalid_email"), BOUNCED, None),
        (brevo_request, brevo("error"), BOUNCED, None),
        (brevo_request, brevo("spam"), COMPLAINED, None),
        (brevo_request, brevo("complaint"), COMPLAINED, None),
        (brevo_request, brevo("unsubscribed"), UNSUBSCRIBED, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_events_of_every_kind(
    request_of: Callable[[Any], Request], told: Any, kind: EventKind, bounce: BounceClass | None
) -> None:
    """Each has its kind and class, its time and address, and a signed token that names the delivery."""
    event = await only_event(request_of(told))
    assert (event.kind, event.bounce, event.recipient) == (kind, bounce, ADDRESS)
    assert event.at.replace(microsecond=0) == AT
    assert find_only_delivery_proof(event.candidates, LINKS) == BounceToken(MAILING, RECIPIENT)


@pytest.mark.parametrize(
    ("request_of", "told"),
    [
        (sendgrid_of, sendgrid("bounce", type="bounce", reason=REPLY, status="5.1.1")),
        (sendgrid_of, sendgrid("bounce", type="bounce", reason=REPLY)),
        (postmark_request, postmark("Bounce", Type="HardBounce")),
        (mailgun_request, mailgun("failed", severity="permanent", reason="bounce")),
        (brevo_request, brevo("hard_bounce")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_the_words_of_the_recipients_server(request_of: Callable[[Any], Request], told: Any) -> None:
    """Status and text are as the table of replies reads them: the class is a hint only."""
    event = await only_event(request_of(told))
    assert event.status == "5.1.1"
    assert REPLY in event.diagnostic


@pytest.mark.parametrize(
    ("request_of", "told", "name"),
    [
        (sendgrid_of, sendgrid("processed"), "processed"),
        (sendgrid_of, sendgrid("open"), "open"),
        (sendgrid_of, sendgrid("group_resubscribe"), "group_resubscribe"),
        (sendgrid_of, {"event": "account_status_change", "type": "compliance_suspend"}, "account_status_change"),
        (sendgrid_of, sendgrid("DROP TABLE; --"), "unknown"),
        (sendgrid_of, sendgrid("a" * 61), "unknown"),
        (postmark_request, postmark("Open"), "Open"),
        (postmark_request, postmark("Click"), "Click"),
        (postmark_request, postmark("Bounce", Type="AutoResponder"), "Bounce AutoResponder"),
        (postmark_request, postmark("Bounce", Type="Subscribe"), "Bounce Subscribe"),
        (mailgun_request, mailgun("opened"), "opened"),
        (mailgun_request, mailgun("accepted"), "accepted"),
        (brevo_request, brevo("request"), "request"),
        (brevo_request, brevo("unique_proxy_open"), "unique_proxy_open"),
        (brevo_request, brevo("list_addition"), "list_addition"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_kinds_that_nobody_acts_on(request_of: Callable[[Any], Request], told: Any, name: str) -> None:
    """They are counted by a name that is fit for a log and a metric."""
    reading = await request_of(told).read_events()
    assert (reading.events, reading.ignored, reading.malformed) == ((), {name: 1}, 0)


async def test_a_change_of_subscription_at_postmark() -> None:
    """Only the recipient's own opt-out counts. Bounces and complaints have events of their own."""
    change = {"ChangedAt": "2026-11-30T11:59:10Z", "Origin": "Recipient", "SuppressSending": True}
    manual = {**change, "SuppressionReason": "ManualSuppression"}
    event = await only_event(postmark_request(postmark("SubscriptionChange", DeliveredAt=None, **manual)))
    assert (event.kind, event.recipient, event.at) == (UNSUBSCRIBED, ADDRESS, AT)
    for other in (
        {**manual, "SuppressSending": False},
        {**manual, "SuppressSending": "true"},
        {**manual, "Origin": "Customer"},
        {**manual, "Origin": "Admin"},
        {**manual, "SuppressionReason": "HardBounce"},
        {**manual, "SuppressionReason": "SpamComplaint"},
        change,
    ):
        reading = await postmark_request(postmark("SubscriptionChange", **other)).read_events()
        assert reading == ReceivedEvents(ignored={"SubscriptionChange": 1})


async def test_brevos_time_is_in_milliseconds_or_seconds() -> None:
    """Its documentation shows both under one name."""
    for stamp in (int(AT.timestamp()), int(AT.timestamp()) * 1000):
        assert (await only_event(brevo_request(brevo("delivered", ts_epoch=stamp)))).at == AT
    late = brevo("delivered")
    del late["ts_epoch"]
    assert (await only_event(brevo_request(late))).at == AT


async def test_keys_differ_where_events_differ() -> None:
    """Another name, address, mail or time is another event."""
    keys = [
        (await only_event(request)).event_key
        for request in (
            brevo_request(brevo("delivered")),
            brevo_request(brevo("deferred")),
            brevo_request(brevo("deferred", ts_epoch=1)),
            brevo_request(brevo("delivered", email="b@people.example")),
            brevo_request(brevo("delivered", **{"message-id": "<other@relay.example>"})),
            postmark_request(postmark("Delivery")),
            postmark_request(postmark("Delivery", Recipient="b@people.example")),
            postmark_request(postmark("Bounce", Type="HardBounce")),
            postmark_request(postmark("Bounce", Type="HardBounce", ID=5)),
            sendgrid_request(sendgrid("delivered")),
            sendgrid_request(sendgrid("delivered", sg_event_id="other")),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) < 80


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("550-5.1.1 no such user", "5.1.1"),
        ("Remote host said: 550 (#5.2.2)", "5.2.2"),
        ("450 4.7.650 from [5.1.1.1]", "4.7.650"),
        ("connect to 5.1.1.1:25 failed", None),
        ("version 15.1.1", None),
        ("3.1.1", None),
    ],
)
async def test_a_status_in_the_words(text: str, status: str | None) -> None:
    """It is found in the words if the provider has no field for it; an IP address is none."""
    assert (await only_event(brevo_request(brevo("soft_bounce", reason=text)))).status == status
