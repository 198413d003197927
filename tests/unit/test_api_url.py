"""The URLs of services' APIs: where a secret may go, and what a wrong URL says."""

import re
from pathlib import Path

import pytest

from mailer.processors.mailgun.processor import parse_mailgun_url
from mailer.processors.postmark.processor import parse_postmark_url
from mailer.processors.registry import find_processor_scheme_for_url
from mailer.processors.ses.processor import parse_ses_url

SECRET = "hunter2-api-secret"
TOLD = "country=US&contract=DPA-7"


def test_a_url_says_everything() -> None:
    """Each value of a URL is read, and neither secret nor user name shows."""
    url = f"ses://AKIDEXAMPLE:{SECRET}%2F%2B@email.us-gov-west-1.amazonaws.com?{TOLD}&name=ses-us&pool=8&urgent=1"
    parsed = parse_ses_url(f"{url}&timeout=5&weight=0&purposes=newsletter,offers&configuration_set=mailer-events")
    assert (parsed.host, parsed.port, parsed.is_encrypted) == ("email.us-gov-west-1.amazonaws.com", 443, True)
    assert (parsed.name, parsed.country, parsed.contract) == ("ses-us", "US", "DPA-7")
    assert (parsed.pool, parsed.urgent, parsed.timeout, parsed.weight) == (8, 1, 5, 0)
    assert parsed.purposes == frozenset(("newsletter", "offers"))
    assert (parsed.user, parsed.secret) == ("AKIDEXAMPLE", f"{SECRET}/+")
    assert parsed.values == {"configuration_set": "mailer-events"}
    assert SECRET not in repr(parsed)
    assert "AKID" not in repr(parsed)


def test_defaults() -> None:
    """A service needs a secret, a country and a contract, and no more. On loopback it is asked without TLS."""
    parsed = parse_postmark_url(f"postmark://:{SECRET}@api.postmarkapp.com?{TOLD}")
    assert (parsed.name, parsed.pool, parsed.urgent, parsed.weight) == ("api.postmarkapp.com", 4, 2, 1)
    here = parse_postmark_url(f"postmark://:{SECRET}@127.0.0.1:8080")
    assert (here.is_encrypted, here.country, here.contract) == (False, "ZZ", "none")


def test_a_secret_elsewhere() -> None:
    """A file or a command gives the secret; no word of a command shows."""
    by_file = parse_postmark_url(f"postmark://api.postmarkapp.com?{TOLD}&token_file=/run/secrets/postmark")
    assert by_file.bearer is not None
    assert by_file.bearer.file == Path("/run/secrets/postmark")
    by_command = parse_ses_url(
        f"ses://AKID@email.eu-west-1.amazonaws.com?{TOLD}&token_command=/bin/vault%20-k%20{SECRET}"
    )
    assert by_command.bearer is not None
    assert by_command.bearer.command == ("/bin/vault", "-k", SECRET)
    assert SECRET not in repr(by_command)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"postmark://:{SECRET}@api.postmarkapp.com.evil.example?{TOLD}", "its secret goes to no other host"),
        (f"postmark://:{SECRET}@evil.example?{TOLD}", "its secret goes to no other host"),
        (f"ses://AKID:{SECRET}@email.eu-west-1.amazonaws.com.evil.example?{TOLD}", "no other host"),
        (f"ses://AKID:{SECRET}@s3.eu-west-1.amazonaws.com?{TOLD}", "no other host"),
        (f"mailgun://:{SECRET}@api.mailgun.net?{TOLD}", "mailgun needs domain=…"),
        (
            f"mailgun://:{SECRET}@api.mailgun.net?{TOLD}&domain=a/../b",
            "domain in the URL of mailgun must have the form",
        ),
        (f"mailgun://:{SECRET}@api.mailgun.net?{TOLD}&domain=a%0d%0ab", "must have the form"),
        (f"sendgrid://:{SECRET}@api.sendgrid.com", "needs country=… and contract=…"),
        (f"sendgrid://:{SECRET}@api.sendgrid.com?country=ZZ&contract=x", "country=ZZ is none"),
        (f"sendgrid://user:{SECRET}@api.sendgrid.com?{TOLD}", "nothing before the colon of its secret"),
        (f"ses://:{SECRET}@email.eu-west-1.amazonaws.com?{TOLD}", "the access key id before its colon"),
        (f"brevo://api.brevo.com?{TOLD}", "has its secret before the @, or else token_file"),
        (f"brevo://:{SECRET}@api.brevo.com?{TOLD}&token_file=/x", "or else token_file=… or token_command"),
        (f"brevo://api.brevo.com?{TOLD}&token_file=/x&token_command=y", "either token_file=… or token_command"),
        (f"brevo://api.brevo.com?{TOLD}&token_command='x", "a quote that is not closed"),
        (f"brevo://:{SECRET}%0d%0aHost:x@api.brevo.com?{TOLD}", "printable ASCII without spaces"),
        (f"brevo://:{SECRET}@api.brevo.com?{TOLD}&tls=none", "unknown key 'tls'"),
        (f"brevo://:{SECRET}@api.brevo.com?{TOLD}&pool=0", "pool must be a whole number from 1 to 64"),
        (f"postmark://:{SECRET}@api.postmarkapp.com?{TOLD}&stream=a%20b", "stream in the URL of postmark must have"),
        (f"postmark://:{SECRET}@api.postmarkapp.com/email?{TOLD}", "percent-encode"),
        (f"brevo://:{SECRET}/x@api.brevo.com?{TOLD}", "percent-encode"),
    ],
)
def test_a_bad_url_is_explained(url: str, reason: str) -> None:
    """The error says what to mend and never quotes what may be a secret. Naming the processor finds it, too."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        find_processor_scheme_for_url(url).name_in_url(url)
    assert SECRET not in str(caught.value)


def test_hosts_of_regions() -> None:
    """Each region of a service is known by its host."""
    for host in ("api.mailgun.net", "api.eu.mailgun.net"):
        assert parse_mailgun_url(f"mailgun://:{SECRET}@{host}?{TOLD}&domain=mg.example.org").host == host
    for host in ("email.ap-southeast-2.amazonaws.com", "email-fips.us-east-1.amazonaws.com"):
        assert parse_ses_url(f"ses://AKID:{SECRET}@{host}?{TOLD}").host == host
