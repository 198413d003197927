"""A person at a keyboard without a mouse: reaches everything by Tab, and sees where they are."""

from playwright.async_api import Page

LONGEST = 120
"""The most stops on the way to an element of a page."""
_STOP = """(selector) => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isSeen = at === document.body || (hasOutline && box.width > 0 && box.right > 0 && box.left < innerWidth);
  return { isSeen, isThere: at.matches(selector), is: at.outerHTML.slice(0, 200) };
}"""


class Keyboard:
    """The keys of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def go_to(self, selector: str) -> None:
        """Presses Tab until an element has the focus, which each stop has to show."""
        for _ in range(LONGEST):
            await self.page.keyboard.press("Tab")
            stop = await self.page.evaluate(_STOP, selector)
            assert stop["isSeen"], stop["is"]
            if stop["isThere"]:
                return
        raise AssertionError(f"Tab does not reach {selector}")

    async def type(self, selector: str, text: str) -> None:
        """Goes to a field and types."""
        await self.go_to(selector)
        await self.page.keyboard.type(text)

    async def press(self, selector: str, key: str = "Enter") -> None:
        """Goes to an element and presses a key, which leads to another page."""
        await self.go_to(selector)
        async with self.page.expect_navigation():
            await self.page.keyboard.press(key)

    async def send(self) -> None:
        """Presses Enter in a field, which sends its form."""
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def skip_to_content(self) -> None:
        """Follows the first link of a page of the console, past the navigation."""
        await self.go_to(".skip")
        await self.page.keyboard.press("Enter")
        assert await self.page.evaluate("document.activeElement.id") == "content"

    async def tick(self, selector: str) -> None:
        """Goes to a box and ticks it."""
        await self.go_to(selector)
        await self.page.keyboard.press("Space")
        assert await self.page.is_checked(selector)

    async def choose(self, selector: str, words: str) -> None:
        """Goes to a list and types the beginning of an entry."""
        await self.go_to(selector)
        await self.page.keyboard.type(words)
