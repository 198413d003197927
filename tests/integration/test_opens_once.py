"""Opens and clicks whose writing is cut off: each is counted once, and tells nothing on its way."""

import time
from typing import Any

import pytest
from asyncpg.transaction import Transaction

from mailer.ports.open_and_click_counts import PixelOrLinkFetchToCount
from mailer.postgres.open_and_click_counts import STEP, PostgresOpenAndClickCounts
from tests.campaigns import mailed, members
from tests.factories import KEY, World
from tests.hours import an_hour_later, opens_of
from tests.integration.test_opens import READ, fetch, stored


@pytest.mark.parametrize("is_last", [False, True])
async def test_a_commit_whose_answer_is_lost_counts_once(
    world: World, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    """An hour that was committed is not written again, also if the process ends before it knows."""
    mailing = await mailed(world, members(0, US=25))
    await fetch(world, mailing, 25, nonce="n1")
    end, lost = Transaction.__aexit__, list[bool]()

    async def lose_the_answer(self: Transaction, *error: Any) -> None:
        await end(self, *error)
        if not lost:
            lost.append(True)
            raise ConnectionResetError("the answer to a commit")

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "__aexit__", lose_the_answer)
        with pytest.raises(ConnectionResetError):
            await an_hour_later(world)
    if is_last:
        await opens_of(world).save_counts_for_next_process()
    written = await opens_of(world).write_counts_of_finished_hours()
    assert (written.opens, written.clicks) == (({}, {}) if is_last else ({False: 25}, {False: 25}))
    await an_hour_later(world)
    assert [row["n"] for row in await world.pool.fetch("SELECT n FROM opens UNION ALL SELECT n FROM clicks")] == [
        25,
        25,
    ]


async def test_a_killed_process_loses_no_hour_that_is_over(world: World) -> None:
    """Counts that wait until enough were handed a mailing outlive the process that counted them."""
    accepted = await world.accept(members(0, US=25))
    hour = int(time.time() // STEP)
    killed = PostgresOpenAndClickCounts(world.pool, world.policies, (KEY,), lambda: hour * STEP)
    for _ in range(7):
        killed.count_open(PixelOrLinkFetchToCount(accepted.mailing_id))
    hour += 1
    await killed.write_counts_of_finished_hours()
    assert await stored(world) == dict.fromkeys(READ, 0)
    await world.handover().hand_over_batches(accepted.batches)
    hour += 1
    other = PostgresOpenAndClickCounts(world.pool, world.policies, (KEY,), lambda: hour * STEP)
    assert (await other.write_counts_of_finished_hours()).opens == {False: 7}


async def test_what_is_sealed_does_not_tell_that_somebody_read(world: World) -> None:
    """Each end and each hour leaves one sealed row of one length, read or unread."""
    accepted = await world.accept(members(0, US=25))

    async def leaves() -> list[int]:
        """Returns the lengths of the sealed rows."""
        return [row["n"] for row in await world.pool.fetch("SELECT length(body) AS n FROM parked_opens")]

    left = list[list[int]]()
    for is_read in (False, True):
        await world.pool.execute("DELETE FROM parked_opens")
        opens = opens_of(world)
        if is_read:
            opens.count_open(PixelOrLinkFetchToCount(accepted.mailing_id))
        await opens.save_counts_for_next_process()
        left.append(await leaves())
        await an_hour_later(world)
        left.append(await leaves())
    assert left == [left[0]] * 4
    assert len(left[0]) == 1
