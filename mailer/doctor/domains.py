"""The records in the DNS by which receivers believe a brand's mail: SPF, DKIM, DMARC, and the names of relays."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mailer.doctor.dmarc import find_dmarc, parse_tags
from mailer.doctor.dns_lookup import Address, Lookup, LookupFailed
from mailer.doctor.finding import Finding, ok, problem, warning
from mailer.doctor.spf import Spf, evaluate


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that mail is sent from.

    Attributes:
        name: signs (DKIM) and takes bounces (SPF).
        senders: the domains of its From addresses: the same one, or some below it.
        keys: the TXT record of each of our keys, by its name in the DNS.
    """

    name: str
    senders: Sequence[str]
    keys: Mapping[str, str]


async def examine_domain(lookup: Lookup, domain: Domain, relays: Mapping[str, Sequence[Address]]) -> list[Finding]:
    """The findings about one domain.

    Args:
        lookup: asks the DNS.
        domain: the domain.
        relays: the addresses of each relay beyond this machine.
    """
    findings = [await _asked(f"SPF {domain.name}", partial(_spf, lookup, domain.name, relays))]
    for name, record in domain.keys.items():
        findings.append(await _asked(f"DKIM {name}", partial(_dkim, lookup, name, record)))
    if not domain.keys:
        text = f"mail of {domain.name} goes unsigned: name its key in MAILER_DKIM"
        findings.append(warning(f"DKIM {domain.name}", text))
    for sender in domain.senders:
        findings.append(await _asked(f"DMARC {sender}", partial(_dmarc, lookup, sender, domain.name)))
    return findings


async def examine_relay(lookup: Lookup, name: str, address: Address) -> Finding:
    """The finding about the name of a relay's address, which many receivers want to lead back to it."""
    return await _asked(f"reverse DNS {name}", partial(_reverse, lookup, address))


async def _asked(check: str, ask: Callable[[str], Awaitable[Finding]]) -> Finding:
    try:
        return await ask(check)
    except LookupFailed as error:
        return warning(check, f"not known: {error}")


async def _spf(lookup: Lookup, domain: str, relays: Mapping[str, Sequence[Address]], check: str) -> Finding:
    somewhere = next((addresses[0] for addresses in relays.values() if addresses), None)
    if somewhere is None:
        found = any(text.lower().startswith("v=spf1") for text in await lookup.texts(domain))
        if not found:
            return problem(check, f"{domain} has no SPF record: publish `v=spf1 include:… -all` with your relays")
        return ok(check, "there is a record; no relay beyond this machine to hold against it")
    missing = []
    for name, addresses in relays.items():
        for address in addresses:
            result, wrong = await evaluate(lookup, domain, address)
            if result is Spf.NONE:
                return problem(check, f"{domain} has no SPF record: publish one that names {address} ({name})")
            if result is Spf.PERMERROR:
                return problem(check, f"the record of {domain} is broken: {wrong}")
            if result not in (Spf.PASS, Spf.UNKNOWN):
                missing.append(f"{name} at {address}: {result}")
    if missing:
        text = (
            f"the record of {domain} does not name {', '.join(missing)}; add it, unless it sends from other addresses"
        )
        return warning(check, text)
    return ok(check, f"the record names {', '.join(relays)}, or leaves it to the message")


async def _dkim(lookup: Lookup, name: str, record: str, check: str) -> Finding:
    texts = await lookup.texts(name)
    if not texts:
        return problem(check, f"there is no record: publish {record}")
    wanted = parse_tags(record)
    for text in texts:
        tags = parse_tags(text)
        if "".join(tags.get("p", "").split()) == wanted["p"]:
            if tags.get("k", "rsa") != wanted["k"]:
                return problem(check, f"the record says k={tags.get('k', 'rsa')}, and the key is {wanted['k']}")
            if "y" in tags.get("t", "").split(":"):
                return warning(check, "the record says t=y: receivers take it for a test; remove it")
            return ok(check, "the public key is that of our private key")
    if all(parse_tags(text).get("p") == "" for text in texts):
        return problem(check, "the key is revoked (p= is empty): publish the record, or sign with another key")
    return problem(check, f"the public key there is not that of our private key: publish {record}")


async def _dmarc(lookup: Lookup, sender: str, domain: str, check: str) -> Finding:
    found = await find_dmarc(lookup, sender)
    if found.doubled:
        return problem(check, f"_dmarc.{found.doubled[0]} has several records, which count as none: leave one")
    if not found.domain:
        return problem(check, f"there is no DMARC record: publish `v=DMARC1; p=none; rua=mailto:…` at _dmarc.{sender}")
    other = found if sender == domain else await find_dmarc(lookup, domain)
    apart = [tag for tag in ("adkim", "aspf") if not found.is_aligned(other, sender, domain, tag)]
    if len(apart) == 2:
        text = f"neither DKIM nor SPF of {domain} is aligned with {sender} under the record at _dmarc.{found.domain}"
        return problem(check, f"{text}: write adkim=r, or sign as {sender}")
    where = f"the record at _dmarc.{found.domain} asks for p={found.policy}"
    if found.policy not in ("none", "quarantine", "reject"):
        return problem(check, f"{where}, which is no policy: write none, quarantine or reject")
    if found.policy == "none":
        return warning(check, f"{where}: whoever forges your address is not stopped; go on to quarantine")
    return ok(check, f"{where}, and {' and '.join(_NAMES[tag] for tag in _NAMES if tag not in apart)} aligned")


_NAMES = {"adkim": "DKIM", "aspf": "SPF"}


async def _reverse(lookup: Lookup, address: Address, check: str) -> Finding:
    names = await lookup.pointers(address)
    if not names:
        return warning(check, f"{address} has no name: ask whoever gave you the address for a PTR record")
    for name in names:
        if address in await lookup.addresses(name):
            return ok(check, f"{address} is {name}, and back")
    return warning(check, f"{address} is {names[0]}, which does not lead back to it: publish its A or AAAA record")
