"""The effect of an event: what the server said decides, and the service's own word can only make it milder."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailer.inbound.delivery_proof import DeliveryTokenCandidates
from mailer.inbound.webhook_events import decide_effect_of_event, read_stored_event, store_proven_event
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, ProviderEvent
from mailer.ports.received_mail import ReceivedMailEffect, ReportedDelivery
from mailer.rendering.link_tokens import BounceToken
from tests.webhook_requests import ADDRESS, MAILING, RECIPIENT

DELIVERY = ReportedDelivery("brand", "newsletter", MAILING, RECIPIENT, 1, "relay", ADDRESS)
EVENT = ProviderEvent(
    EventKind.BOUNCED, "x:1", datetime(2026, 11, 30, 12, tzinfo=UTC), ADDRESS, DeliveryTokenCandidates()
)
DEAD, SOFT = ReceivedMailEffect.ADDRESS_DEAD, ReceivedMailEffect.SOFT_BOUNCE
FAULT, NONE = ReceivedMailEffect.SENDER_FAULT, ReceivedMailEffect.NONE
UNKNOWN, FULL, SPAM = "550 5.1.1 user unknown", "552 5.2.2 mailbox full", "550 5.7.1 message looks like spam"


def effect_of(event: ProviderEvent, delivery: ReportedDelivery | None = DELIVERY) -> ReceivedMailEffect:
    """The effect of an event that was stored and read again."""
    stored = store_proven_event(event, BounceToken(MAILING, RECIPIENT))
    assert (stored.mailing_id, stored.recipient_id, stored.event_key) == (MAILING, RECIPIENT, "x:1")
    return decide_effect_of_event(read_stored_event(stored.content), delivery).effect


@pytest.mark.parametrize(
    ("hint", "status", "said", "effect"),
    [
        (BounceClass.HARD, "5.1.1", UNKNOWN, DEAD),
        (None, "5.1.1", UNKNOWN, DEAD),
        (BounceClass.HARD, None, "", DEAD),
        (BounceClass.HARD, None, "the service's own words", DEAD),
        (BounceClass.HARD, "5.2.2", FULL, SOFT),
        (BounceClass.HARD, "5.7.1", SPAM, FAULT),
        (BounceClass.SOFT, "5.1.1", UNKNOWN, SOFT),
        (BounceClass.SOFT, None, "", SOFT),
        (BounceClass.BLOCKED, "5.1.1", UNKNOWN, FAULT),
        (None, None, "", SOFT),
        (None, "4.4.1", "451 4.4.1 try again later", SOFT),
    ],
)
def test_the_class_of_a_bounce(hint: BounceClass | None, status: str | None, said: str, effect: str) -> None:
    """Only a refusal whose words do not speak against it is hard."""
    assert effect_of(replace(EVENT, bounce=hint, status=status, diagnostic=said)) == effect


@pytest.mark.parametrize(
    ("delivery", "effect"),
    [
        (None, NONE),
        (replace(DELIVERY, address=None), NONE),
        (replace(DELIVERY, address="ann@elsewhere.example"), NONE),
        (replace(DELIVERY, has_moved=True), NONE),
        (replace(DELIVERY, address=ADDRESS.upper()), DEAD),
    ],
)
def test_a_hard_bounce_is_about_the_present_address(delivery: ReportedDelivery | None, effect: str) -> None:
    """A person who has moved, or whose mail is forwarded, is not made unreachable."""
    hard = replace(EVENT, bounce=BounceClass.HARD, status="5.1.1", diagnostic=UNKNOWN)
    assert effect_of(hard, delivery) == effect
    assert effect_of(replace(hard, recipient=None), delivery) == NONE


def test_a_wish_is_obeyed_if_its_mail_is_known() -> None:
    """A complaint and an opt-out need the delivery, and no address."""
    for kind, effect in (
        (EventKind.COMPLAINED, ReceivedMailEffect.COMPLAINT),
        (EventKind.UNSUBSCRIBED, ReceivedMailEffect.OPT_OUT),
    ):
        event = replace(EVENT, kind=kind, recipient=None)
        assert (effect_of(event), effect_of(event, None)) == (effect, NONE)
