"""The DMARC policy of a domain, found by the tree walk of RFC 9989 4.10, and alignment with it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailer.doctor.dns_lookup import DnsLookup

_MOST_LABELS = 8
"""The number of labels from which on the walk jumps from the name itself to its last seven labels."""
_TAG = re.compile(r"\s*([A-Za-z]+)\s*=\s*([^;]*?)\s*$")


@dataclass(frozen=True, slots=True)
class DmarcPolicy:
    """The DMARC policy that receivers find for mail from a domain.

    Attributes:
        domain: the domain of the record that applies; empty if there is none.
        organization: the organizational domain.
        tags: the tags of the record, by name.
        policy: the requested treatment of mail that fails: none, quarantine or reject.
        doubled: names that have several records, which count as none.
    """

    domain: str
    organization: str
    tags: Mapping[str, str]
    policy: str
    doubled: tuple[str, ...]

    def is_aligned(self, other: "DmarcPolicy", mine: str, theirs: str, tag: str) -> bool:
        """Tells whether a domain that signs or takes bounces is aligned with the From (RFC 9989 4.4).

        Args:
            other: the policy of that domain.
            mine: the domain of the From.
            theirs: that domain.
            tag: `adkim` or `aspf`; its value `s` requires the same domain.
        """
        if self.tags.get(tag, "r").lower() == "s":
            return mine == theirs
        return self.organization == other.organization


async def fetch_effective_dmarc_policy(lookup: DnsLookup, domain: str) -> DmarcPolicy:
    """Finds the policy of a domain by the tree walk.

    Raises:
        LookupFailed: the DNS does not answer.
    """
    domain = domain.lower().rstrip(".")
    found: dict[str, Mapping[str, str]] = {}
    doubled: list[str] = []
    for name in dmarc_names_to_query(domain):
        records = [tags for text in await lookup.txt_records(f"_dmarc.{name}") if (tags := tags_if_dmarc_record(text))]
        if len(records) > 1:
            doubled.append(name)
        elif records:
            found[name] = records[0]
            if records[0].get("psd") == "n" or (records[0].get("psd") == "y" and name != domain):
                break
    organization = _organizational_domain(domain, found)
    holds = next((name for name in (domain, organization, *reversed(found)) if name in found), "")
    tags = found.get(holds, {})
    policy = tags.get("p", "none") if holds in (domain, "") else tags.get("sp", tags.get("p", "none"))
    return DmarcPolicy(holds, organization, tags, policy.lower(), tuple(doubled))


def dmarc_names_to_query(domain: str) -> Iterator[str]:
    """Yields the names that the walk queries, at most eight (RFC 9989 4.10)."""
    yield domain
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]
    for start in range(len(rest)):
        yield ".".join(rest[start:])


def tags_if_dmarc_record(text: str) -> Mapping[str, str]:
    """Returns the tags of a record; empty if it is no DMARC record."""
    first = _TAG.match(text.split(";")[0])
    return parse_dkim_or_dmarc_tags(text) if first and (first[1], first[2]) == ("v", "DMARC1") else {}


def parse_dkim_or_dmarc_tags(text: str) -> dict[str, str]:
    """Returns the tags of a list such as `v=DKIM1; k=rsa` (RFC 6376 3.2), by their names in lower case."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if tag := _TAG.match(part):
            tags.setdefault(tag[1].lower(), tag[2])
    return tags


def _organizational_domain(domain: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """Returns the organizational domain, from the records that the walk found (RFC 9989 4.10.2)."""
    for name, tags in found.items():
        if tags.get("psd") == "n":
            return name
        if tags.get("psd") == "y" and name != domain:
            return domain.removesuffix(f".{name}").rpartition(".")[2] + f".{name}"
    return min(found, key=lambda name: name.count("."), default=domain)
