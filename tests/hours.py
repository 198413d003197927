"""Opens and clicks over a world's database, with hours that pass when a test says so."""

import time
from weakref import WeakKeyDictionary

from mailer.ports.open_and_click_counts import WrittenOpenAndClickCounts
from mailer.postgres.open_and_click_counts import STEP, PostgresOpenAndClickCounts
from tests.factories import KEY, World

_DAY = 86_400
"""Seconds."""


class Hours:
    """The clock of a world's opens. It begins with the day, so that a few hours of a test are of one day."""

    def __init__(self) -> None:
        self.passed = 0
        self._behind = time.time() % _DAY

    def __call__(self) -> float:
        """Returns seconds since the epoch."""
        return time.time() - self._behind + self.passed * STEP


_of: WeakKeyDictionary[World, tuple[Hours, PostgresOpenAndClickCounts]] = WeakKeyDictionary()


def opens_of(world: World) -> PostgresOpenAndClickCounts:
    """Returns the one that all sites over a world share."""
    if world not in _of:
        hours = Hours()
        _of[world] = hours, PostgresOpenAndClickCounts(world.pool, world.policies, (KEY,), hours)
    return _of[world][1]


def clock_of(world: World) -> Hours:
    """Returns the clock of a world's opens."""
    opens_of(world)
    return _of[world][0]


async def an_hour_later(world: World) -> WrittenOpenAndClickCounts:
    """Lets an hour pass, and writes what was opened and clicked in it."""
    opens = opens_of(world)
    _of[world][0].passed += 1
    return await opens.write_counts_of_finished_hours()
