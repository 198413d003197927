"""Keeps the figures of campaigns' reports, beside the timekeeper."""

import asyncio
from typing import Final

from mailer.ports.campaign_figures import CampaignFigureCounter
from mailer.runtime.repeating import run_every

_SECONDS: Final = 2.0
_AT_ONCE: Final = 20
"""The most campaigns of one round. The next round goes on."""


class CampaignFigureKeeper:
    """Counts the figures of released campaigns again and again, less often the older they get.

    Args:
        counter: counts the campaign that is due.
    """

    def __init__(self, counter: CampaignFigureCounter) -> None:
        self._counter = counter

    async def count_until_stopped(self, stop: asyncio.Event) -> None:
        """Counts what is due, every two seconds, until `stop` is set."""
        await run_every(_SECONDS, stop, self.count_due_campaigns, "figures of campaigns could not be counted")

    async def count_due_campaigns(self) -> None:
        """Counts the campaigns that are due, one after the other."""
        for _ in range(_AT_ONCE):
            if await self._counter.count_next_campaign() is None:
                return
