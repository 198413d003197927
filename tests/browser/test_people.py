"""People in a real browser: a look-up, the history and one act, with JavaScript and without, by keyboard alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page

from mailer.policy.staff_rights import StaffRole
from tests.browser.chromium import page_with_session, running_chromium, serving, session_of
from tests.factories import BRAND, World
from tests.integration.test_console_people import accesses


@asynccontextmanager
async def browsing(world: World, *, script: bool) -> AsyncIterator[Page]:
    """Yields a page of Chromium, signed in as a privacy officer, on the page to find people."""
    token = await session_of(world, StaffRole.PRIVACY_OFFICER)
    settings = {"java_script_enabled": script}
    async with (
        serving(world) as url,
        running_chromium() as browser,
        page_with_session(browser, url, token, base_url=url, **settings) as page,
    ):
        page.set_default_timeout(20_000)
        await page.goto("/console/people")
        yield page


@pytest.mark.parametrize("script", [True, False])
async def test_a_person_is_looked_up_and_restricted(world: World, script: bool) -> None:
    """The keyboard does it; the address is in no URL, the act is shown as recorded, and a reload does nothing again."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    async with browsing(world, script=script) as page:
        visited: list[str] = []
        page.on("request", lambda request: visited.append(request.url))
        await page.focus("#who")
        await page.keyboard.type("User-1@people.example")
        await page.focus("#reason")
        await page.keyboard.type("ticket 7")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/console/people/{BRAND}/{ada}")
        assert "user-1@people.example" in await page.inner_text("main")
        assert "Left newsletter mail." in await page.inner_text(".timeline")
        await page.focus(f"a[href$='/{ada}/acts/restrict']")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#reason")
        await page.focus("#reason")
        await page.keyboard.type("ticket 8")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=Recorded: Restrict processing")
        assert "ticket 8" in await page.inner_text("main")
        await page.reload()
        await page.wait_for_selector("text=recorded before")
        await page.click("text=Back to the person")
        await page.wait_for_selector("text=Ordered: restrict, by Dana Duty (console)")
    assert not any("people.example" in url or "ticket" in url for url in visited)
    assert len(await accesses(world)) == 1
    assert len(await accesses(world, "acted")) == 1
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert standing.restricted
