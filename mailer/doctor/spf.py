"""Evaluation of a domain's SPF record for one address (RFC 7208), as far as it does not depend on the message."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.doctor.dns_lookup import Address, DnsLookup

MOST_LOOKUPS = 10
"""The most terms of an evaluation that query the DNS (RFC 7208 4.6.4)."""


class SpfResult(StrEnum):
    """The results of RFC 7208 2.6 without `temperror`, and `UNKNOWN` if the result depends on the message."""

    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    UNKNOWN = "unknown"


_QUALIFIERS = {"+": SpfResult.PASS, "-": SpfResult.FAIL, "~": SpfResult.SOFTFAIL, "?": SpfResult.NEUTRAL}


class _BrokenRecord(Exception):
    """The record cannot be evaluated; the message says why."""


class _DependsOnMessage(Exception):
    """The record uses macros of the message, or names of the client."""


@dataclass
class _SpfEvaluation:
    lookup: DnsLookup
    address: Address
    asked: int = field(default=0)

    def count_lookup_and_enforce_limit(self) -> None:
        """Counts a term that queries the DNS. Raises `_BrokenRecord` if there are too many."""
        self.asked += 1
        if self.asked > MOST_LOOKUPS:
            raise _BrokenRecord(f"more than {MOST_LOOKUPS} terms that ask the DNS")

    async def evaluate_domain(self, domain: str) -> SpfResult:
        """Returns the result for a domain (RFC 7208 4)."""
        record = await self._find_spf_record(domain)
        if record is None:
            return SpfResult.NONE
        redirect: str | None = None
        for term in record.split()[1:]:
            name, equals, value = term.partition("=")
            if equals and name.isidentifier():
                redirect = value if name.lower() == "redirect" else redirect
                continue
            qualifier, mechanism = (term[0], term[1:]) if term[0] in _QUALIFIERS else ("+", term)
            if await self._is_matched_by_mechanism(mechanism, domain):
                return _QUALIFIERS[qualifier]
        if redirect is None:
            return SpfResult.NEUTRAL
        self.count_lookup_and_enforce_limit()
        result = await self.evaluate_domain(_require_no_macro(redirect))
        if result is SpfResult.NONE:
            raise _BrokenRecord(f"it redirects to {redirect}, which has no record")
        return result

    async def _find_spf_record(self, domain: str) -> str | None:
        texts = await self.lookup.txt_records(domain)
        records = [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
        if len(records) > 1:
            raise _BrokenRecord(f"{domain} has {len(records)} SPF records; there may be one")
        return records[0] if records else None

    async def _is_matched_by_mechanism(self, mechanism: str, domain: str) -> bool:
        name, _, value = mechanism.partition(":")
        name, _, length = name.partition("/") if not value else (name, "", "")
        target, _, bits = value.partition("/") if name.lower() not in ("ip4", "ip6") else (value, "", "")
        bits = bits or length
        match name.lower():
            case "all":
                return True
            case "ip4" | "ip6":
                return _is_in_network(value, self.address)
            case "include":
                self.count_lookup_and_enforce_limit()
                return await self._is_passed_by_included_domain(_require_no_macro(target))
            case "a":
                self.count_lookup_and_enforce_limit()
                return await self._is_address_of_host(_require_no_macro(target or domain), bits)
            case "mx":
                self.count_lookup_and_enforce_limit()
                hosts = await self.lookup.mx_hosts(_require_no_macro(target or domain))
                if len(hosts) > MOST_LOOKUPS:
                    many = f"{target or domain} has {len(hosts)} mail exchangers"
                    raise _BrokenRecord(f"{many}; {MOST_LOOKUPS} are allowed")
                return any([await self._is_address_of_host(host, bits) for host in hosts])
            case "exists" | "ptr":
                raise _DependsOnMessage
            case _:
                raise _BrokenRecord(f"it has an unknown term {mechanism!r}")

    async def _is_passed_by_included_domain(self, domain: str) -> bool:
        result = await self.evaluate_domain(domain)
        if result is SpfResult.NONE:
            raise _BrokenRecord(f"it includes {domain}, which has no record")
        return result is SpfResult.PASS

    async def _is_address_of_host(self, host: str, bits: str) -> bool:
        four, _, six = f"/{bits}".partition("//")  # "24", "24//64" or "/64"
        lengths = {4: four.removeprefix("/") or "32", 6: six or "128"}
        found = await self.lookup.host_addresses(host)
        return any(_is_in_network(f"{address}/{lengths[address.version]}", self.address) for address in found)


def _require_no_macro(domain: str) -> str:
    if "%" in domain:
        raise _DependsOnMessage
    return domain


def _is_in_network(network: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise _BrokenRecord(f"{network!r} is no network") from None


async def evaluate_spf(lookup: DnsLookup, domain: str, address: Address) -> tuple[SpfResult, str]:
    """Returns the result for mail of a domain from an address, and the fault of the record, or an empty text.

    Raises:
        LookupFailed: the DNS does not answer.
    """
    walk = _SpfEvaluation(lookup, address)
    try:
        return await walk.evaluate_domain(domain), ""
    except _BrokenRecord as error:
        return SpfResult.PERMERROR, str(error)
    except _DependsOnMessage:
        return SpfResult.UNKNOWN, ""
