"""The address and settings of an SMTP relay, parsed from its URL."""

import ipaddress
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mailer.policy.country_codes import country_code
from mailer.processors.smtp.ehlo_name import is_address_literal, is_fully_qualified
from mailer.processors.smtp.oauth_tokens import MECHANISMS, TokenFileOrCommand
from mailer.processors.smtp.return_path_fields import FIELDS
from mailer.processors.smtp.timeouts import SmtpTimeouts


class TlsMode(StrEnum):
    """The encryption of the connection to a relay. With TLS, the certificate is always checked."""

    STARTTLS = "starttls"
    """TLS after STARTTLS (RFC 3207). Without TLS the connection is not used."""
    IMPLICIT = "implicit"
    """TLS from the first byte (RFC 8314 3.3)."""
    NONE = "none"
    """No TLS. Allowed only on loopback, where nobody else can listen."""


_PORTS: Final = {TlsMode.STARTTLS: 587, TlsMode.IMPLICIT: 465, TlsMode.NONE: 25}
_NUMBERS: Final = {
    "pool": (1, 64),
    "urgent": (0, 64),
    "messages": (1, 1_000_000),
    "age": (1, 86_400),
    "idle": (1, 3_600),
    "timeout": (1, 600),
    "weight": (0, 1_000),
}
"""The keys of the query with whole numbers, each with its minimum and maximum."""
_TOKEN_KEYS: Final = ("auth", "token_file", "token_command")
_KEYS: Final = (
    "name",
    "country",
    "contract",
    "tls",
    "helo",
    "network",
    "auth",
    "token_file",
    "token_command",
    "purposes",
    "service",
    *_NUMBERS,
)
_NOWHERE: Final = "ZZ"
"""A code that ISO 3166-1 leaves to users. It stands for the country of our own relay if the URL has none."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The address and settings of an SMTP relay. Its repr shows no credentials.

    Attributes:
        host: a host name or an IP address.
        port: the TCP port.
        name: the name of the relay in the ledger.
        country: the country in which it processes data, ISO 3166-1 alpha-2.
        contract: the reference of the contract under which it works.
        tls: see `TlsMode`.
        own: tells whether its URL says that it is in our own network (`network=own`).
        pool: the maximum number of connections for all mail.
        urgent: the number of further connections, for urgent mail only.
        messages: the maximum number of messages on one connection.
        age: seconds after which no further message begins on a connection.
        idle: seconds after which an unused connection is closed.
        times: the timeouts of each step.
        weight: its share among the processors that may get a message. 0: it gets mail only if no other one may.
        purposes: the purposes for which it may be used; None: all.
        service: the e-mail service behind it, which gives our return path back in its webhooks; None: none does.
        helo: the name in EHLO; None for this machine's name or address.
        username: the user name for AUTH; None for no login.
        password: the password for AUTH, unless there is a bearer.
        bearer: the source of OAuth 2 tokens for AUTH.
    """

    host: str
    port: int
    name: str
    country: str
    contract: str
    tls: TlsMode
    own: bool = False
    pool: int = 4
    urgent: int = 2
    messages: int = 1_000
    age: float = 300.0
    idle: float = 30.0
    times: SmtpTimeouts = field(default_factory=SmtpTimeouts)
    weight: int = 1
    purposes: frozenset[str] | None = None
    service: str | None = None
    helo: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)
    bearer: TokenFileOrCommand | None = None

    def __post_init__(self) -> None:
        """Refuses settings that must not be used.

        Raises:
            ValueError: no encryption to another machine, an invalid country, or an invalid name for EHLO.
        """
        if self.tls is TlsMode.NONE and not is_loopback(self.host):
            raise ValueError(f"tls=none is only for loopback, and {self.host} is not")
        if self.country != _NOWHERE or self.is_outside_our_network:
            object.__setattr__(self, "country", _parse_country(self.country))  # normalized, as in the policy
        if self.helo is not None and not (is_fully_qualified(self.helo) or is_address_literal(self.helo)):
            raise ValueError(
                "helo must be a fully qualified host name such as mail.example.org, or an address such as [192.0.2.1]"
            )

    @property
    def is_outside_our_network(self) -> bool:
        """Tells whether it is outside our own network: not on loopback, and its URL has no `network=own`."""
        return not self.own and not is_loopback(self.host)


def _parse_country(text: str) -> str:
    try:
        return country_code(text)
    except ValueError:
        raise ValueError(f"country={text[:20]} is none; write the two letters of ISO 3166-1, such as DE") from None


def is_loopback(host: str) -> bool:
    """Tells whether a host is this machine: `localhost` or a loopback address. Nothing is resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_relay_url(url: str) -> RelaySettings:
    """Parses `smtp://user:password@host:587?name=relay&country=DE&contract=DPA-7&pool=4&tls=starttls`.

    The other keys are the attributes of `RelaySettings`. The names in `purposes` are separated by commas. `timeout` is
    `SmtpTimeouts.connect`. The default of `tls` is `implicit` on port 465, `none` on loopback, else `starttls`. A relay
    needs a country and a contract, unless it is on loopback or in our own network.

    Raises:
        ValueError: the URL is wrong. The message gives the reason, and quotes nothing that could be a password.
    """
    parts, port = _split_url(url)
    host = parts.hostname
    if parts.scheme != "smtp" or not host:
        raise ValueError("a relay's URL has the form smtp://user:password@host:port?country=…&contract=…")
    query = _parse_query(parts.query)
    here, own = is_loopback(host), _parse_is_in_own_network(query.get("network"))
    if not (here or own) and not {"country", "contract"} <= query.keys():
        raise ValueError(f"the relay {host} needs country=… and contract=… in its URL, for the ledger")
    tls = _parse_or_choose_tls_mode(query.get("tls"), port, here)
    return RelaySettings(
        host=host,
        port=port or _PORTS[tls],
        name=_parse_relay_name_or_use_host(query.get("name"), host),
        country=query.get("country", _NOWHERE),
        contract=query.get("contract", "none"),
        tls=tls,
        own=own,
        purposes=_parse_purposes(query.get("purposes")),
        service=_parse_service(query.get("service")),
        helo=query.get("helo"),
        bearer=_parse_token_source(query, parts),
        times=SmtpTimeouts(connect=_parse_number("timeout", query["timeout"]))
        if "timeout" in query
        else SmtpTimeouts(),
        username=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        **{key: _parse_number(key, query[key]) for key in _NUMBERS if key in query and key != "timeout"},
    )


def _parse_service(text: str | None) -> str | None:
    """Returns the name of an e-mail service. Raises ValueError if it is one that we do not know."""
    if text is not None and text not in FIELDS:
        raise ValueError(f"service must be one of {', '.join(FIELDS)}, or be left out")
    return text


def _parse_relay_name_or_use_host(text: str | None, host: str) -> str:
    """Returns the relay's name in the ledger: the one in the URL, or else the host."""
    if text is None:
        return host
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError(
            "name must be up to 64 letters, digits, dots, hyphens and underscores; relays have a comma between them"
        )
    return text


def _split_url(url: str) -> tuple[SplitResult, int | None]:
    """Returns the parts of a URL, and its port. Unlike those of urllib, its errors never quote a password."""
    advice = "percent-encode special characters in user name and password"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"the relay's URL has a bad host or port ({advice})") from None
    if "@" in parts.path + parts.query + parts.fragment or parts.path.strip("/") or parts.fragment:
        raise ValueError(f"the relay's URL has something other than a query after its host ({advice})")
    return parts, port


def _parse_query(text: str) -> dict[str, str]:
    """Returns the keys and values of the query. Raises ValueError for an unknown key or one that is given twice."""
    allowed = f"allowed are {', '.join(_KEYS)}"
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        raise ValueError(f"the query of the relay's URL must be key=value&…; {allowed}") from None
    for key, _ in pairs:
        if key not in _KEYS:
            raise ValueError(f"unknown key {key!r} in the relay's URL; {allowed}")
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("a key stands twice in the relay's URL")
    return query


def _parse_or_choose_tls_mode(text: str | None, port: int | None, own: bool) -> TlsMode:
    """Returns the TLS mode in the URL, or else the default for the port and the host."""
    if text is None:
        return TlsMode.IMPLICIT if port == _PORTS[TlsMode.IMPLICIT] else TlsMode.NONE if own else TlsMode.STARTTLS
    try:
        return TlsMode(text)
    except ValueError:
        raise ValueError(f"tls must be one of {', '.join(TlsMode)}") from None


def _parse_is_in_own_network(text: str | None) -> bool:
    """Tells whether the URL says `network=own`. Raises ValueError for any other value of `network`."""
    if text not in (None, "own"):
        raise ValueError("network must be own, for a relay in your own network, or be left out")
    return text == "own"


def _parse_token_source(query: Mapping[str, str], parts: SplitResult) -> TokenFileOrCommand | None:
    """Returns the source of tokens in the URL, or None. Raises ValueError if it is not complete."""
    file, command, mechanism = query.get("token_file"), query.get("token_command"), query.get("auth")
    if mechanism is not None and mechanism not in MECHANISMS:
        raise ValueError(
            f"auth must be {' or '.join(MECHANISMS)}, with a token; for a password the relay's offer decides"
        )
    if file is None and command is None:
        if mechanism is not None:
            raise ValueError(f"auth={mechanism} needs token_file=… or token_command=…")
        return None
    if not parts.username or parts.password:
        raise ValueError("a relay with a token has a user name in its URL, and no password")
    try:
        words = tuple(shlex.split(command or ""))
    except ValueError:
        raise ValueError("token_command has a quote that is not closed") from None
    if bool(file) == bool(words):
        raise ValueError("a relay has either token_file=… or token_command=…, percent-encoded, and not an empty one")
    return TokenFileOrCommand(Path(file) if file else None, words, mechanism)


def _parse_number(key: str, text: str) -> int:
    """Returns the value of a key as a whole number. Raises ValueError if it is outside the key's limits."""
    low, high = _NUMBERS[key]
    if not re.fullmatch("[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise ValueError(f"{key} must be a whole number from {low} to {high:,}")
    return int(text)


def _parse_purposes(text: str | None) -> frozenset[str] | None:
    """Returns the names in a list with commas. None: the URL has no `purposes`."""
    if text is None:
        return None
    names = frozenset(text.split(","))
    if not all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names):
        raise ValueError("purposes must be names such as newsletter,offers; leave the key out to allow them all")
    return names
