"""Evaluation of SPF (RFC 7208 4) for one message, or for one address of a domain."""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from mailer.policy.spf_macros import DomainSpec, SpfRecordError, is_queryable_name
from mailer.policy.spf_record import Mechanism, MechanismKind, SpfResult, choose_spf_record, parse_spf_record
from mailer.ports.dns_lookup import Address, DnsLookup, LookupFailed

MOST_LOOKUPS = 10
"""The most terms of an evaluation that query the DNS, and the most names of MX and PTR records (RFC 7208 4.6.4)."""
MOST_VOID_LOOKUPS = 2
"""The most terms for which the DNS has no record (RFC 7208 4.6.4)."""
SECONDS = 20.0
"""The longest time of an evaluation (RFC 7208 4.6.4)."""
_MOST_SENDER_CHARACTERS = 320
_Found = TypeVar("_Found", str, Address)


@dataclass(frozen=True, slots=True)
class SpfIdentity:
    """The identity that is checked, with what is known of the client.

    Attributes:
        address: of the client.
        domain: the domain that is checked.
        local_part: of the sender; `postmaster` if it has none.
        helo: the name that the client gave itself.
    """

    address: Address
    domain: str
    local_part: str = "postmaster"
    helo: str = "unknown"


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """The result for a domain.

    Attributes:
        result: of RFC 7208 2.6.
        domain: the domain that was checked, in lower case.
        fault: the reason of a `permerror` or `temperror`, else empty.
        depends_on_message: a macro used the local part of the sender or the name of the client.
    """

    result: SpfResult
    domain: str
    fault: str = ""
    depends_on_message: bool = False


async def evaluate_spf(lookup: DnsLookup, identity: SpfIdentity) -> SpfVerdict:
    """Returns the result of `check_host()` for an identity; raises nothing for bad records, names or a silent DNS."""
    domain = identity.domain.lower().removesuffix(".")
    walk = _SpfEvaluation(lookup, identity, domain)
    fault = ""
    try:
        async with asyncio.timeout(SECONDS):
            result = await walk.evaluate_domain(domain) if _is_domain(domain) else SpfResult.NONE
    except SpfRecordError as error:
        result, fault = SpfResult.PERMERROR, str(error)
    except LookupFailed as error:
        result, fault = SpfResult.TEMPERROR, str(error)
    except TimeoutError:
        result, fault = SpfResult.TEMPERROR, f"the DNS took more than {SECONDS:g} seconds"
    return SpfVerdict(result, domain, fault, walk.depends_on_message)


def _is_domain(domain: str) -> bool:
    """Tells whether a domain has several labels, and is no address literal (RFC 7208 4.3)."""
    return "." in domain and not domain.startswith("[")


def _unmapped(address: Address) -> Address:
    """Returns the IPv4 address that an IPv6 socket shows as `::ffff:192.0.2.1`."""
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


@dataclass
class _SpfEvaluation:
    lookup: DnsLookup
    identity: SpfIdentity
    sender_domain: str
    lookups: int = field(default=0)
    void_lookups: int = field(default=0)
    depends_on_message: bool = field(default=False)
    _validated: list[str] | None = field(default=None)

    def __post_init__(self) -> None:
        self.address = _unmapped(self.identity.address)
        self.version: Literal[4, 6] = 4 if self.address.version == 4 else 6

    async def evaluate_domain(self, domain: str) -> SpfResult:
        """Returns the result for a domain (RFC 7208 4)."""
        if not is_queryable_name(domain):
            return SpfResult.NONE
        text = choose_spf_record(await self.lookup.txt_records(domain))
        if text is None:
            return SpfResult.NONE
        record = parse_spf_record(text)
        for mechanism in record.mechanisms:
            if await self._is_matched_by(mechanism, domain):
                return mechanism.result
        if record.redirect is None:
            return SpfResult.NEUTRAL
        return await self._evaluate_named(record.redirect, domain, "redirects to")

    async def _evaluate_named(self, target: DomainSpec, domain: str, verb: str) -> SpfResult:
        self._count_lookup()
        name = await self._expand(target, domain)
        result = await self.evaluate_domain(name)
        if result is SpfResult.NONE:
            raise SpfRecordError(f"it {verb} {name[:80]!r}, which has no record")
        return result

    async def _is_matched_by(self, mechanism: Mechanism, domain: str) -> bool:
        match mechanism.kind:
            case MechanismKind.ALL:
                return True
            case MechanismKind.IP4 | MechanismKind.IP6:
                return mechanism.network is not None and self.address in mechanism.network
            case MechanismKind.INCLUDE:
                return await self._evaluate_named(mechanism.target, domain, "includes") is SpfResult.PASS
            case _:
                self._count_lookup()
                name = await self._expand(mechanism.target, domain)
                if not is_queryable_name(name):
                    return False
                return await self._is_matched_by_hosts(mechanism, name)

    async def _is_matched_by_hosts(self, mechanism: Mechanism, name: str) -> bool:
        match mechanism.kind:
            case MechanismKind.EXISTS:
                return bool(self._count_if_void(await self.lookup.host_addresses(name, 4)))
            case MechanismKind.A:
                found = self._count_if_void(await self.lookup.host_addresses(name, self.version))
                return self._is_near(found, mechanism)
            case MechanismKind.MX:
                hosts = self._count_if_void(await self.lookup.mx_hosts(name))
                if len(hosts) > MOST_LOOKUPS:
                    raise SpfRecordError(f"{name} has {len(hosts)} mail exchangers; {MOST_LOOKUPS} are allowed")
                return await self._is_near_a_host(hosts, mechanism)
            case _:
                return any(one == name or one.endswith(f".{name}") for one in await self._validated_names())

    async def _is_near_a_host(self, hosts: Sequence[str], mechanism: Mechanism) -> bool:
        for host in hosts:
            if is_queryable_name(host) and self._is_near(
                await self.lookup.host_addresses(host, self.version), mechanism
            ):
                return True
        return False

    def _is_near(self, addresses: Sequence[Address], mechanism: Mechanism) -> bool:
        length = mechanism.lengths[0 if self.version == 4 else 1]
        return any(self.address in ipaddress.ip_network(f"{address}/{length}", strict=False) for address in addresses)

    async def _validated_names(self) -> list[str]:
        """Returns the names of the client that lead back to its address (RFC 7208 5.5)."""
        if self._validated is None:
            self._validated = []
            try:
                names = self._count_if_void(await self.lookup.ptr_names(self.address))
            except LookupFailed:
                names = []
            for name in names[:MOST_LOOKUPS]:
                if is_queryable_name(name) and await self._is_name_of_client(name):
                    self._validated.append(name.lower())
        return self._validated

    async def _is_name_of_client(self, name: str) -> bool:
        try:
            return self.address in await self.lookup.host_addresses(name, self.version)
        except LookupFailed:
            return False

    async def _expand(self, target: DomainSpec, domain: str) -> str:
        self.depends_on_message = self.depends_on_message or target.depends_on_message()
        local, helo = self.identity.local_part or "postmaster", self.identity.helo
        values = {
            "s": f"{local}@{self.sender_domain}"[:_MOST_SENDER_CHARACTERS],
            "l": local[:_MOST_SENDER_CHARACTERS],
            "o": self.sender_domain,
            "d": domain,
            "i": _dotted(self.address),
            "h": helo[:_MOST_SENDER_CHARACTERS],
            "v": "in-addr" if self.version == 4 else "ip6",
        }
        if "p" in target.letters():
            values["p"] = _best_name(await self._validated_names(), domain)
        return target.expand(values).lower()

    def _count_lookup(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise SpfRecordError(f"more than {MOST_LOOKUPS} terms that ask the DNS")

    def _count_if_void(self, found: Sequence[_Found]) -> Sequence[_Found]:
        self.void_lookups += not found
        if self.void_lookups > MOST_VOID_LOOKUPS:
            raise SpfRecordError(f"more than {MOST_VOID_LOOKUPS} terms for which the DNS has no record")
        return found


def _dotted(address: Address) -> str:
    """Returns the value of `%{i}`: an IPv6 address has a dot after each of its hexadecimal digits."""
    return str(address) if address.version == 4 else ".".join(address.exploded.replace(":", ""))


def _best_name(names: Sequence[str], domain: str) -> str:
    """Returns the value of `%{p}` (RFC 7208 7.3)."""
    below = (name for name in names if name.endswith(f".{domain}"))
    return domain if domain in names else next(below, names[0] if names else "unknown")
