"""The tree walk that finds the DMARC policy of a domain (RFC 9989 4.10)."""

from collections.abc import Mapping

from mailer.policy.dmarc_records import (
    DmarcPolicy,
    choose_dmarc_policy,
    dmarc_names_to_query,
    dmarc_records_among,
    has_policy_for_nonexistent,
    is_end_of_walk,
)
from mailer.ports.dns_lookup import DnsLookup


async def fetch_effective_dmarc_policy(lookup: DnsLookup, domain: str) -> DmarcPolicy:
    """Finds the policy of a domain with at most nine queries: eight names, and the domain's existence if `np` needs it.

    Raises:
        LookupFailed: the DNS does not answer.
    """
    domain = domain.lower().rstrip(".")
    found: dict[str, Mapping[str, str]] = {}
    doubled: list[str] = []
    for name in dmarc_names_to_query(domain):
        records = dmarc_records_among(await lookup.txt_records(f"_dmarc.{name}"))
        if len(records) > 1:
            doubled.append(name)
        elif records:
            found[name] = records[0]
            if is_end_of_walk(records[0]):
                break
    is_nonexistent = has_policy_for_nonexistent(domain, found) and await lookup.is_nonexistent(domain)
    return choose_dmarc_policy(domain, found, doubled, is_nonexistent)
