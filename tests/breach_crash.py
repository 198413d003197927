"""Builds the manifests of breach phases that wait, in a process that a crash point kills."""

import asyncio
import sys

from tests.breach_checks import BreachChecks
from tests.factories import open_world


async def _build(database_url: str) -> None:
    async with open_world(database_url) as world:
        await BreachChecks(world).builder("killed").build_waiting_manifests()


if __name__ == "__main__":
    asyncio.run(_build(sys.argv[1]))
