"""The role matrix of the console: each route with each role, and no route without its row; and the page of staff."""

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from mailer.policy.staff_rights import RIGHTS_OF_ROLE, StaffRight, StaffRole
from mailer.ports.flow_metrics import FIGURES, Values
from mailer.web.console.console_app import ROUTERS
from mailer.web.console.gates import GateKind, SignedIn, gates_of_route, require_gate_of_each_route
from mailer.web.console.landing import LATE_SECONDS, attention_items
from tests.factories import World
from tests.integration.console_browser import open_browser
from tests.staff import ROOT, add_person

MANAGE = StaffRight.STAFF_MANAGE
ROUTES: dict[tuple[str, str], GateKind | StaffRight] = {
    ("GET", "/console"): GateKind.SIGNED_IN,
    ("GET", "/console/static/{name}"): GateKind.EVERYBODY,
    ("GET", "/console/sign-in"): GateKind.EVERYBODY,
    ("POST", "/console/sign-in"): GateKind.EVERYBODY,
    ("POST", "/console/sign-out"): GateKind.EVERYBODY,
    ("GET", "/console/join/{token}"): GateKind.EVERYBODY,
    ("POST", "/console/join/{token}"): GateKind.EVERYBODY,
    ("GET", "/console/second-step"): GateKind.HALF,
    ("POST", "/console/second-step"): GateKind.HALF,
    ("POST", "/console/second-step/passkey"): GateKind.HALF,
    ("POST", "/console/second-step/passkey/check"): GateKind.HALF,
    ("GET", "/console/sessions"): GateKind.SIGNED_IN,
    ("POST", "/console/sessions/end"): GateKind.SIGNED_IN,
    ("GET", "/console/second-factors"): GateKind.ENROLLING,
    ("POST", "/console/second-factors/app"): GateKind.ENROLLING,
    ("POST", "/console/second-factors/app/confirm"): GateKind.ENROLLING,
    ("POST", "/console/second-factors/app/remove"): GateKind.SIGNED_IN,
    ("POST", "/console/second-factors/codes"): GateKind.SIGNED_IN,
    ("POST", "/console/second-factors/passkey"): GateKind.ENROLLING,
    ("POST", "/console/second-factors/passkey/add"): GateKind.ENROLLING,
    ("POST", "/console/second-factors/passkey/remove"): GateKind.SIGNED_IN,
    ("GET", "/console/staff"): MANAGE,
    ("POST", "/console/staff"): MANAGE,
    ("GET", "/console/staff/{staff_id}"): MANAGE,
    ("POST", "/console/staff/{staff_id}/roles"): MANAGE,
    ("POST", "/console/staff/{staff_id}/disable"): MANAGE,
    ("POST", "/console/staff/{staff_id}/enable"): MANAGE,
    ("POST", "/console/staff/{staff_id}/reset"): MANAGE,
}
"""Every route of the console, with the right that it needs."""


def routes() -> Iterator[tuple[str, APIRoute]]:
    """Methods and routes of the console."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                yield method, route


def test_each_route_has_a_row_and_its_gate() -> None:
    """A new route fails here until its row says who is let in; its gate is the one of the row."""
    found = {(method, route.path): gate for method, route in routes() for gate in gates_of_route(route)}
    assert found.keys() == ROUTES.keys()
    for key, gate in found.items():
        assert (gate.right or gate.kind) == ROUTES[key], key


def test_get_changes_nothing_by_its_methods() -> None:
    """No route takes both GET and POST, and none another method."""
    assert all(route.methods in ({"GET"}, {"POST"}) for _, route in routes())


def test_a_route_without_a_right_does_not_start() -> None:
    """A route without a gate is refused, and so is one with two. A gate deeper among the dependencies is found."""
    router = APIRouter()

    @router.get("/console/open")
    async def open_to_all() -> str:
        """Lets everybody in."""
        return ""

    with pytest.raises(RuntimeError, match="/console/open"):
        require_gate_of_each_route(router.routes)
    router = APIRouter()

    @router.get("/console/two")
    async def two(one: SignedIn, other: SignedIn) -> str:
        """Has two gates."""
        return ""

    with pytest.raises(RuntimeError, match="/console/two"):
        require_gate_of_each_route(router.routes)
    with pytest.raises(RuntimeError, match="without a declared right"):
        require_gate_of_each_route(FastAPI(openapi_url="/x").routes)


@pytest.mark.parametrize("role", [*StaffRole, None])
async def test_each_role_at_each_route(world: World, role: StaffRole | None) -> None:
    """A route that needs a right answers 403 to each role without it, at one brand or at all."""
    async with open_browser(world) as browser:
        member = await browser.enter(role=role or StaffRole.SUPPORT)
        eli, _ = await add_person(world.staff, "Eli", StaffRole.SUPPORT)
        if role is None:
            await world.staff.directory.replace_roles(member, [], ROOT)
        token = re.findall(r'name="form_token" value="(\w+)"', (await browser.open("/console/sessions")).text)[0]
        for (method, path), needs in ROUTES.items():
            if not isinstance(needs, StaffRight):
                continue
            path = path.replace("{staff_id}", str(eli.id))
            answer = await (browser.open(path) if method == "GET" else browser.post(path, {"form_token": token}))
            allowed = role is not None and needs in RIGHTS_OF_ROLE[role]
            assert (answer.status_code == 403) is not allowed, (method, path)
        links = set(re.findall(r'<a href="(/console[^"]*)"', (await browser.open("/console")).text))
        assert ("/console/staff" in links) is (role is not None and MANAGE in RIGHTS_OF_ROLE[role])
    if role is not StaffRole.ADMIN:
        known = await world.staff.directory.get_staff_record(eli.id)
        assert known is not None
        assert (known.member.roles, known.disabled_at) == (eli.roles, None)


async def test_nobody_gets_in_without_signing_in(world: World) -> None:
    """Each route that needs a session sends to the page for signing in, and says nothing else."""
    async with open_browser(world) as browser:
        token = await browser.token("/console/sign-in")
        for (method, path), needs in ROUTES.items():
            path = path.replace("{staff_id}", "1")
            if needs is GateKind.EVERYBODY:
                continue
            answer = await (browser.open(path) if method == "GET" else browser.post(path, {"form_token": token}))
            assert (answer.status_code, answer.text) == (303, ""), path
            assert answer.headers["location"].startswith("/console/sign-in?next=/console")


async def test_an_admin_adds_and_changes_people(world: World) -> None:
    """An admin adds and changes others, not herself. The one-time link shows once. The ledger has each change."""
    async with open_browser(world) as browser, open_browser(world) as other:
        dana = await browser.enter()
        fields: dict[str, str | list[str]] = {
            "name": "Eli",
            "email": "eli@work.example",
            "role": ["ops@interpals", "support@*"],
        }
        shown = await browser.send("/console/staff", fields)
        link = re.findall(r"https://mail\.example/console/join/([\w-]+)", shown.text)[0]
        assert (await other.join(link)).status_code == 303
        assert (await browser.send("/console/staff", fields)).status_code == 422
        eli = (await world.staff.directory.list_staff())[1]
        assert {str(held) for held in eli.member.roles} == {"ops@interpals", "support@*"}
        page, on = f"/console/staff/{eli.member.id}", f"/console/staff/{eli.member.id}"
        assert (await browser.send(f"{page}/roles", {"role": ["marketer@interpals"]}, on)).status_code == 303
        assert (await browser.send(f"{page}/disable", on=on)).status_code == 303
        assert (await other.open("/console")).headers["location"].startswith("/console/sign-in")
        assert (await browser.send(f"{page}/reset", on="/console/staff")).status_code == 422
        assert (await browser.send(f"{page}/enable", on=on)).status_code == 303
        assert (await browser.send(f"{page}/reset", on=on)).status_code == 200
        for act in ("roles", "disable", "enable", "reset"):
            own = await browser.send(f"/console/staff/{dana.id}/{act}", {"role": ["ops@*"]}, "/console/staff")
            assert own.status_code == 403
        for bad in ("emperor@*", "ops@nobodys", "admin@interpals", "ops"):
            assert (await browser.send(f"{page}/roles", {"role": [bad]}, on)).status_code == 422
        for unknown in ("0", "99999", "9" * 40, "x"):
            assert (await browser.open(f"/console/staff/{unknown}")).status_code == 404
    entries = [entry async for entry in world.ledger.iterate_entries() if entry["rule"] == "staff:Eli"]
    by_dana = [(entry["reason"], entry["reply"]) for entry in entries if entry["actor"] == "person:Dana Duty"]
    assert by_dana == [
        (f"staff-{what}", "from 192.0.2.0/24") for what in ("added", "roles", "disabled", "enabled", "reset")
    ]


async def test_a_name_with_markup_is_only_a_name(world: World) -> None:
    """A name with markup is shown as text in each page, and cannot break out of an attribute."""
    name = '"><script>alert(1)</script>{{7*7}}'
    async with open_browser(world) as browser:
        await browser.enter(name=name)
        eli, _ = await add_person(world.staff, "<img src=x onerror=alert(2)>", StaffRole.SUPPORT)
        paths = ("/console", "/console/staff", f"/console/staff/{eli.id}", "/console/sessions")
        for path in paths:
            page = await browser.open(path)
            assert page.status_code == 200
            assert "<script" not in page.text
            assert "<img src=x" not in page.text
            assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", page.text)[0]
        again = await browser.send("/console/staff", {"name": '"><b>x', "email": "none"}, "/console/staff")
        assert "<b>x" not in again.text


async def test_sessions_are_listed_and_ended(world: World) -> None:
    """A person sees and ends their own sessions, and cannot end others' by number."""
    async with open_browser(world) as browser, open_browser(world) as second:
        await browser.enter()
        await browser.forget_steps()
        second.secret = browser.secret
        await second.sign_in(code=second.code())
        assert (await second.open("/console")).status_code == 200
        number = re.findall(r'name="session" value="(\d+)"', (await browser.open("/console/sessions")).text)[0]
        async with open_browser(world) as stranger:
            await stranger.enter(name="Eli")
            await stranger.send("/console/sessions/end", {"session": number}, "/console/sessions")
        assert (await second.open("/console")).status_code == 200
        for odd in ("", "x", "-1", "9" * 18):
            assert (
                await browser.send("/console/sessions/end", {"session": odd}, "/console/sessions")
            ).status_code == 303
        await browser.send("/console/sessions/end", {"session": number}, "/console/sessions")
        assert (await second.open("/console")).headers["location"].startswith("/console/sign-in")


async def test_an_open_browser_is_no_way_to_new_factors(world: World) -> None:
    """Adding and removing factors, and new codes, need the password again. The last factor stays."""
    async with open_browser(world) as browser:
        await browser.enter()
        on = "/console/second-factors"
        for act in ("app", "app/remove", "codes", "passkey", "passkey/remove"):
            assert (await browser.send(f"{on}/{act}", {"password": "wrong"}, on)).status_code == 403
        await world.pool.execute("DELETE FROM staff_failures")
        kept = await browser.send(f"{on}/app/remove", {"password": "violet gravel tuba"}, on)
        assert (kept.status_code, "last second factor" in kept.text) == (403, True)
        made = await browser.send(f"{on}/codes", {"password": "violet gravel tuba"}, on)
        codes = re.findall(r"<code>([a-z2-9-]{19})</code>", made.text)
        assert len(set(codes)) == 10
        assert not {*codes} & {*browser.codes}
        for odd in ("", "{}", "[1]", "null", '{"id":"x"}', "x" * 20_000):
            assert (await browser.send(f"{on}/passkey/add", {"credential": odd}, on)).status_code == 403


FIGURES_NOW: Values = {
    "halts": [(("brand",), 1)],
    "dead_letters": [(("refused",), 0), (("bug",), 12)],
    "notices": [(("post",), 3)],
    "oldest_notice": [(("post",), 90_000)],
    "oldest_due": [(("service",), LATE_SECONDS + 1), (("newsletter",), 1)],
    "oldest_parked": [((), LATE_SECONDS - 1)],
}


def test_what_needs_attention() -> None:
    """Old work, and work that waits for a person, is shown by the reader's rights. Young or no work is left out."""
    assert {"halts", "dead_letters", "notices", "oldest_due", "oldest_parked"} <= FIGURES.keys()
    ops = attention_items(FIGURES_NOW, RIGHTS_OF_ROLE[StaffRole.OPS])
    assert [(item.key, item.count) for item in ops] == [("oldest_due", None), ("halts", 1), ("dead_letters", 12)]
    assert ops[0].details == [("service", LATE_SECONDS + 1)]
    officer = attention_items(FIGURES_NOW, RIGHTS_OF_ROLE[StaffRole.PRIVACY_OFFICER])
    assert ("notices", 3, 90_000) in [(item.key, item.count, item.seconds) for item in officer]
    assert attention_items(FIGURES_NOW, RIGHTS_OF_ROLE[StaffRole.ADMIN]) == []


async def test_the_landing_page_shows_what_waits(world: World) -> None:
    """A stop by an operator appears. A figure that the database could not give in time is shown as not known."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "Nothing waits for you." in (await browser.open("/console")).text
        await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', 'interpals', 'x', '')")
    async with open_browser(world) as browser:
        await browser.enter(name="Eli", role=StaffRole.OPS)
        assert "Stops" in (await browser.open("/console?brand=interpals")).text
        assert (await browser.open("/console/static/console.css")).headers["content-type"].startswith("text/css")
        assert (await browser.open("/console/static/texts.toml")).status_code == 404
