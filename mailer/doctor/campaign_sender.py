"""Findings about the sender of a campaign: SPF, DKIM and DMARC of the domain, as `mailer doctor` judges them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from mailer.doctor.domains import SenderDomain, examine_domain
from mailer.doctor.finding import FindingLevel
from mailer.policy.policy_file import Policy
from mailer.policy.text_formats import split_sender
from mailer.ports.dns_lookup import Address, DnsLookup
from mailer.rendering.campaign_findings import CheckFinding
from mailer.rendering.campaign_sender_checks import SENDER_FAULT, SENDER_WEAK

SECONDS: Final = 15.0
"""The longest time for all look-ups of a sender."""


def campaign_sender_domain(policy: Policy, keys: Mapping[str, str]) -> SenderDomain:
    """Returns the domain from which campaigns of a brand are sent.

    Args:
        policy: of the brand.
        keys: the TXT record of each of our keys for the domain, by its name in the DNS.
    """
    sender = split_sender(policy.senders.optional)[1].rpartition("@")[2].lower()
    return SenderDomain(policy.domain.lower(), [sender], keys)


async def check_campaign_sender(
    lookup: DnsLookup, domain: SenderDomain, relays: Mapping[str, Sequence[Address]], seconds: float = SECONDS
) -> list[CheckFinding]:
    """Returns the findings about a sender; none if all is well.

    Args:
        lookup: queries the DNS.
        domain: the domain.
        relays: the addresses of each relay outside of this machine.
        seconds: the longest time.
    """
    try:
        async with asyncio.timeout(seconds):
            found = await examine_domain(lookup, domain, relays)
    except TimeoutError:
        return [SENDER_WEAK.finding(f"{domain.name}: the name servers took more than {seconds:g} seconds.")]
    checks = {FindingLevel.PROBLEM: SENDER_FAULT, FindingLevel.WARNING: SENDER_WEAK}
    return [checks[one.level].finding(f"{one.check}: {one.text}.") for one in found if one.level in checks]
