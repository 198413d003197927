"""The events of SES, in the forms that Amazon publishes, and what we make of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mailer.inbound.delivery_proof import find_only_delivery_proof
from mailer.inbound.webhooks.provider_events import BounceClass, EventKind, ReceivedEvents
from mailer.rendering.link_tokens import BounceToken
from tests.webhook_requests import (
    ADDRESS,
    LINKS,
    MAILING,
    NOW,
    RECIPIENT,
    RETURN_LOCAL,
    ses_mail,
    ses_request,
)

AT = "2026-11-30T11:59:41.669Z"


def bounce(kind: str = "Permanent", subtype: str = "General", **recipient: Any) -> dict[str, Any]:
    """A bounce of one recipient."""
    told = {"emailAddress": ADDRESS, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
    return {
        "eventType": "Bounce",
        "mail": ses_mail(),
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{**told, **recipient}],
            "timestamp": AT,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "reportingMTA": "dsn; mta.example.com",
        },
    }


def complaint(**fields: Any) -> dict[str, Any]:
    """A complaint of one recipient."""
    return {
        "notificationType": "Complaint",
        "mail": ses_mail(),
        "complaint": {
            "complainedRecipients": [{"emailAddress": ADDRESS}],
            "timestamp": AT,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000001",
            "userAgent": "Amazon SES Mailbox Simulator",
            "complaintFeedbackType": "abuse",
            "arrivalDate": AT,
            **fields,
        },
    }


def subscription(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A change of a contact's preferences."""
    change = {
        "contactList": "List",
        "timestamp": AT,
        "source": "UnsubscribeHeader",
        "oldTopicPreferences": before,
        "newTopicPreferences": after,
    }
    return {"eventType": "Subscription", "mail": ses_mail(), "subscription": change}


async def test_a_bounce_with_all_that_it_tells() -> None:
    """Time, address, status and words; and our tokens, of which the signed ones name the delivery."""
    reading = await ses_request(bounce()).read_events()
    (event,) = reading.events
    assert (reading.ignored, reading.malformed, reading.request_key) == ({}, 0, None)
    assert (event.kind, event.bounce, event.recipient) == (EventKind.BOUNCED, BounceClass.HARD, ADDRESS)
    assert (event.status, event.diagnostic) == ("5.1.1", "smtp; 550 5.1.1 unknown")
    assert event.at == datetime(2026, 11, 30, 11, 59, 41, 669000, UTC)
    assert event.candidates.return_paths == (RETURN_LOCAL,)
    assert len(event.candidates.unsubscribe_tokens) == 1
    assert find_only_delivery_proof(event.candidates, LINKS) == BounceToken(MAILING, RECIPIENT)


@pytest.mark.parametrize(
    ("kind", "subtype", "expected"),
    [
        ("Permanent", "General", BounceClass.HARD),
        ("Permanent", "NoEmail", BounceClass.HARD),
        ("Permanent", "Suppressed", BounceClass.BLOCKED),
        ("Permanent", "OnAccountSuppressionList", BounceClass.BLOCKED),
        ("Transient", "General", BounceClass.SOFT),
        ("Transient", "MailboxFull", BounceClass.SOFT),
        ("Transient", "ContentRejected", BounceClass.BLOCKED),
        ("Undetermined", "Undetermined", None),
        ("Permanent", "SomethingNew", None),
        ("General", "Permanent", None),
    ],
)
async def test_classes_of_bounces(kind: str, subtype: str, expected: BounceClass | None) -> None:
    """Only what Amazon calls permanent, and tried, is hard; a class that we don't know is none."""
    (event,) = (await ses_request(bounce(kind, subtype)).read_events()).events
    assert event.bounce == expected


async def test_each_recipient_has_an_event_of_its_own() -> None:
    """An event can name several, each with its status and its key."""
    many = bounce()
    many["bounce"]["bouncedRecipients"].append({"emailAddress": "Bob <bob@people.example>"})
    events = (await ses_request(many).read_events()).events
    assert [(event.recipient, event.status) for event in events] == [(ADDRESS, "5.1.1"), ("bob@people.example", None)]
    assert events[0].event_key != events[1].event_key


async def test_complaints() -> None:
    """A report without its kind, or of a kind that is not known, is a complaint."""
    for feedback in ("abuse", "fraud", "other", "opt-out", "something-new", None):
        (event,) = (await ses_request(complaint(complaintFeedbackType=feedback)).read_events()).events
        assert (event.kind, event.recipient, event.bounce) == (EventKind.COMPLAINED, ADDRESS, None)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"complaintFeedbackType": "not-spam"}, "Complaint not-spam"),
        ({"complaintFeedbackType": "Auth-Failure"}, "Complaint auth-failure"),
        ({"complaintFeedbackType": "virus"}, "Complaint virus"),
        ({"complaintSubType": "OnAccountSuppressionList"}, "Complaint OnAccountSuppressionList"),
    ],
)
async def test_reports_that_are_no_complaint(fields: dict[str, Any], name: str) -> None:
    """Nobody called this mail spam; in the last case it was not even sent."""
    assert await ses_request(complaint(**fields)).read_events() == ReceivedEvents(ignored={name: 1})


async def test_other_kinds() -> None:
    """Delivered, late, and refused by SES itself."""
    mail = ses_mail()
    delayed: dict[str, Any] = {
        "delayType": "TransientCommunicationFailure",
        "expirationTime": "2026-12-01T00:25:59.914Z",
        "delayedRecipients": [
            {"emailAddress": ADDRESS, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Unable to connect"}
        ],
        "timestamp": AT,
    }
    delivered: dict[str, Any] = {
        "timestamp": AT,
        "processingTimeMillis": 11893,
        "recipients": [ADDRESS],
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "mta.example.com",
    }
    kinds: list[tuple[dict[str, Any], EventKind, str | None, BounceClass | None]] = [
        ({"eventType": "Delivery", "delivery": delivered}, EventKind.DELIVERED, "2.6.0", None),
        ({"eventType": "DeliveryDelay", "deliveryDelay": delayed}, EventKind.DEFERRED, "4.4.1", None),
        ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, EventKind.BOUNCED, None, BounceClass.BLOCKED),
    ]
    for told, kind, status, class_ in kinds:
        (event,) = (await ses_request({"mail": mail, **told}).read_events()).events
        assert (event.kind, event.status, event.bounce, event.recipient) == (kind, status, class_, ADDRESS)
    assert (event.at, event.diagnostic) == (NOW, "Bad content")


@pytest.mark.parametrize("name", ["Send", "Open", "Click", "Rendering Failure", "Received", "SomethingNew"])
async def test_kinds_that_nobody_acts_on(name: str) -> None:
    """They are counted by name, also those that do not exist yet."""
    reading = await ses_request({"eventType": name, "mail": ses_mail(), name.lower(): {}}).read_events()
    assert reading == ReceivedEvents(ignored={name: 1})


async def test_opt_outs_from_a_list_of_amazons() -> None:
    """To leave everything or a further topic is an opt-out. Joining, or no change, is none."""
    stays = {"unsubscribeAll": False, "topicSubscriptionStatus": [{"topicName": "a", "subscriptionStatus": "OptIn"}]}
    left = {"unsubscribeAll": False, "topicSubscriptionStatus": [{"topicName": "a", "subscriptionStatus": "OptOut"}]}
    changes: list[tuple[dict[str, Any], dict[str, Any]]]
    changes = [(stays, left), (stays, {"unsubscribeAll": True}), ({}, left)]
    for before, after in changes:
        (event,) = (await ses_request(subscription(before, after)).read_events()).events
        assert (event.kind, event.recipient) == (EventKind.UNSUBSCRIBED, ADDRESS)
    odd: dict[str, Any] = {"topicSubscriptionStatus": [1, {"subscriptionStatus": 1}], "unsubscribeAll": "true"}
    changes = [(left, stays), (left, left), (stays, stays), ({}, {}), ({}, odd)]
    for before, after in changes:
        reading = await ses_request(subscription(before, after)).read_events()
        assert reading == ReceivedEvents(ignored={"Subscription": 1})


async def test_one_event_by_two_ways_has_one_key() -> None:
    """A notification of the identity and an event of the configuration set tell the same bounce."""
    event = bounce()
    twin = {**event, "notificationType": event["eventType"]}
    del twin["eventType"]
    first, second = await ses_request(event).read_events(), await ses_request(twin).read_events()
    assert first.events[0].event_key == second.events[0].event_key
    other = bounce()
    other["bounce"]["feedbackId"] = "another"
    assert (await ses_request(other).read_events()).events[0].event_key != first.events[0].event_key


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"eventType": None},
        {"eventType": ["Bounce"], "mail": ses_mail()},
        {"eventType": "Bounce"},
        {"eventType": "Bounce", "mail": ses_mail(), "bounce": []},
        {"eventType": "Bounce", "mail": ses_mail(), "bounce": {"bouncedRecipients": {}}},
        {"eventType": "Bounce", "mail": ses_mail(), "bounce": {"bouncedRecipients": [1]}},
        {"eventType": "Bounce", "mail": ses_mail(), "bounce": {"bouncedRecipients": [{}]}},
        {"eventType": "Bounce", "mail": ses_mail(), "bounce": {"bouncedRecipients": [{"emailAddress": 5.5}]}},
        {"eventType": "Bounce", "mail": {}, "bounce": bounce()["bounce"]},
        {"eventType": "Bounce", "mail": ses_mail(messageId="a\nb"), "bounce": bounce()["bounce"]},
        {"eventType": "Bounce", "mail": ses_mail(messageId="a" * 501), "bounce": bounce()["bounce"]},
        {"eventType": "Delivery", "mail": ses_mail(), "delivery": {"recipients": [[]]}},
        {"eventType": "Delivery", "mail": ses_mail(), "delivery": {"recipients": [ADDRESS] * 101}},
        {"eventType": "Complaint", "mail": ses_mail(), "complaint": {}},
        {"eventType": "Reject", "mail": ses_mail(destination=None), "reject": {}},
    ],
)
async def test_events_that_are_malformed(event: Any) -> None:
    """They are counted, so that somebody looks, and they act on nobody."""
    assert await ses_request(event).read_events() == ReceivedEvents(malformed=1)


async def test_headers_that_are_odd_are_passed_over() -> None:
    """Tokens are looked for in texts; everything else there is nothing."""
    wrong: list[Any] = [None, {}, "x", [1, None, {"name": 1, "value": 2}, {"name": "Message-ID", "value": ["x"]}]]
    for headers in wrong:
        odd = {**bounce(), "mail": ses_mail(headers=headers, commonHeaders=[], source=7)}
        (event,) = (await ses_request(odd).read_events()).events
        assert event.candidates.unsubscribe_tokens == event.candidates.return_paths == ()
