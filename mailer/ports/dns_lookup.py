"""The DNS look-ups by which a domain's mail is checked."""

import ipaddress
from collections.abc import Sequence
from typing import Literal, Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LookupFailed(Exception):
    """The DNS did not answer; the message names the query."""


class DnsLookup(Protocol):
    """The DNS look-ups of the checks. The answer is empty if there is no such record.

    Each look-up raises `LookupFailed` if the DNS does not answer.
    """

    async def txt_records(self, name: str) -> Sequence[str]:
        """Returns the TXT records of a name, each with its strings joined."""

    async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
        """Returns the addresses of a host, of one version of IP, or of both, IPv4 first."""

    async def mx_hosts(self, name: str) -> Sequence[str]:
        """Returns the hosts of the MX records of a domain."""

    async def ptr_names(self, address: Address) -> Sequence[str]:
        """Returns the names in the PTR records of an address."""

    async def is_nonexistent(self, name: str) -> bool:
        """Tells whether the DNS denies the name itself (NXDOMAIN), not only some of its records (RFC 8020)."""
