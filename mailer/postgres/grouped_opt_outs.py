"""Opt-outs that arrive together are committed together. Each is answered after its commit, as if it were alone.

An opt-out locks imports out until its transaction ends, so transactions of opt-outs come one after the other. While one
is committed, those that arrive wait for the next one. Nobody waits for more opt-outs to come, nor long for somebody
held by another transaction: such an opt-out is set aside, and tried again between the groups.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from mailer.ports.database_errors import DatabaseUnavailable, EverybodyLocked, StatementTimedOut
from mailer.ports.standings import OptOutResult

MOST_TOGETHER: Final = 128
"""The most opt-outs of one transaction. It locks the standings of so many people, for whom a hand-over may wait."""

PATIENCE: Final = 4.0
"""Seconds for which an opt-out is tried again while another transaction holds the person. Then the program is told to
come again."""
_HELD: Final = "another transaction holds the person for too long; pg_locks and pg_stat_activity say which"
_PAUSE: Final = 0.1
"""Seconds between two tries of those whom other transactions hold, while no other opt-out waits."""


class NewOptOut(NamedTuple):
    """An opt-out of one person; see `ports.standings.StandingStore.record_opt_out`."""

    brand: str
    recipient_id: int
    scope: str
    source: str
    mailing_id: UUID | None


CommitOptOuts = Callable[[Sequence[NewOptOut]], Awaitable[Sequence[OptOutResult | None]]]
"""Commits opt-outs in one transaction, and returns a result for each, in order."""


class _WaitingOptOut(NamedTuple):
    """An opt-out with its answer.

    Attributes:
        until: seconds of the loop's clock, after which it is not tried again.
    """

    new: NewOptOut
    answer: "asyncio.Future[OptOutResult | None]"
    until: float

    @property
    def person(self) -> tuple[str, int]:
        """Returns brand and id of the person."""
        return self.new.brand, self.new.recipient_id


class OptOutGroupCommitter:
    """Commits opt-outs in groups.

    Args:
        commit: commits one group. Raises `StatementTimedOut` soon if another transaction holds a person of the group.
    """

    def __init__(self, commit: CommitOptOuts) -> None:
        self._commit = commit
        self._waiting: deque[_WaitingOptOut] = deque()
        self._set_aside: list[_WaitingOptOut] = []
        self._committing: asyncio.Task[None] | None = None

    async def commit_opt_out(self, new: NewOptOut) -> OptOutResult | None:
        """Returns the result of an opt-out once it is committed. Raises what its commit raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[OptOutResult | None] = loop.create_future()
        self._waiting.append(_WaitingOptOut(new, answer, loop.time() + PATIENCE))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting_opt_outs())
        return await answer

    async def _commit_waiting_opt_outs(self) -> None:
        try:
            while self._waiting or self._set_aside:
                if group := self._take_group():
                    await self._commit_opt_outs_and_answer(group)
                await self._try_set_aside_opt_outs_again()
        except asyncio.CancelledError:
            for one in (*self._waiting, *self._set_aside):
                one.answer.cancel()
            self._waiting.clear()
            self._set_aside.clear()
            raise
        finally:
            self._committing = None

    def _take_group(self) -> list[_WaitingOptOut]:
        """Returns the next group, without people whom other transactions hold as far as is known."""
        held, group = self._held_people(), list[_WaitingOptOut]()
        while self._waiting and len(group) < MOST_TOGETHER:
            one = self._waiting.popleft()
            (self._set_aside if one.person in held else group).append(one)
        return group

    async def _try_set_aside_opt_outs_again(self) -> None:
        again, self._set_aside = self._set_aside, []
        await self._commit_one_by_one(again)
        if self._set_aside and not self._waiting:
            await asyncio.sleep(_PAUSE)

    async def _commit_one_by_one(self, group: Sequence[_WaitingOptOut]) -> None:
        """Commits each alone. Somebody who is held now is tried once, however many opt-outs of theirs wait."""
        left = deque(group)
        try:
            while left:
                if left[0].person in self._held_people():
                    self._set_aside_or_answer(left[0], StatementTimedOut(_HELD))
                else:
                    await self._commit_opt_outs_and_answer([left[0]])
                left.popleft()
        except asyncio.CancelledError:
            for one in left:
                one.answer.cancel()
            raise

    async def _commit_opt_outs_and_answer(self, group: Sequence[_WaitingOptOut]) -> None:
        """Commits a group. Unless the database is away, a failure is tried again one by one: no one fails another."""
        try:
            results = await self._commit([one.new for one in group])
        except asyncio.CancelledError:
            for one in group:
                one.answer.cancel()
            raise
        except Exception as error:
            if len(group) > 1 and not _concerns_everybody(error):
                await self._commit_one_by_one(group)
            else:
                for one in group:
                    self._set_aside_or_answer(one, error)
            return
        for one, result in zip(group, results, strict=True):
            if not one.answer.done():  # its request may have ended
                one.answer.set_result(result)

    def _set_aside_or_answer(self, one: _WaitingOptOut, error: Exception) -> None:
        """Sets an opt-out aside whose person is held, as long as there is time; else answers with the error.

        An opt-out whose request has ended is tried like any other: somebody has pressed.
        """
        is_held = isinstance(error, StatementTimedOut) and not _concerns_everybody(error)
        if is_held and asyncio.get_running_loop().time() < one.until:
            self._set_aside.append(one)
        elif not one.answer.done():
            one.answer.set_exception(error)

    def _held_people(self) -> set[tuple[str, int]]:
        return {one.person for one in self._set_aside}


def _concerns_everybody(error: Exception) -> bool:
    """Tells whether an error is of no single person: the database is away, or the lock of all is held."""
    return isinstance(error, DatabaseUnavailable) and (
        isinstance(error, EverybodyLocked) or not isinstance(error, StatementTimedOut)
    )
