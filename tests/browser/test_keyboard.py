"""Work by keyboard alone and without JavaScript: signing in, the choices of a recipient, and a request for data."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import patch

import pyotp
from playwright.async_api import Page

from mailer.policy.staff_rights import StaffRole
from mailer.web.console import second_factor_checks
from tests.browser.chromium import running_chromium, serving
from tests.browser.keyboard import Keyboard
from tests.browser.recipient_tour import add_reader
from tests.data_requests import link_of
from tests.factories import BRAND, World
from tests.integration.console_browser import CLOCK
from tests.integration.web_world import PUBLIC_URL
from tests.letters import answers
from tests.staff import PASSWORD, add_person


@asynccontextmanager
async def at_keyboard(world: World) -> AsyncIterator[tuple[Page, Keyboard]]:
    """Yields a page of Chromium and its keys. Second factors have a clock that stands still."""
    with patch.object(second_factor_checks, "time", CLOCK):
        async with serving(world) as url, running_chromium() as browser:
            context = await browser.new_context(base_url=url, java_script_enabled=False, locale="en")
            page = await context.new_page()
            yield page, Keyboard(page)


async def test_a_person_signs_in_with_an_app(world: World) -> None:
    """Joins, sets an app up, signs out, and in again with password and code; a wrong and a used code are refused."""
    _, link = await add_person(world.staff)
    async with at_keyboard(world) as (page, keys):
        await page.goto(f"/console/join/{link}")
        await keys.type("#password", PASSWORD)
        await keys.type("#again", PASSWORD)
        await keys.send()
        assert await page.inner_text("h1") == "My second factors"
        await keys.press("form[action$='/app'] button")
        app = pyotp.TOTP(await page.inner_text(".key"))
        await keys.type("#code", app.at(CLOCK.time()))
        await keys.send()
        assert await page.inner_text("h1") == "Your recovery codes"
        await keys.press("a.main")
        assert await page.inner_text("h1") == "Needs attention"
        await keys.go_to("summary")
        await page.keyboard.press("Enter")
        await keys.press("form[action$='/sign-out'] button")
        await keys.type("#name", "dana duty")
        await keys.type("#password", PASSWORD)
        await keys.send()
        assert await page.inner_text("h1") == "Second step"
        for refused in ("000000", app.at(CLOCK.time())):
            await keys.type("#code", refused)
            await keys.send()
            assert "This code is wrong" in await page.inner_text("[role=alert]")
        await keys.type("#code", app.at(CLOCK.time() + 30))
        await keys.send()
        await page.wait_for_url(re.compile("/console$"))
        assert await page.inner_text("h1") == "Needs attention"


async def test_a_password_is_enough_to_read(world: World) -> None:
    """Support needs no second factor: signs in where a link had led to, finds a person, and reads the history."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    async with at_keyboard(world) as (page, keys):
        await page.goto(f"/console/join/{link}")
        await keys.type("#password", PASSWORD)
        await keys.type("#again", PASSWORD)
        await keys.send()
        await page.context.clear_cookies()
        await page.goto("/console/people")
        await keys.type("#name", "sue")
        await keys.type("#password", "a wrong guess")
        await keys.send()
        assert await page.inner_text("[role=alert]") == "The name or the password is wrong."
        await keys.type("#password", PASSWORD)
        await keys.send()
        await page.wait_for_url(re.compile("/console/people$"))
        await keys.skip_to_content()
        await keys.type("#who", "user-1")
        await keys.type("#reason", "ticket 7")
        await keys.send()
        await page.wait_for_url(f"**/console/people/{BRAND}/{ada}")
        assert "Left newsletter mail." in await page.inner_text(".timeline")


async def test_pages_open_on_a_phone(world: World) -> None:
    """A button opens the navigation that does not fit, and Escape closes it; the focus stays on the way."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    async with at_keyboard(world) as (page, keys):
        await page.set_viewport_size({"width": 390, "height": 700})
        await page.goto(f"/console/join/{link}")
        await keys.type("#password", PASSWORD)
        await keys.type("#again", PASSWORD)
        await keys.send()
        assert not await page.is_visible("nav a")
        for key in ("Escape", "Enter"):
            await keys.go_to("[popovertarget]")
            await page.keyboard.press("Enter")
            assert await page.is_visible("nav a")
            await keys.go_to("nav a[href*='/people']")
            await page.keyboard.press(key)
        await page.wait_for_url(re.compile("/console/people"))
        assert await page.inner_text("h1") == "Find a person"


async def test_a_recipient_leaves_and_chooses(world: World) -> None:
    """Unsubscribes, takes it back, unsubscribes, pauses; then stops one kind and asks for another."""
    reader = await add_reader(world, 1, "en")
    async with at_keyboard(world) as (page, keys):
        await page.goto(reader.leaving())
        await keys.press("button.main")
        assert await page.inner_text("h1") == "You are unsubscribed"
        await keys.press("[name=undo]", "Space")
        assert await page.inner_text("h1") == "Undone"
        await page.goto(reader.leaving())
        await keys.press("button.main")
        await keys.press("[name=pause][value='30']")
        assert await page.inner_text("h1") == "Your optional mail is paused"
        await page.goto(reader.choosing)
        await keys.tick("[name=stop][value=promotional]")
        await keys.press("button.main")
        assert "Saved" in await page.inner_text("[role=status]")
        await keys.tick("[name=want][value=newsletter]")
        await keys.press("form:has([name=want]) button")
        assert "One more step" in await page.inner_text("[role=status]")
    standing = await world.standings.get_standing(BRAND, reader.id)
    assert standing is not None
    assert standing.opted_out == {"newsletter", "promotional"}
    assert standing.paused_until is not None
    assert "/confirm/" in await world.pool.fetchval("SELECT body FROM outbox")


async def test_a_recipient_asks_for_a_copy(world: World) -> None:
    """A fault has the focus; then form, mail, button and file, without a login."""
    reader = await add_reader(world, 1, "en")
    async with at_keyboard(world) as (page, keys):
        await page.goto(f"/data/{BRAND}")
        await keys.press("button.main")
        await page.locator("#email:focus").wait_for()
        assert await page.get_attribute("#email", "aria-describedby") == "fault"
        await page.goto(f"/data/{BRAND}")
        await keys.go_to("[name=wanted]")
        await page.keyboard.press("Space")
        assert await page.is_checked("[value=copy]")
        await keys.type("#email", reader.address)
        await keys.send()
        [mail] = await answers(world)
        await page.goto(link_of(mail).removeprefix(PUBLIC_URL))
        await keys.press("[name=confirm]")
        await keys.go_to("[value=page]")
        async with page.expect_download() as saving:
            await page.keyboard.press("Enter")
        assert reader.address in (await (await saving.value).path()).read_text("utf-8")
