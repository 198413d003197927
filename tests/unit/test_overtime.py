"""Hand-overs that a slow processor keeps waiting go on by themselves, within bounds."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from uuid import UUID

import pytest

from mailer.pipeline.background_hand_overs import HandOverTasks
from mailer.pipeline.handover import HandOver
from mailer.pipeline.urgent_first import LanePriority
from mailer.policy.category import Lane
from mailer.ports.mailings import MailingFacts


class Work:
    """Hand-overs that end when the test says so, and say so long before that they are late."""

    def __init__(self) -> None:
        self.precedence = LanePriority()
        self.late = list[Callable[[], object]]()
        self.ends = list[asyncio.Future[None]]()

    async def hand_over_batches(
        self, batches: Sequence[int], facts: Mapping[UUID, MailingFacts | None], is_late: Callable[[], object]
    ) -> None:
        """Does as `HandOver.hand_over_batches`."""
        self.late.append(is_late)
        self.ends.append(asyncio.get_running_loop().create_future())
        await self.ends[-1]


def put_beside(work: Work, most: int) -> HandOverTasks:
    """Overtime for this work."""
    return HandOverTasks(cast(HandOver, work), most)


async def rest() -> None:
    """All others get their turn."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_only_so_many_of_a_lane_go_on_by_themselves() -> None:
    """The next consumer waits until one of them is through; another lane has a number of its own."""
    work = Work()
    overtime = put_beside(work, 1)
    lanes = (Lane.NEWSLETTER, Lane.NEWSLETTER, Lane.SERVICE)
    first, second, other = (
        asyncio.create_task(overtime.hand_over_or_leave_running(lane, [n])) for n, lane in enumerate(lanes)
    )
    await rest()
    for is_late in work.late:
        is_late()
    await rest()
    assert [task.done() for task in (first, second, other)] == [True, False, True]
    work.late[1]()
    await rest()
    assert not second.done()
    work.ends[0].set_result(None)
    await rest()
    work.late[1]()
    await rest()
    assert second.done()
    closing = asyncio.create_task(overtime.wait_for_tasks_left())
    await rest()
    assert not closing.done()
    for end in work.ends[1:]:
        end.set_result(None)
    await closing


async def test_what_ends_in_time_is_waited_for() -> None:
    """Work that ends in time is waited for. Its consumer gets its error."""
    work = Work()
    overtime = put_beside(work, 1)
    good, bad = (asyncio.create_task(overtime.hand_over_or_leave_running(Lane.SERVICE, [n])) for n in range(2))
    await rest()
    assert not good.done()
    work.ends[0].set_result(None)
    work.ends[1].set_exception(OSError("away"))
    await good
    with pytest.raises(OSError, match="away"):
        await bad


async def test_who_is_cancelled_ends_its_hand_over() -> None:
    """A consumer whose connection ends does not leave it behind."""
    work = Work()
    running = asyncio.create_task(put_beside(work, 1).hand_over_or_leave_running(Lane.SERVICE, [1]))
    await rest()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.ends[0].cancelled()


async def test_what_fails_by_itself_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for it any more, and its lease ends it: the log has the error's type, and no value."""
    work = Work()
    overtime = put_beside(work, 1)
    running = asyncio.create_task(overtime.hand_over_or_leave_running(Lane.SERVICE, [1]))
    await rest()
    work.late[0]()
    await running
    work.ends[0].set_exception(ValueError("ann@people.example"))
    await overtime.wait_for_tasks_left()
    said = capsys.readouterr().out
    assert "ValueError" in said
    assert "ann@" not in said
