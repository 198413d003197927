"""The URLs of MAILER_WEBHOOKS: what they open, and what is wrong with the others."""

from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailer.inbound.webhooks.registry import PROVIDERS, parse_webhook_endpoint, parse_webhook_endpoints
from tests.webhook_requests import MAILGUN_KEY, PASSWORD, TOPIC, endpoint, public_key_text, sendgrid_key

FOLDER = Path(__file__).parents[2] / "mailer" / "inbound" / "webhooks"


def test_each_provider_has_a_folder_and_each_folder_a_provider() -> None:
    """A provider is added by one folder and one line."""
    assert sorted(file.parent.name for file in FOLDER.glob("*/provider.py")) == sorted(PROVIDERS)
    assert sorted(file.parent.name for file in FOLDER.glob("*/__init__.py")) == sorted(PROVIDERS)
    assert list(PROVIDERS) == sorted(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_endpoint_has_its_provider_and_name_and_shows_no_secret(provider: str) -> None:
    """The path of a request names both."""
    opened = endpoint(provider)
    assert (opened.provider, opened.name) == (provider, "main")
    for shown in (repr(opened), repr(opened.opened)):
        assert PASSWORD not in shown
        assert MAILGUN_KEY not in shown
        assert public_key_text(sendgrid_key())[30:60] not in shown


@pytest.mark.parametrize(
    "url",
    [
        "sendgrid://main?key=PLAIN",  # as it is copied, with its plus and equals signs
        "SendGrid://main/?key=QUOTED",
        f"mailgun://eu-2?key={MAILGUN_KEY}",
        f"brevo://main?user=mailer&password={PASSWORD}",
        "brevo://main?token=" + quote("a,b&c#d%e+f=g/h?i:j@k~lmnopq", safe=""),
        "ses://main?topic=arn:aws-cn:sns:cn-north-1:123456789012:bounces",
        "ses://main?topic=arn:aws-us-gov:sns:us-gov-west-1:123456789012:Bounces_1",
        f"ses://{'a' * 60}?topic={TOPIC}",
    ],
)
def test_urls_that_are_right(url: str) -> None:
    """Keys in base64 may stand there as they are, and everything may be percent-encoded."""
    key = public_key_text(sendgrid_key())
    full = url.replace("PLAIN", key).replace("QUOTED", quote(key, safe=""))
    assert parse_webhook_endpoint(full).provider == url.partition(":")[0].lower()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "begins with brevo:// or mailgun:// or postmark:// or sendgrid:// or ses://"),
        ("s3cret", "begins with"),
        ("smtp://main?key=s3cret", "begins with"),
        ("sendgrid:main?key=s3cret", "has the form"),
        ("sendgrid://?key=s3cret", "has the form"),
        ("sendgrid://Main?key=s3cret", "has the form"),
        ("sendgrid://a--b?key=s3cret", "has the form"),
        ("sendgrid://../a?key=s3cret", "has the form"),
        ("sendgrid://user:s3cret@main?key=s3cret", "has the form"),
        ("sendgrid://main/s3cret?key=s3cret", "has the form"),
        ("sendgrid://main?key=s3cret#s3cret", "has the form"),
        ("sendgrid://main?key=s3cret s3cret", "has the form"),
        ("sendgrid://main?s3cret", "has the form"),
        ("sendgrid://main?S3CRET=s3cret", "has the form"),
        (f"sendgrid://{'a' * 61}?key=s3cret", "at most 60"),
        ("sendgrid://main", "needs key=…: the verification key"),
        ("sendgrid://main?key=", "needs key=…"),
        ("sendgrid://main?key=s3cret&key=s3cret", "key key stands twice"),
        ("sendgrid://main?key=s3cret&pin=s3cret", "unknown key 'pin' in a webhook's URL; sendgrid has key"),
        ("sendgrid://main?key=%ff", "not in UTF-8"),
        ("sendgrid://main?key=a%0ab", "control character"),
        (f"sendgrid://main?key={'a' * 2001}", "too long"),
        ("sendgrid://main?key=s3cret", "no verification key of SendGrid"),
        ("sendgrid://main?key=HALF", "no verification key of SendGrid"),
        ("mailgun://main", "needs key=…: the HTTP webhook signing key"),
        ("mailgun://main?key=s3cret", "24 letters, digits or signs"),
        ("mailgun://main?key=" + "ä" * 30, "24 letters, digits or signs"),
        (f"postmark://main?password={PASSWORD}", "needs user=…"),
        ("postmark://main?user=mailer", "needs password=…"),
        ("postmark://main?user=mailer&password=s3cret", "openssl rand -hex 32"),
        (f"postmark://main?user=a:b&password={PASSWORD}", "other characters than letters and digits"),
        (f"postmark://main?token={PASSWORD}", "unknown key 'token'"),
        (f"brevo://main?token={PASSWORD}&user=mailer&password={PASSWORD}", "unknown key 'user'"),
        ("brevo://main?token=s3cret", "24 letters"),
        ("brevo://main?token=" + "s3cret " * 9, "has the form"),
        ("brevo://main?token=" + "s3cret%20" * 9, "24 letters"),
        ("brevo://main", "needs user=…"),
        ("ses://main", "needs topic=…"),
        ("ses://main?topic=bounces", "must be the ARN of an SNS topic"),
        ("ses://main?topic=arn:aws:sqs:us-east-1:123456789012:bounces", "must be the ARN"),
        ("ses://main?topic=arn:aws:sns:us-east-1.evil.example/:123456789012:bounces", "must be the ARN"),
        ("ses://main?topic=arn:aws:sns:us-east-1:12345:bounces", "must be the ARN"),
        (f"ses://main?topic={TOPIC}.fifo", "must be the ARN"),
        (f"ses://main?topic={TOPIC}:7b9e3c0e-subscription", "must be the ARN"),
    ],
)
def test_urls_that_are_wrong(url: str, message: str) -> None:
    """The error says what is wanted, and quotes nothing that could be a secret."""
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as caught:
        parse_webhook_endpoint(url.replace("HALF", public_key_text(sendgrid_key())[:-8]))
    assert "s3cret" not in str(caught.value).lower()
    assert PASSWORD not in str(caught.value)


def test_a_key_of_another_curve_is_refused() -> None:
    """SendGrid has P-256 only. A key that is none of theirs was copied from elsewhere."""
    key = public_key_text(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(ValueError, match="ECDSA P-256"):
        parse_webhook_endpoint(f"sendgrid://main?key={key}")


def test_endpoints_are_found_by_provider_and_name() -> None:
    """Two providers can have endpoints of one name; one provider cannot."""
    urls = [f"mailgun://main?key={MAILGUN_KEY}", f"ses://main?topic={TOPIC}", f"ses://eu?topic={TOPIC}"]
    assert list(parse_webhook_endpoints(urls)) == [("mailgun", "main"), ("ses", "main"), ("ses", "eu")]
    assert parse_webhook_endpoints([]) == {}
    with pytest.raises(ValueError, match="ses://eu stands there twice"):
        parse_webhook_endpoints([*urls, f"SES://eu?topic={TOPIC}-2"])
