"""Passkeys, by an authenticator in software that can cheat. A real browser tries them in `tests/browser`."""

import json
import re
from html import unescape
from typing import Any

import httpx

from tests.factories import World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.web_world import PUBLIC_URL
from tests.software_authenticator import SoftwareAuthenticator
from tests.staff import PASSWORD, add_person

ON = "/console/second-factors"
STEP = "/console/second-step"
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
