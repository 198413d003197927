"""Chromium at the console, signed in, for tests and screenshots."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from mailer.policy.staff_rights import EVERY_BRAND, StaffRole
from tests.factories import World
from tests.integration.console_browser import open_browser

CHROMIUM = shutil.which("chromium")


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """The Chromium of this machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def session_of(world: World, role: str = StaffRole.OPS, brand: str = EVERY_BRAND, name: str = "Dana Duty") -> str:
    """The token of a session of a new person, with a second factor."""
    async with open_browser(world) as browser:
        await browser.enter(name, role, brand)
        return str(browser.client.cookies["__Host-mailer"])


@asynccontextmanager
async def page_with_session(browser: Browser, url: str, token: str, **settings: Any) -> AsyncIterator[Page]:
    """A page of a fresh context that has the cookie of a session; the test fails if a script of a page does."""
    context = await browser.new_context(**settings)
    await context.add_cookies([{"name": "mailer", "value": token, "url": url}])
    page, problems = await context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    yield page
    await context.close()
    assert problems == []
