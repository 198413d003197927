"""Staff sign in by a real identity provider: only who is bound, with a second factor, and nothing but fresh answers."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.staff_rights import StaffMember, StaffRole
from mailer.ports.staff_oidc_accounts import OidcAccount, OidcAccountTaken
from mailer.web.app import create_app
from mailer.web.console import oidc_provider_client
from mailer.web.console.console_context import OIDC, OIDC_CALLBACK
from mailer.web.console.oidc_provider_client import OidcProviderClient
from tests.factories import World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.oidc.conftest import RunningProvider
from tests.staff import ROOT, add_person

READER, ADMIN = StaffRole.SUPPORT, StaffRole.ADMIN
COOKIE = "__Host-mailer-oidc"


@asynccontextmanager
async def browser_of(world: World, provider: RunningProvider, *factors: str) -> AsyncIterator[ConsoleBrowser]:
    """A browser at a console with this provider."""
    site = site_over(world)
    console = replace(site.console, identity_provider=OidcProviderClient(provider.client(*factors), PUBLIC_URL))
    transport = httpx.ASGITransport(create_app(replace(site, console=console)), client=("192.0.2.7", 1234))
    async with open_browser(world, transport) as browser:
        yield browser


async def bound(world: World, provider: RunningProvider, role: str = READER, subject: str = "ada") -> StaffMember:
    """A person of staff who signs in by an account of the provider."""
    member, _ = await add_person(world.staff, role=role)
    assert await world.staff.subjects.bind_oidc_account(member, OidcAccount(provider.issuer, subject), ROOT)
    return member


async def asked(browser: ConsoleBrowser) -> str:
    """The address of the provider to which a sign-in leads."""
    answer = await browser.open(OIDC)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def answered(url: str) -> str:
    """The path, with its query, to which the provider leads back."""
    async with httpx.AsyncClient() as client:
        while not url.startswith(PUBLIC_URL):
            answer = await client.get(url)
            assert answer.is_redirect, answer.text
            url = str(answer.url.join(answer.headers["location"]))
    return url.removeprefix(PUBLIC_URL)


async def sign_in(browser: ConsoleBrowser) -> httpx.Response:
    """Signs in at the provider, and comes back."""
    return await browser.open(await answered(await asked(browser)))


async def test_a_bound_person_signs_in(world: World, provider: RunningProvider) -> None:
    """The request has state, nonce and PKCE; the answer begins a session, which the ledger records."""
    await bound(world, provider)
    async with browser_of(world, provider) as browser:
        page = await browser.open("/console/sign-in?next=/console/people")
        assert f'href="{OIDC}?next=/console/people"' in page.text
        url = await asked(browser)
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (query["response_type"], query["scope"], query["client_id"]) == ("code", "openid", "mailer")
        assert (query["code_challenge_method"], query["redirect_uri"]) == ("S256", f"{PUBLIC_URL}{OIDC_CALLBACK}")
        assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        done = await browser.open(await answered(url))
        assert (done.status_code, 'content="0;url=/console"' in done.text) == (200, True)
        assert COOKIE not in browser.client.cookies
        home = await browser.open("/console")
        assert (home.status_code, "Dana Duty" in home.text) == (200, True)
        [cookie] = [one for one in done.headers.get_list("set-cookie") if one.startswith("__Host-mailer=")]
        assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(cookie.split("; "))
    [entry] = [one for one in await world.entries() if one["reason"] == "staff-signed-in"]
    assert (entry["fields"], entry["rule"]) == (["oidc"], "staff:Dana Duty")


async def test_nobody_is_added_by_signing_in(world: World, provider: RunningProvider) -> None:
    """An account that nobody is bound to, of a disabled person, or of another issuer: words, no session, no row."""
    member = await bound(world, provider)
    provider.control(account='<script>eve</script>"')
    async with browser_of(world, provider) as browser:
        page = await sign_in(browser)
        assert (page.status_code, "is not bound to anybody here" in page.text) == (403, True)
        assert '<script>eve</script>"' in unescape(page.text)
        assert "<script>eve" not in page.text
        assert (await browser.open("/console")).status_code == 303
        provider.control(account="ada")
        await world.pool.execute("UPDATE staff_subjects SET issuer = 'https://elsewhere.example'")
        assert (await sign_in(browser)).status_code == 403
        await world.pool.execute("UPDATE staff_subjects SET issuer = $1", provider.issuer)
        await world.staff.directory.disable_staff_member(member, ROOT)
        assert (await sign_in(browser)).status_code == 403
    assert await world.pool.fetchval("SELECT count(*) FROM staff") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM staff_sessions") == 0


@pytest.mark.parametrize(
    ("said", "trusted", "is_in"),
    [
        ({}, ("mfa",), False),
        ({"amr": ["pwd"]}, ("mfa",), False),
        ({"amr": ["pwd", "mfa"]}, ("mfa",), True),
        ({"amr": ["pwd", "mfa"]}, (), False),
        ({"amr": 1}, ("mfa",), False),
        ({"amr": "mfa"}, ("mfa", "m"), False),
        ({"acr": "urn:example:gold"}, ("urn:example:gold",), True),
        ({"acr": "urn:example:bronze"}, ("urn:example:gold",), False),
    ],
)
async def test_whoever_may_release_shows_a_second_factor(
    world: World, provider: RunningProvider, said: dict[str, object], trusted: tuple[str, ...], is_in: bool
) -> None:
    """A trusted `acr` or `amr` counts; else an admin has to set a factor up here before anything else."""
    await bound(world, provider, ADMIN)
    provider.control(**said)
    async with browser_of(world, provider, *trusted) as browser:
        assert (await sign_in(browser)).status_code == 200
        home = await browser.open("/console/staff")
        assert (home.status_code, home.headers.get("location")) == (
            (200, None) if is_in else (303, "/console/second-factors")
        )


async def test_a_factor_of_ours_is_asked_for(world: World, provider: RunningProvider) -> None:
    """A person with an app here shows its code after the provider, unless the provider has shown a trusted factor."""
    async with browser_of(world, provider, "mfa") as browser:
        member = await browser.enter()
        await world.staff.subjects.bind_oidc_account(member, OidcAccount(provider.issuer, "ada"), ROOT)
        assert (await browser.open("/console")).status_code == 303, "a binding ends sessions"
        assert 'content="0;url=/console/second-step?next=/console"' in (await sign_in(browser)).text
        assert (await browser.open("/console")).headers["location"] == "/console/second-step"
        await browser.send("/console/second-step", {"code": browser.code()})
        assert (await browser.open("/console")).status_code == 200
        provider.control(amr=["mfa"])
        assert 'content="0;url=/console"' in (await sign_in(browser)).text


async def test_an_answer_counts_once_and_in_its_browser(world: World, provider: RunningProvider) -> None:
    """Another browser's answer, one that is sent again, another state, and a wrong issuer begin no session."""
    await bound(world, provider)
    async with browser_of(world, provider) as browser, browser_of(world, provider) as other:
        path = await answered(await asked(browser))
        assert (await other.open(path)).status_code == 400
        await asked(other)
        assert (await other.open(path)).status_code == 400
        held = browser.client.cookies[COOKIE]
        assert (await browser.open(re.sub("state=[^&]+", "state=x", path))).status_code == 400
        browser.client.cookies.set(COOKIE, held, domain="mail.example")
        assert (
            await browser.open(f"{path}&iss=https://elsewhere.example".replace("&iss=http%3A", "&x="))
        ).status_code == 403
        browser.client.cookies.set(COOKIE, held, domain="mail.example")
        assert (await browser.open(path)).status_code == 200
        browser.client.cookies.clear()
        browser.client.cookies.set(COOKIE, held, domain="mail.example")
        again = await browser.open(path)
        assert (again.status_code, "was used before" in again.text) == (400, True)
        refused = await browser.open(f"{OIDC_CALLBACK}?error=access_denied&state=x")
        assert refused.status_code == 400
    assert await world.pool.fetchval("SELECT count(*) FROM staff_sessions") == 1


async def test_a_code_of_another_sign_in_is_refused(world: World, provider: RunningProvider) -> None:
    """A code that was stolen does not match the verifier of the thief's own sign-in."""
    await bound(world, provider)
    async with browser_of(world, provider) as victim, browser_of(world, provider) as thief:
        stolen = parse_qs(urlsplit(await answered(await asked(victim))).query)["code"][0]
        own = await answered(await asked(thief))
        page = await thief.open(re.sub("code=[^&]+", f"code={stolen}", own))
        assert (page.status_code, "did not sign you in" in page.text) == (403, True)
    assert await world.pool.fetchval("SELECT count(*) FROM staff_sessions") == 0


async def test_new_keys_of_the_provider_are_taken(world: World, provider: RunningProvider) -> None:
    """A token that is signed by a key which came after the last look is checked by the new keys."""
    await bound(world, provider)
    with patch.object(oidc_provider_client, "_KEYS_AGAIN", -1.0):
        async with browser_of(world, provider) as browser:
            assert (await sign_in(browser)).status_code == 200
            provider.control(rotate=True)
            assert (await sign_in(browser)).status_code == 200


@pytest.mark.parametrize(("behind", "status"), [(-50, 200), (50, 200), (-200, 403), (200, 403)])
async def test_clocks_may_differ_by_a_minute(world: World, provider: RunningProvider, behind: int, status: int) -> None:
    """A token of 60 seconds counts if our clock is less than a minute off, and not if it is minutes off."""
    await bound(world, provider)
    clock = SimpleNamespace(time=lambda: time.time() - behind, monotonic=time.monotonic)
    with patch.object(oidc_provider_client, "time", clock):
        async with browser_of(world, provider) as browser:
            assert (await sign_in(browser)).status_code == status


async def test_a_provider_that_is_away_says_so(world: World, provider: RunningProvider) -> None:
    """503 with words and a time to try again, before and after the provider; the password still works."""
    await bound(world, provider)
    gone = RunningProvider("http://127.0.0.1:9")
    async with browser_of(world, gone) as browser:
        for path in (OIDC, f"{OIDC}/out"):
            page = await browser.open(path)
            assert (page.status_code, "does not answer" in page.text) == (503, True)
            assert page.headers["retry-after"] == "30"
        assert (await browser.open("/console/sign-in")).status_code == 200
    async with browser_of(world, provider) as browser:
        path = await answered(await asked(browser))
        with patch.object(AsyncOAuth2Client, "fetch_token", side_effect=httpx2.ConnectTimeout("")):
            page = await browser.open(path)
        assert (page.status_code, "does not answer" in page.text) == (503, True)


async def test_signing_out(world: World, provider: RunningProvider) -> None:
    """The session ends here at once; a link ends it at the provider, which leads back."""
    await bound(world, provider)
    async with browser_of(world, provider) as browser:
        await sign_in(browser)
        await browser.send("/console/sign-out", on="/console/sessions")
        assert (await browser.open("/console")).status_code == 303
        page = await browser.open("/console/sign-in")
        assert f'href="{OIDC}/out"' in page.text
        out = await browser.open(f"{OIDC}/out")
        assert out.headers["location"].startswith(f"{provider.issuer}/session/end?client_id=mailer&post_logout_")
        async with httpx.AsyncClient() as client:
            assert (await client.get(out.headers["location"])).status_code == 200


async def test_a_link_from_elsewhere_begins_nothing(world: World, provider: RunningProvider) -> None:
    """Another site cannot send a browser through a sign-in; a path elsewhere is never led to."""
    async with browser_of(world, provider) as browser:
        answer = await browser.client.get(OIDC, headers={"sec-fetch-site": "cross-site"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
        assert COOKIE not in browser.client.cookies
        await bound(world, provider)
        answer = await browser.open(f"{OIDC}?next=https://elsewhere.example/")
        done = await browser.open(await answered(answer.headers["location"]))
        assert 'content="0;url=/console"' in done.text


async def test_without_a_provider_there_is_no_such_page(world: World) -> None:
    """The three pages answer 404, and the page for signing in does not offer it."""
    async with open_browser(world) as browser:
        for path in (OIDC, OIDC_CALLBACK, f"{OIDC}/out"):
            assert (await browser.open(path)).status_code == 404
        assert OIDC not in (await browser.open("/console/sign-in")).text


async def test_bindings(world: World, provider: RunningProvider) -> None:
    """One account is one person's; a reset and an end of the binding end the way in, each as an entry."""
    member = await bound(world, provider)
    eli, _ = await add_person(world.staff, "Eli")
    account = OidcAccount(provider.issuer, "ada")
    with pytest.raises(OidcAccountTaken):
        await world.staff.subjects.bind_oidc_account(eli, account, ROOT)
    assert not await world.staff.subjects.bind_oidc_account(member, account, ROOT)
    async with browser_of(world, provider) as browser:
        assert (await sign_in(browser)).status_code == 200
        assert await world.staff.subjects.unbind_oidc_account(member, ROOT)
        assert not await world.staff.subjects.unbind_oidc_account(member, ROOT)
        assert (await browser.open("/console")).status_code == 303
        await world.staff.subjects.bind_oidc_account(member, account, ROOT)
        known = await world.staff.directory.find_staff_record(parse_person_identity("Dana Duty"))
        assert known is not None
        await world.staff.directory.reset_staff_member(known.member, ROOT)
        assert (await sign_in(browser)).status_code == 403
    reasons = [entry["reason"] for entry in await world.entries() if "account" in str(entry["reason"])]
    assert reasons == ["staff-account-bound", "staff-account-unbound", "staff-account-bound"]
