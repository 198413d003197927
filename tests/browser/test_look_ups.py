"""Everything that staff look up at the console, by keyboard alone and without JavaScript; and the inbox.

The pages of mailings have a script: the first test is with it, too. `test_people.py` looks people up by address.
"""

import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.web.captured_mail_inbox import create_inbox_app
from tests.browser.chromium import page_with_session, running_chromium, serving, serving_app, session_of
from tests.browser.keyboard import Keyboard
from tests.console_scenery import add_scenery, add_stops
from tests.factories import BRAND, World
from tests.integration.test_inbox_filters import MAILS
from tests.integration.web_world import Mails


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
async def test_operations_are_looked_up(world: World, *, has_script: bool) -> None:
    """Mailings, stops, dead letters, processors, flow, policies and the ledger, each from the navigation on."""
    await add_scenery(world)
    await add_stops(world)
    token = await session_of(world)
    settings = {"java_script_enabled": has_script}
    async with (
        serving(world) as url,
        running_chromium() as browser,
        page_with_session(browser, url, token, base_url=url, **settings) as page,
    ):
        keys = Keyboard(page)
        await page.goto("/console")
        await keys.press("nav a[href$='/mailings']")
        await keys.skip_to_content()
        await keys.choose("#state", "waits for")
        await keys.press(".filters button")
        assert await page.locator("tbody tr").count() == 1, page.url
        await keys.press("table a")
        assert await page.inner_text("h1") == "breach-notice"
        assert "second person" in await page.inner_text(".waits")
        await keys.press("nav a[href$='/halts']")
        assert "a wrong list" in await page.inner_text("table")
        await keys.press("nav a[href$='/dead']")
        await keys.skip_to_content()
        await keys.type("#f-reason", "an address of nobody")
        await keys.send()
        assert await page.locator("tbody tr").count() == 2
        await keys.press("table a")
        assert "an address of nobody" in await page.inner_text(".note")
        assert "people.example" not in await page.content()
        await keys.press("nav a[href$='/processors']")
        assert "421 4.3.2 Service not available" in await page.inner_text("section:has-text('relay-us')")
        await keys.press("nav a[href$='/flow']")
        assert "newsletter, set up: 4" in await page.inner_text("tr:has-text('Held, by reason')")
        await keys.press("nav a[href$='/policies']")
        await keys.press(f"table a[href$='/{BRAND}']")
        assert "interpals-07" in await page.inner_text("table")
        await keys.press("nav a[href$='/policies']")
        await keys.skip_to_content()
        await keys.press(".filters button")
        assert await page.inner_text("h1") == "Differences"
        await keys.press("nav a[href$='/ledger']")
        await keys.skip_to_content()
        await keys.press("button.main")
        assert "Intact" in await page.inner_text("[role=status]")


async def test_people_suppressions_and_publishers_are_looked_up(world: World) -> None:
    """A suppression from an address, with its reason, then by its list; a publisher with its rights."""
    await add_scenery(world)
    await add_stops(world)
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    settings = {"java_script_enabled": False}
    async with serving(world) as url, running_chromium() as browser:
        officer = await session_of(world, StaffRole.PRIVACY_OFFICER, name="Olga")
        async with page_with_session(browser, url, officer, base_url=url, **settings) as page:
            keys = Keyboard(page)
            await page.goto("/console/suppressions")
            await keys.press(f"main a[href$='/{BRAND}']")
            await keys.skip_to_content()
            await keys.type("#who", "User-1@People.example")
            await keys.type("#reason", "ticket 7")
            await keys.send()
            assert "Left newsletter mail" in await page.inner_text("main .card li")
            await keys.press("main .card li a")
            assert await page.inner_text("h2") == "Lift it"
            await keys.press("nav a[href$='/people']")
            await keys.skip_to_content()
            await keys.type("#who", str(ada))
            await keys.choose("#at", BRAND)
            await keys.type("#reason", "ticket 8")
            await keys.send()
            assert await page.inner_text("h1") == "user-1"
            assert "ticket 8" in await page.inner_text(".timeline")
        admin = await session_of(world, StaffRole.ADMIN, name="Adam")
        async with page_with_session(browser, url, admin, base_url=url, **settings) as page:
            keys = Keyboard(page)
            await page.goto("/console/publishers")
            await keys.press("table a[href*='web-shop']")
            assert await page.inner_text("h1") == "web-shop"
            assert await page.is_checked("[name=category][value=newsletter]")


async def test_captured_mail_is_searched() -> None:
    """The inbox begins with the newest of each kind; words and a brand leave the mail that has both."""
    app = create_inbox_app(Mails(MAILS))
    async with serving_app(lambda url: app) as url, running_chromium() as browser:
        context = await browser.new_context(base_url=url, java_script_enabled=False)
        page = await context.new_page()
        keys = Keyboard(page)
        await page.goto("/inbox")
        assert await page.inner_text("h2") == "The newest of each kind"
        await keys.choose("[name=brand]", "interpals")
        await keys.press(".search button")
        assert await page.locator(".mails li").count() == 3
        await page.goto("/inbox")
        await keys.type("[name=text]", "weg")
        await keys.send()
        await keys.press(".mails a")
        assert await page.inner_text("h1") == "Straße & Weg"
