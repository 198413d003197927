"""The name in EHLO (RFC 5321 4.1.1.1): a fully qualified host name, or else an address literal (4.1.3)."""

import asyncio
import ipaddress
import re
import socket
from typing import Final

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_QUALIFIED: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.(?=[A-Za-z])(?:{_LABEL})")
"""A name with at least two labels. The last one begins with a letter, so that an IPv4 address does not match."""
_OF_NOBODY: Final = (".localdomain", ".local", ".localhost", ".invalid")
"""Endings of names that have no meaning on another machine."""
_RESOLVER_SECONDS: Final = 5.0


def is_fully_qualified(name: str) -> bool:
    """Tells whether a name is a fully qualified host name that another machine could know."""
    return bool(_QUALIFIED.fullmatch(name)) and not name.lower().endswith(_OF_NOBODY)


def is_address_literal(text: str) -> bool:
    """Tells whether a text is an address literal such as [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3)."""
    inner = text[1:-1]
    version = 6 if inner.lower().startswith("ipv6:") else 4
    try:
        address = ipaddress.ip_address(inner[5:] if version == 6 else inner)
    except ValueError:
        return False
    return text == f"[{inner}]" and address.version == version and "%" not in inner


def address_literal(address: str) -> str:
    """Returns the address literal of an IP address. An IPv4-mapped IPv6 address becomes an IPv4 literal."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return f"[IPv6:{ip}]" if ip.version == 6 and mapped is None else f"[{mapped or ip}]"


class EhloNameProvider:
    """The name for EHLO. The system's resolver is asked only once, as it can take seconds.

    Args:
        said: the name in the relay's URL; None to ask the system.
    """

    def __init__(self, said: str | None) -> None:
        self._name = said
        self._asking = asyncio.Lock()
        self._known = said is not None

    async def ehlo_name_for_local_address(self, address: str) -> str:
        """Returns the name for EHLO on a connection from this local IP address: the host name, or the address."""
        async with self._asking:
            if not self._known:
                self._name = await _qualified_system_name()
                self._known = True
        return self._name or address_literal(address)


async def _qualified_system_name() -> str | None:
    """Returns this machine's host name if it is fully qualified and the resolver answers in time, else None."""
    try:
        async with asyncio.timeout(_RESOLVER_SECONDS):
            name = (await asyncio.to_thread(socket.getfqdn)).removesuffix(".")
    except (TimeoutError, OSError, UnicodeError):
        return None
    return name if is_fully_qualified(name) else None
