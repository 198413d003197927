"""Rounds that repeat until a process stops, and the pauses between tries."""

import asyncio
from itertools import islice

import pytest

from mailer.runtime import repeating
from mailer.runtime.repeating import doubling_pauses, rounds_until_stopped, run_every, sleep_unless_stopped


async def test_rounds_begin_at_once_and_end_with_the_stop() -> None:
    """The first round does not wait, the others do, and a stop during a round is the last of it."""
    stop, rounds = asyncio.Event(), 0
    async for _ in rounds_until_stopped(0.001, stop):
        rounds += 1
        if rounds == 3:
            stop.set()
    assert rounds == 3
    assert [_ async for _ in rounds_until_stopped(0.001, stop)] == []


async def test_a_stop_ends_a_pause() -> None:
    """A process that has to stop does not wait for the next round."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(5):
        await sleep_unless_stopped(stop, 3600)
        assert [_ async for _ in rounds_until_stopped(3600, stop)] == []


async def test_a_round_that_fails_is_logged_and_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error ends one round only. A cancellation ends all."""
    stop, complaints, rounds = asyncio.Event(), list[str](), 0

    class Log:
        """Keeps what is logged."""

        def exception(self, text: str) -> None:
            """Keeps it."""
            complaints.append(text)

    monkeypatch.setattr(repeating, "log", Log())

    async def step() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise OSError
        if rounds == 3:
            stop.set()
            return
        raise asyncio.CancelledError

    await run_every(0, stop, step, "it failed; trying again")
    assert (rounds, complaints) == (3, ["it failed; trying again"] * 2)
    stop.clear()
    with pytest.raises(asyncio.CancelledError):
        await run_every(0, stop, step, "it failed; trying again")


def test_pauses_double_up_to_the_longest() -> None:
    """The first is as given, and none is longer than the longest."""
    assert list(islice(doubling_pauses(1.0, 5.0), 5)) == [1.0, 2.0, 4.0, 5.0, 5.0]
