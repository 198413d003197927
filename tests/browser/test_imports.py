"""The import of a file in a real browser, with and without JavaScript."""

import asyncio

from playwright.async_api import Browser, Page

from mailer.policy.staff_rights import StaffRole
from tests.browser.chromium import page_with_session, running_chromium, serving, session_of
from tests.factories import World
from tests.imports import import_worker

FILE = (
    "Kundennr;E-Mail;Vorname;Nachname;Kunde seit\r\n"
    "b-1;b-1@people.example;Jürgen;Groß;03.04.2024\r\n"
    "b-2;kein-at-zeichen;Ute;Ohne;05.06.2024\r\n"
).encode("cp1252")


async def test_a_file_becomes_people(world: World) -> None:
    """Upload, question, check, import, refused rows; the page refreshes itself, or by a reload where it cannot."""
    token, stop = await session_of(world, StaffRole.MARKETER), asyncio.Event()
    working = asyncio.create_task(import_worker(world).work_until_stopped(stop, 0.2))
    async with serving(world) as url, running_chromium() as browser:
        for script in (True, False):
            await _import_file(browser, url, token, script)
    stop.set()
    await working
    names = await world.pool.fetch("SELECT ref, name FROM recipients WHERE ref LIKE 'b-%' ORDER BY ref")
    assert [tuple(row) for row in names] == [("b-False", "Jürgen Groß"), ("b-True", "Jürgen Groß")]


async def _import_file(browser: Browser, url: str, token: str, script: bool) -> None:
    """Imports a file by a browser."""
    file = FILE.replace(b"b-1", b"b-%a" % script)
    async with page_with_session(browser, url, token, java_script_enabled=script) as page:
        await page.goto(f"{url}/console/imports")
        await page.click("a:has-text('Import a file for InterPals')")
        await page.set_input_files("#file", {"name": "Kunden.csv", "mimeType": "text/csv", "buffer": file})
        await page.click("button:has-text('Upload')")
        await _go_on(page, script, "button:has-text('Check each row')")
        assert await page.input_value("#column-1") == "field:email"
        assert await page.is_visible("text=Jürgen")
        await page.check("input[value=day_first]")
        await page.click("button:has-text('Check each row')")
        await _go_on(page, script, "button.main:has-text('Import')")
        assert await page.is_visible("text=people who become known")
        assert "kein-at-zeichen" not in await page.inner_text("[aria-labelledby=reasons]")
        await page.click("button.main:has-text('Import')")
        await _go_on(page, script, "button:has-text('Download the refused rows')")
        async with page.expect_download() as download:
            await page.click("button:has-text('Download the refused rows')")
        name = (await download.value).suggested_filename
        assert (name.startswith("refused-"), name.endswith(".csv")) == (True, True)
        await page.goto(f"{url}/console/imports")
        assert await page.is_visible("text=is imported")


async def _go_on(page: Page, script: bool, target: str) -> None:
    """Waits until the timekeeper's work is done, and has the page with what comes next."""
    for _ in range(60):
        if await page.is_visible(target):
            return
        if script and await page.is_visible("a:has-text('Go on')"):
            await page.click("a:has-text('Go on')")
        elif not script:
            await page.reload()
        await asyncio.sleep(0.5)
    raise AssertionError(f"{target} did not appear")
