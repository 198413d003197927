"""The address and settings of a service's API, parsed from its URL in `MAILER_PROCESSORS`."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote

from mailer.processors.smtp.oauth_tokens import TokenFileOrCommand
from mailer.processors.url_values import (
    NOWHERE,
    is_loopback,
    parse_number,
    parse_processor_country,
    parse_processor_name_or_use_host,
    parse_processor_query,
    parse_purposes,
    split_processor_url,
)

_NUMBERS: Final = {"pool": (1, 64), "urgent": (0, 64), "timeout": (1, 60), "weight": (0, 1_000)}
"""The keys with whole numbers, each with its minimum and maximum."""
_KEYS: Final = ("name", "country", "contract", "purposes", "token_file", "token_command", *_NUMBERS)
_SECRET: Final = re.compile(r"[!-~]{1,4096}")
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class ApiUrlForm:
    """The form of the URLs of one service.

    Attributes:
        scheme: the first part of its URLs.
        hosts: a pattern of the hosts of its API. The secret goes to none but these, and to loopback.
        host: one of them, for advice.
        user: the meaning of the user name before the secret; empty: it has none.
        values: its own keys, each with a pattern of its values.
        required: those of its own keys that it needs.
        carries_mime: True if it takes a message as it is, with our headers and our DKIM signature.
    """

    scheme: str
    hosts: re.Pattern[str]
    host: str
    user: str = ""
    values: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    carries_mime: bool = False


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The address and settings of a service's API. Its repr shows no secret.

    Attributes:
        host: a host name or an IP address.
        port: the TCP port.
        is_encrypted: True if it is asked over TLS. Only on loopback it may be False.
        name: the name of the processor in the ledger.
        country: the country in which it processes data, ISO 3166-1 alpha-2.
        contract: the reference of the contract under which it works.
        pool: the maximum number of requests at a time for all mail.
        urgent: the number of further requests, for urgent mail only.
        timeout: the maximum number of seconds for a connection.
        weight: its share among the processors that may get a message.
        purposes: the purposes for which it may be used; None: all.
        user: the user name; empty if the service has none.
        secret: the secret, unless there is a bearer.
        bearer: the file or command that gives the secret.
        values: the values of the service's own keys.
        carries_mime: see `ApiUrlForm`.
    """

    host: str
    port: int
    is_encrypted: bool
    name: str
    country: str
    contract: str
    pool: int = 4
    urgent: int = 2
    timeout: int = 10
    weight: int = 1
    purposes: frozenset[str] | None = None
    user: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    bearer: TokenFileOrCommand | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    carries_mime: bool = False

    def __post_init__(self) -> None:
        """Refuses settings that must not be used.

        Raises:
            ValueError: no encryption to another machine, or a wrong country.
        """
        if not self.is_encrypted and not is_loopback(self.host):
            raise ValueError(f"{self.host} is asked over TLS only")
        if self.country != NOWHERE or not is_loopback(self.host):
            object.__setattr__(self, "country", parse_processor_country(self.country))


def parse_api_url(url: str, form: ApiUrlForm) -> ApiSettings:
    """Parses `postmark://:secret@api.postmarkapp.com?country=US&contract=DPA-7`.

    The other keys are the attributes of `ApiSettings`. A service needs a country and a contract, unless it is on
    loopback, where it is asked over HTTP.

    Raises:
        ValueError: the URL is wrong. The message gives the reason, and quotes nothing that could be a secret.
    """
    parts, port = split_processor_url(url)
    host = parts.hostname or ""
    here = is_loopback(host)
    if parts.scheme != form.scheme or not (here or form.hosts.fullmatch(host)):
        raise ValueError(
            f"the URL of {form.scheme} has the form {form.scheme}://{'user' if form.user else ''}:secret@{form.host}"
            "?country=…&contract=…; its secret goes to no other host"
        )
    query = parse_processor_query(parts.query, (*_KEYS, *form.values))
    if not here and not {"country", "contract"} <= query.keys():
        raise ValueError(f"the relay {host} needs country=… and contract=… in its URL, for the ledger")
    user, secret, bearer = _parse_credentials(parts, query, form)
    return ApiSettings(
        host=host,
        port=port or _HTTPS,
        is_encrypted=not here,
        name=parse_processor_name_or_use_host(query.get("name"), host),
        country=query.get("country", NOWHERE),
        contract=query.get("contract", "none"),
        purposes=parse_purposes(query.get("purposes")),
        user=user,
        secret=secret,
        bearer=bearer,
        values=_parse_own_values(query, form),
        carries_mime=form.carries_mime,
        **{key: parse_number(key, query[key], _NUMBERS) for key in _NUMBERS if key in query},
    )


def _parse_credentials(
    parts: SplitResult, query: Mapping[str, str], form: ApiUrlForm
) -> tuple[str, str, TokenFileOrCommand | None]:
    """Returns the user name, and the secret or its source."""
    user, secret = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(form.user):
        wanted = f"{form.user} before its colon" if form.user else "nothing before the colon of its secret"
        raise ValueError(f"the URL of {form.scheme} has {wanted}: {form.scheme}://{'…' if form.user else ''}:secret@…")
    bearer = _parse_secret_source(query)
    if (bearer is None) == (not secret):
        raise ValueError(
            f"the URL of {form.scheme} has its secret before the @, or else token_file=… or token_command=…"
        )
    for text in (user, secret):
        if text and not _SECRET.fullmatch(text):
            raise ValueError(f"the credentials in the URL of {form.scheme} must be printable ASCII without spaces")
    return user, secret, bearer


def _parse_secret_source(query: Mapping[str, str]) -> TokenFileOrCommand | None:
    file, command = query.get("token_file"), query.get("token_command")
    if file is None and command is None:
        return None
    try:
        words = tuple(shlex.split(command or ""))
    except ValueError:
        raise ValueError("token_command has a quote that is not closed") from None
    if bool(file) == bool(words):
        raise ValueError("a relay has either token_file=… or token_command=…, percent-encoded, and not an empty one")
    return TokenFileOrCommand(Path(file) if file else None, words)


def _parse_own_values(query: Mapping[str, str], form: ApiUrlForm) -> Mapping[str, str]:
    """Returns the values of the service's own keys. Raises ValueError if one is wrong or missing."""
    for key in form.required:
        if key not in query:
            raise ValueError(f"the URL of {form.scheme} needs {key}=…")
    for key, pattern in form.values.items():
        if key in query and not pattern.fullmatch(query[key]):
            raise ValueError(f"{key} in the URL of {form.scheme} must have the form {pattern.pattern}")
    return {key: query[key] for key in form.values if key in query}
