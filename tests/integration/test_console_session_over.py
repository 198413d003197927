"""Changes at the console by somebody whose session, or right, ends after the gate: nothing of the request is stored."""

from typing import Any

import httpx
import pytest

from mailer.actions.acts_on_person import ErasureGround
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher, names_of_rights
from mailer.policy.staff_rights import StaffMember, StaffRole
from mailer.ports.processor_states import ReportedProcessorState
from mailer.web.console import access_gates
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_console_dead_letters import keep
from tests.integration.test_console_mailings import add_mailing
from tests.integration.test_console_people import PEOPLE, look_up
from tests.integration.test_console_processors import NOW
from tests.staff import ROOT, disable_person

Fields = dict[str, str | list[str]]
SHOP = Identity.parse_identity("key:shop")
RIGHTS = RightsOfOnePublisher(frozenset({BRAND}), frozenset({"newsletter"}))
ORDER: Fields = {"order": "staff-" + "0" * 32, "reason": "ticket 8"}
MAILING: dict[str, tuple[str, str]] = {
    "release": ("breach", "release"),
    "pause": ("newsletter", "pause"),
    "resume": ("newsletter", "resume"),
    "cancel": ("newsletter", "cancel"),
    "reschedule": ("newsletter", "reschedule"),
}
ACTS: dict[str, Fields] = {
    "opt_out": {"scope": "newsletter"},
    "object": {},
    "restrict": {},
    "deactivate": {},
    "rectify": {"name": "Grace"},
    "hold": {"reference": "Case 7"},
    "erase": {"reason": str(ErasureGround.ASKED), "sure": "yes"},
}
OTHERS = (
    "look-up",
    "reason",
    "explain",
    "lift",
    "replay",
    "text",
    "processor",
    "key",
    "rights",
    "revoke",
    "stop",
    "stop-brand",
)
TABLES = ("mailings", "halts", "outbox", "publishers", "standings", "suppressions", "holds", "recipients", "erasures")


async def state_of(world: World) -> tuple[Any, ...]:
    """All that a change at the console stores, and the ledger without the entries of staff."""
    reasons = [entry["reason"] for entry in await world.entries() if not str(entry["reason"]).startswith("staff-")]
    selects = [f"SELECT to_jsonb(t)::text AS row FROM {name} t ORDER BY 1" for name in TABLES]  # noqa: S608
    return reasons, [[row["row"] for row in await world.pool.fetch(select)] for select in selects]


async def prepare(world: World, browser: ConsoleBrowser, what: str) -> tuple[str, Fields]:
    """Makes the things that a request changes. Returns its path and its form."""
    if what in MAILING:
        category, act = MAILING[what]
        time: Fields = {"at": "2190-01-01T10:00", "reason": "later"} if what == "reschedule" else {}
        return f"/console/mailings/{await add_mailing(world, category)}/{act}", time
    if what in ACTS:
        await world.known(1)
        return f"{await look_up(browser)}/acts/{what}", ORDER | ACTS[what]
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    letter = await keep(world)
    await world.publishers.grant_rights_and_missing_key(SHOP, RIGHTS)
    await world.processors.store_processor_states_seen_by_worker(
        "w", [ReportedProcessorState("relay-us", "up", NOW, "", "", 0)]
    )
    forms: dict[str, tuple[str, Fields]] = {
        "look-up": (PEOPLE, {"who": "user-1@people.example", "reason": "ticket 7"}),
        "reason": (f"{PEOPLE}/{BRAND}/{ada}", {"reason": "ticket 7"}),
        "explain": (f"/console/suppressions/{BRAND}", {"who": "user-1@people.example", "reason": "ticket 7"}),
        "lift": (f"/console/suppressions/{BRAND}/{stop.id}/lift", {"reason": "ticket 9", "at": stop.at.isoformat()}),
        "replay": ("/console/dead/replay", {"bound": str(letter)}),
        "text": (f"/console/dead/{letter}/text", {}),
        "processor": ("/console/processors/pause", {"processor": "relay-us", "reason": "x"}),
        "key": ("/console/publishers", {"kind": "key", "name": "new", "brand": [BRAND]}),
        "rights": (
            "/console/publishers/rights",
            {"who": str(SHOP), "shown": list(names_of_rights(RIGHTS)), "brand": [BRAND], "category": ["account"]},
        ),
        "revoke": ("/console/publishers/revoke", {"who": str(SHOP)}),
        "stop": ("/console/halts/stop", {"reason": "smoke"}),
        "stop-brand": ("/console/halts/brand/pause", {"brand": BRAND}),
    }
    return forms[what]


async def enter_with_all_rights(world: World, browser: ConsoleBrowser) -> StaffMember:
    """Signs somebody in who may do everything."""
    member = await browser.enter(role=StaffRole.OPS)
    for role in ("admin", "privacy-officer"):
        await world.pool.execute(
            "INSERT INTO staff_roles (staff_id, role, brand) VALUES ($1, $2, '*')", member.id, role
        )
    return member


def end_after_gate(monkeypatch: pytest.MonkeyPatch, world: World, member: StaffMember, end: str) -> None:
    """Lets a request pass its gate, and then disables the person or takes the roles away."""
    read_console_request = access_gates._read_console_request

    async def read_and_end(*arguments: Any) -> access_gates.ConsoleRequest:
        request = await read_console_request(*arguments)
        if end == "disabled":
            await disable_person(world.staff, member)
        else:
            now = await world.staff.directory.get_staff_record(member.id)
            assert now is not None
            assert await world.staff.directory.replace_roles(now.member, [], ROOT)
        return request

    monkeypatch.setattr(access_gates, "_read_console_request", read_and_end)


@pytest.mark.parametrize("end", ["disabled", "without roles"])
@pytest.mark.parametrize("what", [*MAILING, *ACTS, *OTHERS])
async def test_a_change_past_its_gate_is_not_stored(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str, end: str
) -> None:
    """Each change is refused, shows nothing, and leads to the first page, which asks to sign in."""
    async with open_browser(world) as browser:
        member = await enter_with_all_rights(world, browser)
        path, fields = await prepare(world, browser, what)
        token = await browser.token("/console/sessions")
        before = await state_of(world)
        with monkeypatch.context() as patch:
            end_after_gate(patch, world, member, end)
            answer = await browser.post(path, fields | {"form_token": token})
        assert (answer.status_code, answer.headers.get("location"), answer.text) == (303, "/console", "")
    assert await state_of(world) == before


@pytest.mark.parametrize("what", [*MAILING, *ACTS, *OTHERS])
async def test_the_same_change_in_a_session_is_stored(world: World, what: str) -> None:
    """The forms of these tests change something while the session lasts; so a refusal is not that of a bad form."""
    async with open_browser(world) as browser:
        await enter_with_all_rights(world, browser)
        path, fields = await prepare(world, browser, what)
        if what == "resume":
            await browser.send(path.replace("resume", "pause"), {}, "/console/sessions")
        before = await state_of(world)
        answer: httpx.Response = await browser.send(path, fields, "/console/sessions")
        assert answer.status_code in (200, 303), answer.text
    assert await state_of(world) != before


async def test_a_right_at_another_brand_does_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who keeps the role at another brand only has lost the right that the request needs."""
    mailing_id = await add_mailing(world)
    async with open_browser(world) as browser:
        member = await browser.enter(role=StaffRole.OPS)
        token = await browser.token("/console/sessions")
        read_console_request = access_gates._read_console_request

        async def read_and_move(*arguments: Any) -> access_gates.ConsoleRequest:
            request = await read_console_request(*arguments)
            await world.pool.execute("UPDATE staff_roles SET brand = 'peerstream' WHERE staff_id = $1", member.id)
            return request

        monkeypatch.setattr(access_gates, "_read_console_request", read_and_move)
        await browser.post(f"/console/mailings/{mailing_id}/pause", {"form_token": token})
    assert await world.pool.fetchval("SELECT count(*) FROM halts") == 0
