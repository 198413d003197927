"""Hand-overs that wait for a slow processor run on as background tasks, so that consumers can take other mail."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.pipeline.handover import HandOver
from mailer.policy.category import Lane
from mailer.ports.mailings import MailingFacts
from mailer.runtime.error_kinds import error_type_and_place

MOST = 8
"""The most background hand-overs of a lane. If there are more, consumers wait."""


class HandOverTasks:
    """Hands batches over for the consumers of a worker.

    Claim and lease protect a hand-over in the background as well as one in a consumer. So the consumer may settle its
    message.

    Args:
        handover: does the work.
        most: the most hand-overs of a lane in the background.
    """

    def __init__(self, handover: HandOver, most: int = MOST) -> None:
        self.precedence = handover.precedence
        self._handover = handover
        self._most = most
        self._left = dict[asyncio.Task[None], str]()

    async def hand_over_or_leave_running(
        self,
        lane: Lane | str,
        batches: Sequence[int],
        facts: Mapping[UUID, MailingFacts | None] = MappingProxyType({}),
    ) -> None:
        """Hands batches over, see `HandOver.hand_over_batches`. If a processor is slow, it returns before the end."""
        is_left: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def leave() -> None:
            if not is_left.done() and self._has_room_for_task(lane):
                self._left[task] = lane
                task.add_done_callback(self._forget_task)
                is_left.set_result(True)

        def end(_: asyncio.Task[None]) -> None:
            if not is_left.done():
                is_left.set_result(False)

        task = asyncio.create_task(self._handover.hand_over_batches(batches, facts, leave))
        task.add_done_callback(end)
        try:
            if not await is_left:
                task.result()
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def wait_for_tasks_left(self) -> None:
        """Waits for all background hand-overs. The caller has set the worker's `stop` before."""
        await asyncio.gather(*self._left, return_exceptions=True)

    def _has_room_for_task(self, lane: str) -> bool:
        return Counter(self._left.values())[lane] < self._most

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        del self._left[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a hand-over was left to its lease", error=error_type_and_place(error))
