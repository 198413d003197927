"""The checks of a campaign that ask others: whether links answer, and the sender's records in the DNS."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mailer.doctor.campaign_sender import SECONDS, campaign_sender_domain, check_campaign_sender
from mailer.policy.link_urls import LinkAnswer, LinkResult
from mailer.policy.policy_file import Policy
from mailer.ports.dns_lookup import Address, DnsLookup, LookupFailed
from mailer.rendering.campaign_facts import CampaignFacts
from mailer.rendering.campaign_findings import CheckFinding, sorted_findings
from mailer.rendering.campaign_link_checks import findings_about_answers, links_to_ask
from mailer.rendering.campaign_sender_checks import SENDER_CAPTURED, SENDER_WEAK

_CAPTURED: Final = "This installation sends mail to nobody: MAILER_PROCESSORS is capture://."


class AsksForLinks(Protocol):
    """A checker of links. See `runtime.link_checking.LinkChecker`."""

    async def ask_for_links(self, urls: Sequence[str]) -> list[LinkAnswer]:
        """Returns the answer to each link, in their order."""


@dataclass(frozen=True)
class UnaskedLinks:
    """Asks for no link, and says why. It stands in for a checker that cannot work, as without a usable proxy."""

    words: str

    async def ask_for_links(self, urls: Sequence[str]) -> list[LinkAnswer]:
        """Returns that no link was asked for."""
        return [LinkAnswer(url, LinkResult.NOT_CHECKED, self.words) for url in urls]


@dataclass(frozen=True)
class CampaignOutsideChecker:
    """Asks servers about a campaign: about its links and its sender, at the same time. It takes 30 seconds at most.

    Attributes:
        links: asks for links.
        open_dns: makes what resolves names; it may raise `LookupFailed`.
        read_keys: returns the TXT record of each of our DKIM keys by its name in the DNS, by domain. It raises
            `ValueError` if this process cannot read the keys.
        relays: the host of each relay outside of this machine, by the relay's name.
        is_mail_captured: mail goes to nobody, so the sender's records do not matter.
    """

    links: AsksForLinks
    open_dns: Callable[[], DnsLookup]
    read_keys: Callable[[], Mapping[str, Mapping[str, str]]] = dict
    relays: Mapping[str, str] = field(default_factory=dict)
    is_mail_captured: bool = False

    async def __call__(self, facts: CampaignFacts) -> list[CheckFinding]:
        """Returns the findings, the worst first."""
        places = links_to_ask(facts)
        answers, sender = await asyncio.gather(self.links.ask_for_links([*places]), self._check_sender(facts.policy))
        return sorted_findings([*findings_about_answers(answers, places), *sender])

    async def _check_sender(self, policy: Policy) -> list[CheckFinding]:
        if self.is_mail_captured:
            return [SENDER_CAPTURED.finding(_CAPTURED)]
        try:
            keys = self.read_keys()
        except ValueError:
            return [SENDER_WEAK.finding("This process cannot read the DKIM keys, so the sender was not checked.")]
        try:
            async with asyncio.timeout(SECONDS):
                dns = self.open_dns()
                relays: dict[str, Sequence[Address]] = {
                    name: await dns.host_addresses(host) for name, host in self.relays.items()
                }
        except (LookupFailed, TimeoutError):
            return [SENDER_WEAK.finding("The name server did not answer for the relays, so nothing is known.")]
        domain = campaign_sender_domain(policy, keys.get(policy.domain.lower(), {}))
        return await check_campaign_sender(dns, domain, relays)
