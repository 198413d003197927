"""Takes pictures of the pages of web apps, by one Chromium, at several widths and in light and dark."""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Error, FloatRect, Page, Playwright, Route

SITE = "https://mail.example"
"""The address of every app. Nothing listens there: the browser's requests are answered in this process."""
AT_ONCE = 3
"""The number of pages that are open at the same time."""
_PATIENCE = 15_000
"""The milliseconds for which one step on a page is waited for."""
_MOST_TRIES = 5
_HEIGHT = 800
"""The height of the window in pixels; a page that is higher has a higher picture."""
_DRAWN = """high => new Promise(done => {
  const look = () => requestAnimationFrame(innerHeight === high ? () => requestAnimationFrame(done) : look);
  scrollTo(0, 0);
  look();
})"""
"""Waits until a page is drawn from its top on at a height."""
WHOLE = 20_000
"""A height in pixels that no page has."""
SAVED_DATA = f"{SITE}/a-copy-of-data"
"""The address at which a shot's own page is shown, such as one that a person would save."""


@dataclass(frozen=True)
class View:
    """A width in pixels, and the colours."""

    width: int
    scheme: Literal["light", "dark"]

    @property
    def name(self) -> str:
        """The end of the name of a picture."""
        return f"{self.width}-{self.scheme}"


NARROW, WIDE = View(390, "light"), View(1280, "light")
VIEWS = (NARROW, View(390, "dark"), WIDE, View(1280, "dark"))


@dataclass(frozen=True)
class Shot:
    """A page and what happens on it before its pictures are taken.

    Attributes:
        name: of the pictures. path: of the page.
        typed: texts by field. ticked: what is ticked. pressed: what is pressed. done: what else is done.
        language: the reader's. page: HTML that is shown at `SAVED_DATA`.
    """

    name: str
    path: str
    typed: Mapping[str, str] = field(default_factory=dict)
    ticked: str | None = None
    pressed: str | None = None
    done: Callable[[Page], Awaitable[None]] | None = None
    language: str = "en"
    page: str | None = None
    views: Sequence[View] = VIEWS


@dataclass(frozen=True)
class Sitting:
    """A web app, the shots of it, and the browser that looks.

    Attributes:
        app: the web app. shots: its pages.
        cookies, headers: go with each request.
    """

    app: FastAPI
    shots: Sequence[Shot]
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


async def launch_chromium(playwright: Playwright) -> Browser | None:
    """Starts Playwright's Chromium, or that of the machine. Returns None if there is none."""
    for program in (None, shutil.which("chromium"), shutil.which("google-chrome")):
        try:
            return await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error:
            continue
    return None


async def take_pictures(browser: Browser, sittings: Sequence[Sitting], folder: Path, most: int = WHOLE) -> int:
    """Takes all pictures, and prints what is wrong with a page. Returns the number of pictures.

    Args:
        browser: takes them.
        sittings: the pages.
        folder: for the files.
        most: the most pixels of the height of a page that are shown.
    """
    languages = sorted({shot.language for sitting in sittings for shot in sitting.shots})
    contexts = {language: await browser.new_context(locale=language) for language in languages}
    turns = asyncio.Semaphore(AT_ONCE)

    async def take(sitting: Sitting, shot: Shot) -> int:
        async with turns:
            try:
                await _take_pictures_of_shot(contexts[shot.language], sitting, shot, folder, most)
            except Error as error:
                print(f"screenshots: {shot.name}: no picture, as {error.message.splitlines()[0]}", file=sys.stderr)
                return 0
        return len(shot.views)

    pairs = [(sitting, shot) for sitting in sittings for shot in sitting.shots]
    return sum(await asyncio.gather(*(take(*pair) for pair in pairs)))


async def _take_pictures_of_shot(
    context: BrowserContext, sitting: Sitting, shot: Shot, folder: Path, most: int
) -> None:
    """Opens a page once, and takes a picture of it in each view."""
    transport = httpx.ASGITransport(sitting.app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url=SITE,
        headers=dict(sitting.headers),
        cookies=dict(sitting.cookies),
        follow_redirects=True,
    ) as client:
        page = await context.new_page()
        page.set_default_timeout(_PATIENCE)
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        await page.route("**/*", lambda route: _answer(route, client, shot))
        await page.set_viewport_size({"width": shot.views[0].width, "height": _HEIGHT})
        await page.goto(shot.path)
        await _act(page, shot)
        for view in shot.views:
            faults += await _take_picture(page, view, folder / f"{shot.name}-{view.name}.png", most)
        refused = [fault for fault in faults if "Failed to load resource" not in fault]  # a problem page has its status
        if refused:
            print(f"screenshots: {shot.name}: {'; '.join(refused)}", file=sys.stderr)
        await page.close()


async def _take_picture(page: Page, view: View, file: Path, most: int) -> list[str]:
    """Takes one picture. Returns a fault if the page is wider than the screen."""
    await page.emulate_media(color_scheme=view.scheme)
    await page.set_viewport_size({"width": view.width, "height": _HEIGHT})
    wide, high = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    # Chromium repeats the top of a page that is higher than its window, if it was scrolled or is still being drawn: two
    # pictures have to be the same.
    high = max(_HEIGHT, high)
    await page.set_viewport_size({"width": view.width, "height": high})
    await page.evaluate(_DRAWN, high)
    clip: FloatRect = {"x": 0, "y": 0, "width": view.width, "height": min(high, most)}
    last, picture = None, b""
    for _ in range(_MOST_TRIES):
        last, picture = picture, await page.screenshot(animations="disabled", clip=clip)
        if picture == last:
            break
    await asyncio.to_thread(file.write_bytes, picture)
    return [f"is {wide} px wide at {view.width}"] if wide > view.width else []


async def _answer(route: Route, client: httpx.AsyncClient, shot: Shot) -> None:
    asked = route.request
    if asked.url == SAVED_DATA:
        await route.fulfill(body=shot.page or "", headers={"content-type": "text/html; charset=utf-8"})
        return
    sent = {name: value for name, value in asked.headers.items() if name in ("accept-language", "content-type")}
    got = await client.request(asked.method, asked.url, content=asked.post_data_buffer, headers=sent)
    kept = {name: value for name, value in got.headers.items() if name != "set-cookie"}  # the client keeps cookies
    await route.fulfill(status=got.status_code, headers=kept, body=got.content)


async def _act(page: Page, shot: Shot) -> None:
    for where, text in shot.typed.items():
        await page.fill(where, text)
    if shot.ticked:
        await page.check(shot.ticked)
    if shot.pressed:
        await page.click(shot.pressed)
    if shot.done:
        await shot.done(page)
