"""Takes pictures of every page: 390 and 1280 px wide, light and dark; recipients' pages in Arabic, too.

Usage: python -m scripts.screenshots [docs]. The pictures go to build/screenshots; with `docs`, only those of the
documentation are taken, and go to docs/pictures. It starts a PostgreSQL of its own and one Chromium, and does nothing
without Chromium.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, async_playwright

from mailer.runtime.logs import set_up_logs
from scripts.console_pictures import console_sittings, stopped_sitting
from scripts.mail_pictures import mail_sittings
from scripts.people_pictures import people_sitting
from scripts.picture_taking import NARROW, WIDE, Sitting, View, launch_chromium, take_pictures
from scripts.recipient_pictures import recipient_sittings
from tests.factories import open_world
from tests.services import running_postgres

FOLDER, DOCS_FOLDER = Path("build/screenshots"), Path("docs/pictures")
DOCS = {
    "leave-done": NARROW,
    "preferences": NARROW,
    "data-form-ar": NARROW,
    "notices": View(1280, "dark"),
    "data-copy": WIDE,
    "console-landing": WIDE,
    "console-mailing-running": WIDE,
    "console-mailing-release": WIDE,
    "console-person": WIDE,
    "console-dead-letter": View(1280, "dark"),
    "console-policy-effects": WIDE,
    "console-processors": View(390, "dark"),
}
"""The pictures of the documentation: the shot and its view."""
MOST_IN_DOCS = 850
"""The most pixels of a page's height that a picture of the documentation shows."""


async def make_pictures(database_url: str, inbox: Path, *, is_for_docs: bool) -> int:
    """Makes the pictures, and returns their number; 0 if there is no Chromium."""
    async with async_playwright() as playwright, open_world(database_url) as world:
        browser = await launch_chromium(playwright)
        if browser is None:
            return 0
        console = await console_sittings(world)
        sittings = [*recipient_sittings(), people_sitting(), *await mail_sittings(world, inbox), *console]
        made = await _take(browser, sittings, is_for_docs)
        made += await _take(browser, [await stopped_sitting(world, console)], is_for_docs)
        await browser.close()
        return made


async def _take(browser: Browser, sittings: Sequence[Sitting], is_for_docs: bool) -> int:
    if is_for_docs:
        return await take_pictures(browser, list(sittings_of_docs(sittings)), DOCS_FOLDER, MOST_IN_DOCS)
    return await take_pictures(browser, sittings, FOLDER)


def sittings_of_docs(sittings: Sequence[Sitting]) -> Iterator[Sitting]:
    """Yields the sittings with the shots of the documentation, each in its one view."""
    for sitting in sittings:
        shots = [replace(shot, views=[DOCS[shot.name]]) for shot in sitting.shots if shot.name in DOCS]
        if shots:
            yield replace(sitting, shots=shots)


def main() -> None:
    """Makes the pictures, and says how many and how long it took."""
    is_for_docs, began = sys.argv[1:] == ["docs"], time.monotonic()
    to = DOCS_FOLDER if is_for_docs else FOLDER
    to.mkdir(parents=True, exist_ok=True)
    set_up_logs(json=False, level=logging.WARNING)
    with running_postgres() as databases, TemporaryDirectory() as inbox:
        url = databases.url(databases.template)
        made = asyncio.run(make_pictures(url, Path(inbox), is_for_docs=is_for_docs))
    print(
        f"screenshots: {made} in {to}, in {time.monotonic() - began:.0f} s"
        if made
        else "screenshots: skipped, as there is no Chromium; install it, or run `playwright install chromium`"
    )


if __name__ == "__main__":
    main()
