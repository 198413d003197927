"""Posts new suppressions to partners, which may not mail these addresses, until each was accepted."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.partner_suppressions import PartnerSuppressionStore, WebhookPoster, WebhookPostFailed
from mailer.runtime.repeating import run_every

AT_ONCE = 1000
"""The most suppressions in one post."""
PERIOD = 60.0
"""Seconds between two rounds. Refused suppressions are posted again in the next round."""


class PartnerSync:
    """Posts the suppressions that partners have not got yet.

    Args:
        partners: the lists. post: posts JSON to a URL. policies: by brand; they name the partners and their URLs.
    """

    def __init__(self, partners: PartnerSuppressionStore, post: WebhookPoster, policies: Mapping[str, Policy]) -> None:
        self._partners = partners
        self._post = post
        self._policies = policies

    async def post_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Runs rounds until `stop` is set. A round that fails is logged; the next round does the rest."""
        await run_every(period, stop, self.post_to_all_partners, "partners could not be told; trying again")

    async def post_to_all_partners(self) -> None:
        """Runs one round: posts to all partners that have a URL, at the same time."""
        day = datetime.now(UTC).date()
        async with asyncio.TaskGroup() as tasks:
            for brand, policy in self._policies.items():
                for partner in policy.partners:
                    if partner.push_url and partner.is_in_force_on(day):
                        tasks.create_task(self._post_unsent_suppressions(brand, partner.id, partner.push_url))

    async def _post_unsent_suppressions(self, brand: str, partner: str, url: str) -> None:
        while new := await self._partners.read_unsent_suppressions(brand, partner, AT_ONCE):
            try:
                await self._post(url, json.dumps(new.signed).encode())
            except WebhookPostFailed as refusal:
                log.warning("a partner took no suppressions", brand=brand, partner=partner, why=str(refusal))
                return
            await self._partners.mark_suppressions_sent(new.ids)
