"""The settings, from the environment or `.env`, prefix `MAILER_`. Only `app` reads them."""

import json
import re
from collections import Counter
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mailer import bundled_files

DEVELOPMENT_SECRET = "development-only-never-in-production"  # noqa: S105 - a marker that production refuses


class SettingsError(ValueError):
    """A setting that is missing or wrong; the message names it and says what to do."""


def _parse_list(value: Any) -> Any:
    """Splits a text into a list: a JSON list, or values with commas between them. Returns other values unchanged."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


_HERE = ("localhost", "127.0.0.1", "::1")
"""`http` will do for recipients on this machine, as when trying mailer out; one-click needs `https` (RFC 8058)."""
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?")
"""A host name (RFC 1123 2.1); what is not ASCII travels as A-labels (RFC 5891)."""
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_ENCODE = "percent-encode special characters in user name and password"


def _split_url(url: str) -> SplitResult:
    """Splits a URL. It refuses spaces, control characters and the port 0, which urllib accepts silently.

    Raises:
        ValueError: it is none. The message quotes nothing, since the URL may hold a password.
    """
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("has a space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"has a bad host or port; {_ENCODE}") from None
    if port == 0:
        raise ValueError("has the port 0, on which nobody listens")
    return parts


def _check_public_url(url: str) -> str:
    parts = _split_url(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("takes an address such as https://mail.example.org")
    if parts.scheme == "http" and host not in _HERE:
        raise ValueError("has to begin with https://, as one-click needs (RFC 8058); http:// is for this machine only")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("is the beginning of every link: it has no user, no query and no fragment")
    if host != "::1" and not (_HOST.fullmatch(host) and len(host) < 254):
        raise ValueError("has no host name (RFC 1123); write other letters than a to z as A-labels (xn--…)")
    if not _PATH.fullmatch(parts.path):
        raise ValueError("has a path that a link cannot begin with; it takes names with single slashes between them")
    return url


def _check_oidc_issuer(url: str) -> str:
    if not url:
        return url
    parts = _split_url(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise ValueError("takes the https:// address that the provider's metadata have as their issuer")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("has a user, a query or a fragment, and an issuer has none (OpenID Connect Discovery 3)")
    return url


def _check_timestamp_url(url: str) -> str:
    if not url:
        return url
    parts = _split_url(url)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE)):
        raise ValueError("takes the https:// address of an authority for time stamps (RFC 3161)")
    if "@" in parts.netloc or "#" in url:
        raise ValueError("has a user or a fragment, and the address of an authority has none")
    return url


def _check_database_url(url: str) -> str:
    if url == "embedded":
        return url
    # Several servers have commas between them, each with a port of its own.
    login, at, servers = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")
    for server in servers.split(","):
        parts = _split_url(url.replace(f"{login}{at}{servers}", f"{login}{at}{server}", 1))
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("takes postgresql://user:password@host/database, or embedded")
    return _refuse_fragment_or_stray_at_sign(url, parts)


def _check_broker_url(url: str) -> str:
    if url == "memory://":
        return url
    parts = _split_url(url)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ValueError("takes amqp://user:password@host/vhost (amqps:// with TLS), or memory://")
    return _refuse_fragment_or_stray_at_sign(url, parts)


def _refuse_fragment_or_stray_at_sign(url: str, parts: SplitResult) -> str:
    if "#" in url or parts.netloc.count("@") > 1 or "@" in parts.path:
        raise ValueError(f"has a fragment, or an @ where none belongs; {_ENCODE}")
    return url


_MIN_SECRET, _MIN_LETTERS = 32, 8


def _can_be_guessed(secret: str) -> bool:
    """Tells whether a secret is short, the default one, of few characters, repeats itself, or counts up or down.

    By chance, of 32 hexadecimal digits one in ten million is taken for such; of 64, none ever.
    """
    if secret == DEVELOPMENT_SECRET or len(secret) < _MIN_SECRET or len(set(secret)) < _MIN_LETTERS:
        return True
    threes = {secret[place : place + 3] for place in range(len(secret) - 2)}
    steps = Counter(ord(after) - ord(before) for before, after in pairwise(secret))
    half = len(secret) / 2
    return len(threes) < half or steps.most_common(1)[0][1] > half


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_list)]


class Settings(BaseSettings):
    """Everything that can be set. `make reference` makes docs/reference/settings.md of the texts below."""

    model_config = SettingsConfigDict(env_prefix="MAILER_", env_file=".env", frozen=True, extra="ignore")

    database_url: Annotated[str, AfterValidator(_check_database_url)] = "embedded"
    """`postgresql://…`, all servers of a cluster with commas; or `embedded`: a private server under `MAILER_DATA`."""
    broker_url: Annotated[str, AfterValidator(_check_broker_url)] = "memory://"
    """`amqp://…` or `amqps://…`; or `memory://`: the broker within the process, for one machine."""
    processors: Listed = ("capture://",)
    """List: relays, `smtp://user:password@host:587?name=…&country=…&contract=…`; or `capture://`: mail stays here.

    E-mail services by their APIs: `ses://`, `sendgrid://`, `postmark://`, `mailgun://`, `brevo://`."""
    public_url: Annotated[str, AfterValidator(_check_public_url)] = "http://127.0.0.1:8025"
    """The address of the web app for recipients; every link begins with it. `https` in production, as RFC 8058 wants.

    It has no user, query or fragment; a path is fine."""
    secret_keys: Listed = (DEVELOPMENT_SECRET,)
    """List: the keys that sign links and return paths, newest first."""
    address_key: str = DEVELOPMENT_SECRET
    """Hashes the addresses in suppressions."""
    ledger_key: str = DEVELOPMENT_SECRET
    """Keys the ledger's chains, and signs its seals."""
    templates: Path = Field(default_factory=lambda: bundled_files.bundled_folder("templates"))
    """The folder of templates."""
    policies: Path = Field(default_factory=lambda: bundled_files.bundled_folder("policies"))
    """The folder of policies."""
    jurisdictions: Path = Field(default_factory=lambda: bundled_files.bundled_folder("jurisdictions"))
    """The folder with the law of each country."""
    only_deliver_to: Listed = ()
    """List: the staging fence. Mail leaves for these addresses, or `@domain`s, only; empty: for everybody."""
    dkim: Listed = ()
    """List: `domain:selector:file.pem`. The second key of a domain makes an additional signature."""
    letter_fonts: Path = Path("/usr/share/fonts")
    """The folder with the fonts of printed letters: Noto Sans with Arabic, a Japanese one (docs/letters.md)."""
    data: Path = Path(".mailer")
    """A folder on a disk that lasts: the embedded database, captured mail, and what is remembered of the database."""
    oidc_issuer: Annotated[str, AfterValidator(_check_oidc_issuer)] = ""
    """The identity provider by which staff can sign in (OpenID Connect), as its metadata name it; empty: none."""
    oidc_client_id: str = ""
    """The name by which the provider knows mailer."""
    oidc_client_secret: str = Field(default="", repr=False)
    """The secret of that name."""
    oidc_second_factors: Listed = ()
    """List: the values of `acr` or `amr` that count as a second factor, such as `mfa`. Empty: staff show one here."""
    timestamp_url: Annotated[str, AfterValidator(_check_timestamp_url)] = ""
    """The authority that gives time stamps (RFC 3161) for evidence packs; empty: packs have none."""
    inbound: Annotated[Listed, Field(repr=False)] = ()
    """List: where `mailer inbound` receives mail: `lmtp://127.0.0.1:2424`, or `smtp://0.0.0.0:25?name=mx.example.org`.

    `&certificate=FILE&key=FILE` lets senders encrypt (STARTTLS). A mailbox that it reads is
    `imaps://user:password@imap.example.org/INBOX?to=opt-out@example.org`."""
    webhooks: Listed = Field(default=(), repr=False)
    """List: endpoints for webhooks of e-mail services, `provider://name?key=value`, such as `ses://main?topic=arn:…`.

    The provider is `ses`, `sendgrid`, `postmark`, `mailgun` or `brevo`; the endpoint is `/webhooks/provider/name`."""
    host: str = "127.0.0.1"
    """The address where the web app listens."""
    port: int = 8025
    """The port where the web app listens."""
    metrics_host: str = "127.0.0.1"
    """The address of the operators' port: loopback, or one that only operators reach."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """The operators' port of this process; 0: none. Each process on a machine needs its own."""
    log_json: bool = False
    """Each log line is one JSON object."""
    lease_seconds: float = Field(default=60, ge=1, le=60)
    """The time for which a worker may hold a batch. If a worker is killed, its batch is free after this time."""
    copies: int = Field(default=3, ge=1, le=10)
    """The most copies of a mandatory mail while nobody knows whether it arrived; then a person decides."""

    @cached_property
    def is_database_embedded(self) -> bool:
        """True if the database is the embedded one."""
        return self.database_url == "embedded"

    @cached_property
    def is_broker_in_process(self) -> bool:
        """True if the broker runs within the process."""
        return self.broker_url.startswith("memory:")

    @cached_property
    def broker_user(self) -> str | None:
        """The RabbitMQ user of mailer's own connection; None if the broker runs within the process."""
        return None if self.is_broker_in_process else unquote(urlsplit(self.broker_url).username or "guest")

    @cached_property
    def is_mail_captured(self) -> bool:
        """True if all mail goes to the capturing server, and so to nobody."""
        return self.processors == ("capture://",)

    def refuse_if_unfit_for_production(self) -> None:
        """Refuses settings that must not run in production.

        Raises:
            SettingsError: secrets that are missing, weak or equal where mail could reach people, or what is not
                supported.
        """
        capturing = any(url.startswith("capture:") for url in self.processors)
        if not self.processors or (capturing and not self.is_mail_captured):
            raise SettingsError("MAILER_PROCESSORS names relays (smtp://…) or services, or capture:// alone")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_client_secret):
            raise SettingsError("MAILER_OIDC_ISSUER needs MAILER_OIDC_CLIENT_ID and MAILER_OIDC_CLIENT_SECRET, too")
        if self.is_mail_captured and self.is_database_embedded:
            return
        secrets = {
            "MAILER_SECRET_KEYS": self.secret_keys,
            "MAILER_ADDRESS_KEY": (self.address_key,),
            "MAILER_LEDGER_KEY": (self.ledger_key,),
        }
        weak = [name for name, keys in secrets.items() if not keys or any(map(_can_be_guessed, keys))]
        if weak:
            raise SettingsError(
                f"{', '.join(weak)}: set a secret of its own, 32 characters or more that nobody can guess"
                " (`openssl rand -hex 32` makes one)"
            )
        shared = [
            name for name, keys in secrets.items() for other in secrets if other != name and {*keys} & {*secrets[other]}
        ]
        if shared:
            raise SettingsError(
                f"{', '.join(dict.fromkeys(shared))}: they share a secret; give each one of its own, so that whoever"
                " learns one of them cannot do what the others are for (`openssl rand -hex 32` makes one)"
            )


def read_settings(**overrides: Any) -> Settings:
    """Reads the settings from the environment and `.env`.

    Args:
        overrides: values that take precedence over the environment.

    Raises:
        SettingsError: a setting is wrong.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"MAILER_{name}: {first['msg'].removeprefix('Value error, ')}") from error
