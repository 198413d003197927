"""Passkeys: by an authenticator in software that can cheat, and by a real browser with a virtual one."""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, async_playwright

from mailer.web.app import create_app
from mailer.web.server import serve_app
from tests.factories import World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.software_authenticator import SoftwareAuthenticator
from tests.staff import PASSWORD, add_person

ON = "/console/second-factors"
STEP = "/console/second-step"
CHROMIUM = shutil.which("chromium")
HERE = "mail.example"


def options_of(page: httpx.Response) -> dict[str, Any]:
    """The options that the script of a page gets."""
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found
    options: dict[str, Any] = json.loads(unescape(found[1]))
    return options


async def add_passkey(browser: ConsoleBrowser, key: SoftwareAuthenticator) -> httpx.Response:
    """Adds a passkey as the script does."""
    asked = await browser.send(f"{ON}/passkey", {"name": "laptop", "password": PASSWORD}, ON)
    return await browser.send(f"{ON}/passkey/add", {"credential": key.create(options_of(asked)), "name": "laptop"}, ON)


async def show(browser: ConsoleBrowser, key: SoftwareAuthenticator, step: int = 1) -> httpx.Response:
    """Shows a passkey at the second step."""
    asked = await browser.send(f"{STEP}/passkey", on=STEP)
    return await browser.send(f"{STEP}/passkey/check", {"credential": key.get(options_of(asked), step)}, STEP)


async def test_a_passkey_signs_in(world: World) -> None:
    """The first factor brings recovery codes and a new session; signed out, name, password and passkey let in."""
    _, link = await add_person(world.staff)
    key = SoftwareAuthenticator(PUBLIC_URL, HERE)
    async with open_browser(world) as browser:
        await browser.join(link)
        before = browser.client.cookies["__Host-mailer"]
        added = await add_passkey(browser, key)
        assert len(re.findall(r"<code>[a-z2-9-]{19}</code>", added.text)) == 10
        assert browser.client.cookies["__Host-mailer"] != before
        assert (await browser.open("/console")).status_code == 200
        browser.client.cookies.clear()
        assert (await browser.sign_in()).headers["location"].startswith(STEP)
        assert (await show(browser, key)).headers["location"] == "/console"
        assert (await browser.open("/console")).status_code == 200
        assert (await add_passkey(browser, key)).status_code == 403


async def test_a_passkey_that_cheats_is_refused(world: World) -> None:
    """Another site's, an unknown one, one of somebody else, a copied one, and an answer that is sent twice."""
    _, link = await add_person(world.staff)
    _, other = await add_person(world.staff, "Eli")
    key, elis = SoftwareAuthenticator(PUBLIC_URL, HERE), SoftwareAuthenticator(PUBLIC_URL, HERE)
    phished = SoftwareAuthenticator("https://mail.example.evil", HERE)
    async with open_browser(world) as browser, open_browser(world) as eli:
        await browser.join(link)
        assert (await add_passkey(browser, phished)).status_code == 403
        assert (await add_passkey(browser, SoftwareAuthenticator(PUBLIC_URL, "evil.example"))).status_code == 403
        await add_passkey(browser, key)
        await eli.join(other)
        await add_passkey(eli, elis)
        browser.client.cookies.clear()
        await browser.sign_in()
        assert (await show(browser, elis)).status_code == 403
        assert (await show(browser, SoftwareAuthenticator(PUBLIC_URL, HERE))).status_code == 403
        key.origin = "https://mail.example.evil"
        assert (await show(browser, key)).status_code == 403
        key.origin = PUBLIC_URL
        asked = await browser.send(f"{STEP}/passkey", on=STEP)
        answer = key.get(options_of(asked))
        await browser.send(f"{STEP}/passkey", on=STEP)
        assert (await browser.send(f"{STEP}/passkey/check", {"credential": answer}, STEP)).status_code == 403
        assert (await show(browser, key)).status_code == 303
        browser.client.cookies.clear()
        await browser.sign_in()
        assert (await show(browser, key, 0)).status_code == 403
        for odd in ("", "{}", "[]", "null", "x" * 30_000, '{"id": 1}'):
            await browser.send(f"{STEP}/passkey", on=STEP)
            assert (await browser.send(f"{STEP}/passkey/check", {"credential": odd}, STEP)).status_code == 403


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """The site on a port of this machine, by plain HTTP; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url, site = f"http://localhost:{port}", site_over(world)
    site = replace(site, public_url=url, console=replace(site.console, public_url=url))
    stop, up = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve_app(create_app(site), "127.0.0.1", port, stop, lambda _: up.set()))
    try:
        await up.wait()
        yield url
    finally:
        stop.set()
        await task


@asynccontextmanager
async def virtual_authenticator() -> AsyncIterator[Page]:
    """A page of Chromium with a virtual authenticator, which says yes to everything."""
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


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_browser_signs_in_by_passkey(world: World) -> None:
    """A real browser signs in by passkey, with our script and cookies, under the pages' own security policy."""
    _, link = await add_person(world.staff)
    async with serving(world) as url, virtual_authenticator() as page:
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"{url}/console/join/{link}")
        await page.fill("#password", PASSWORD)
        await page.fill("#again", PASSWORD)
        await page.click("button.main")
        await page.fill("#name", "laptop")
        await page.click("button:has-text('Add a passkey')")
        await page.wait_for_selector("ol.codes")
        await page.click("text=I have kept them")
        await page.click("summary")
        await page.click("button:has-text('Sign out')")
        await page.fill("#name", "dana duty")
        await page.fill("#password", PASSWORD)
        await page.click("button.main")
        await page.click("button:has-text('Use a passkey')")
        await page.wait_for_url(re.compile("/console$"))
        assert await page.inner_text("h1") == "Needs attention"
        assert problems == []
    assert await world.pool.fetchval("SELECT sign_count FROM staff_passkeys") > 0
