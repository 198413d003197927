"""Findings about the DNS records by which receivers authenticate mail: SPF, DKIM, DMARC, and PTR of relays."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mailer.doctor.finding import Finding, ok_finding, problem_finding, warning_finding
from mailer.policy.dmarc_records import parse_dkim_or_dmarc_tags
from mailer.policy.spf_record import SpfResult
from mailer.ports.dns_lookup import Address, DnsLookup, LookupFailed
from mailer.runtime.dmarc_tree_walk import fetch_effective_dmarc_policy
from mailer.runtime.spf_evaluation import SpfIdentity, evaluate_spf


@dataclass(frozen=True, slots=True)
class SenderDomain:
    """A domain from which mail is sent.

    Attributes:
        name: the domain that signs (DKIM) and takes bounces (SPF).
        senders: the domains of its From addresses: itself, or subdomains.
        keys: the TXT record of each of our keys, by its name in the DNS.
    """

    name: str
    senders: Sequence[str]
    keys: Mapping[str, str]


async def examine_domain(
    lookup: DnsLookup, domain: SenderDomain, relays: Mapping[str, Sequence[Address]]
) -> list[Finding]:
    """Returns the findings about one domain.

    Args:
        lookup: queries the DNS.
        domain: the domain.
        relays: the addresses of each relay outside of this machine.
    """
    findings = [await _run_dns_check(f"SPF {domain.name}", partial(_check_spf, lookup, domain.name, relays))]
    for name, record in domain.keys.items():
        findings.append(await _run_dns_check(f"DKIM {name}", partial(_check_dkim, lookup, name, record)))
    if not domain.keys:
        text = f"mail of {domain.name} goes unsigned: name its key in MAILER_DKIM"
        findings.append(warning_finding(f"DKIM {domain.name}", text))
    for sender in domain.senders:
        findings.append(await _run_dns_check(f"DMARC {sender}", partial(_check_dmarc, lookup, sender, domain.name)))
    return findings


async def examine_reverse_dns(lookup: DnsLookup, name: str, address: Address) -> Finding:
    """Returns the finding about a relay's PTR record.

    Many receivers require a name that resolves to the same address.
    """
    return await _run_dns_check(f"reverse DNS {name}", partial(_check_reverse_dns, lookup, address))


async def _run_dns_check(check: str, ask: Callable[[str], Awaitable[Finding]]) -> Finding:
    try:
        return await ask(check)
    except LookupFailed as error:
        return warning_finding(check, f"not known: {error}")


async def _check_spf(lookup: DnsLookup, domain: str, relays: Mapping[str, Sequence[Address]], check: str) -> Finding:
    somewhere = next((addresses[0] for addresses in relays.values() if addresses), None)
    if somewhere is None:
        found = any(text.lower().startswith("v=spf1") for text in await lookup.txt_records(domain))
        if not found:
            return problem_finding(
                check, f"{domain} has no SPF record: publish `v=spf1 include:… -all` with your relays"
            )
        return ok_finding(check, "there is a record; no relay beyond this machine to hold against it")
    missing = []
    for name, addresses in relays.items():
        for address in addresses:
            spf = await evaluate_spf(lookup, SpfIdentity(address, domain))
            if spf.result is SpfResult.TEMPERROR:
                raise LookupFailed(spf.fault)
            if spf.result is SpfResult.NONE:
                return problem_finding(check, f"{domain} has no SPF record: publish one that names {address} ({name})")
            if spf.result is SpfResult.PERMERROR:
                return problem_finding(check, f"the record of {domain} is broken: {spf.fault}")
            if spf.result is not SpfResult.PASS and not spf.depends_on_message:
                missing.append(f"{name} at {address}: {spf.result}")
    if missing:
        text = (
            f"the record of {domain} does not name {', '.join(missing)}; add it, unless it sends from other addresses"
        )
        return warning_finding(check, text)
    return ok_finding(check, f"the record names {', '.join(relays)}, or leaves it to the message")


async def _check_dkim(lookup: DnsLookup, name: str, record: str, check: str) -> Finding:
    texts = await lookup.txt_records(name)
    if not texts:
        return problem_finding(check, f"there is no record: publish {record}")
    wanted = parse_dkim_or_dmarc_tags(record)
    for text in texts:
        tags = parse_dkim_or_dmarc_tags(text)
        if "".join(tags.get("p", "").split()) == wanted["p"]:
            if tags.get("k", "rsa") != wanted["k"]:
                return problem_finding(check, f"the record says k={tags.get('k', 'rsa')}, and the key is {wanted['k']}")
            if "y" in tags.get("t", "").split(":"):
                return warning_finding(check, "the record says t=y: receivers take it for a test; remove it")
            return ok_finding(check, "the public key is that of our private key")
    if all(parse_dkim_or_dmarc_tags(text).get("p") == "" for text in texts):
        return problem_finding(check, "the key is revoked (p= is empty): publish the record, or sign with another key")
    return problem_finding(check, f"the public key there is not that of our private key: publish {record}")


async def _check_dmarc(lookup: DnsLookup, sender: str, domain: str, check: str) -> Finding:
    found = await fetch_effective_dmarc_policy(lookup, sender)
    if found.doubled:
        return problem_finding(check, f"_dmarc.{found.doubled[0]} has several records, which count as none: leave one")
    if not found.domain:
        return problem_finding(
            check, f"there is no DMARC record: publish `v=DMARC1; p=none; rua=mailto:…` at _dmarc.{sender}"
        )
    other = found if sender == domain else await fetch_effective_dmarc_policy(lookup, domain)
    apart = [tag for tag in ("adkim", "aspf") if not found.is_aligned(other, sender, domain, tag)]
    if len(apart) == 2:
        text = f"neither DKIM nor SPF of {domain} is aligned with {sender} under the record at _dmarc.{found.domain}"
        return problem_finding(check, f"{text}: write adkim=r, or sign as {sender}")
    where = f"the record at _dmarc.{found.domain} asks for p={found.policy}"
    if found.policy not in ("none", "quarantine", "reject"):
        return problem_finding(check, f"{where}, which is no policy: write none, quarantine or reject")
    if found.policy == "none":
        return warning_finding(check, f"{where}: whoever forges your address is not stopped; go on to quarantine")
    return ok_finding(check, f"{where}, and {' and '.join(_NAMES[tag] for tag in _NAMES if tag not in apart)} aligned")


_NAMES = {"adkim": "DKIM", "aspf": "SPF"}


async def _check_reverse_dns(lookup: DnsLookup, address: Address, check: str) -> Finding:
    names = await lookup.ptr_names(address)
    if not names:
        return warning_finding(check, f"{address} has no name: ask whoever gave you the address for a PTR record")
    for name in names:
        if address in await lookup.host_addresses(name):
            return ok_finding(check, f"{address} is {name}, and back")
    return warning_finding(
        check, f"{address} is {names[0]}, which does not lead back to it: publish its A or AAAA record"
    )
