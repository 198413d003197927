"""Makes a screenshot of the console's pages of operations: 390 and 1280 px wide, light and dark.

Usage: python -m scripts.console_screenshots [FOLDER]; the folder is build/screenshots without one. The pages are those
of the web app over a private PostgreSQL with made-up mail. It needs Chromium, and does nothing without it.
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Page

from tests.browser.chromium import CHROMIUM, page_with_session, running_chromium, serving, session_of
from tests.console_scenery import add_scenery
from tests.factories import open_world
from tests.services import running_postgres

FOLDER = Path("build/screenshots")
VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]


async def make_screenshots(folder: Path, database_url: str) -> int:
    """Makes all screenshots, and returns their number."""
    made, tokens = 0, dict[str, str]()
    async with open_world(database_url) as world, serving(world) as url, running_chromium() as browser:
        for name, role, path in await add_scenery(world):
            if role not in tokens:
                tokens[role] = await session_of(world, role, name=f"{role} person".title())
            for width, scheme in VIEWS:
                view = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
                async with page_with_session(browser, url, tokens[role], **view) as page:
                    await page.goto(f"{url}{path}")
                    await _take_picture(page, folder / f"console-{name}-{width}-{scheme}.png", width)
                made += 1
    return made


async def _take_picture(page: Page, file: Path, width: int) -> None:
    await page.screenshot(path=file, full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        print(f"screenshots: {file.name} is {wide} px wide", file=sys.stderr)


if __name__ == "__main__":
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    to.mkdir(parents=True, exist_ok=True)
    if not Path(CHROMIUM).exists():
        print("screenshots: skipped, as there is no Chromium; install it")
    else:
        with running_postgres() as databases:
            number = asyncio.run(make_screenshots(to, databases.url(databases.template)))
        print(f"screenshots: {number} of the console in {to}")
