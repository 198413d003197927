"""Builds the manifests that wait, or releases one, in a process that a crash point kills."""

import asyncio
import sys
from uuid import UUID

from tests.campaign_world import Campaigns
from tests.factories import open_world


async def _build_and_release(database_url: str, manifest_id: UUID) -> None:
    async with open_world(database_url) as world:
        campaigns = Campaigns(world)
        await campaigns.builder("killed").build_waiting_manifests()
        await campaigns.release(await campaigns.manifest(manifest_id))


if __name__ == "__main__":
    asyncio.run(_build_and_release(sys.argv[1], UUID(sys.argv[2])))
