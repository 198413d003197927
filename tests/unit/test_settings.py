"""The settings: read, and what they refuse."""

import base64
import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given as given_examples
from hypothesis import strategies as st

from mailer.settings import DEVELOPMENT_SECRET, Settings, SettingsError, read_settings

SECRETS = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("SECRET_KEYS", "ADDRESS_KEY", "LEDGER_KEY")}
REAL = {"DATABASE_URL": "postgresql://db/mailer", "PROCESSORS": "smtp://127.0.0.1:2525"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without `.env`, and an environment without settings."""
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    """The settings that an environment makes."""
    for name, value in values.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    return read_settings()


def test_the_default_is_one_machine_and_mails_nobody() -> None:
    """An embedded database, the in-process broker, captured mail: that runs on the default secrets."""
    settings = read_settings()
    assert settings.is_database_embedded
    assert settings.is_broker_in_process
    assert settings.is_mail_captured
    settings.refuse_if_unfit_for_production()


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("real", REAL)
def test_whatever_is_real_needs_secrets_of_its_own(monkeypatch: pytest.MonkeyPatch, real: str, missing: str) -> None:
    """A real database as well as a real relay: each default secret is refused by its name, and not repeated."""
    secrets = {name: value for name, value in SECRETS.items() if name != missing}
    settings = given(monkeypatch, **{real: REAL[real]}, **secrets)
    with pytest.raises(SettingsError, match=f"^MAILER_{missing}: set a secret of its own") as refused:
        settings.refuse_if_unfit_for_production()
    assert DEVELOPMENT_SECRET not in str(refused.value)


WEAK = {
    "none": "",
    "short": "short",
    "one too short": SECRETS["ADDRESS_KEY"][:31],
    "an old one that is short": f"{SECRETS['SECRET_KEYS']},short",
    "one letter": "k" * 64,
    "seven letters": "abcdefgbdfacegfedcbaadgcfbe" * 2,
    "a word again and again": "changeme!" * 5,
    "a word again and again, cut": ("correct horse " * 9)[:50],
    "half of it again": SECRETS["SECRET_KEYS"][:16] * 4,
    "the alphabet": "abcdefghijklmnopqrstuvwxyz0123456789",
    "backwards": "zyxwvutsrqponmlkjihgfedcba9876543210",
    "the default": DEVELOPMENT_SECRET,
}


@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK)
def test_short_secrets_are_refused(monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    """Short secrets are refused, and so are secrets that can be guessed, and old ones that still verify links."""
    settings = given(monkeypatch, **{**REAL, **SECRETS, "SECRET_KEYS": weak})
    with pytest.raises(SettingsError, match="MAILER_SECRET_KEYS"):
        settings.refuse_if_unfit_for_production()


def test_good_secrets_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good secrets are accepted: for links there may be several, newest first."""
    new, old = (hashlib.sha256(name).hexdigest() for name in (b"new", b"old"))
    settings = given(monkeypatch, **{**REAL, **SECRETS, "SECRET_KEYS": f"{new}, {old}"})
    settings.refuse_if_unfit_for_production()
    assert settings.secret_keys == (new, old)


@given_examples(st.binary(min_size=16, max_size=64), st.sampled_from(["hex", "base64", "words"]))
def test_secrets_made_by_chance_are_taken(noise: bytes, form: str) -> None:
    """Random secrets are accepted, as `openssl rand` or a hash prints them, and so is a sentence of words."""
    digest = hashlib.sha256(noise)
    secret = {
        "hex": digest.hexdigest(),
        "base64": base64.b64encode(digest.digest()).decode(),
        "words": f"it rained on {digest.hexdigest()[:6]} when we left",
    }[form]
    read_settings(
        **{name.lower(): value for name, value in {**REAL, **SECRETS}.items()} | {"address_key": secret}
    ).refuse_if_unfit_for_production()


@pytest.mark.parametrize("one", SECRETS)
@pytest.mark.parametrize("other", SECRETS)
def test_a_secret_for_two_is_refused(monkeypatch: pytest.MonkeyPatch, one: str, other: str) -> None:
    """A secret with two uses is refused, an old key of links too. Who learns it could do both."""
    if one == other:
        given(monkeypatch, **REAL, **SECRETS).refuse_if_unfit_for_production()
        return
    values = {**SECRETS, one: SECRETS[other]}
    values["SECRET_KEYS"] = f"{hashlib.sha256(b'newer').hexdigest()},{values['SECRET_KEYS']}"
    with pytest.raises(SettingsError, match="they share a secret; give each one of its own") as refused:
        given(monkeypatch, **REAL, **values).refuse_if_unfit_for_production()
    assert f"MAILER_{one}" in str(refused.value)
    assert f"MAILER_{other}" in str(refused.value)
    assert SECRETS[other] not in str(refused.value)


@pytest.mark.parametrize(
    "text", ['["a@b.example", "@c.example"]', "a@b.example,@c.example", " a@b.example , @c.example, "]
)
def test_lists_are_json_or_have_commas(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A list is JSON, or has commas, with or without spaces."""
    assert given(monkeypatch, ONLY_DELIVER_TO=text).only_deliver_to == ("a@b.example", "@c.example")


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` is read in the working folder of the process. Variables that are not our settings are ignored."""
    (tmp_path / ".env").write_text("MAILER_PORT=1\nMAILER_HOST=0.0.0.0\nOTHER=x\n")
    settings = given(monkeypatch, PORT="2")
    assert (settings.port, settings.host) == (2, "0.0.0.0")  # noqa: S104 - it is only read here


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example/letters",
        "https://mail.example/a/b/",
        "https://xn--mnchen-3ya.example:8443",
        "https://192.0.2.1",
        "https://mail.example",
        "http://127.0.0.1:8025",
        "http://localhost/",
        "http://[::1]:80",
    ],
)
def test_links_are_https_or_to_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Trying it out needs no certificate."""
    assert given(monkeypatch, PUBLIC_URL=url).public_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://mail.example"),
        ("PUBLIC_URL", "http://localhost.example"),
        ("PUBLIC_URL", "mail.example"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https:///path"),
        ("PUBLIC_URL", "https://mail.example?x=1"),
        ("PUBLIC_URL", "https://mail.example?"),
        ("PUBLIC_URL", "https://mail.example#"),
        ("PUBLIC_URL", "https://mail.example/#top"),
        ("PUBLIC_URL", "https://mail.example /"),
        ("PUBLIC_URL", " https://mail.example"),
        ("PUBLIC_URL", "https://mail.example\n"),
        ("PUBLIC_URL", "https://mail.exa\u00a0mple"),
        ("PUBLIC_URL", "https://mail.example\u202e"),
        ("PUBLIC_URL", "https://s3cret@mail.example"),
        ("PUBLIC_URL", "https://user:s3cret@mail.example/"),
        ("PUBLIC_URL", "https://@mail.example"),
        ("PUBLIC_URL", "https://mail.example:0"),
        ("PUBLIC_URL", "https://mail.example:65536"),
        ("PUBLIC_URL", "https://mail.example:port"),
        ("PUBLIC_URL", "https://[::"),
        ("PUBLIC_URL", "https://[fe80::1]"),
        ("PUBLIC_URL", "https://m\u00fcnchen.example"),
        ("PUBLIC_URL", "https://mail..example"),
        ("PUBLIC_URL", "https://-mail.example"),
        ("PUBLIC_URL", "https://mail_example"),
        ("PUBLIC_URL", "https://mail.example//"),
        ("PUBLIC_URL", "https://mail.example/a/../b"),
        ("PUBLIC_URL", "https://mail.example/a%20b"),
        ("PUBLIC_URL", "https://mail.example\\a"),
        ("PUBLIC_URL", "javascript://mail.example"),
        ("PUBLIC_URL", "https:mail.example"),
        ("DATABASE_URL", "postgresql://user:s3#cret@db/mailer"),
        ("DATABASE_URL", "postgresql://user:s3/cret@db/mailer"),
        ("DATABASE_URL", "postgresql://user:s3@cret@db/mailer"),
        ("DATABASE_URL", "postgresql://db:port/mailer"),
        ("DATABASE_URL", "postgresql://one:5432,two:99999/mailer"),
        ("DATABASE_URL", "postgresql://db /mailer"),
        ("DATABASE_URL", "postgresqls://db/mailer"),
        ("DATABASE_URL", "embedded "),
        ("BROKER_URL", "amqp://"),
        ("BROKER_URL", "amqp:///vhost"),
        ("BROKER_URL", "amqp://user:s3#cret@rabbit/"),
        ("BROKER_URL", "amqp://user:s3@cret@rabbit/"),
        ("BROKER_URL", "amqp://rabbit:0/"),
        ("BROKER_URL", "amqp://rab bit/"),
        ("BROKER_URL", "amqpx://rabbit/"),
        ("DATABASE_URL", "sqlite:///x"),
        ("BROKER_URL", "redis://:s3cret@x"),
        ("BROKER_URL", "memory://x"),
        ("PORT", "s3cret"),
        ("SECRET_KEYS", '["s3cret'),
        ("LEASE_SECONDS", "0"),
        ("LEASE_SECONDS", "61"),
        ("LOG_JSON", "perhaps"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The message begins with the setting's name and does not hold what in it may be a secret (case S5)."""
    with pytest.raises(SettingsError, match=f"^MAILER_{name}: ") as refused:
        given(monkeypatch, **{name: value})
    assert not re.search("s3.?cret", str(refused.value))


def test_relays_or_captured_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several relays are accepted. No relay, or one beside captured mail, is refused."""
    given(monkeypatch, PROCESSORS="smtp://a,smtp://b", **SECRETS).refuse_if_unfit_for_production()
    for processors in ("smtp://a,capture://", ""):
        with pytest.raises(SettingsError, match="MAILER_PROCESSORS"):
            given(monkeypatch, PROCESSORS=processors).refuse_if_unfit_for_production()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql:///mailer"),
        ("DATABASE_URL", "postgresql://user:p%40ss@/mailer?host=/run/postgresql"),
        ("DATABASE_URL", "postgres://user:pa,ss@one:5432,[::1]:5433,three/mailer?target_session_attrs=read-write"),
        ("BROKER_URL", "amqps://user:p%40ss@rabbit.example:5671/%2F?heartbeat=30"),
        ("BROKER_URL", "amqp://[::1]"),
    ],
)
def test_services_are_named_by_urls(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """URLs with several servers, a local socket, encoded passwords and options are accepted as they are."""
    assert getattr(given(monkeypatch, **{name: value}), name.lower()) == value
