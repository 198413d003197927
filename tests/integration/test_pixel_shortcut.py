"""The shortcut of pixels: the same answer and the same count as by the route, and nothing of it for other requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from mailer.rendering.link_tokens import OpenToken
from mailer.web.app import create_app
from mailer.web.pixel_shortcut import PixelShortcut
from mailer.web.tracking import GIF
from mailer.web.web_context import WebContext
from tests.factories import World as Database
from tests.hours import opens_of
from tests.integration.web_world import MAILING, PUBLIC_URL, World, site_over

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks to the application as it is served."""
    site: WebContext = world.app.state.site
    transport = httpx.ASGITransport(PixelShortcut(world.app, site.links, site.opens, site.is_https))
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
        yield client


@pytest.mark.parametrize("url", ["https://mail.example", "http://127.0.0.1:8025"])
async def test_a_pixel_has_the_headers_of_the_route(url: str) -> None:
    """A pixel that names nobody, by the shortcut, and one whose token is none, by the route: the same head and body."""
    world = World(url)
    async with client_of(world) as client:
        counted = await client.get(world.pixel(), headers=BROWSER)
        by_route = await client.get("/o/nonsense.gif", headers=BROWSER)
        looked_at = await client.head(world.pixel(), headers=BROWSER)
    assert counted.content == by_route.content == GIF
    assert sorted(counted.headers.multi_items()) == sorted(by_route.headers.multi_items())
    assert looked_at.headers["cache-control"] == "no-store"
    assert world.opens.counted == [(MAILING, False)]


async def test_machines_are_counted_apart_and_failures_hurt_nobody() -> None:
    """A scanner's fetch counts as a machine's; a count that fails still sends the image."""
    world = World()
    async with client_of(world) as client:
        await client.get(world.pixel(), headers={"user-agent": "GoogleImageProxy"})
        world.opens.broken = True
        assert (await client.get(world.pixel(), headers=BROWSER)).content == GIF
    assert world.opens.counted == [(MAILING, True)]


async def test_only_a_get_of_a_pixel_takes_it() -> None:
    """POST is refused as before, and a path that only begins like a pixel's is no page."""
    world = World()
    async with client_of(world) as client:
        assert (await client.post(world.pixel())).status_code == 405
        assert (await client.get(world.pixel().removesuffix(".gif"))).status_code == 404
        assert (await client.get(f"{world.pixel()}/more")).status_code == 404
    assert world.opens.counted == []


async def test_a_pixel_that_names_a_person_goes_to_the_route(world: Database) -> None:
    """Its person is looked up first; of one who is not known nothing is counted."""
    site = site_over(world)
    served = PixelShortcut(create_app(site), site.links, site.opens, site.is_https)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=PUBLIC_URL, headers=BROWSER) as client:
        assert (await client.get(site.links.pixel_url(OpenToken(MAILING, None, 10**9, 1)))).content == GIF
        assert opens_of(world)._hours == {}
        assert (await client.get(site.links.pixel_url(OpenToken(MAILING, "nonce")))).content == GIF
    assert len(opens_of(world)._hours) == 1
