"""Cookies: no answer to a recipient has one, whatever a route does."""

import httpx
import pytest
from fastapi.responses import PlainTextResponse

from mailer.web.app import create_app, page_routes
from mailer.web.middleware import may_set_cookie
from tests.factories import BRAND, World
from tests.integration.web_world import PUBLIC_URL, browse, site_over
from tests.letters import ADA, known


@pytest.mark.rule("no-cookies")
@pytest.mark.promise("paltalk06-30")
async def test_a_cookie_that_a_route_sets_never_leaves(world: World) -> None:
    """A page of a link, of an address and one that is not there: the middleware takes every cookie out."""
    app = create_app(site_over(world))

    async def cookie() -> PlainTextResponse:
        answer = PlainTextResponse("")
        answer.set_cookie("id", "ada")
        answer.set_cookie("again", "ada")
        return answer

    for path in ("/u/more/token", "/leave/more/brand", "/consoles", "/"):
        app.add_api_route(path, cookie)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        for path in ("/u/more/token", "/leave/more/brand", "/consoles", "/"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
    assert not may_set_cookie("/unsubscribe/console")


@pytest.mark.promise("paltalk06-30")
async def test_no_page_for_recipients_sets_a_cookie(world: World) -> None:
    """Each route of a page, with GET, HEAD and POST, with a token that is none and for a brand: no cookie."""
    await known(world, BRAND, ADA)
    async with browse(world, cookie="session=1; tracker=2") as client:
        for route in page_routes():
            for value in ("nonsense", BRAND):
                path = route.path.replace("{token}", value).replace("{brand}", value)
                for method in sorted(route.methods or ()):
                    answer = await client.request(method, path, data={"email": ADA["email"], "wanted": "copy"})
                    assert "set-cookie" not in answer.headers, (method, path)
                    assert "<script" not in answer.text
