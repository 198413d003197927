"""Messages of Amazon SNS: topic, pinned certificate, signature, time, and the confirmation of a subscription."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mailer.inbound.webhooks.provider_events import ReceivedEvents, SubscriptionToConfirm
from mailer.inbound.webhooks.registry import parse_webhook_endpoint, verify_and_read_webhook
from mailer.inbound.webhooks.ses.signing_certificates import (
    FETCH_PERIOD,
    KEPT,
    KEPT_FOR,
    MAX_CERTIFICATE,
    MAX_FETCHES,
    RememberedCertificates,
)
from mailer.inbound.webhooks.signature_reading import MAX_AGE
from mailer.inbound.webhooks.webhook_requests import RefusalReason, WebhookRefused
from tests.webhook_requests import (
    ADDRESS,
    CERTIFICATE_URL,
    NOW,
    SNS_HOST,
    SUBSCRIBE_URL,
    TOPIC,
    Amazon,
    certificate,
    ses_mail,
    sns_message,
    sns_request,
    sns_signature,
)

DELIVERY = {
    "eventType": "Delivery",
    "mail": ses_mail(),
    "delivery": {"timestamp": "2026-11-30T11:59:30.303Z", "recipients": [ADDRESS], "smtpResponse": "250 2.6.0 OK"},
}
SUBSCRIPTION = "SubscriptionConfirmation"


async def refusal(message: Any, network: Amazon | None = None, now: datetime = NOW) -> RefusalReason:
    """The reason for which a message is refused."""
    with pytest.raises(WebhookRefused) as caught:
        await sns_request(message).read(now, network)
    return caught.value.reason


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification", ""])
async def test_a_signed_notification_is_read(version: str, subject: str | None) -> None:
    """Both versions of the signature verify, with a subject and without one."""
    message, network = sns_message(version=version, Subject=subject, Message=json.dumps(DELIVERY)), Amazon()
    reading = await sns_request(message).read(fetch=network)
    assert isinstance(reading, ReceivedEvents)
    assert [event.recipient for event in reading.events] == [ADDRESS]
    assert network.asked == [CERTIFICATE_URL]
    assert await refusal({**message, "SignatureVersion": "2" if version == "1" else "1"}) == "not_authentic"


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Subject"])
async def test_each_signed_field_is_covered(field: str) -> None:
    """A change of one field, or a field that is added, does not verify."""
    message = sns_message(Message=json.dumps(DELIVERY))
    values = {"Timestamp": "2026-11-30T11:59:59.123Z", "Type": "UnsubscribeConfirmation", "TopicArn": f"{TOPIC}2"}
    forged = {**message, "Token": "t", "SubscribeURL": SUBSCRIBE_URL, field: values.get(field, "other")}
    reason = RefusalReason.WRONG_TOPIC if field == "TopicArn" else RefusalReason.NOT_AUTHENTIC
    assert await refusal(forged) == reason


async def test_lines_do_not_move_between_signed_fields() -> None:
    """The signed text has its fields on lines. So the lines of a message could be taken for those of other fields."""
    message = sns_message(Message="x\nMessageId\ny")
    forged = {**message, "Message": "x", "MessageId": f"y\nMessageId\n{message['MessageId']}"}
    assert sns_signature(forged) == message["Signature"]
    assert await refusal(forged) == RefusalReason.MALFORMED
    message = sns_message(Message="x\nMessageId\ny\nSubject\nz")
    forged = {**message, "Message": "x", "MessageId": "y", "Subject": f"z\nMessageId\n{message['MessageId']}"}
    assert sns_signature(forged) == message["Signature"]
    assert await refusal(forged) == RefusalReason.MALFORMED


async def test_another_topic_is_refused_and_fetches_nothing() -> None:
    """Anybody can make a topic and subscribe our endpoint to it; Amazon signs what they publish."""
    network = Amazon()
    for topic in ("arn:aws:sns:us-east-1:999999999999:bounces", TOPIC.upper(), f"{TOPIC} ", ""):
        for kind in ("Notification", SUBSCRIPTION):
            assert await refusal(sns_message(kind, TopicArn=topic), network) == RefusalReason.WRONG_TOPIC
    assert network.asked == []


PATH = CERTIFICATE_URL.removeprefix(f"https://{SNS_HOST}")


@pytest.mark.parametrize(
    "url",
    [
        f"https://{SNS_HOST}.evil.example{PATH}",
        f"https://{SNS_HOST}@evil.example{PATH}",
        f"https://evil.example@{SNS_HOST}{PATH}",
        f"https://evil.example\\@{SNS_HOST}{PATH}",
        f"https://user:pass@{SNS_HOST}{PATH}",
        f"https://{SNS_HOST}:443{PATH}",
        f"https://{SNS_HOST}:8443{PATH}",
        f"http://{SNS_HOST}{PATH}",
        f"HTTPS://{SNS_HOST}{PATH}",
        f"file://{SNS_HOST}{PATH}",
        f"//{SNS_HOST}{PATH}",
        f"https://{SNS_HOST.upper()}{PATH}",
        f"https://{SNS_HOST}.{PATH}",
        f"https://sns.eu-west-1.amazonaws.com{PATH}",  # another region than the topic's
        f"https://sns.us-east-1.amazonaws.com.cn{PATH}",
        f"https://sns-us-east-1.amazonaws.com{PATH}",
        f"https://snsXus-east-1.amazonaws.com{PATH}",
        f"https://evil.s3.amazonaws.com/{SNS_HOST}{PATH}",
        f"https://evil.example/https://{SNS_HOST}{PATH}",
        f"https://evil.example/?{SNS_HOST}{PATH}",
        f"https://evil.example#{SNS_HOST}{PATH}",
        f"https://{SNS_HOST}/..{PATH}",
        f"https://{SNS_HOST}/a/..{PATH}",
        f"https://{SNS_HOST}/%2e%2e{PATH}",
        f"https://{SNS_HOST}/{PATH}",
        f"https://{SNS_HOST}{PATH}?",
        f"https://{SNS_HOST}{PATH}?Action=Publish",
        f"https://{SNS_HOST}{PATH}#x",
        f"https://{SNS_HOST}{PATH}/",
        f"https://{SNS_HOST}{PATH}\n",
        f" https://{SNS_HOST}{PATH}",
        f"https://{SNS_HOST}\t{PATH}",
        f"https://{SNS_HOST}/SimpleNotificationService-../../x.pem",
        f"https://{SNS_HOST}/other.pem",
        f"https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn=x.pem",
        f"https://sn\u0455.us-east-1.amazonaws.com{PATH}",  # a Cyrillic letter
        "https://127.0.0.1/SimpleNotificationService-00000000.pem",
        "https://[::1]/SimpleNotificationService-00000000.pem",
        "",
    ],
)
async def test_no_other_url_is_fetched(url: str) -> None:
    """Only a certificate at the host of the topic's region is asked for, even if another host would have a fine one."""
    network = Amazon(files={url: certificate()})
    message = sns_message(SigningCertURL=url)
    assert await refusal(message, network) in (RefusalReason.NOT_AUTHENTIC, RefusalReason.MALFORMED)
    assert network.asked == []


async def test_the_host_is_that_of_the_topics_partition() -> None:
    """China has a domain of its own."""
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:bounces"
    url = "https://sns.cn-north-1.amazonaws.com.cn" + PATH
    network = Amazon(files={url: certificate()})
    request = sns_request(sns_message(TopicArn=topic, SigningCertURL=url))
    china = parse_webhook_endpoint(f"ses://cn?topic={topic}")
    assert await verify_and_read_webhook(china, request.headers, request.body, NOW, network) == ReceivedEvents(
        malformed=1
    )
    assert network.asked == [url]


async def test_certificates_that_do_not_serve() -> None:
    """A file that is none, is not valid now, or has another or an elliptic key verifies nothing."""
    for file in (
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        certificate(ends=NOW - timedelta(seconds=1)),
        certificate(begins=NOW + timedelta(seconds=1)),
        certificate(rsa.generate_private_key(65537, 2048)),
        certificate(ec.generate_private_key(ec.SECP256R1())),
    ):
        assert await refusal(sns_message(), Amazon({CERTIFICATE_URL: file})) == RefusalReason.NOT_AUTHENTIC


async def test_a_weak_key_does_not_serve() -> None:
    """A key of 1024 bits could have been broken, even if it signed."""
    message, weak = sns_message(), rsa.generate_private_key(65537, 1024)  # noqa: S505 - the test is about it
    message["Signature"] = sns_signature(message, weak)
    network = Amazon({CERTIFICATE_URL: certificate(weak)})
    assert await refusal(message, network) == RefusalReason.NOT_AUTHENTIC
    assert network.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64", "ÿ", base64.b64encode(b"\0" * 256).decode()])
async def test_signatures_that_are_none(signature: str) -> None:
    """They verify by no key."""
    assert await refusal({**sns_message(), "Signature": signature}) == RefusalReason.NOT_AUTHENTIC


@pytest.mark.parametrize("version", ["", "0", "3", "1.0", " 1"])
async def test_other_versions_are_refused(version: str) -> None:
    """A version that does not exist yet is not taken for one of ours. Nothing is fetched for it."""
    network = Amazon()
    assert await refusal(sns_message(version=version), network) == RefusalReason.NOT_AUTHENTIC
    assert network.asked == []


@pytest.mark.parametrize("files", [{}, {CERTIFICATE_URL: b""}, {CERTIFICATE_URL: b"x" * (MAX_CERTIFICATE + 1)}])
async def test_a_certificate_that_cannot_be_had(files: dict[str, bytes]) -> None:
    """The answer is 503: SNS sends the message again, and the network may be back then."""
    with pytest.raises(WebhookRefused) as caught:
        await sns_request(sns_message()).read(fetch=Amazon(files))
    assert (caught.value.reason, caught.value.status) == (RefusalReason.CERTIFICATE_UNAVAILABLE, 503)


async def test_old_messages_are_refused() -> None:
    """A replay after the window is refused, also of a subscription, and so is a signed time that is none."""
    for kind in ("Notification", SUBSCRIPTION, "UnsubscribeConfirmation"):
        stamp = NOW - MAX_AGE
        await sns_request(sns_message(kind, Timestamp=stamp.isoformat())).read()
        stale = sns_message(kind, Timestamp=(stamp - timedelta(seconds=1)).isoformat())
        assert await refusal(stale) == RefusalReason.STALE
        later = sns_message(kind, Timestamp=(NOW + timedelta(minutes=6)).isoformat())
        assert await refusal(later) == RefusalReason.STALE
        for none in ("", "yesterday", "2026-11-30T11:59:58", "0000-00-00T00:00:00Z"):
            assert await refusal(sns_message(kind, Timestamp=none)) == RefusalReason.MALFORMED


async def test_a_subscription_is_given_back_and_not_confirmed() -> None:
    """The caller decides; nothing but the certificate was fetched, and no log line gets the secret."""
    network = Amazon()
    reading = await sns_request(sns_message(SUBSCRIPTION, version="2")).read(fetch=network)
    assert reading == SubscriptionToConfirm(SUBSCRIBE_URL)
    assert "Token" not in repr(reading)
    assert network.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        SUBSCRIBE_URL.replace(SNS_HOST, "169.254.169.254"),
        SUBSCRIBE_URL.replace(SNS_HOST, f"{SNS_HOST}.evil.example"),
        SUBSCRIBE_URL.replace(SNS_HOST, f"{SNS_HOST}@evil.example"),
        SUBSCRIBE_URL.replace(SNS_HOST, f"{SNS_HOST}:80"),
        SUBSCRIBE_URL.replace("https", "http"),
        SUBSCRIBE_URL.replace("/?", "/../?"),
        SUBSCRIBE_URL.replace("ConfirmSubscription", "DeleteTopic"),
        SUBSCRIBE_URL + "#x",
        SUBSCRIBE_URL + "\r\nHost: evil.example",
        SUBSCRIBE_URL + "a" * 2001,
        f"https://{SNS_HOST}/",
        "",
    ],
)
async def test_no_other_url_confirms(url: str) -> None:
    """A signed URL is pinned, too, so that nobody makes us ask another host (SSRF)."""
    assert await refusal(sns_message(SUBSCRIPTION, SubscribeURL=url)) == RefusalReason.MALFORMED


async def test_the_end_of_a_subscription_is_counted() -> None:
    """Nothing confirms again by itself; the count shows that events stop."""
    reading = await sns_request(sns_message("UnsubscribeConfirmation")).read()
    assert reading == ReceivedEvents(ignored={"UnsubscribeConfirmation": 1})


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'"Notification"', json.dumps(DELIVERY).encode()])
async def test_what_is_no_message_is_refused(body: bytes) -> None:
    """The last one is what raw message delivery sends: unsigned. Nothing is fetched for it."""
    network = Amazon()
    assert await refusal(body, network) == RefusalReason.MALFORMED
    assert network.asked == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("Notification", "Type", "Other"),
        ("Notification", "Type", ["Notification"]),
        ("Notification", "Type", None),
        ("Notification", "Message", 1),
        ("Notification", "Message", None),
        ("Notification", "MessageId", "a\nb"),
        ("Notification", "Subject", 1),
        ("Notification", "Signature", None),
        ("Notification", "SigningCertURL", [CERTIFICATE_URL]),
        ("Notification", "SignatureVersion", 1),
        ("Notification", "TopicArn", None),
        (SUBSCRIPTION, "Token", None),
        (SUBSCRIPTION, "SubscribeURL", {}),
    ],
)
async def test_fields_have_their_types(kind: str, field: str, value: Any) -> None:
    """A field that is missing or has another type makes it no message."""
    network = Amazon()
    assert await refusal({**sns_message(kind), field: value}, network) == RefusalReason.MALFORMED
    missing = {name: given for name, given in sns_message(kind).items() if name != field}
    if field != "Subject":
        assert await refusal(missing, network) == RefusalReason.MALFORMED
    assert network.asked == []


async def test_a_field_that_stands_twice_is_refused() -> None:
    """A proxy and we could read another one of the two."""
    body = json.dumps(sns_message()).encode()
    assert await refusal(body[:-1] + b', "TopicArn": "other"}') == RefusalReason.MALFORMED


async def test_other_texts_of_the_topic_are_counted() -> None:
    """SES publishes a sentence when a topic is set up, and whoever may publish can publish anything."""
    said = "Successfully validated SNS topic for Amazon SES event publishing."
    assert await sns_request(sns_message(Message=said)).read() == ReceivedEvents(ignored={"unknown": 1})
    succeeded = '{"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "…"}'
    reading = await sns_request(sns_message(Message=succeeded)).read()
    assert reading == ReceivedEvents(ignored={"AmazonSnsSubscriptionSucceeded": 1})
    for broken in ("{", '{"a": 1, "a": 2}', '{"a":' * 20 + "1" + "}" * 20):
        assert await refusal(sns_message(Message=broken)) == RefusalReason.MALFORMED


class Clock:
    """A clock that a test moves."""

    now = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now


async def test_a_certificate_is_fetched_once_a_day() -> None:
    """Requests share it, and a new one is fetched when it is old."""
    network, clock = Amazon(), Clock()
    remembered = RememberedCertificates(network, clock)
    request = sns_request(sns_message(Message=json.dumps(DELIVERY)))
    endpoint = parse_webhook_endpoint(f"ses://main?topic={TOPIC}")
    for _ in range(3):
        await verify_and_read_webhook(endpoint, request.headers, request.body, NOW, remembered)
    assert len(network.asked) == 1
    clock.now = NOW + KEPT_FOR
    assert await remembered(CERTIFICATE_URL) == certificate()
    assert len(network.asked) == 2


async def test_nobody_makes_us_fetch_without_end() -> None:
    """Failures count, too, and do not push out a certificate that we have. After a while we ask again."""
    network, clock = Amazon(), Clock()
    remembered = RememberedCertificates(network, clock)
    await remembered(CERTIFICATE_URL)
    for number in range(20):
        with pytest.raises(OSError, match=r"no such file|more than 10"):
            await remembered(f"https://{SNS_HOST}/SimpleNotificationService-{number:08x}.pem")
    assert len(network.asked) == MAX_FETCHES
    assert await remembered(CERTIFICATE_URL)
    clock.now += FETCH_PERIOD
    with pytest.raises(OSError, match="no such file"):
        await remembered("https://other.example/")
    assert len(network.asked) == MAX_FETCHES + 1


async def test_a_stranger_who_uses_up_the_fetches_stops_no_message() -> None:
    """After a day the certificate is fetched again; if it cannot be had, the one that we have serves on."""
    network, clock = Amazon(), Clock()
    remembered = RememberedCertificates(network, clock)
    await remembered(CERTIFICATE_URL)
    clock.now += KEPT_FOR
    for number in range(MAX_FETCHES):
        with pytest.raises(OSError, match="no such file"):
            await remembered(f"https://{SNS_HOST}/SimpleNotificationService-{number:08x}.pem")
    assert await remembered(CERTIFICATE_URL) == certificate()
    assert len(network.asked) == MAX_FETCHES + 1
    clock.now += FETCH_PERIOD
    network.files.clear()
    assert await remembered(CERTIFICATE_URL) == certificate()
    assert len(network.asked) == MAX_FETCHES + 2


async def test_only_a_few_small_certificates_are_remembered() -> None:
    """Memory has an end, in number and in size."""
    clock = Clock()
    network = Amazon({str(number): b"x" for number in range(KEPT + 1)} | {"big": b"x" * (MAX_CERTIFICATE + 1)})
    remembered = RememberedCertificates(network, clock)
    for number in range(KEPT + 1):
        assert await remembered(str(number)) == b"x"
    clock.now += FETCH_PERIOD
    for url in ("big", "big"):
        with pytest.raises(OSError, match="a certificate of more than"):
            await remembered(url)
    asked = len(network.asked)
    assert asked == KEPT + 3
    await remembered(str(KEPT))
    assert len(network.asked) == asked
    await remembered("0")
    assert len(network.asked) == asked + 1


async def test_a_refusal_says_nothing_of_the_message() -> None:
    """Its text can be answered and logged."""
    request = sns_request(sns_message(Message=json.dumps(DELIVERY), SigningCertURL="https://evil.example/"))
    with pytest.raises(WebhookRefused) as caught:
        await replace(request, headers=()).read()
    assert "evil" not in str(caught.value)
    assert caught.value.status == 401
