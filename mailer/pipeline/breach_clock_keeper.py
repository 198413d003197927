"""Keeps the clocks of open breach cases, and queues the reminders that follow from them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mailer.actions.breach_clocks import kept_clocks_of_case
from mailer.metrics_and_logger import log
from mailer.policy.policy_file import Policy
from mailer.ports.breach_desk import BreachClockStore
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.runtime.repeating import run_every

PERIOD: Final = 20.0
"""Seconds between two rounds."""


class BreachClockKeeper:
    """Keeps the clocks.

    Args:
        store: of the clocks.
        policies: by brand; clocks follow from their rules.
    """

    def __init__(self, store: BreachClockStore, policies: Mapping[str, Policy]) -> None:
        self._store = store
        self._policies = policies

    async def keep_until_stopped(self, stop: asyncio.Event, period: float = PERIOD) -> None:
        """Keeps clocks until `stop` is set."""
        await run_every(period, stop, self.keep_clocks, "the clocks of breaches could not be kept; trying again")

    async def keep_clocks(self, now: datetime | None = None) -> int:
        """Runs one round at a time, by default now. Returns the reminders that were queued."""
        queued = 0
        cases = await self._store.list_open_cases()
        told = await self._store.list_first_releases([one.id for one in cases])
        for case in cases:
            policy = self._policies.get(case.brand)
            if policy is None:
                log.warning("a breach case is open, and its brand has no policy here", case=str(case.id))
                continue
            try:
                clocks = kept_clocks_of_case(case.facts, policy, told.get(case.id))
                queued += await self._store.keep_clocks(case, clocks, now or datetime.now(UTC))
            except DatabaseUnavailable:
                raise
            except Exception:
                log.exception("the clocks of a breach case met a bug; those of others are kept", case=str(case.id))
        return queued
