"""Takes pictures of every page: 390 and 1280 px wide, light and dark; recipients' pages in Arabic, too.

Usage: python -m scripts.screenshots [FOLDER]; the folder is build/screenshots without one. It starts a PostgreSQL of
its own and one Chromium, and does nothing without Chromium.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path

from playwright.async_api import async_playwright

from mailer.runtime.logs import set_up_logs
from scripts.console_pictures import console_sittings
from scripts.people_pictures import people_sitting
from scripts.picture_taking import launch_chromium, take_pictures
from scripts.recipient_pictures import recipient_sittings
from tests.factories import open_world
from tests.services import running_postgres

FOLDER = Path("build/screenshots")


async def make_pictures_of_all_pages(folder: Path, database_url: str) -> int:
    """Makes all pictures, and returns their number; 0 if there is no Chromium."""
    async with async_playwright() as playwright, open_world(database_url) as world:
        browser = await launch_chromium(playwright)
        if browser is None:
            return 0
        sittings = [*recipient_sittings(), people_sitting(), *await console_sittings(world)]
        made = await take_pictures(browser, sittings, folder)
        await browser.close()
        return made


def main() -> None:
    """Makes the pictures, and says how many and how long it took."""
    to, began = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, time.monotonic()
    to.mkdir(parents=True, exist_ok=True)
    set_up_logs(json=False, level=logging.WARNING)
    with running_postgres() as databases:
        made = asyncio.run(make_pictures_of_all_pages(to, databases.url(databases.template)))
    print(
        f"screenshots: {made} in {to}, in {time.monotonic() - began:.0f} s"
        if made
        else "screenshots: skipped, as there is no Chromium; install it, or run `playwright install chromium`"
    )


if __name__ == "__main__":
    main()
