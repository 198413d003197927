"""The console's pages of operations and of staff for pictures: over a PostgreSQL with made-up mail and trouble."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pyotp
from fastapi import FastAPI
from playwright.async_api import Page

from mailer.policy.staff_rights import StaffRole
from mailer.web.app import create_app
from scripts.picture_taking import SITE, Shot, Sitting
from tests.browser.chromium import session_of
from tests.console_scenery import add_scenery, add_stops
from tests.factories import World
from tests.integration.console_browser import open_browser
from tests.integration.web_world import site_over
from tests.staff import PASSWORD, add_person

_SESSION = "__Host-mailer"
_OURS = {"sec-fetch-site": "same-origin"}


async def console_sittings(world: World) -> list[Sitting]:
    """Adds mail, trouble and staff to an empty world. Returns the pages, each as somebody sees it who may."""
    shots: defaultdict[str, list[Shot]] = defaultdict(list)
    for name, role, path in await add_scenery(world):
        shots[role].append(Shot(f"console-{name}", f"{SITE}{path}"))
    app, sittings = create_app(site_over(world)), list[Sitting]()
    tokens = {role: await session_of(world, role, name=name) for role, name in _PEOPLE.items()}
    _add_pages_of_everybody(shots, await _id_of_person(world, _PEOPLE[StaffRole.OPS.value]))
    for role, seen in shots.items():
        sittings.append(Sitting(app, seen, {_SESSION: tokens[role]}, _OURS))
    return [*sittings, *await _sign_in_sittings(world, app)]


async def stopped_sitting(world: World, sittings: Sequence[Sitting]) -> Sitting:
    """Stops mail, and returns the pages that are about it, as somebody sees them who sees the console already."""
    shots = [Shot(f"console-{name}", f"{SITE}{path}") for name, _, path in await add_stops(world)]
    [seer] = [one for one in sittings if any(shot.name == "console-mailings" for shot in one.shots)]
    return replace(seer, shots=shots)


_PEOPLE = {
    StaffRole.OPS.value: "Grace Hopper",
    StaffRole.ADMIN.value: "Anna Admin",
    StaffRole.PRIVACY_OFFICER.value: "ليلى حداد",
    StaffRole.MARKETER.value: "Mira Marketer",
}
"""Names by role. One is written from right to left."""


def _add_pages_of_everybody(shots: defaultdict[str, list[Shot]], somebody: int) -> None:
    """Adds the pages of one's own account, and those of staff, which an admin sees."""
    ops, admin, marketer = (shots[role.value] for role in (StaffRole.OPS, StaffRole.ADMIN, StaffRole.MARKETER))
    ops.append(Shot("console-problem", f"{SITE}/console/mailings/0192f0c1-0000-7000-8000-00000000dead"))
    ops.append(Shot("console-forbidden", f"{SITE}/console/staff"))
    ops.append(Shot("console-second-factors", f"{SITE}/console/second-factors"))
    marketer.append(Shot("console-landing-quiet", f"{SITE}/console?brand=paltalk-2002"))
    admin.append(Shot("console-sessions", f"{SITE}/console/sessions"))
    admin.append(Shot("console-staff", f"{SITE}/console/staff"))
    newcomer = {"#name": "Iris Intern", "#email": "iris@work.example"}
    role = "[name=role][value='support@*']"
    admin.append(Shot("console-one-time-link", f"{SITE}/console/staff", newcomer, role, "main button.main"))
    key, brand = {"#name": "mobile-app"}, "[name=brand][value=interpals]"
    admin.append(Shot("console-publisher-key", f"{SITE}/console/publishers", key, brand, "main button.main"))
    ops.append(Shot("console-dead-replayed", f"{SITE}/console/dead/replay?kind=refused", pressed="main button.main"))
    admin.append(Shot("console-staff-member", f"{SITE}/console/staff/{somebody}"))
    shots[StaffRole.PRIVACY_OFFICER.value].append(Shot("console-landing-rtl-name", f"{SITE}/console"))


async def _id_of_person(world: World, name: str) -> int:
    return next(one.member.id for one in await world.staff.directory.list_staff() if one.member.identity.name == name)


async def _sign_in_sittings(world: World, app: FastAPI) -> list[Sitting]:
    """Returns the pages before somebody is signed in, in the order in which a new person sees them."""
    _, link = await add_person(world.staff, "Nora New")
    _, other = await add_person(world.staff, "Olaf Old")
    async with open_browser(world) as browser:
        await browser.join(other)
        half = str(browser.client.cookies[_SESSION])
    sign_in = f"{SITE}/console/sign-in"
    wrong = {"#name": "Nora New", "#password": "not the password"}
    right = {"#name": "Anna Admin", "#password": PASSWORD}
    strangers = [
        Shot("console-sign-up", f"{SITE}/console/join/{link}"),
        Shot("console-sign-up-refused", f"{SITE}/console/join/{link}", _twice("password1234"), pressed="button.main"),
        Shot("console-link-over", f"{SITE}/console/join/no-such-link"),
        Shot("console-sign-in", sign_in),
        Shot("console-sign-in-wrong", sign_in, wrong, pressed="button.main"),
        Shot("console-second-step", sign_in, right, pressed="button.main"),
    ]
    enrolling = [Shot("console-second-factors-first", f"{SITE}/console/second-factors", done=_set_up_app_first)]
    enrolled = [Shot("console-recovery-codes", f"{SITE}/console/second-factors", done=_set_up_app)]
    return [
        Sitting(app, strangers, headers=_OURS),
        Sitting(app, enrolling, {_SESSION: half}, _OURS),
        Sitting(app, enrolled, {_SESSION: await _half_session(world)}, _OURS),
    ]


async def _half_session(world: World) -> str:
    """Returns the token of the session of a person who has chosen a password, and has no second factor yet."""
    _, link = await add_person(world.staff, "Nils Neu")
    async with open_browser(world) as browser:
        await browser.join(link)
        return str(browser.client.cookies[_SESSION])


def _twice(password: str) -> dict[str, str]:
    return {"#password": password, "#again": password}


async def _set_up_app_first(page: Page) -> None:
    await page.click("form[action$='/app'] button")
    await page.wait_for_selector("img.qr")


async def _set_up_app(page: Page) -> None:
    await _set_up_app_first(page)
    [key] = re.findall(r'class="key">([A-Z2-7]+)<', await page.content())
    await page.fill("#code", pyotp.TOTP(key).now())
    await page.click("form[action$='/app/confirm'] button")
    await page.wait_for_selector("ol.codes")
