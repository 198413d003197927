"""The URLs of links in a mail: their form, and what a server answered to one."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

import idna

from mailer.policy.webhook_urls import is_public_address

MAX_LINK_URL: Final = 2_000
"""The most characters of a URL."""
_PORTS: Final = {"https": 443, "http": 80}
_LEAST_PORT: Final = 1024
"""The first port that is no well-known one of another protocol, such as SMTP."""
_NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|\d+)", re.IGNORECASE)
"""The last part of a host that browsers read as an IPv4 address (WHATWG URL 3.5), in any of its spellings."""
_SAFE: Final = "/:?#[]@!$&'()*+,;=%~-._"


class LinkHostRefused(ValueError):
    """The host of a link is no name or address of the public Internet."""


@dataclass(frozen=True, slots=True)
class LinkUrl:
    """The parts of a URL that can be asked for.

    Attributes:
        host: the name in ASCII (IDNA 2008), or the address.
        port: the port. target: the path with the query, for the request line. is_encrypted: https.
    """

    host: str
    port: int
    target: str
    is_encrypted: bool

    @property
    def authority(self) -> str:
        """The host for the field `Host`, with its port if that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.is_encrypted else "http"]
        return host if self.port == usual else f"{host}:{self.port}"


class LinkResult(StrEnum):
    """The result of asking a server for a link."""

    ANSWERED = "answered"
    REDIRECTED = "redirected"
    """It answered after redirects to another host."""
    MISSING = "missing"
    """It says that there is no such page (404, 410)."""
    REFUSED = "refused"
    """It answers with another fault, such as 403 or 500."""
    FAILED = "failed"
    """No answer of HTTP came: the name, the connection or TLS failed, or the redirects have no end."""
    TIMEOUT = "timeout"
    PRIVATE = "private"
    """It, or a redirect, leads to an address that is not on the public Internet. Nothing was sent there."""
    NOT_CHECKED = "not_checked"
    """There was no time for it, or there are too many links."""


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """The answer to one link.

    Attributes:
        url: the link. result: the kind of answer.
        words: the status or the fault, in a few words; no part of a page.
    """

    url: str
    result: LinkResult
    words: str = ""


def parse_link_url(url: str) -> LinkUrl:
    """Checks a URL, and returns its parts. A fragment is left out.

    Raises:
        LinkHostRefused: its host is an address that is not public, or a number that browsers read as an address.
        ValueError: it is no URL of the web.
    """
    if len(url) > MAX_LINK_URL or "\\" in url or any(letter <= " " or letter == "\x7f" for letter in url):
        raise ValueError(f"a link has at most {MAX_LINK_URL:,} characters, without spaces and backslashes")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError("this is not a URL; it has the form https://host/path") from None
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or port == 0:
        raise ValueError("a link has the form https://host/path, without a user and a password")
    if (port or _LEAST_PORT) < _LEAST_PORT and port not in _PORTS.values():
        raise ValueError(f"a link has no port, 80, 443, or one from {_LEAST_PORT} on")
    path = quote(parts.path or "/", safe=_SAFE)
    target = f"{path}?{quote(parts.query, safe=_SAFE)}" if parts.query else path
    return LinkUrl(_checked_host(host), port or _PORTS[parts.scheme], target, parts.scheme == "https")


def _checked_host(host: str) -> str:
    """Returns a host in ASCII.

    Raises:
        LinkHostRefused: it is an address that is not public, or spelt as no address is.
        ValueError: it is no host.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _checked_name(host)
    if not is_public_address(address):
        raise LinkHostRefused("the address is not on the public Internet")
    return str(address)


def _checked_name(host: str) -> str:
    try:
        name = idna.encode(host, uts46=True).decode("ascii").rstrip(".").lower()
    except (idna.IDNAError, UnicodeError):
        if not re.fullmatch(r"[a-z0-9_.-]+", host, re.IGNORECASE):
            raise ValueError("the host is no name") from None
        name = host.rstrip(".").lower()
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise LinkHostRefused("the host is a number, which browsers read as an address")
    if not name or name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        raise LinkHostRefused("the name is not of the public Internet")
    return name
