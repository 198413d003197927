"""The address and settings of an SMTP relay, parsed from its URL."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote

from mailer.processors.smtp.ehlo_name import is_address_literal, is_fully_qualified
from mailer.processors.smtp.oauth_tokens import MECHANISMS, TokenFileOrCommand
from mailer.processors.smtp.return_path_fields import FIELDS
from mailer.processors.smtp.timeouts import SmtpTimeouts
from mailer.processors.url_values import (
    NOWHERE,
    is_loopback,
    parse_is_in_own_network,
    parse_number,
    parse_processor_country,
    parse_processor_name_or_use_host,
    parse_processor_query,
    parse_purposes,
    split_processor_url,
)


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
        if self.country != NOWHERE or self.is_outside_our_network:
            object.__setattr__(self, "country", parse_processor_country(self.country))  # normalized, as in the policy
        if self.helo is not None and not (is_fully_qualified(self.helo) or is_address_literal(self.helo)):
            raise ValueError(
                "helo must be a fully qualified host name such as mail.example.org, or an address such as [192.0.2.1]"
            )

    @property
    def is_outside_our_network(self) -> bool:
        """Tells whether it is outside our own network: not on loopback, and its URL has no `network=own`."""
        return not self.own and not is_loopback(self.host)


def parse_relay_url(url: str) -> RelaySettings:
    """Parses `smtp://user:password@host:587?name=relay&country=DE&contract=DPA-7&pool=4&tls=starttls`.

    The other keys are the attributes of `RelaySettings`. The names in `purposes` are separated by commas. `timeout` is
    `SmtpTimeouts.connect`. The default of `tls` is `implicit` on port 465, `none` on loopback, else `starttls`. A relay
    needs a country and a contract, unless it is on loopback or in our own network.

    Raises:
        ValueError: the URL is wrong. The message gives the reason, and quotes nothing that could be a password.
    """
    parts, port = split_processor_url(url)
    host = parts.hostname
    if parts.scheme != "smtp" or not host:
        raise ValueError("a relay's URL has the form smtp://user:password@host:port?country=…&contract=…")
    query = parse_processor_query(parts.query, _KEYS)
    here, own = is_loopback(host), parse_is_in_own_network(query.get("network"))
    if not (here or own) and not {"country", "contract"} <= query.keys():
        raise ValueError(f"the relay {host} needs country=… and contract=… in its URL, for the ledger")
    tls = _parse_or_choose_tls_mode(query.get("tls"), port, here)
    return RelaySettings(
        host=host,
        port=port or _PORTS[tls],
        name=parse_processor_name_or_use_host(query.get("name"), host),
        country=query.get("country", NOWHERE),
        contract=query.get("contract", "none"),
        tls=tls,
        own=own,
        purposes=parse_purposes(query.get("purposes")),
        service=_parse_service(query.get("service")),
        helo=query.get("helo"),
        bearer=_parse_token_source(query, parts),
        times=SmtpTimeouts(connect=parse_number("timeout", query["timeout"], _NUMBERS))
        if "timeout" in query
        else SmtpTimeouts(),
        username=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        **{key: parse_number(key, query[key], _NUMBERS) for key in _NUMBERS if key in query and key != "timeout"},
    )


def _parse_service(text: str | None) -> str | None:
    """Returns the name of an e-mail service. Raises ValueError if it is one that we do not know."""
    if text is not None and text not in FIELDS:
        raise ValueError(f"service must be one of {', '.join(FIELDS)}, or be left out")
    return text


def _parse_or_choose_tls_mode(text: str | None, port: int | None, own: bool) -> TlsMode:
    """Returns the TLS mode in the URL, or else the default for the port and the host."""
    if text is None:
        return TlsMode.IMPLICIT if port == _PORTS[TlsMode.IMPLICIT] else TlsMode.NONE if own else TlsMode.STARTTLS
    try:
        return TlsMode(text)
    except ValueError:
        raise ValueError(f"tls must be one of {', '.join(TlsMode)}") from None


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
