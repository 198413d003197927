"""Passkeys, by a real browser with a virtual authenticator."""

import re

from playwright.async_api import Page

from mailer.policy.sign_in_rules import FREE_FAILURES
from tests.browser.chromium import serving, virtual_authenticator
from tests.factories import World
from tests.staff import PASSWORD, add_person


async def join_with_passkey(page: Page, link: str) -> list[str]:
    """Chooses a password and adds a passkey. Returns a list that collects the errors of scripts."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(link)
    await page.fill("#password", PASSWORD)
    await page.fill("#again", PASSWORD)
    await page.click("button.main")
    await page.fill("#name", "laptop")
    await page.click("button:has-text('Add a passkey')")
    await page.wait_for_selector("ol.codes")
    return problems


async def test_a_browser_signs_in_by_passkey(world: World) -> None:
    """The browser runs our script, keeps the cookies, and obeys the security policy of the pages."""
    _, link = await add_person(world.staff)
    async with serving(world) as url, virtual_authenticator() as page:
        problems = await join_with_passkey(page, f"{url}/console/join/{link}")
        await page.click("text=I have kept them")
        await page.click("summary")
        await page.click("button:has-text('Sign out')")
        await page.fill("#name", "dana duty")
        await page.fill("#password", PASSWORD)
        await page.click("button.main")
        await page.click("button:has-text('Use a passkey')")
        await page.wait_for_url(re.compile("/console$"))
        assert await page.inner_text("h1") == "Needs attention"
        assert problems == []
    assert await world.pool.fetchval("SELECT sign_count FROM staff_passkeys") > 0


async def test_a_passkey_signs_in_while_strangers_guess(world: World) -> None:
    """The button on the page that asks to wait sends name, password and passkey together. Nothing opens by itself."""
    _, link = await add_person(world.staff)
    async with serving(world) as url, virtual_authenticator() as page:
        problems = await join_with_passkey(page, f"{url}/console/join/{link}")
        await page.context.clear_cookies()
        await page.goto(f"{url}/console/sign-in")
        for _ in range(FREE_FAILURES + 1):
            await page.fill("#name", "dana duty")
            await page.fill("#password", "a wrong guess")
            await page.click("button.main")
            await page.wait_for_selector("[role=alert]")
        await world.pool.execute("UPDATE staff_failures SET failures = 100")
        await page.fill("#password", PASSWORD)
        await page.click("button.main")
        await page.wait_for_selector("[data-ask]")
        assert page.url.endswith("/console/sign-in")
        await page.fill("#password", PASSWORD)
        await page.click("button:has-text('Sign in with a passkey')")
        await page.wait_for_url(re.compile("/console$"))
        assert await page.inner_text("h1") == "Needs attention"
        assert problems == []
