"""A browser at the console, for tests: it keeps cookies, and sends forms as a page of the console does."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import pyotp

from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.sign_in_rules import FREE_FAILURES
from mailer.policy.staff_rights import EVERY_BRAND, StaffMember, StaffRole
from mailer.web.app import create_app
from mailer.web.console import second_factor_checks
from tests import factories
from tests.integration.web_world import PUBLIC_URL, site_over
from tests.staff import PASSWORD, add_person

OWN = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
"""Header fields of a browser that posts a form of our own page."""
CLOCK = SimpleNamespace(time=lambda: 1_800_000_015.0)
"""The clock of apps and console. It stands amid a half minute: on a busy machine a code would come too late."""


class ConsoleBrowser:
    """A client of the console."""

    def __init__(self, client: httpx.AsyncClient, world: factories.World) -> None:
        self.client = client
        self.world = world
        self.codes: list[str] = []
        self.secret = ""
        self._step = 0

    async def open(self, path: str) -> httpx.Response:
        """Opens a page."""
        return await self.client.get(path)

    async def token(self, path: str) -> str:
        """The token of the forms of a page."""
        return token_of(await self.open(path))

    async def send(
        self,
        path: str,
        fields: Mapping[str, str | list[str]] | None = None,
        on: str | None = None,
        headers: Mapping[str, str] = OWN,
    ) -> httpx.Response:
        """Sends a form to a path, from the page `on`."""
        token = await self.token(on or path)
        return await self.post(path, {"form_token": token, **(fields or {})}, headers)

    async def post(
        self, path: str, fields: Mapping[str, str | list[str]], headers: Mapping[str, str] = OWN
    ) -> httpx.Response:
        """Sends exactly these fields."""
        return await self.client.post(path, content=urlencode(fields, doseq=True), headers=headers)

    async def join(self, link: str) -> httpx.Response:
        """Chooses a password by a one-time link."""
        return await self.send(f"/console/join/{link}", {"password": PASSWORD, "again": PASSWORD})

    async def sign_in(self, name: str = "Dana Duty", password: str = PASSWORD, **more: str) -> httpx.Response:
        """Sends name and password."""
        return await self.send("/console/sign-in", {"name": name, "password": password, **more})

    async def set_up_app(self) -> httpx.Response:
        """Sets an authenticator app up."""
        await self.send("/console/second-factors/app", on="/console/second-factors")
        page = await self.open("/console/second-factors")
        self.secret = re.findall(r'class="key">([A-Z2-7]+)<', page.text)[0]
        done = await self.send(
            "/console/second-factors/app/confirm", {"code": self.code()}, on="/console/second-factors"
        )
        self.codes = re.findall(r"<code>([a-z2-9-]{19})</code>", done.text)
        return done

    def code(self) -> str:
        """A code of the app that was not used yet: of the step before now, of now, then of the next."""
        self._step = max(self._step + 1, int(CLOCK.time() // 30) - 1)
        return pyotp.TOTP(self.secret).at(self._step * 30)

    async def enter(
        self, name: str = "Dana Duty", role: str = StaffRole.ADMIN, brand: str = EVERY_BRAND
    ) -> StaffMember:
        """Adds a person and signs in as them, with an app."""
        member, link = await add_person(self.world.staff, name, role, brand)
        await self.join(link)
        await self.set_up_app()
        assert (await self.open("/console")).status_code == 200
        return member

    async def lengthen_waits(self) -> None:
        """Makes all begun waits as long as they can get, so that a slow machine does not end them."""
        await self.world.pool.execute("UPDATE staff_failures SET failures = 100 WHERE failures > $1", FREE_FAILURES)

    async def forget_steps(self, name: str = "Dana Duty") -> None:
        """Lets the last code count again, as if half a minute had gone by."""
        form = parse_person_identity(name).form[1]
        await self.world.pool.execute(
            "UPDATE staff_totp SET last_step = 0 WHERE staff_id = (SELECT id FROM staff WHERE name = $1)", form
        )
        self._step = 0


def token_of(page: httpx.Response) -> str:
    """The token of the forms of a page; an empty text if it has none."""
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    return unescape(found[1]) if found else ""


@asynccontextmanager
async def open_browser(
    world: factories.World, site: httpx.ASGITransport | None = None
) -> AsyncIterator[ConsoleBrowser]:
    """A browser at a console over a real database."""
    transport = site or console_site(world)
    with patch.object(second_factor_checks, "time", CLOCK):
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            yield ConsoleBrowser(client, world)


def console_site(world: factories.World, host: str = "192.0.2.7") -> httpx.ASGITransport:
    """The site, as it is reached from an address."""
    return httpx.ASGITransport(create_app(site_over(world)), client=(host, 1234))
