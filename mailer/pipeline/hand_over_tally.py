"""Counts the optional mail that a worker hands over, by brand, processor and mailbox provider."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from mailer.metrics_and_logger import log
from mailer.pipeline.planned_delivery_moves import PlannedHandOver
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.mailbox_providers import mailbox_provider_of_domain
from mailer.ports.feedback import FeedbackKey, HandOverCount, HandOverCountStore

_SECONDS: Final = 10.0
"""Seconds between two writes. A worker that is killed loses the counts of these seconds, and a share is a bit high."""
LONGEST: Final = 2.0
"""Seconds for which a window waits for a write. A lock or a frozen database must not hold up mail."""


class HandOverTally:
    """The counts of a worker that are not stored yet.

    Args:
        store: stores them.
        clock: monotonic seconds.
    """

    def __init__(self, store: HandOverCountStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._stored_at = float("-inf")
        self._handed_over = Counter[FeedbackKey]()
        self._refused = Counter[FeedbackKey]()

    async def count_window(self, steps: Sequence[PlannedHandOver], outcomes: Sequence[Outcome]) -> None:
        """Counts the optional mail of a window that was taken, or refused for good. Stores the counts now and then."""
        for step, outcome in zip(steps, outcomes, strict=True):
            result, wanted = outcome.result, step.wanted
            if result is not OutcomeKind.ACCEPTED and result is not OutcomeKind.REFUSED:
                continue
            if step.category.is_optional:
                key = FeedbackKey(wanted.brand, wanted.processor, mailbox_provider_of_domain(wanted.domain))
                self._handed_over[key] += 1
                if result is OutcomeKind.REFUSED:
                    self._refused[key] += 1
        if self._handed_over and self._clock() - self._stored_at >= _SECONDS:
            await self.store_counts()

    async def store_counts(self) -> None:
        """Stores the counts. After an error they are kept for the next time."""
        handed_over, self._handed_over = self._handed_over, Counter()
        refused, self._refused = self._refused, Counter()
        self._stored_at = self._clock()
        if not handed_over:
            return
        try:
            async with asyncio.timeout(LONGEST):
                await self._store.add_hand_over_counts(
                    {key: HandOverCount(number, refused[key]) for key, number in handed_over.items()}
                )
        except Exception:
            # Counting must not hold up mail.
            log.exception("mail that was handed over could not be counted; trying again")
            self._handed_over.update(handed_over)
            self._refused.update(refused)
