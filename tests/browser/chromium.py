"""The site on a port of this machine, and Debian's Chromium for tests and pictures of its pages."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright

from mailer.policy.staff_rights import EVERY_BRAND, StaffRole
from mailer.web.app import create_app
from mailer.web.server import serve_app
from tests.browser.made_up_provider import MadeUpProvider
from tests.factories import World
from tests.integration.console_browser import open_browser
from tests.integration.web_world import site_over

CHROMIUM = "/usr/bin/chromium"


@asynccontextmanager
async def serving(world: World, *, has_provider: bool = False) -> AsyncIterator[str]:
    """Serves the site on a port of this machine by plain HTTP, if asked with a made-up provider. Yields its address."""
    site = site_over(world)

    def app_at(url: str) -> FastAPI:
        provider = MadeUpProvider(url) if has_provider else None
        console = replace(site.console, public_url=url, identity_provider=provider)
        return create_app(replace(site, public_url=url, console=console))

    async with serving_app(app_at) as url:
        yield url


@asynccontextmanager
async def serving_app(app_at: Callable[[str], FastAPI]) -> AsyncIterator[str]:
    """Serves the app that is made for an address of this machine. Yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url, stop, up = f"http://localhost:{port}", asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve_app(app_at(url), "127.0.0.1", port, stop, lambda _: up.set()))
    try:
        await up.wait()
        yield url
    finally:
        stop.set()
        await task


@asynccontextmanager
async def virtual_authenticator() -> AsyncIterator[Page]:
    """Yields a page of Chromium with a virtual authenticator, which says yes to everything."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await chromium.new_context()
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        given = {**kind, "isUserVerified": True, "automaticPresenceSimulation": True}
        await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": given})
        yield page
        await chromium.close()


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Runs the Chromium of this machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def session_of(world: World, role: str = StaffRole.OPS, brand: str = EVERY_BRAND, name: str = "Dana Duty") -> str:
    """Returns the token of a session of a new person, with a second factor."""
    async with open_browser(world) as browser:
        await browser.enter(name, role, brand)
        return str(browser.client.cookies["__Host-mailer"])


@asynccontextmanager
async def page_with_session(browser: Browser, url: str, token: str, **settings: Any) -> AsyncIterator[Page]:
    """Yields a page of a fresh context that has the cookie of a session. A page whose script fails, fails the test."""
    context = await browser.new_context(**settings)
    await context.add_cookies([{"name": "mailer", "value": token, "url": url}])
    page, problems = await context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    yield page
    await context.close()
    assert problems == []
