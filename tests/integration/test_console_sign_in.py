"""Signing in to the console: links, passwords, codes, cookies, and those who try to get in otherwise."""

import asyncio
import re
from unittest.mock import patch

import pytest

from mailer.policy.sign_in_rules import FREE_FAILURES
from mailer.policy.staff_rights import StaffRole
from mailer.web.console.password_hashing import PlaceInPasswordHashQueue
from tests.factories import World
from tests.integration.console_browser import OWN, ConsoleBrowser, console_site, open_browser, token_of
from tests.staff import PASSWORD, ROOT, add_person, disable_person

SECRET_FIELDS = re.compile(r'value="[0-9a-f]{64}"|value="(Dana Duty|Nobody)"')


async def test_the_whole_way_of_an_admin(world: World) -> None:
    """A link, a password, an app, in; out, and in again by password and code."""
    _, link = await add_person(world.staff)
    async with open_browser(world) as browser:
        shown = await browser.open(f"/console/join/{link}")
        joined = await browser.join(link)
        assert (shown.status_code, joined.headers["location"]) == (200, "/console")
        assert (await browser.open("/console")).headers["location"] == "/console/second-factors"
        done = await browser.set_up_app()
        assert len(browser.codes) == 10
        assert (await browser.open("/console")).status_code == 200
        out = await browser.post("/console/sign-out", {"form_token": token_of(done)})
        assert out.headers["location"] == "/console/sign-in"
        assert (await browser.open("/console")).headers["location"] == "/console/sign-in?next=/console"
        half = await browser.sign_in(next="/console/staff")
        assert half.headers["location"] == "/console/second-step?next=/console/staff"
        assert (await browser.open("/console/staff")).headers["location"] == "/console/second-step"
        full = await browser.send("/console/second-step", {"code": browser.code(), "next": "/console/staff"})
        assert full.headers["location"] == "/console/staff"
        assert (await browser.open("/console/staff")).status_code == 200


async def test_support_needs_no_second_factor(world: World) -> None:
    """A person who only reads may sign in by password alone. With an app, the app is asked for too."""
    _, link = await add_person(world.staff, role=StaffRole.SUPPORT)
    async with open_browser(world) as browser:
        await browser.join(link)
        assert (await browser.open("/console")).status_code == 200
        await browser.set_up_app()
        assert (await browser.sign_in()).headers["location"].startswith("/console/second-step")


async def test_a_link_is_used_once_and_bad_passwords_do_not_use_it_up(world: World) -> None:
    """Opening it, a short and a differing password leave it; of two browsers at once one gets in."""
    _, link = await add_person(world.staff)
    path = f"/console/join/{link}"
    async with open_browser(world) as first, open_browser(world) as second:
        assert (await first.client.head(path)).status_code == 405
        for password, again in (("short", "short"), ("Dana Duty 2026", "Dana Duty 2026"), (PASSWORD, "another one")):
            assert (await first.send(path, {"password": password, "again": again})).status_code == 422
        tokens = [await browser.token(path) for browser in (first, second)]  # both have the form before one sends it
        forms = [{"form_token": token, "password": PASSWORD, "again": PASSWORD} for token in tokens]
        answers = await asyncio.gather(first.post(path, forms[0]), second.post(path, forms[1]))
        assert sorted(answer.status_code for answer in answers) == [303, 410]
        assert (await first.open(path)).status_code == 410
        assert (await first.open("/console/join/nobodys")).status_code == 410


async def test_a_link_ends_after_an_hour(world: World) -> None:
    """A link ends after an hour, even between opening it and sending the form."""
    _, link = await add_person(world.staff)
    async with open_browser(world) as browser:
        token = await browser.token(f"/console/join/{link}")
        await world.pool.execute("UPDATE staff_links SET expires_at = now()")
        fields = {"form_token": token, "password": PASSWORD, "again": PASSWORD}
        assert (await browser.post(f"/console/join/{link}", fields)).status_code == 410


async def test_unknown_names_look_and_work_like_known_ones(world: World) -> None:
    """Same status, same page but for the name and tokens, and one check of a hash of the same parameters for each."""
    dana, link = await add_person(world.staff)
    await add_person(world.staff, "Eli Invited")
    await add_person(world.staff, "Fay Former")
    former = await world.staff.directory.list_staff()
    await disable_person(world.staff, former[2].member)
    seen: list[str] = []
    real = PlaceInPasswordHashQueue._verify

    def noting(self: PlaceInPasswordHashQueue, stored: str, password: str) -> bool:
        seen.append(stored.rpartition("$")[0].rpartition("$")[0])
        return real(self, stored, password)

    async with open_browser(world) as browser:
        await browser.join(link)
        browser.client.cookies.clear()
        pages = []
        with patch.object(PlaceInPasswordHashQueue, "_verify", noting):
            for name in (dana.identity.name, "Nobody", "Eli Invited", "Fay Former", "x" * 5000, "", "key:shop"):
                answer = await browser.sign_in(name, "a wrong password")
                pages.append((answer.status_code, SECRET_FIELDS.sub("", re.sub(r'value="[^"]*"', "", answer.text))))
    assert len(set(pages)) == 1
    assert pages[0][0] == 403
    assert len(seen) == 7
    assert len(set(seen)) == 1


async def test_guessing_waits_and_the_owner_still_gets_in(world: World) -> None:
    """Known and unknown names wait alike. A right code lets the owner in at once; a wrong one does not."""
    async with open_browser(world) as owner, open_browser(world) as other:
        await owner.enter()
        for name in ("Dana Duty", "Nobody"):
            for _ in range(FREE_FAILURES + 1):
                assert (await other.sign_in(name, "a wrong guess")).status_code == 403
        await other.lengthen_waits()
        for name in ("Dana Duty", "Nobody"):
            refused = await other.sign_in(name, PASSWORD)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert 'name="code"' in refused.text
        assert (await other.sign_in(code="000000")).status_code == 429
        assert (await other.sign_in(password="a wrong guess", code=owner.code())).status_code == 429
        await owner.forget_steps()
        owner.client.cookies.clear()
        got_in = await owner.sign_in(code=owner.code())
        assert (got_in.status_code, got_in.headers["location"]) == (303, "/console")
        assert (await owner.open("/console")).status_code == 200


async def test_a_network_waits_and_others_do_not(world: World) -> None:
    """One that tries many names waits; somebody from elsewhere signs in, and from there with a recovery code."""
    home, elsewhere = console_site(world, "185.199.108.7"), console_site(world, "185.199.110.9")
    async with open_browser(world, home) as owner, open_browser(world, elsewhere) as guesser:
        await owner.enter()
        answers = [(await guesser.sign_in(f"name {n}", "a wrong guess")).status_code for n in range(21)]
        assert set(answers) == {403}
        await guesser.lengthen_waits()
        assert (await guesser.sign_in("name 99", "a wrong guess")).status_code == 429
        owner.client.cookies.clear()
        assert (await owner.sign_in()).status_code == 303
        assert (await guesser.sign_in()).status_code == 429
        assert (await guesser.sign_in(code=owner.codes[0])).headers["location"] == "/console"


async def test_codes_cannot_be_guessed_and_recovery_codes_always_work(world: World) -> None:
    """The app's right code must wait after wrong ones. A recovery code works at once."""
    async with open_browser(world) as browser:
        await browser.enter()
        browser.client.cookies.clear()
        await browser.forget_steps()
        await browser.sign_in()
        for _ in range(FREE_FAILURES + 1):
            assert (await browser.send("/console/second-step", {"code": "000000"})).status_code == 403
        await browser.lengthen_waits()
        assert (await browser.send("/console/second-step", {"code": browser.code()})).status_code == 403
        spelt = browser.codes[3].upper().replace("-", " ")
        assert (await browser.send("/console/second-step", {"code": spelt})).status_code == 303
        assert (await browser.open("/console")).status_code == 200


async def test_no_code_works_twice(world: World) -> None:
    """No code of the app and no recovery code works twice, not even for two browsers at once."""
    async with open_browser(world) as one, open_browser(world) as two:
        await one.enter()
        await one.forget_steps()
        code = one.code()
        for browser in (one, two):
            browser.client.cookies.clear()
            await browser.sign_in()
        for right in (code, one.codes[0]):
            both = await asyncio.gather(*(b.send("/console/second-step", {"code": right}) for b in (one, two)))
            assert sorted(answer.status_code for answer in both) == [303, 403]
            for browser in (one, two):
                browser.client.cookies.clear()
                assert (await browser.sign_in()).status_code == 303
        for right in (code, one.codes[0]):
            assert (await one.send("/console/second-step", {"code": right})).status_code == 403


async def test_a_session_is_never_one_that_was_given(world: World) -> None:
    """Each step has a token of its own, and the one before is worth nothing (session fixation)."""
    async with open_browser(world) as browser, open_browser(world) as thief:
        await browser.enter()
        names = "__Host-mailer", "__Host-mailer-form"
        browser.client.cookies.clear()
        for name in names:
            browser.client.cookies.set(name, "given-by-a-thief", domain="mail.example", path="/")
        await browser.sign_in()
        half = browser.client.cookies[names[0]]
        await browser.forget_steps()
        await browser.send("/console/second-step", {"code": browser.code()})
        full = browser.client.cookies[names[0]]
        assert len({"given-by-a-thief", half, full}) == 3
        for stolen in ("given-by-a-thief", half):
            thief.client.cookies.set(names[0], stolen, domain="mail.example", path="/")
            assert (await thief.open("/console/sessions")).headers["location"].startswith("/console/sign-in")
        assert full not in str(await world.pool.fetch("SELECT * FROM staff_sessions"))


async def test_cookies_and_headers(world: World) -> None:
    """`__Host-`, Secure, HttpOnly and SameSite=Strict; nobody frames or keeps a page; scripts only from here."""
    _, link = await add_person(world.staff)
    async with open_browser(world) as browser:
        joined = await browser.join(link)
        cookie = joined.headers["set-cookie"]
        page = await browser.open("/console/second-factors")
    assert cookie.startswith("__Host-mailer=")
    for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-store")
    assert page.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/console//evil.example", "/u/token", "/console/../u",
     "javascript:alert(1)", "/console?x=//evil.example", "/console\r\nset-cookie: a=b", "x" * 3000],
)  # fmt: skip
async def test_nobody_is_sent_elsewhere(world: World, elsewhere: str) -> None:
    """`next` leads to own paths only."""
    _, link = await add_person(world.staff, role=StaffRole.SUPPORT)
    async with open_browser(world) as browser:
        await browser.join(link)
        browser.client.cookies.clear()
        shown = await browser.client.get("/console/sign-in", params={"next": elsewhere})
        assert "evil" not in shown.text
        assert (await browser.sign_in(next=elsewhere)).headers["location"] == "/console"


async def _session_cookie(browser: ConsoleBrowser) -> str:
    await browser.enter()
    return browser.client.cookies["__Host-mailer"]


async def test_another_site_sends_no_form(world: World) -> None:
    """A form needs both the token and our origin. The cookie alone is not enough."""
    async with open_browser(world) as browser:
        await _session_cookie(browser)
        token = await browser.token("/console/staff")
        fields = {"form_token": token, "name": "Mallory", "email": "m@work.example", "role": "admin@*"}
        kind = {"content-type": OWN["content-type"]}
        foreign = (
            {**kind, "sec-fetch-site": "cross-site"},
            {**kind, "sec-fetch-site": "same-site"},
            {**kind, "sec-fetch-site": "none"},
            {**kind, "sec-fetch-site": "cross-site", "origin": "https://mail.example"},
            {**kind, "origin": "https://evil.example"},
            {**kind, "origin": "null"},
            kind,
        )
        for headers in foreign:
            assert (await browser.post("/console/staff", fields, headers)).status_code == 403
        for wrong in ("", "0" * 64, token[:-1], "é"):
            assert (await browser.post("/console/staff", {**fields, "form_token": wrong})).status_code == 403
        plain = {**OWN, "content-type": "text/plain"}
        assert (await browser.post("/console/staff", fields, plain)).status_code == 400
        assert len(await world.staff.directory.list_staff()) == 1
        origin = {**kind, "origin": "https://mail.example"}
        assert (await browser.post("/console/staff", fields, origin)).status_code == 200


async def test_the_form_of_signing_in_is_own_too(world: World) -> None:
    """Nobody signs somebody in as another person (login CSRF): the form's cookie and token belong together."""
    await add_person(world.staff)
    async with open_browser(world) as browser, open_browser(world) as other:
        fields = {"name": "Dana Duty", "password": PASSWORD}
        assert (await browser.post("/console/sign-in", fields)).status_code == 403
        token = await other.token("/console/sign-in")
        await browser.open("/console/sign-in")
        assert (await browser.post("/console/sign-in", {**fields, "form_token": token})).status_code == 403


async def test_a_link_from_elsewhere_does_not_sign_out(world: World) -> None:
    """A strict cookie is withheld then: a page of ours leads on, and the session is still there."""
    async with open_browser(world) as browser:
        cookie = await _session_cookie(browser)
        browser.client.cookies.clear()
        led = await browser.client.get("/console/staff", headers={"sec-fetch-site": "cross-site"})
        assert led.status_code == 200
        assert 'content="0;url=/console/staff"' in led.text
        assert "set-cookie" not in led.headers
        browser.client.cookies.set("__Host-mailer", cookie, domain="mail.example", path="/")
        assert (await browser.open("/console/staff")).status_code == 200


async def test_a_disabled_person_is_out_at_once(world: World) -> None:
    """A disabled person is signed out at once, and cannot sign in with the right password and code."""
    async with open_browser(world) as browser:
        dana = await browser.enter()
        await disable_person(world.staff, dana)
        assert (await browser.open("/console")).status_code == 303
        assert (await browser.sign_in(code=browser.code())).status_code == 403


async def test_roles_that_are_taken_away_are_gone_at_once(world: World) -> None:
    """The next request of an open session has the new roles; a new role may need a second factor first."""
    _, link = await add_person(world.staff, "Sue", StaffRole.SUPPORT)
    async with open_browser(world) as browser, open_browser(world) as support:
        dana = await browser.enter()
        assert (await browser.open("/console/staff")).status_code == 200
        await world.staff.directory.replace_roles(dana, [], ROOT)
        assert (await browser.open("/console/staff")).status_code == 403
        await support.join(link)
        sue = (await world.staff.directory.list_staff())[1].member
        await world.staff.directory.replace_roles(sue, dana.roles, ROOT)
        assert (await support.open("/console/staff")).headers["location"] == "/console/second-factors"


async def test_large_and_odd_bodies(world: World) -> None:
    """Bodies with too much data, too many fields, bad UTF-8 or null characters are refused. Nothing fails."""
    async with open_browser(world) as browser:
        token = await browser.token("/console/sign-in")
        bodies = (
            (b"name=" + b"x" * 100_000, 413),
            (b"&".join(b"a%d=1" % n for n in range(5000)), 400),
            (b"name=%ff&form_token=" + token.encode(), 400),
            (b"name=%00&form_token=" + token.encode(), 400),
        )
        for body, status in bodies:
            assert (await browser.client.post("/console/sign-in", content=body, headers=OWN)).status_code == status
        assert (await browser.open("/console/nothing")).status_code == 404
        assert (await browser.client.put("/console/sign-in")).status_code == 405
