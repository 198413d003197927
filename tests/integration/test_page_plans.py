"""Pages read little: no statement of a page reads a large table in whole, whatever people and mail there are."""

import asyncpg
import httpx

from bench.pages.plans import faults_of, watched
from bench.pages.rows import console_rows, recipient_rows, routes_without_row
from bench.pages.scene import SceneParts, cookie_of, make_scene
from mailer.web.app import create_app
from tests.factories import World, templates
from tests.integration.web_world import PUBLIC_URL, site_over

CONNECTIONS = 10
MOST_ROWS = 4_000
"""Rows that a statement may read here: more than a list of all brands' mailings, less than a walk for each brand."""


async def test_no_page_reads_a_large_table_in_whole(world: World, database_url: str) -> None:
    """Each page of the console and each page behind a link, over ten thousand deliveries; a new page needs a row."""
    connection = await asyncpg.connect(database_url)
    parts = SceneParts(
        *(world.hasher, world.policies, templates(), world.mailings, world.publishers, world.staff, world.people),
        world.ledger,
    )
    scene = await make_scene(parts, connection, 1_000)
    await connection.close()
    site = site_over(world)
    rows = {**console_rows(scene.known), **recipient_rows(scene.known, site.links)}
    assert routes_without_row(rows) == []
    faults = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(site)), base_url=PUBLIC_URL) as client:
        for path, addresses in rows.items():
            for address in addresses:
                async with watched(world.pool, CONNECTIONS) as executed:
                    answer = await client.get(address, headers={"cookie": cookie_of(scene, address)})
                assert answer.status_code < 400, address
                async with world.pool.acquire() as reading:
                    faults += [f"{path}: {fault}" for fault in await faults_of(reading, executed, MOST_ROWS)]
    assert faults == []
