"""DNS records that a test writes down."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mailer.ports.dns_lookup import Address, LookupFailed


@dataclass
class WrittenZone:
    """A `DnsLookup` over records that are written down; `down` names do not answer, `asked` are those asked for."""

    txt: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mx: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ptr: Mapping[Address, Sequence[str]] = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def ask(self, name: str) -> str:
        """Notes a query; raises if the name does not answer."""
        self.asked.append(name)
        if name in self.down:
            raise LookupFailed(f"the DNS did not answer for {name}")
        return name

    async def txt_records(self, name: str) -> Sequence[str]:
        """TXT."""
        return self.txt.get(self.ask(name), ())

    async def host_addresses(self, name: str, version: Literal[4, 6] | None = None) -> Sequence[Address]:
        """A and AAAA."""
        found = [ipaddress.ip_address(address) for address in self.hosts.get(self.ask(name), ())]
        return [address for address in found if version in (None, address.version)]

    async def mx_hosts(self, name: str) -> Sequence[str]:
        """MX."""
        return self.mx.get(self.ask(name), ())

    async def ptr_names(self, address: Address) -> Sequence[str]:
        """PTR."""
        self.ask(str(address))
        return self.ptr.get(address, ())

    async def is_nonexistent(self, name: str) -> bool:
        """Nothing is written down of the name, or of one below it."""
        known = [*self.txt, *self.hosts, *self.mx]
        return not any(one == self.ask(name) or one.endswith(f".{name}") for one in known)
