"""Releases a phase, or diverts the people of a released one, in a process that a crash point kills."""

import asyncio
import sys
from uuid import UUID

from tests.breach_world import Breaches
from tests.factories import open_world


async def _release_and_divert(database_url: str, manifest_id: UUID) -> None:
    async with open_world(database_url) as world:
        breaches = Breaches(world, portion=2)
        if (await breaches.found(manifest_id)).state == "ready":
            await breaches.release(manifest_id)
        await breaches.keeper.divert_waiting_lines()


if __name__ == "__main__":
    asyncio.run(_release_and_divert(sys.argv[1], UUID(sys.argv[2])))
