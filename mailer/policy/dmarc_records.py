"""DMARC records, and the domains that a tree walk over them finds (RFC 9989 4.7, 4.10): pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_MOST_LABELS = 8
"""The number of labels from which on the walk jumps from the name itself to its last seven labels."""
_MOST_RECORD_CHARACTERS = 4096
"""A longer text is no DMARC record."""
_LESS_STRICT = {"reject": "quarantine", "quarantine": "none", "none": "none"}


@dataclass(frozen=True, slots=True)
class DmarcPolicy:
    """The DMARC policy that receivers find for mail from a domain.

    Attributes:
        domain: the domain of the record that applies; empty if there is none.
        organization: the organizational domain.
        tags: the tags of the record, by name.
        policy: the requested treatment of mail that fails, as it is written: none, quarantine or reject.
        doubled: names that have several records, which count as none.
    """

    domain: str
    organization: str
    tags: Mapping[str, str]
    policy: str
    doubled: tuple[str, ...]

    @property
    def applied_policy(self) -> str | None:
        """The treatment that a receiver applies, or None if the record asks for no DMARC (RFC 9989 4.7, 4.10.1).

        A record without `p`, or with a wrong policy, counts as `none` if it asks for reports, else as no record. `t=y`
        makes a policy one step less strict.
        """
        if not self.domain:
            return None
        stated = [self.tags.get("p", ""), self.tags.get("sp", "none"), self.tags.get("np", "none")]
        if any(policy.lower() not in _LESS_STRICT for policy in stated):
            return "none" if ":" in self.tags.get("rua", "") else None
        return _LESS_STRICT[self.policy] if self.tags.get("t", "n").lower() == "y" else self.policy

    def is_aligned(self, other: "DmarcPolicy", mine: str, theirs: str, tag: str) -> bool:
        """Tells whether a domain that signs or takes bounces is aligned with the From (RFC 9989 4.4).

        Args:
            other: the policy of that domain.
            mine: the domain of the From.
            theirs: that domain.
            tag: `adkim` or `aspf`; its value `s` requires the same domain.
        """
        if mine == theirs:
            return True
        return self.is_relaxed_for(tag) and self.organization == other.organization

    def is_relaxed_for(self, tag: str) -> bool:
        """Tells whether another domain of the organization can be aligned.

        A top-level domain that has a record without `psd=y` is no organization to us, though it is one by RFC 9989.

        Args:
            tag: `adkim` or `aspf`.
        """
        return self.tags.get(tag, "r").lower() != "s" and "." in self.organization


def dmarc_names_to_query(domain: str) -> Iterator[str]:
    """Yields the names that the walk queries, at most eight (RFC 9989 4.10)."""
    yield domain
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]
    for start in range(len(rest)):
        yield ".".join(rest[start:])


def dmarc_records_among(texts: Sequence[str]) -> list[Mapping[str, str]]:
    """Returns the tags of each DMARC record among the TXT records of a name."""
    return [tags for text in texts if (tags := tags_if_dmarc_record(text))]


def tags_if_dmarc_record(text: str) -> Mapping[str, str]:
    """Returns the tags of a record; empty if it is no DMARC record."""
    if len(text) > _MOST_RECORD_CHARACTERS:
        return {}
    name, _, value = text.partition(";")[0].partition("=")
    return parse_dkim_or_dmarc_tags(text) if (name.strip().lower(), value.strip()) == ("v", "DMARC1") else {}


def parse_dkim_or_dmarc_tags(text: str) -> dict[str, str]:
    """Returns the tags of a list such as `v=DKIM1; k=rsa` (RFC 6376 3.2), by their names in lower case.

    What is no tag is left out. Of two tags with one name, the first counts.
    """
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if equals and name.isascii() and name.isalpha():
            tags.setdefault(name.lower(), value.strip())
    return tags


def is_end_of_walk(tags: Mapping[str, str]) -> bool:
    """Tells whether a record ends the walk (RFC 9989 4.10, steps 2 and 6)."""
    return tags.get("psd", "u").lower() in ("y", "n")


def choose_dmarc_policy(
    domain: str, found: Mapping[str, Mapping[str, str]], doubled: Sequence[str], is_nonexistent: bool
) -> DmarcPolicy:
    """Chooses the policy from the records that the walk found (RFC 9989 4.10.1).

    Args:
        domain: the domain in which the walk began.
        found: the tags of the records, by the names that have one, the longest name first.
        doubled: names with several records.
        is_nonexistent: the DNS denies the domain.
    """
    organization = _organizational_domain(domain, found)
    holds = holding_domain(domain, organization, found)
    tags = found.get(holds, {})
    names = ("p",) if holds in (domain, "") else ("np", "sp", "p") if is_nonexistent else ("sp", "p")
    policy = next((tags[name] for name in names if name in tags), "none")
    return DmarcPolicy(holds, organization, tags, policy.lower(), tuple(doubled))


def has_policy_for_nonexistent(domain: str, found: Mapping[str, Mapping[str, str]]) -> bool:
    """Tells whether the policy depends on the existence of the domain: the record is above it, and has `np`."""
    holds = holding_domain(domain, _organizational_domain(domain, found), found)
    return holds != domain and "np" in found.get(holds, {})


def holding_domain(domain: str, organization: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """Returns the domain of the record that applies: the domain, its organization or its public suffix; else ''."""
    return next((name for name in (domain, organization, *reversed(list(found))) if name in found), "")


def _organizational_domain(domain: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """Returns the organizational domain, from the records that the walk found (RFC 9989 4.10.2)."""
    for name, tags in found.items():
        psd = tags.get("psd", "u").lower()
        if psd == "n":
            return name
        if psd == "y" and name != domain:
            return domain.removesuffix(f".{name}").rpartition(".")[2] + f".{name}"
    return min(found, key=lambda name: name.count("."), default=domain)
