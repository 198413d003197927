"""Watches what comes back of optional mail, and stops a brand's promotions at the limits."""

import asyncio
from typing import Final

from mailer.metrics_and_logger import log
from mailer.policy.feedback_rates import reason_to_stop_promotions
from mailer.ports.feedback import FeedbackStore
from mailer.ports.halts import Halt, HaltScope, HaltStore
from mailer.runtime.repeating import run_every

_SECONDS: Final = 30.0
BY: Final = "mailer"
"""The name in the ledger of who stops promotions at a limit."""


class FeedbackWatcher:
    """Compares shares with their limits.

    Args:
        feedback: the counts.
        halts: the store of halts.
    """

    def __init__(self, feedback: FeedbackStore, halts: HaltStore) -> None:
        self._feedback = feedback
        self._halts = halts

    async def watch_until_stopped(self, stop: asyncio.Event) -> None:
        """Looks every half a minute until `stop` is set."""
        await run_every(_SECONDS, stop, self.stop_promotions_at_limits, "what came back could not be judged")

    async def stop_promotions_at_limits(self) -> None:
        """Pauses the promotional lane of each brand that reaches a limit at a processor. Only a person lifts it.

        All promotions of the brand wait, also those that another processor would take: people complain about the mail,
        and another relay would only spread the harm. Mandatory mail and newsletters go on.
        """
        for totals in await self._feedback.read_totals_since_release():
            reason = reason_to_stop_promotions(totals)
            if reason and await self._halts.add_halt(Halt(HaltScope.PROMOTIONAL, totals.brand, BY, reason)):
                log.error("promotions are paused; see `mailer halts`", brand=totals.brand, reason=reason)
        await self._feedback.delete_old_counts()
