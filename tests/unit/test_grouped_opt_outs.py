"""Opt-outs that arrive together: one commit for all that wait, an answer for each, and no failure for a neighbour."""

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from mailer.ports.database_errors import DatabaseUnavailable, EverybodyLocked, StatementTimedOut
from mailer.ports.standings import OptOutResult
from mailer.postgres import grouped_opt_outs
from mailer.postgres.grouped_opt_outs import MOST_TOGETHER, NewOptOut, OptOutGroupCommitter

POISON = 13
"""A person whose opt-out cannot be committed."""


class Commits:
    """Commits that wait until a test lets them go on."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def commit(self, group: Sequence[NewOptOut]) -> list[OptOutResult | None]:
        """Notes the people of a group; the id of a record is the person's."""
        self.groups.append([new.recipient_id for new in group])
        await self.open.wait()
        if self.error is not None and POISON in self.groups[-1]:
            raise self.error
        return [OptOutResult(new.recipient_id) for new in group]


def opt_out(person: int) -> NewOptOut:
    """An opt-out of one person."""
    return NewOptOut("interpals", person, "newsletter", "one-click", None)


async def begun(groups: OptOutGroupCommitter, people: Sequence[int]) -> list["asyncio.Task[OptOutResult | None]"]:
    """Opt-outs that were begun one after the other: the first is being committed, the others wait."""
    tasks = [asyncio.create_task(groups.commit_opt_out(opt_out(person))) for person in people]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_one_alone_waits_for_nobody() -> None:
    """The first is committed at once; what arrives meanwhile is one group, and each gets its own result."""
    commits = Commits()
    tasks = await begun(OptOutGroupCommitter(commits.commit), [1])
    groups = OptOutGroupCommitter(commits.commit)
    assert commits.groups == [[1]]
    tasks += await begun(groups, [2])
    tasks += await begun(groups, [3, 4])
    assert commits.groups == [[1], [2]]
    assert not any(task.done() for task in tasks)
    commits.open.set()
    results = await asyncio.gather(*tasks)
    assert [result and result.suppression for result in results] == [1, 2, 3, 4]
    assert commits.groups == [[1], [2], [3, 4]]


async def test_a_group_has_a_limit() -> None:
    """More than the limit are committed in several groups, in the order of their arrival."""
    commits, people = Commits(), list(range(2 * MOST_TOGETHER))
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1000])
    tasks += await begun(groups, people)
    commits.open.set()
    await asyncio.gather(*tasks)
    assert commits.groups == [[1000], people[:MOST_TOGETHER], people[MOST_TOGETHER:]]


@pytest.mark.parametrize("error", [ValueError("poison"), StatementTimedOut("somebody else holds the lock")], ids=repr)
@patch.object(grouped_opt_outs, "PATIENCE", 0.0)
async def test_one_that_fails_fails_nobody_else(error: Exception) -> None:
    """A group with a bad opt-out, or with a person who is held for too long, is tried one by one: only one raises."""
    commits = Commits()
    commits.error = error
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1])
    tasks += await begun(groups, [2, POISON, 3])
    commits.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result is error for result in results] == [False, False, True, False]
    assert commits.groups == [[1], [2, POISON, 3], [2], [POISON], [3]]
    assert await groups.commit_opt_out(opt_out(5)) == OptOutResult(5)


@patch.object(grouped_opt_outs, "_PAUSE", 0.0)
async def test_a_held_person_is_tried_again_and_keeps_nobody_waiting() -> None:
    """Other opt-outs are answered, and new ones come first; the person's are committed once the person is free."""
    commits = Commits()
    commits.error = StatementTimedOut("somebody else holds the person")
    commits.open.set()
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1])
    tasks += await begun(groups, [2, POISON, 3, POISON, POISON])
    assert [await tasks[1], await tasks[3]] == [OptOutResult(2), OptOutResult(3)]
    assert [POISON] in commits.groups
    commits.groups.clear()
    new = [asyncio.create_task(groups.commit_opt_out(opt_out(person))) for person in (4, 5)]
    assert [await one for one in new] == [OptOutResult(4), OptOutResult(5)]
    assert [group for group in commits.groups if POISON not in group] == [[4, 5]]
    later = asyncio.create_task(groups.commit_opt_out(opt_out(POISON)))
    await begun(groups, [6])
    assert all(group == [POISON] for group in commits.groups if POISON in group), "is in no group with others"
    assert not any(one.done() for one in (tasks[2], later))
    commits.error = None
    assert {one and one.suppression for one in await asyncio.gather(later, tasks[2], *tasks[4:])} == {POISON}


async def test_a_stopping_process_leaves_no_held_person_waiting() -> None:
    """An opt-out that is set aside when the process stops is cancelled, too."""
    commits = Commits()
    commits.error = StatementTimedOut("somebody else holds the person")
    commits.open.set()
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [POISON, POISON])
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(groups._set_aside) == 2
    assert groups._committing is not None
    groups._committing.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), EverybodyLocked("an import has the lock")], ids=repr)
async def test_an_outage_is_told_to_all_at_once(error: Exception) -> None:
    """A database that is away, or a lock that all need, is not asked for again for each opt-out of the group."""
    commits = Commits()
    commits.error = error
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1])
    tasks += await begun(groups, [POISON, 2])
    commits.open.set()
    assert await tasks[0] == OptOutResult(1)
    for task in tasks[1:]:
        with pytest.raises(DatabaseUnavailable):
            await task
    assert commits.groups == [[1], [POISON, 2]]


async def test_a_stopping_process_leaves_nobody_waiting() -> None:
    """Whoever waits when the commit is cancelled is cancelled, too: none waits for an answer that never comes."""
    commits = Commits()
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1])
    tasks += await begun(groups, [2, 3])
    committing = groups._committing
    assert committing is not None
    committing.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    commits.open.set()
    assert await groups.commit_opt_out(opt_out(4)) == OptOutResult(4)


async def test_a_reader_who_goes_away_stops_nobody() -> None:
    """A request that ends early does not end the commit: its opt-out and those of others are committed."""
    commits = Commits()
    groups = OptOutGroupCommitter(commits.commit)
    tasks = await begun(groups, [1])
    tasks += await begun(groups, [2, 3])
    tasks[1].cancel()
    commits.open.set()
    assert await tasks[0] == OptOutResult(1)
    assert await tasks[2] == OptOutResult(3)
    assert commits.groups == [[1], [2, 3]]
