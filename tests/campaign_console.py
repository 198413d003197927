"""Somebody at the console, in Chromium: opens pages, presses buttons by their words, and waits for what comes."""

from dataclasses import dataclass

from playwright.async_api import Locator, Page

from tests.processes import until


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
