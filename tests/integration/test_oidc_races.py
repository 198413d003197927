"""Signing in by an identity provider while an admin changes the binding, twice at once, and with cookies of others."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

import httpx
import pytest

from mailer.policy.staff_rights import StaffMember, StaffRole
from mailer.ports.staff_oidc_accounts import OidcAccount
from mailer.postgres.staff_oidc_accounts import PostgresStaffOidcAccounts
from mailer.web.app import create_app
from mailer.web.console.console_context import OIDC
from mailer.web.console.console_secrets import ConsoleSecrets
from mailer.web.console.identity_provider_protocol import AccountSignedInAtProvider, BegunOidcSignIn
from tests.browser.made_up_provider import MadeUpProvider
from tests.factories import KEY, World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.staff import ROOT, add_person

ACCOUNT = OidcAccount("https://id.example", "7f3c2a90")
COOKIE = "__Host-mailer-oidc"


async def _nothing() -> object:
    return None


@dataclass
class SlowProvider(MadeUpProvider):
    """A provider during whose answer something happens.

    Attributes:
        meanwhile: what happens.
        redeemed: the number of codes.
    """

    meanwhile: Callable[[], Awaitable[object]] = _nothing
    redeemed: int = 0

    async def redeem_code(self, code: str, begun: BegunOidcSignIn) -> AccountSignedInAtProvider:
        """See the protocol."""
        self.redeemed += 1
        await self.meanwhile()
        return await super().redeem_code(code, begun)


@asynccontextmanager
async def at_console(world: World, provider: SlowProvider) -> AsyncIterator[ConsoleBrowser]:
    """A browser at a console with this provider."""
    site = site_over(world)
    console = replace(site.console, identity_provider=provider)
    transport = httpx.ASGITransport(create_app(replace(site, console=console)), client=("192.0.2.7", 1234))
    async with open_browser(world, transport) as browser:
        yield browser


async def bound(world: World) -> StaffMember:
    """A person to whom the account is bound."""
    member, _ = await add_person(world.staff, role=StaffRole.SUPPORT)
    assert await world.staff.subjects.bind_oidc_account(member, ACCOUNT, ROOT)
    return member


async def answer_of(browser: ConsoleBrowser) -> str:
    """The path by which the provider leads back."""
    return str((await browser.open(OIDC)).headers["location"]).removeprefix(PUBLIC_URL)


async def sessions(world: World) -> int:
    """The number of sessions."""
    return int(await world.pool.fetchval("SELECT count(*) FROM staff_sessions"))


async def test_who_is_put_out_while_the_provider_answers_is_not_let_in(world: World) -> None:
    """The account is taken away, or the person is disabled, between the click and the answer."""
    member, spare = await bound(world), await add_person(world.staff, "Spare")
    assert spare
    subjects, provider = world.staff.subjects, SlowProvider(PUBLIC_URL)
    async with at_console(world, provider) as browser:
        for put_out in (
            lambda: subjects.unbind_oidc_account(member, ROOT),
            lambda: world.staff.directory.disable_staff_member(member, ROOT),
        ):
            provider.meanwhile = put_out
            assert (await browser.open(await answer_of(browser))).status_code == 403
            assert (await browser.open("/console")).status_code == 303
            await subjects.bind_oidc_account(member, ACCOUNT, ROOT)
    assert await sessions(world) == 0


async def test_an_account_that_changes_hands_lets_neither_in(world: World) -> None:
    """It is bound to another person after it was looked up, and before the session begins."""
    member, (other, _) = await bound(world), await add_person(world.staff, "Eli")
    find = PostgresStaffOidcAccounts.find_member_of_oidc_account

    async def find_and_rebind(self: PostgresStaffOidcAccounts, account: OidcAccount) -> StaffMember | None:
        found = await find(self, account)
        await self.unbind_oidc_account(member, ROOT)
        await self.bind_oidc_account(other, account, ROOT)
        return found

    async with at_console(world, SlowProvider(PUBLIC_URL)) as browser:
        path = await answer_of(browser)
        with patch.object(PostgresStaffOidcAccounts, "find_member_of_oidc_account", find_and_rebind):
            assert (await browser.open(path)).status_code == 303
        assert (await browser.open("/console")).status_code == 303
    assert await sessions(world) == 0


async def test_an_answer_that_comes_eight_times_at_once_counts_once(world: World) -> None:
    """The code is shown to the provider once, and one session begins."""
    await bound(world)
    provider = SlowProvider(PUBLIC_URL)
    async with at_console(world, provider) as browser:
        path = await answer_of(browser)
        held = dict(browser.client.cookies)

        async def answer() -> int:
            browser.client.cookies.update(held)
            return (await browser.open(path)).status_code

        assert sorted(await asyncio.gather(*(answer() for _ in range(8)))) == [200, *[400] * 7]
    assert (provider.redeemed, await sessions(world)) == (1, 1)


@pytest.mark.parametrize(
    "fields", [{}, [], 5, {"state": "s"}, {**dict.fromkeys(("state", "nonce"), "s"), "x": 1}], ids=str
)
async def test_a_cookie_of_another_version_begins_the_sign_in_anew(world: World, fields: object) -> None:
    """Its fields are others than ours: words, no failure."""
    async with at_console(world, SlowProvider(PUBLIC_URL)) as browser:
        sealed = ConsoleSecrets((KEY,)).seal_sign_in(json.dumps(fields))
        browser.client.cookies.set(COOKIE, sealed, domain="mail.example")
        page = await browser.open(f"{OIDC}/callback?code=c&state=s")
    assert (page.status_code, "Begin it again" in page.text) == (400, True)
