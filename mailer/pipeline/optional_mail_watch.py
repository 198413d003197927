"""Watches optional mail: what comes back of it, and whether it ever goes to somebody who has left."""

import asyncio
from typing import Final

from mailer.metrics_and_logger import log
from mailer.policy.feedback_rates import reason_to_stop_promotions
from mailer.ports.halts import Halt, HaltScope, HaltStore
from mailer.ports.optional_mail import OptionalMailStores
from mailer.runtime.repeating import run_every

_SECONDS: Final = 30.0
BY: Final = "mailer"
"""The name in the ledger of who stops promotions at a limit."""


class OptionalMailWatcher:
    """Compares shares with their limits, and hand-overs with opt-outs.

    Args:
        stores: the counts and the comparison.
        halts: the store of halts.
    """

    def __init__(self, stores: OptionalMailStores, halts: HaltStore) -> None:
        self._stores = stores
        self._halts = halts

    async def watch_until_stopped(self, stop: asyncio.Event) -> None:
        """Looks every half a minute until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            for step, trouble in (
                (self.stop_promotions_at_limits, "what came back of optional mail could not be judged"),
                (self.alarm_if_opt_outs_are_not_honoured, "hand-overs could not be compared with opt-outs"),
            ):
                tasks.create_task(run_every(_SECONDS, stop, step, trouble))

    async def stop_promotions_at_limits(self) -> None:
        """Pauses the promotional lane of each brand that reaches a limit at a processor. Only a person lifts it.

        All promotions of the brand wait, also those that another processor would take: people complain about the mail,
        and another relay would only spread the harm. Mandatory mail and newsletters go on.
        """
        for totals in await self._stores.feedback.read_totals_since_release():
            reason = reason_to_stop_promotions(totals)
            if reason and await self._halts.add_halt(Halt(HaltScope.PROMOTIONAL, totals.brand, BY, reason)):
                log.error("promotions are paused; see `mailer halts`", brand=totals.brand, reason=reason)
        await self._stores.feedback.delete_old_counts()

    async def alarm_if_opt_outs_are_not_honoured(self) -> None:
        """Logs an error for each optional mail that went to somebody who had left before. There must be none."""
        for mailing_id, recipient_id in await self._stores.opt_outs.find_mail_after_opt_out():
            log.error(
                "optional mail was handed over to somebody who had left",
                mailing=str(mailing_id),
                recipient=recipient_id,
                remedy=f"`mailer mailing pause {mailing_id}`, then find out why; table mailed_after_opt_out has each",
            )
