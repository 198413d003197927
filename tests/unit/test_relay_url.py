"""A relay's URL: its allowed parts, and errors that show no password."""

import re
from pathlib import Path

import pytest

from mailer.ports.processor import Processor
from mailer.processors.smtp.oauth_tokens import TokenFileOrCommand
from mailer.processors.smtp.processor import smtp_processor_from_url
from mailer.processors.smtp.relay_url import TlsMode, parse_relay_url

SECRET = "hunter2-secret"


def test_a_url_is_a_processor() -> None:
    """Everything that the URL says is there, and nothing secret shows."""
    url = f"smtp://us%40er:{SECRET}%2F@mx.example.com:2587?name=main&country=DE&contract=DPA-7&pool=2"
    made: Processor = smtp_processor_from_url(url)
    assert (made.name, made.country, made.contract) == ("main", "DE", "DPA-7")
    assert SECRET not in repr(made)
    assert "us@er" not in repr(made)
    parsed = parse_relay_url(url)
    assert (parsed.host, parsed.port, parsed.tls, parsed.pool) == ("mx.example.com", 2587, TlsMode.STARTTLS, 2)
    assert (parsed.username, parsed.password) == ("us@er", f"{SECRET}/")


@pytest.mark.parametrize(
    ("url", "outside"),
    [
        ("smtp://127.0.0.1", False),
        ("smtp://relay.internal?network=own", False),
        ("smtp://relay.internal?network=own&country=DE&contract=x", False),
        ("smtp://mx.example.com?country=uk&contract=x", True),
        ("smtp://mx.example.com?country=DE&contract=x", True),
    ],
)
def test_own_network_is_what_the_url_calls_own(url: str, outside: bool) -> None:
    """A country makes no relay our own; loopback and `network=own` do."""
    assert parse_relay_url(url).is_outside_our_network is outside


def test_a_relays_country_is_read_as_the_policys() -> None:
    """A relay in the UK is in the GB of the registry, in any case."""
    assert parse_relay_url("smtp://mx.example.com?country=uk&contract=x").country == "GB"


def test_limits_of_a_url() -> None:
    """Pools, limits, weight and purposes are what the URL says, or the defaults of the documents."""
    limits = "urgent=0&messages=10&age=60&idle=5&timeout=7&weight=0&purposes=newsletter%2Coffers"
    made = smtp_processor_from_url(f"smtp://127.0.0.1?{limits}")
    assert (made.weight, made.purposes) == (0, frozenset({"newsletter", "offers"}))
    said, usual = parse_relay_url(f"smtp://127.0.0.1?{limits}"), parse_relay_url("smtp://127.0.0.1")
    assert (said.urgent, said.messages, said.age, said.idle, said.times.connect) == (0, 10, 60, 5, 7)
    assert (usual.pool, usual.urgent, usual.messages, usual.age, usual.idle, usual.times.connect) == (
        4,
        2,
        1000,
        300,
        30,
        30,
    )
    assert (usual.weight, usual.purposes) == (1, None)


def test_a_source_of_tokens() -> None:
    """A command is split into words, a file is a path, and no word of the command shows (case S18)."""
    url = f"smtp://u%40example.org@mx.example.com?country=DE&contract=x&auth=oauthbearer&token_command=/bin/t%20-k%20{SECRET}"
    parsed = parse_relay_url(url)
    assert parsed.bearer == TokenFileOrCommand(None, ("/bin/t", "-k", SECRET), "oauthbearer")
    assert SECRET not in repr(smtp_processor_from_url(url))
    assert parse_relay_url("smtp://u@127.0.0.1?token_file=/run/token").bearer == TokenFileOrCommand(
        Path("/run/token"), (), None
    )


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mx.example.com?country=DE&contract=x", 587, TlsMode.STARTTLS),
        ("smtp://mx.example.com:465?country=DE&contract=x", 465, TlsMode.IMPLICIT),
        ("smtp://mx.example.com?country=DE&contract=x&tls=implicit", 465, TlsMode.IMPLICIT),
        ("smtp://127.0.0.1:1025", 1025, TlsMode.NONE),
        ("smtp://[::1]", 25, TlsMode.NONE),
        ("smtp://localhost:2525?tls=starttls", 2525, TlsMode.STARTTLS),
    ],
)
def test_defaults_of_a_url(url: str, port: int, tls: TlsMode) -> None:
    """Encryption is required of anything but loopback, and the port follows it."""
    parsed = parse_relay_url(url)
    assert (parsed.port, parsed.tls) == (port, tls)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&retries=3", "allowed are name, country, contract"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&tls=none", "only for loopback"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&tls=ssl", "starttls, implicit, none"),
        (f"smtp://u:{SECRET}@mx.example.com?country=Germany&contract=x", "write the two letters of ISO 3166-1"),
        (f"smtp://u:{SECRET}@mx.example.com?country=EU&contract=x", "country=EU is none"),
        (f"smtp://u:{SECRET}@mx.example.com?country=ZZ&contract=x", "country=ZZ is none"),
        (f"smtp://u:{SECRET}@mx.example.com", "needs country=… and contract=…"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&country=FR&contract=x", "twice"),
        (
            f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&pool=many",
            "pool must be a whole number from 1 to 64",
        ),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&pool=0", "from 1 to 64"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&name=a smtp://b?name=b", "a comma between them"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&name=", "name must be"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&name={'n' * 65}", "name must be"),
        (
            f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&urgent=65",
            "urgent must be a whole number from 0 to",
        ),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&messages=0", "messages must be a whole number"),
        (
            f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&age=0",
            "age must be a whole number from 1 to 86,400",
        ),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&idle=1.5", "idle must be a whole number"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&timeout=", "timeout must be a whole number"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&weight=1001", "from 0 to 1,000"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&purposes=", "purposes must be names"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&service=ses", "brevo, mailgun, postmark, sendgrid"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&purposes=offers,,x", "leave the key out"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&helo=localhost", "a fully qualified host name"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&helo=a%20b.example.org", "fully qualified"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&helo=", "fully qualified"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&helo=192.0.2.1", "an address such as [192.0.2.1]"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&auth=plain", "auth must be xoauth2 or oauthbearer"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&auth=xoauth2", "needs token_file=… or token_command"),
        (f"smtp://u:{SECRET}@mx.example.com?country=DE&contract=x&token_file=/t", "and no password"),
        ("smtp://mx.example.com?country=DE&contract=x&token_file=/t", "has a user name in its URL"),
        ("smtp://u@mx.example.com?country=DE&contract=x&token_file=/t&token_command=t", "either token_file"),
        ("smtp://u@mx.example.com?country=DE&contract=x&token_command=", "not an empty one"),
        ("smtp://u@mx.example.com?country=DE&contract=x&token_command='t", "a quote that is not closed"),
        (f"smtp://u:{SECRET}@mx.example.com?country", "key=value"),
        (f"smtp://u:{SECRET}@mx.example.com/path", "percent-encode"),
        (f"smtp://u:{SECRET}@mx.example.com:port", "percent-encode"),
        (f"smtp://u:{SECRET}/x@mx.example.com?country=DE&contract=x", "percent-encode"),
        (f"smtp://u:1?{SECRET}=x@mx.example.com", "percent-encode"),
        (f"smtp://u:1#{SECRET}@mx.example.com", "percent-encode"),
        (f"smtps://u:{SECRET}@mx.example.com", "has the form"),
        ("smtp://", "has the form"),
    ],
)
def test_a_bad_url_is_explained(url: str, reason: str) -> None:
    """The error says what to mend and never quotes what may be a password."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        smtp_processor_from_url(url)
    assert SECRET not in str(caught.value)
