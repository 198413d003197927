"""The URLs to which outcomes are posted: https to a public host, or http to this machine itself."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 2_000
"""The most octets of a URL."""
_LOOPBACK: Final = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""The prefix of IPv4 addresses behind a translator (RFC 6052 2.1)."""
_NOT_PUBLIC: Final = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20", "5f00::/16"),
    )
)
"""Networks of the special-purpose registries (RFC 6890) that older versions of Python take for public. A cloud has its
metadata at 192.0.0.192."""
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """The parts of a URL.

    Attributes:
        host: the name or address, in ASCII. port: the port. target: the path with the query, for the request line.
        is_encrypted: https. loopback: the address of this machine that the URL names; None: it names another host.
    """

    host: str
    port: int
    target: str
    is_encrypted: bool
    loopback: str | None


def parse_webhook_url(url: str) -> WebhookUrl:
    """Checks a URL, and returns its parts.

    Raises:
        ValueError: it is not https to a host, or http to this machine. The message says what to correct.
    """
    if len(url.encode()) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"a webhook's URL has at most {MAX_URL:,} characters, in printable ASCII and without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("this is not a URL; it has the form https://host/path") from None
    if "@" in parts.netloc or "#" in url or not host or "\\" in url:
        raise ValueError("a webhook's URL has the form https://host/path, without a user, a password or a fragment")
    loopback = _LOOPBACK.get(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("a webhook's URL begins with https://; http:// is only for 127.0.0.1, [::1] and localhost")
    if port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    _refuse_private_literal(host, loopback)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookUrl(host, port or (443 if parts.scheme == "https" else 80), target, parts.scheme == "https", loopback)


def _refuse_private_literal(host: str, loopback: str | None) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if loopback is None and not is_public_address(address):
        raise ValueError(f"{host} is an address of a private network; a webhook's host is on the public Internet")


def is_public_address(address: IpAddress) -> bool:
    """Tells whether an address is on the public Internet. An IPv6 address that carries an IPv4 address is that one."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried_ipv4_address(address)
        if carried is not None:
            return is_public_address(carried)
        if address.is_site_local:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried_ipv4_address(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
