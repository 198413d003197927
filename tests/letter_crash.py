"""Makes the runs of letters that wait, in a process that a crash point kills."""

import asyncio
import sys

from tests.factories import open_world
from tests.letter_world import Letters


async def _make(database_url: str) -> None:
    async with open_world(database_url) as world:
        await Letters(world).maker_named("killed").make_waiting_runs()


if __name__ == "__main__":
    asyncio.run(_make(sys.argv[1]))
