"""Posts to endpoints: which URLs and addresses are allowed, how often they are tried, and how they are signed."""

import base64
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer.policy.webhook_retries import (
    DISABLED_AFTER,
    RETRY_SECONDS,
    PostResult,
    decide_next_try,
    is_endpoint_given_up,
)
from mailer.policy.webhook_urls import is_public_address, parse_webhook_url
from mailer.rendering.webhook_signing import signed_webhook_headers
from mailer.runtime.webhook_posting import WebhookHttpPoster, seconds_of_retry_after
from tests.certificates import own_certificate
from tests.dns_zone import WrittenZone
from tests.webhook_receiver import receiving

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "ftp://shop.example/",
        "shop.example",
        "https://",
        "https:///hook",
        "https://user:pass@shop.example/",
        "https://shop.example@10.0.0.1/",
        "https://shop.example/#part",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://[::1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "http://127.0.0.2/",
        "https://0.0.0.0/",
        "https://shop.example/a b",
        "https://shop.example/\r\nX-Evil: 1",
        "https://shop.example\\@evil.example/",
        "https://shöp.example/",
        "https://shop.example/" + "a" * 2000,
    ],
)
def test_a_bad_url_is_refused(url: str) -> None:
    """Not https, a user in it, a private address in any form, a line break, too long: each is refused with words."""
    with pytest.raises(ValueError, match=r"webhook|URL|port"):
        parse_webhook_url(url)


def test_a_good_url_is_taken_apart() -> None:
    """The path keeps its query; http is for this machine alone."""
    parts = parse_webhook_url("https://Shop.example/hook?a=1&b=2")
    assert (parts.host, parts.port, parts.target, parts.loopback) == ("shop.example", 443, "/hook?a=1&b=2", None)
    here = parse_webhook_url("http://[::1]:8080")
    assert (here.host, here.port, here.target, here.loopback) == ("::1", 8080, "/", "::1")


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("192.0.2.1", False),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("192.0.0.192", False),
        ("192.88.99.1", False),
        ("64:ff9b:1::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("fec0::1", False),
        ("::10.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("64:ff9b::5db8:d70e", True),
    ],
)
def test_only_public_addresses_are_connected_to(address: str, is_public: bool) -> None:
    """An IPv6 address that carries a private IPv4 address is private."""
    assert is_public_address(ipaddress.ip_address(address)) is is_public


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"], []])
async def test_a_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    """The check comes after the look-up; one private address among public ones is enough. Nothing is connected to."""
    async with receiving() as receiver:
        dns = WrittenZone(hosts={"shop.example": addresses})
        result = await WebhookHttpPoster(lambda: dns)(f"https://shop.example:{receiver.port}/", {}, b"{}")
        assert (result.status, receiver.posts) == (None, [])
    assert result.words == ("private address" if addresses else "no address")
    assert dns.asked == ["shop.example"]


async def test_a_name_server_that_fails_is_a_failure_of_the_post() -> None:
    """The words name neither the host nor an address."""
    dns = WrittenZone(down=frozenset({"shop.example"}))
    assert (await WebhookHttpPoster(lambda: dns)("https://shop.example/", {}, b"{}")).words == "LookupFailed"


async def test_only_a_server_with_a_trusted_certificate_gets_a_message(tmp_path: Path) -> None:
    """A stranger's certificate ends the post before the message; the right one lets it through."""
    server, client = own_certificate(tmp_path)
    async with receiving(server) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/"
        refused = await WebhookHttpPoster(WrittenZone)(url, {}, b"{}")
        assert (refused.words, receiver.posts) == ("SSLCertVerificationError", [])
        assert (await WebhookHttpPoster(WrittenZone, client)(url, {}, b"{}")).status == 204
    assert [post.body for post in receiver.posts] == [b"{}"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Fri, 27 Nov 2026 12:01:00 GMT", 60),
        ("Fri, 27 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, None),
        ("١٢", None),
        ("Fri, 27 Nov 2026 12:01:00 +" + "9" * 20, None),
        ("Fri, 27 Nov " + "9" * 11 + " 12:01:00 GMT", None),
        (None, None),
    ],
)
def test_a_retry_after_is_a_number_or_a_date(value: str | None, seconds: int | None) -> None:
    """Anything else asks for nothing."""
    assert seconds_of_retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", [b"\xff", b"Fri, 27 Nov 2026 12:01:00 +99999999999999999999", b"\x00", b"soon"])
async def test_a_retry_after_out_of_form_is_an_ordinary_failure(value: bytes) -> None:
    """Octets that are no ASCII, and numbers beyond all dates, raise nothing: the message gets its next try."""
    async with receiving() as receiver:
        receiver.answers["/hook"] = [b"HTTP/1.1 503 Busy\r\nRetry-After: " + value + b"\r\n\r\n"]
        assert await WebhookHttpPoster(WrittenZone)(receiver.url(), {}, b"{}") == PostResult(503)


def test_tries_follow_the_schedule_of_the_specification() -> None:
    """Ten tries in about three days; each pause is up to a fifth longer, and never shorter."""
    failed = PostResult(500)
    for chance, most in ((0.0, 1.0), (1.0, 1.2)):
        pauses = [decide_next_try(failed, tries, NOW, chance).message_at for tries in range(1, 10)]
        assert pauses == [NOW + timedelta(seconds=seconds * most) for seconds in RETRY_SECONDS]
    assert decide_next_try(failed, 10, NOW, 0.5).message_at is None
    assert timedelta(days=3) < timedelta(seconds=sum(RETRY_SECONDS)) < timedelta(days=4)
    assert decide_next_try(failed, 5, NOW, 1.0).endpoint_at == NOW + timedelta(seconds=60)


def test_only_429_and_503_may_ask_for_time() -> None:
    """The longer of schedule and wish counts, a day at most."""
    for status, asked, waits in ((429, 900, 900), (503, 10**8, 86400), (500, 900, 5), (429, 1, 5), (302, 900, 5)):
        then = decide_next_try(PostResult(status, asked), 1, NOW, 0.0)
        assert then.message_at == then.endpoint_at == NOW + timedelta(seconds=waits), status


def test_an_endpoint_is_given_up_after_days() -> None:
    """Not before, and never without a failure."""
    assert not is_endpoint_given_up(None, NOW)
    assert not is_endpoint_given_up(NOW - DISABLED_AFTER + timedelta(seconds=1), NOW)
    assert is_endpoint_given_up(NOW - DISABLED_AFTER, NOW)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries: secret, id, time and body give this signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = signed_webhook_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    both = signed_webhook_headers("msg_1", 1, b"", [secret, "whsec_" + base64.b64encode(b"k" * 32).decode()])
    assert [one.partition(",")[0] for one in both["webhook-signature"].split(" ")] == ["v1", "v1"]
