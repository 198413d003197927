"""Counts of what came back of optional mail, in PostgreSQL."""

from collections.abc import Mapping

from mailer.database.statements import Pool, load_statements
from mailer.policy.feedback_rates import WINDOW_DAYS, FeedbackTotals
from mailer.ports.feedback import FeedbackKey, HandOverCount

_SQL = load_statements("feedback")


class PostgresFeedback:
    """Implements `ports.feedback.HandOverCountStore` and `FeedbackStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add_hand_over_counts(self, counts: Mapping[FeedbackKey, HandOverCount]) -> None:
        """See the port."""
        rows = [(*key, *count) for key, count in counts.items()]
        await self._pool.execute(_SQL["add"], *(list(column) for column in zip(*rows, strict=True)))

    async def read_totals_since_release(self) -> list[FeedbackTotals]:
        """See the port."""
        return [FeedbackTotals(**row) for row in await self._pool.fetch(_SQL["totals"], WINDOW_DAYS)]

    async def delete_old_counts(self) -> None:
        """See the port."""
        await self._pool.execute(_SQL["forget"])
