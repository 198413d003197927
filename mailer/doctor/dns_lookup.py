"""The DNS, asked. Every process imports this module; dnspython, which takes 0.15 s, only who asks."""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any, Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LookupFailed(Exception):
    """The DNS did not answer; the message says what was asked."""


class Lookup(Protocol):
    """The questions that the checks ask. An answer is empty where there is no such record.

    Each raises `LookupFailed` if nobody answers.
    """

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records of a name, each with its strings put together."""

    async def addresses(self, name: str) -> Sequence[Address]:
        """The addresses of a host, IPv4 first."""

    async def mail_hosts(self, name: str) -> Sequence[str]:
        """The hosts of the MX records of a domain."""

    async def pointers(self, address: Address) -> Sequence[str]:
        """The names of an address."""


class Resolver:
    """Implements `Lookup` by this machine's resolver, or by one that is named.

    Args:
        server: `address` or `address:port` of a name server; None for this machine's.
        seconds: the longest to wait for an answer.
    """

    def __init__(self, server: str | None = None, seconds: float = 5.0) -> None:
        import dns.asyncresolver

        self._resolver = dns.asyncresolver.Resolver(configure=server is None)
        self._resolver.lifetime = seconds
        if server is not None:
            host, _, port = server.partition(":")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port or 53)

    async def texts(self, name: str) -> Sequence[str]:
        """See the protocol."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in await self._ask(name, "TXT")]

    async def addresses(self, name: str) -> Sequence[Address]:
        """See the protocol."""
        try:
            return [ipaddress.ip_address(name)]
        except ValueError:
            found = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"))
            return [ipaddress.ip_address(record.address) for records in found for record in records]

    async def mail_hosts(self, name: str) -> Sequence[str]:
        """See the protocol."""
        return [record.exchange.to_text(omit_final_dot=True) for record in await self._ask(name, "MX")]

    async def pointers(self, address: Address) -> Sequence[str]:
        """See the protocol."""
        import dns.reversename

        name = dns.reversename.from_address(str(address)).to_text()
        return [record.target.to_text(omit_final_dot=True).lower() for record in await self._ask(name, "PTR")]

    async def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        try:
            return list(await self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"the DNS did not answer for {kind} {name} ({type(error).__name__})") from error
