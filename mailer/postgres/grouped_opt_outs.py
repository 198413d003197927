"""Opt-outs that arrive together are committed together. Each is answered after its commit, as if it were alone.

An opt-out locks imports out until its transaction ends, so transactions of opt-outs come one after the other. While one
is committed, those that arrive wait for the next one. Nobody waits for more opt-outs to come.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from mailer.ports.database_errors import DatabaseUnavailable, StatementTimedOut
from mailer.ports.standings import OptOutResult

MOST_TOGETHER: Final = 128
"""The most opt-outs of one transaction. It locks the standings of so many people, for whom a hand-over may wait."""


class NewOptOut(NamedTuple):
    """An opt-out of one person; see `ports.standings.StandingStore.record_opt_out`."""

    brand: str
    recipient_id: int
    scope: str
    source: str
    mailing_id: UUID | None


CommitOptOuts = Callable[[Sequence[NewOptOut]], Awaitable[Sequence[OptOutResult | None]]]
"""Commits opt-outs in one transaction, and returns a result for each, in order."""


class OptOutGroupCommitter:
    """Commits opt-outs in groups.

    Args:
        commit: commits one group.
    """

    def __init__(self, commit: CommitOptOuts) -> None:
        self._commit = commit
        self._waiting: deque[tuple[NewOptOut, asyncio.Future[OptOutResult | None]]] = deque()
        self._committing: asyncio.Task[None] | None = None

    async def commit_opt_out(self, new: NewOptOut) -> OptOutResult | None:
        """Returns the result of an opt-out once it is committed. Raises what its commit raises."""
        answer: asyncio.Future[OptOutResult | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, answer))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting_opt_outs())
        return await answer

    async def _commit_waiting_opt_outs(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
                await self._commit_opt_outs_and_answer(group)
        finally:
            self._committing = None

    async def _commit_opt_outs_and_answer(
        self, group: Sequence[tuple[NewOptOut, "asyncio.Future[OptOutResult | None]"]]
    ) -> None:
        """Commits a group. Unless the database is away, a failure is tried again one by one: no one fails another."""
        try:
            results = await self._commit([new for new, _ in group])
        except asyncio.CancelledError:
            for _, answer in [*group, *self._waiting]:
                answer.cancel()
            self._waiting.clear()
            raise
        except Exception as error:
            is_outage = isinstance(error, DatabaseUnavailable) and not isinstance(error, StatementTimedOut)
            if len(group) > 1 and not is_outage:
                for one in group:
                    await self._commit_opt_outs_and_answer([one])
                return
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(group, results, strict=True):
            if not answer.done():  # its request may have ended
                answer.set_result(result)
