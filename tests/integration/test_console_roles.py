"""The role matrix of the console: each route with each role, and no route without its row; and the page of staff."""

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from mailer.policy.staff_rights import RIGHTS_OF_ROLE, StaffRight, StaffRole, parse_role_at_brand
from mailer.web.app import _app_with_routes
from mailer.web.console.access_gates import GateKind, SignedIn, gates_of_route, require_gate_of_each_route
from mailer.web.console.console_app import ROUTERS
from mailer.web.console.console_pages import TEXTS
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser
from tests.integration.console_operation_routes import OPERATION_ROUTES, path_with_example_values
from tests.integration.test_role_matrix import ROUTES as API_ROUTES
from tests.integration.test_role_matrix import routes_of
from tests.staff import ROOT, add_person

MANAGE, READ = StaffRight.STAFF_MANAGE, StaffRight.PEOPLE_READ
MISSING = TEXTS["errors"]["right_missing"]
PARTS = {"{brand}": "interpals", "{person}": "1", "{act}": "restrict", "{number}": "1"}
"""The values of the parts of paths that are tried."""
ROUTES: dict[tuple[str, str], GateKind | StaffRight] = {
    ("GET", "/console"): GateKind.SIGNED_IN,
    ("GET", "/console/static/{name}"): GateKind.EVERYBODY,
    ("GET", "/console/sign-in"): GateKind.EVERYBODY,
    ("POST", "/console/sign-in"): GateKind.EVERYBODY,
    ("GET", "/console/sign-in/oidc"): GateKind.EVERYBODY,
    ("GET", "/console/sign-in/oidc/callback"): GateKind.EVERYBODY,
    ("GET", "/console/sign-in/oidc/out"): GateKind.EVERYBODY,
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
    ("GET", "/console/people"): READ,
    ("POST", "/console/people"): READ,
    ("GET", "/console/people/{brand}/{person}"): READ,
    ("POST", "/console/people/{brand}/{person}"): READ,
    ("GET", "/console/people/{brand}/{person}/acts/{act}"): StaffRight.PEOPLE_ACT,
    ("POST", "/console/people/{brand}/{person}/acts/{act}"): StaffRight.PEOPLE_ACT,
    ("GET", "/console/suppressions"): READ,
    ("GET", "/console/suppressions/{brand}"): READ,
    ("POST", "/console/suppressions/{brand}"): READ,
    ("GET", "/console/suppressions/{brand}/{number}"): READ,
    ("POST", "/console/suppressions/{brand}/{number}/lift"): StaffRight.SUPPRESSIONS_LIFT,
    **OPERATION_ROUTES,
}
"""Every route of the console, with the right that it needs."""


def routes() -> Iterator[tuple[str, APIRoute]]:
    """Methods and routes of the console."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                yield method, route


def filled(path: str, staff_id: int) -> str:
    """A path with values for its parts."""
    for part, value in {**PARTS, "{staff_id}": str(staff_id)}.items():
        path = path.replace(part, value)
    return path_with_example_values(path)


def test_each_route_has_a_row_and_its_gate() -> None:
    """A new route fails here until its row says who is let in; its gate is the one of the row."""
    found = {(method, route.path): gate for method, route in routes() for gate in gates_of_route(route)}
    assert found.keys() == ROUTES.keys()
    served = {route for route in routes_of(_app_with_routes()) if route[1].startswith("/console")}
    assert served == ROUTES.keys()
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
    """A route that needs a right answers 403 to each role without it. Others take all who signed in, or a key."""
    async with open_browser(world) as browser:
        member = await browser.enter(role=role or StaffRole.SUPPORT)
        eli, _ = await add_person(world.staff, "Eli", StaffRole.SUPPORT)
        if role is None:
            await world.staff.directory.replace_roles(member, [], ROOT)
        token = re.findall(r'name="form_token" value="(\w+)"', (await browser.open("/console/sessions")).text)[0]
        links = set(re.findall(r'<a href="(/console[^"]*)"', (await browser.open("/console")).text))
        for (method, path), needs in sorted(ROUTES.items(), key=lambda row: "sign-out" in row[0][1]):
            path = filled(path, eli.id)
            answer = await (browser.open(path) if method == "GET" else browser.post(path, {"form_token": token}))
            is_refused = answer.status_code == 403 and MISSING in answer.text
            match needs:
                case StaffRight():
                    assert is_refused is not (role is not None and needs in RIGHTS_OF_ROLE[role]), (method, path)
                case GateKind.HALF:
                    assert (answer.status_code, answer.headers["location"]) == (303, "/console"), path
                case _:
                    assert not is_refused, path
                    assert answer.status_code < 500, path
                    assert "/console/sign-in?" not in answer.headers.get("location", ""), path
        await browser.sign_in(code=browser.code())
        for rows in API_ROUTES.values():
            for row in rows:
                asked = await browser.client.request(row.method, row.path, json=row.body)
                assert asked.status_code == 401, row
        assert ("/console/staff" in links) is (role is not None and MANAGE in RIGHTS_OF_ROLE[role])
    if role is not StaffRole.ADMIN:
        known = await world.staff.directory.get_staff_record(eli.id)
        assert known is not None
        assert (known.member.roles, known.disabled_at) == (eli.roles, None)


@pytest.mark.parametrize("role", StaffRole)
async def test_half_a_sign_in_opens_nothing(world: World, role: StaffRole) -> None:
    """Each route leads a half signed-in person to the second step, or to setting a needed second factor up."""
    async with open_browser(world) as half, open_browser(world) as enrolling:
        await half.enter(role=role)
        half.client.cookies.clear()
        await half.sign_in()
        _, link = await add_person(world.staff, "Eli", role)
        await enrolling.join(link)
        tokens = [await half.token("/console/second-step"), await enrolling.token("/console/second-factors")]
        for (method, path), needs in ROUTES.items():
            if needs is GateKind.EVERYBODY:
                continue
            path = path.replace("{staff_id}", "1")
            answers = [
                await (browser.open(path) if method == "GET" else browser.post(path, {"form_token": token}))
                for browser, token in zip((half, enrolling), tokens, strict=True)
            ]
            if needs is not GateKind.HALF:
                assert (answers[0].status_code, answers[0].headers["location"]) == (303, "/console/second-step"), path
            if needs is GateKind.HALF:
                assert (answers[1].status_code, answers[1].headers["location"]) == (303, "/console"), path
            elif needs is not GateKind.ENROLLING and role is not StaffRole.SUPPORT:
                assert answers[1].headers["location"] == "/console/second-factors", path


async def test_nobody_gets_in_without_signing_in(world: World) -> None:
    """Each route that needs a session sends to the page for signing in, and says nothing else."""
    async with open_browser(world) as browser:
        token = await browser.token("/console/sign-in")
        for (method, path), needs in ROUTES.items():
            path = filled(path, 1)
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
        assert (
            await browser.send(
                f"{page}/roles", {"role": ["marketer@interpals"], "shown": ["ops@interpals", "support@*"]}, on
            )
        ).status_code == 303
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


async def test_a_reset_is_told_to_the_person(world: World) -> None:
    """A reset is told on the first page for a week, with person and network, and on record beside the sessions."""
    async with open_browser(world) as ann, open_browser(world) as ben:
        await ann.enter(name="Ann <b>")
        member, _ = await add_person(world.staff, "Ben", StaffRole.SUPPORT)
        page = f"/console/staff/{member.id}"
        shown = await ann.send(f"{page}/reset", on=page)
        await ben.join(re.findall(r"/console/join/([\w-]+)", shown.text)[0])
        told = (await ben.open("/console")).text
        assert "Your access was reset" in told
        assert "reset by Ann &lt;b&gt;, from 192.0.2.0/24" in told
        await world.pool.execute("UPDATE staff_access_grants SET at = at - interval '8 days'")
        assert "Your access was reset" not in (await ben.open("/console")).text
        for browser, path in ((ben, "/console/sessions"), (ann, page)):
            kept = (await browser.open(path)).text
            assert "reset by Ann &lt;b&gt;, from 192.0.2.0/24" in kept
            assert "added by root" in kept


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


async def test_an_old_form_gives_no_role_again(world: World) -> None:
    """A form is refused if a colleague changed the roles since. A role for a brand without a policy stays."""
    directory = world.staff.directory
    added, _ = await add_person(world.staff, "Eli", StaffRole.SUPPORT)
    roles = [*added.roles, parse_role_at_brand("marketer", "former-brand")]
    assert await directory.replace_roles(added, roles, ROOT)
    record = await directory.get_staff_record(added.id)
    assert record is not None
    eli = record.member
    async with open_browser(world) as browser:
        await browser.enter("Ann", StaffRole.ADMIN)
        page = f"/console/staff/{eli.id}"
        shown = [str(held) for held in eli.roles]
        form: dict[str, str | list[str]] = {"role": ["support@*", f"marketer@{BRAND}"], "shown": shown}
        kept = [held for held in eli.roles if held.brand != "*"]
        assert await directory.replace_roles(eli, kept, ROOT)
        for old in (form, {**form, "shown": []}):
            refused = await browser.send(f"{page}/roles", old, page)
            assert (refused.status_code, "Nothing was saved" in refused.text) == (409, True)
        assert await roles_of(world, eli.id) == {"marketer@former-brand"}
        assert not await directory.replace_roles(eli, eli.roles, ROOT)
        anew = {"role": [f"marketer@{BRAND}"], "shown": re.findall(r'name="shown" value="([^"]+)"', refused.text)}
        for _ in range(2):
            assert (await browser.send(f"{page}/roles", anew, page)).status_code == 303
    assert await roles_of(world, eli.id) == {"marketer@former-brand", f"marketer@{BRAND}"}


async def roles_of(world: World, staff_id: int) -> set[str]:
    """The roles of a person."""
    record = await world.staff.directory.get_staff_record(staff_id)
    assert record is not None
    return {str(held) for held in record.member.roles}
