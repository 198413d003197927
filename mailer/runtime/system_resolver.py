"""DNS look-ups with dnspython. Only `SystemResolver` imports it, since that takes 0.15 s."""

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from mailer.ports.dns_lookup import Address, LookupFailed

_KINDS = {4: ("A",), 6: ("AAAA",), None: ("A", "AAAA")}


def _split_server(server: str) -> tuple[str, int]:
    """Returns the address and the port of a name server. An IPv6 address with a port stands in brackets."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(server.strip("[]"))), 53
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


class SystemResolver:
    """Implements `DnsLookup` with this machine's resolver, or with a given name server.

    Args:
        server: `address`, `address:port` or `[address]:port` of a name server; None for this machine's.
        seconds: the longest wait for an answer.

    Raises:
        LookupFailed: this machine names no name server.
    """

    def __init__(self, server: str | None = None, seconds: float = 5.0) -> None:
        import dns.asyncresolver
        import dns.resolver

        try:
            self._resolver = dns.asyncresolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration as error:
            raise LookupFailed("this machine names no name server") from error
        self._resolver.lifetime = seconds
        if server is not None:
            host, port = _split_server(server)
            self._resolver.nameservers = [host]
            self._resolver.port = port

    async def txt_records(self, name: str) -> Sequence[str]:
        """See the protocol."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in await self._query_dns(name, "TXT")]

    async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
        """See the protocol."""
        try:
            return [ipaddress.ip_address(name)]
        except ValueError:
            found = await asyncio.gather(*[self._query_dns(name, kind) for kind in _KINDS[version]])
            return [ipaddress.ip_address(record.address) for records in found for record in records]

    async def mx_hosts(self, name: str) -> Sequence[str]:
        """See the protocol."""
        return [record.exchange.to_text(omit_final_dot=True) for record in await self._query_dns(name, "MX")]

    async def ptr_names(self, address: Address) -> Sequence[str]:
        """See the protocol."""
        import dns.reversename

        name = dns.reversename.from_address(str(address)).to_text()
        return [record.target.to_text(omit_final_dot=True).lower() for record in await self._query_dns(name, "PTR")]

    async def is_nonexistent(self, name: str) -> bool:
        """See the protocol."""
        return await self._query_dns_unless_denied(name, "A") is None

    async def _query_dns(self, name: str, kind: str) -> list[Any]:
        return await self._query_dns_unless_denied(name, kind) or []

    async def _query_dns_unless_denied(self, name: str, kind: str) -> list[Any] | None:
        """Returns the records, or None if the name itself does not exist, or cannot: it is too long or out of form."""
        import dns.exception
        import dns.name
        import dns.resolver

        no_names = (
            dns.name.BadEscape,
            dns.name.EmptyLabel,
            dns.name.IDNAException,
            dns.name.LabelTooLong,
            dns.name.NameTooLong,
        )

        try:
            return list(await self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, *no_names):
            return None
        except dns.resolver.NoAnswer:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"the DNS did not answer for {kind} {name} ({type(error).__name__})") from error
