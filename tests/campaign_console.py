"""Somebody at the console, in Chromium: opens pages, presses buttons by their words, and waits for what comes."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyotp
from playwright.async_api import Browser, Locator, Page

from mailer.processors.capture.folder import CaptureFolder
from tests.processes import Stack, free_port, until
from tests.staff import PASSWORD

MILLISECONDS = 60_000
"""The time that a page may take on a busy machine."""


@dataclass
class ConsolePerson:
    """A person at the console.

    Attributes:
        page: a page of a browser of their own.
        site: the address of the site.
    """

    page: Page
    site: str

    async def open(self, path: str) -> str:
        """Opens a page; returns its words."""
        await self.page.goto(path if path.startswith("http") else self.site + path)
        return await self.words()

    async def words(self) -> str:
        """The words of the page."""
        return await self.page.inner_text("main")

    async def press(self, name: str) -> str:
        """Presses a button or a link of a name, and returns the words of the page that follows."""
        main = self.page.locator("main")
        found = main.get_by_role("button", name=name, exact=True).or_(main.get_by_role("link", name=name, exact=True))
        async with self.page.expect_navigation():
            await found.first.click()
        return await self.words()

    async def submit(self, selector: str) -> None:
        """Presses the button that a selector finds, and waits for the page that follows."""
        async with self.page.expect_navigation():
            await self.page.locator(selector).first.click()

    async def unfold(self, details: Locator) -> None:
        """Unfolds a part that is folded."""
        if await details.get_attribute("open") is None:
            await details.locator("summary").first.click()

    async def wait_for(self, path: str, words: str) -> str:
        """Opens a page again and again until it has some words."""

        async def has_words() -> str:
            found = await self.open(path)
            return found if words in found else ""

        return await until(has_words, f"{path} to say {words!r}")


@asynccontextmanager
async def signed_in(browser: Browser, stack: Stack, name: str, role: str) -> AsyncIterator[ConsolePerson]:
    """Adds a person of staff, who sets a password and an authenticator app up in a browser without scripts."""
    address = f"{name.split()[0].lower()}@work.example"
    added = await stack.done("staff", "add", name, "--email", address, "--role", role)
    [link] = re.findall(r"http\S+/console/join/\S+", added.out)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(MILLISECONDS)
    person = ConsolePerson(page, link.partition("/console")[0])
    await page.goto(link)
    for one in await page.locator("input[type=password]").all():
        await one.fill(PASSWORD)
    await page.locator("main button").first.click()
    await person.open("/console/second-factors")
    await person.submit("form[action*='/app'] button")
    key = (await page.locator(".key").first.inner_text()).replace(" ", "")
    await page.locator("input[name=code]").fill(pyotp.TOTP(key).now())
    await person.submit("main form button")
    yield person
    await context.close()


def at_localhost(stack: Stack, folder: Path, **settings: str) -> Stack:
    """The same processes, whose site a browser finds on this machine, and whose mail ends in a folder."""
    port = free_port()
    addresses = {"PUBLIC_URL": f"http://localhost:{port}", "PORT": str(port)}
    made = stack.having(PROCESSORS="capture://", DATA=str(folder / "data"), **addresses, **settings)
    return replace(made, inbox=CaptureFolder(folder / "data" / "captured"))
