"""Guessing at the console: each guess counts, none keeps the owner out, and a flood fills neither memory nor queue."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import httpx
import pytest

from mailer.policy.sign_in_rules import FREE_FAILURES
from mailer.policy.staff_rights import StaffRole
from mailer.web.console.password_hashing import LONGEST_QUEUE, PlaceInPasswordHashQueue
from tests.factories import World
from tests.integration.console_browser import ConsoleBrowser, console_site, open_browser
from tests.integration.test_console_passkeys import HERE, add_passkey, options_of
from tests.integration.web_world import PUBLIC_URL
from tests.software_authenticator import SoftwareAuthenticator
from tests.staff import PASSWORD, add_person

CODE_OF_NOBODY = "abcd-efgh-jkmn-pqrs"
DEVICE = "__Host-mailer-device"


@contextmanager
def counted_hashes() -> Iterator[list[str]]:
    """Keeps the passwords that a hash was computed for."""
    seen: list[str] = []
    real = PlaceInPasswordHashQueue._verify

    def noting(self: PlaceInPasswordHashQueue, stored: str, password: str) -> bool:
        seen.append(password)
        return real(self, stored, password)

    with patch.object(PlaceInPasswordHashQueue, "_verify", noting):
        yield seen


async def make_wait(stranger: ConsoleBrowser, name: str = "Dana Duty") -> None:
    """Lets a stranger guess until the account has to wait, for long."""
    for _ in range(FREE_FAILURES + 1):
        assert (await stranger.sign_in(name, "a wrong guess")).status_code == 403
    await stranger.lengthen_waits()


async def test_no_guess_during_a_wait_costs_a_hash(world: World) -> None:
    """No hash is computed for a text that looks like a recovery code, for a used one, or for a bad passkey."""
    async with open_browser(world) as owner, open_browser(world) as stranger:
        await owner.enter()
        used = owner.codes[0]
        owner.client.cookies.clear()
        await owner.sign_in()
        assert (await owner.send("/console/second-step", {"code": used})).status_code == 303
        for name in ("Dana Duty", "Nobody"):
            await make_wait(stranger, name)
        with counted_hashes() as seen:
            for name in ("Dana Duty", "Nobody"):
                for code in (CODE_OF_NOBODY, CODE_OF_NOBODY.upper(), used, "000000", "x" * 16, "1" * 200):
                    assert (await stranger.sign_in(name, code=code)).status_code == 429
                for odd in ("{}", "x", '{"rawId": "AAAA"}'):
                    assert (await stranger.sign_in(name, credential=odd, challenge="AAAA")).status_code == 429
            assert seen == []
            assert (await stranger.sign_in(code=owner.codes[1])).status_code == 303
            assert seen == [PASSWORD]


async def test_codes_that_are_tried_during_a_wait_count(world: World) -> None:
    """The app's right code waits too after some wrong ones. A recovery code gets in."""
    async with open_browser(world) as owner, open_browser(world) as stranger:
        await owner.enter()
        await owner.forget_steps()
        await make_wait(stranger)
        for _ in range(FREE_FAILURES + 1):
            assert (await stranger.sign_in(code="000000")).status_code == 429
        await stranger.lengthen_waits()
        assert (await stranger.sign_in(code=owner.code())).status_code == 429
        assert (await stranger.sign_in(code=owner.codes[0])).status_code == 303


async def test_a_stolen_recovery_code_is_no_way_to_guess_passwords(world: World) -> None:
    """Wrong passwords beside a right code count as well, and use the code not up."""
    async with open_browser(world) as owner, open_browser(world) as thief:
        await owner.enter()
        await make_wait(thief)
        with counted_hashes() as seen:
            for number in range(FREE_FAILURES + 1):
                assert (await thief.sign_in(password=f"guess number {number}", code=owner.codes[0])).status_code == 429
            await thief.lengthen_waits()
            assert len(seen) == FREE_FAILURES + 1
            assert (await thief.sign_in(code=owner.codes[0])).status_code == 429
            assert len(seen) == FREE_FAILURES + 1


async def test_strangers_do_not_keep_out_who_has_no_second_factor(world: World) -> None:
    """A person without second factor signs in by password in a known browser, while strangers must wait."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    async with open_browser(world) as sue, open_browser(world) as stranger:
        await sue.join(link)
        device = sue.client.cookies[DEVICE]
        await make_wait(stranger, "Sue")
        assert (await stranger.sign_in("Sue")).status_code == 429
        await sue.send("/console/sign-out", on="/console/sessions")
        assert (await sue.sign_in("sue")).headers["location"] == "/console"
        assert sue.client.cookies[DEVICE] != device
        assert (await stranger.sign_in("Sue")).status_code == 429


async def test_a_known_browser_is_one_persons_and_real(world: World) -> None:
    """A known browser's cookie is for one name, cannot be made up, and expires. Its own wrong guesses wait."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    await add_person(world.staff, "Eli", StaffRole.SUPPORT)
    async with open_browser(world) as sue, open_browser(world) as stranger:
        joined = await sue.join(link)
        [cookie] = [one for one in joined.headers.get_list("set-cookie") if one.startswith(DEVICE)]
        for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age=7776000"):
            assert part in cookie
        good = sue.client.cookies[DEVICE]
        issued, nonce, code = good.split(".")
        assert "sue" not in good.casefold()
        await make_wait(stranger, "Sue")
        bad = (f"{int(issued) + 99}.{nonce}.{code}", f"{issued}.{nonce}.{code[:-1]}", "", ".", "..", f"{issued}.x.é")
        for token in bad:
            stranger.client.cookies.set(DEVICE, token.encode("ascii", "ignore").decode(), domain=HERE, path="/")
            assert (await stranger.sign_in("Sue")).status_code == 429
        await make_wait(sue, "Eli")
        assert (await sue.sign_in("Eli")).status_code == 429
        sue.client.cookies.set("__Host-mailer", "", domain=HERE, path="/")
        await make_wait(sue, "Sue")
        assert (await sue.sign_in("Sue")).status_code == 429


async def test_half_a_sign_in_makes_no_browser_known(world: World) -> None:
    """A password alone, where a second factor is set up, is what a thief may have."""
    async with open_browser(world) as owner, open_browser(world) as thief:
        await owner.enter()
        assert (await thief.sign_in()).status_code == 303
        assert DEVICE not in thief.client.cookies


async def test_behind_a_proxy_nobody_waits_for_others(world: World) -> None:
    """An address of our own network is everybody's: wrong passwords for other names make no name wait."""
    await add_person(world.staff)
    for host in ("127.0.0.1", "10.1.2.3", "fd00::1", "unknown"):
        async with open_browser(world, console_site(world, host)) as browser:
            for number in range(25):
                assert (await browser.sign_in(f"{host} {number}", "a wrong guess")).status_code == 403
    assert await world.pool.fetchval("SELECT count(*) FROM staff_failures WHERE failures > 1") == 0


def with_passkey(refused: httpx.Response, key: SoftwareAuthenticator, challenge: str = "") -> dict[str, str]:
    """The fields that the script adds to the form of a page that asks to wait."""
    asked = re.findall(r'name="challenge" value="([^"]+)"', refused.text)[0]
    return {"credential": key.get(options_of(refused)), "challenge": challenge or asked}


async def test_a_passkey_signs_in_during_a_wait(world: World) -> None:
    """A person with only passkeys gets in from a new browser. The page is alike for all names."""
    _, link = await add_person(world.staff)
    key, other = SoftwareAuthenticator(PUBLIC_URL, HERE), SoftwareAuthenticator(PUBLIC_URL, HERE)
    async with open_browser(world) as owner, open_browser(world) as anew, open_browser(world) as stranger:
        await owner.join(link)
        await add_passkey(owner, key)
        await make_wait(stranger)
        await make_wait(stranger, "Nobody")
        pages = [await anew.sign_in(name) for name in ("Dana Duty", "Nobody")]
        assert [page.status_code for page in pages] == [429, 429]
        assert [options_of(page).get("allowCredentials", []) for page in pages] == [[], []]
        assert (await anew.sign_in("Nobody", **with_passkey(pages[1], key))).status_code == 429
        assert (await anew.sign_in(**with_passkey(await anew.sign_in(), other))).status_code == 429
        fields = with_passkey(await anew.sign_in(), key)
        assert (await stranger.sign_in(**fields)).status_code == 429
        key.origin = "https://mail.example.evil"
        assert (await anew.sign_in(**with_passkey(await anew.sign_in(), key))).status_code == 429
        key.origin = PUBLIC_URL
        fields = with_passkey(await anew.sign_in(), key)
        assert (await anew.sign_in(password="a wrong guess", **fields)).status_code == 429
        assert (await anew.sign_in(**fields)).status_code == 429
        entered = await anew.sign_in(**with_passkey(await anew.sign_in(), key))
        assert (entered.status_code, entered.headers["location"]) == (303, "/console")
        assert (await anew.open("/console")).status_code == 200
    said = [entry["fields"] async for entry in world.ledger.iterate_entries() if entry["reason"] == "staff-signed-in"]
    assert said[-1] == ["passkey"]


async def test_a_flood_is_refused_and_the_staff_gets_in(world: World) -> None:
    """A queue of strangers is short: others get 503 at once. Known browsers do not stand in it."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    release = threading.Event()
    real = PlaceInPasswordHashQueue._verify

    def stuck(self: PlaceInPasswordHashQueue, stored: str, password: str) -> bool:
        if password == "a wrong guess":
            release.wait(60)
        return real(self, stored, password)

    site = console_site(world)
    async with open_browser(world, site) as sue, open_browser(world, site) as crowd:
        await sue.join(link)
        await sue.send("/console/sign-out", on="/console/sessions")
        token = await crowd.token("/console/sign-in")

        async def guess(number: int) -> httpx.Response:
            fields = {"form_token": token, "name": f"name {number}", "password": "a wrong guess"}
            return await crowd.post("/console/sign-in", fields)

        with patch.object(PlaceInPasswordHashQueue, "_verify", stuck):
            waiting = [asyncio.create_task(guess(number)) for number in range(LONGEST_QUEUE + 1)]
            try:
                async with asyncio.timeout(20):
                    [first], _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    refused = await first
                    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                    assert "Try again in a few seconds" in refused.text
                    assert (await sue.sign_in("Sue")).headers["location"] == "/console"
            finally:
                release.set()
            answers = await asyncio.gather(*waiting)
    assert sorted(answer.status_code for answer in answers) == [403] * LONGEST_QUEUE + [503]
    assert await world.pool.fetchval("SELECT count(*) FROM staff_failures") == LONGEST_QUEUE


@pytest.mark.parametrize("act", ["app", "passkey"])
async def test_a_first_factor_needs_the_password_again_after_a_while(world: World, act: str) -> None:
    """An open browser of somebody without a factor is no way to add one."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    on = "/console/second-factors"
    async with open_browser(world) as sue:
        await sue.join(link)
        assert 'name="password"' not in (await sue.open(on)).text
        await world.pool.execute("UPDATE staff_sessions SET created_at = now() - interval '11 minutes'")
        assert 'name="password"' in (await sue.open(on)).text
        assert (await sue.send(f"{on}/{act}", {"name": "x"}, on)).status_code == 403
        assert (await sue.send(f"{on}/{act}", {"name": "x", "password": "wrong"}, on)).status_code == 403
        done = await sue.send(f"{on}/{act}", {"name": "x", "password": PASSWORD}, on)
        assert done.status_code == (303 if act == "app" else 200)
