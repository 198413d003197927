"""Telling partners whom they may not mail: new suppressions are posted until each was taken."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from mailer.policy.policy_file import Policy
from mailer.ports.partners import PartnerSuppressions, Webhook, WebhookRefused
from mailer.telemetry import log

AT_ONCE = 1000
"""Suppressions a message."""
PERIOD = 60.0
"""Seconds between two rounds; what was refused is posted again in the next one."""


class PartnerSync:
    """Posts what partners have not been told.

    Args:
        partners: the lists. post: passes them on. policies: by brand; they say which partners there are, and where.
    """

    def __init__(self, partners: PartnerSuppressions, post: Webhook, policies: Mapping[str, Policy]) -> None:
        self._partners = partners
        self._post = post
        self._policies = policies

    async def run(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Posts until told to stop. A round that fails is logged; the next one does what it left."""
        while not stop.is_set():
            try:
                await self.sync_partners()
            except Exception:
                log.exception("partners could not be told; trying again")
            try:
                await asyncio.wait_for(stop.wait(), period)
            except TimeoutError:
                continue

    async def sync_partners(self) -> None:
        """One round: every partner that wants to be posted to, none waiting for another."""
        day = datetime.now(UTC).date()
        async with asyncio.TaskGroup() as tasks:
            for brand, policy in self._policies.items():
                for partner in policy.partners:
                    if partner.push_url and partner.holds_on(day):
                        tasks.create_task(self._post_suppressions(brand, partner.id, partner.push_url))

    async def _post_suppressions(self, brand: str, partner: str, url: str) -> None:
        while new := await self._partners.read_unsent(brand, partner, AT_ONCE):
            try:
                await self._post(url, json.dumps(new.signed).encode())
            except WebhookRefused as refusal:
                log.warning("a partner took no suppressions", brand=brand, partner=partner, why=str(refusal))
                return
            await self._partners.mark_sent(new.ids)
