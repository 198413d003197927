"""The pages of breach cases: facts step by step, clocks in the viewer's zone, decisions, duties, rights."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_cases import BreachCase
from tests.breaches import ANN, breach_stores_over, facts_found, new_breach
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser

LIST = "/console/breaches"
SCRIPT = '"><script>alert(1)</script></textarea>'
AUTHORITY = "gdpr-authority"


async def stored(world: World, case_id: UUID) -> BreachCase:
    """The case as it is now."""
    found = await breach_stores_over(world).cases.find_case(case_id)
    assert found is not None
    return found


async def save(
    browser: ConsoleBrowser,
    case_id: UUID,
    step: str,
    revision: int,
    typed: dict[str, str | list[str]],
    do: str = "next",
) -> tuple[int, str]:
    """Sends one step of the facts; returns the status, and the page or the place that it leads to."""
    path = f"{LIST}/{case_id}/facts?step={step}"
    answer = await browser.send(path, {"revision": str(revision), "do": do, **typed})
    return answer.status_code, answer.headers.get("location") or unescape(answer.text)


async def test_a_case_step_by_step_without_javascript(world: World) -> None:
    """From nothing to clocks: each step leads to the next one, and what follows stands beside it with its rule."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        assert "There is no breach case." in (await browser.open(LIST)).text
        assert (await browser.send(f"{LIST}/new", {"brand": BRAND, "name": " "})).status_code == 422
        made = await browser.send(f"{LIST}/new", {"brand": BRAND, "name": "Laptop"})
        assert made.status_code == 303
        case_id = UUID(made.headers["location"].split("/")[-2])
        page = (await browser.open(f"{LIST}/{case_id}")).text
        assert "No clock runs yet" in page
        assert re.search(r'aria-current="step"><strong>Facts</strong>', page)
        found = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
        typed: dict[str, str | list[str]] = {
            "summary": "A laptop was stolen",
            "found_at": found.strftime("%Y-%m-%dT%H:%M"),
            "zone": "UTC",
        }
        status, target = await save(browser, case_id, "when", 1, typed)
        assert (status, target.endswith("/facts?step=data")) == (303, True)
        await save(browser, case_id, "data", 2, {"data": ["name", "social_security_number"], "risk": "high"})
        status, target = await save(browser, case_id, "people", 3, {"people_by_place": "DE 1200\nUS-CA 700\nUS-MA 9"})
        assert target.endswith("/facts?step=mail")
        page = unescape((await browser.open(f"{LIST}/{case_id}/facts?step=mail")).text)
        assert "tell" in page
        assert "US-MA" in page
        assert "what happened: forbidden" in page, "Massachusetts"
        assert "Notice of Data Breach" in page
        assert "Attorney General" in page, "more than 500 people in California"
        assert await save(browser, case_id, "mail", 4, {"mail_trouble": "theirs"}, "end") == (303, f"{LIST}/{case_id}")
        case = await stored(world, case_id)
        assert case.facts.people_by_place == {"DE": 1200, "US-CA": 700, "US-MA": 9}
        assert (case.facts.found_at, case.facts.mail_trouble, case.revision) == (found, "theirs", 5)
        page = unescape((await browser.open(f"{LIST}/{case_id}")).text)
        assert re.search(r'aria-current="step"><strong>Texts</strong>', page)
        assert "2 days 21 h left" in page or "2 days 22 h left" in page
        assert f'href="{LIST}/{case_id}/phases/1"' in page
        history = unescape((await browser.open(f"{LIST}/{case_id}/history")).text)
        assert "DE 1,200, US-CA 700, US-MA 9" in history
        assert history.count("Dana Duty") >= 5


async def test_faults_keep_what_was_typed(world: World) -> None:
    """Each fault stands beside its field and in the summary that takes the focus; nothing is stored or lost."""
    case = await new_breach(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        status, page = await save(
            browser,
            case.id,
            "when",
            1,
            {"summary": SCRIPT, "found_at": "2199-01-01T00:00", "zone": "Europe/Berlin", "began_on": ""},
        )
        assert status == 422
        assert 'role="alert" tabindex="-1" autofocus id="faults"' in page
        assert '<a href="#found_at">' in page
        assert re.search(r'id="found_at"[^>]*aria-invalid="true"', page)
        assert 'value="Europe/Berlin"' in page
        raw = await browser.send(
            f"{LIST}/{case.id}/facts?step=when", {"revision": "1", "summary": SCRIPT, "found_at": "x", "zone": "UTC"}
        )
        assert "<script>alert" not in raw.text
        status, page = await save(browser, case.id, "people", 1, {"people_by_place": "DE 5\nMars 7"})
        assert (status, "DE 5\nMars 7</textarea>" in page) == (422, True)
        status, page = await save(browser, case.id, "measures", 1, {"effects": "x" * 5001, "measures": "第" * 5000})
        assert status == 422
        assert "第" * 5000 in page, "large forms arrive as a whole"
        assert (await stored(world, case.id)).revision == 1
        assert (await browser.open(f"{LIST}/{case.id}/facts?step=nonsense")).status_code == 404
        assert (await save(browser, case.id, "mail", 10**9 * 100, {"mail_trouble": "no"}))[0] == 422


async def test_two_editors_are_told(world: World) -> None:
    """The second one sees what is stored and what she typed; pressing the button again stores hers on top."""
    case = await new_breach(world)
    async with open_browser(world) as one, open_browser(world) as other:
        await one.enter("Dana Duty", StaffRole.OPS, BRAND)
        await other.enter("Eve Early", StaffRole.OPS, BRAND)
        assert (await save(other, case.id, "people", 1, {"people_by_place": "DE 7"}))[0] == 303
        status, page = await save(one, case.id, "people", 1, {"people_by_place": "DE 9"})
        assert status == 409
        assert "Eve Early has saved the facts since" in page
        assert re.search(r"<del>.*DE 7</del>\s*<ins>.*DE 9</ins>", page)
        assert "DE 9</textarea>" in page
        assert 'name="revision" value="2"' in page
        assert (await stored(world, case.id)).facts.people_by_place == {"DE": 7}
        assert (await save(one, case.id, "people", 2, {"people_by_place": "DE 9"}))[0] == 303
        assert (await save(other, case.id, "people", 2, {"people_by_place": "DE 9"}))[0] == 303, (
            "the same is no conflict"
        )


async def test_a_zone_is_remembered_and_used(world: World) -> None:
    """The deadline stands in UTC and in the viewer's zone; nobody else's page changes; no zone is no zone."""
    found = datetime(2025, 10, 23, 0, 30, tzinfo=UTC)
    case = await new_breach(world, facts_found().model_copy(update={"found_at": found}))
    path = f"{LIST}/{case.id}"
    async with open_browser(world) as one, open_browser(world) as other:
        await one.enter("Dana Duty", StaffRole.OPS, BRAND)
        await other.enter("Eve Early", StaffRole.PRIVACY_OFFICER, BRAND)
        chosen = await one.send(f"{LIST}/time-zone", {"zone": "Europe/Paris", "next": path}, path)
        assert chosen.headers["location"] == path
        page = (await one.open(path)).text
        assert "26 Oct 2025, 00:30 UTC" in page
        assert "26 Oct 2025, 02:30 (Europe/Paris, UTC+02:00)" in page, "the first of the two hours at 02:30"
        assert "There: " in page
        assert "over by" in page
        assert "(Europe/Paris" not in (await other.open(path)).text
        form = (await one.open(f"{path}/facts?step=when")).text
        assert 'value="2025-10-23T02:30"' in form
        assert (await one.send(f"{LIST}/time-zone", {"zone": "Mars/Base", "next": path}, path)).status_code == 422
        away = await one.send(f"{LIST}/time-zone", {"zone": "UTC", "next": "https://evil.example"}, path)
        assert away.headers["location"] == "/console"


async def test_decisions_need_a_reason_and_can_be_undone(world: World) -> None:
    """Nobody is told, opened again, closed: each with who, when and why; facts of a decided case do not change."""
    case = await new_breach(world)
    path = f"{LIST}/{case.id}"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        for state, reason in (("not_notified", " "), ("ended", "because"), ("not_notified", "x" * 5001)):
            answer = await browser.send(f"{path}/decision", {"state": state, "reason": reason})
            assert answer.status_code == 422
        unseen = await browser.send(f"{path}/decision", {"state": "closed", "reason": "a\0b"})
        assert unseen.status_code == 400
        for state, words in (("not_notified", "Nobody is told"), ("open", "Texts"), ("closed", "Closed")):
            reason = f"Because\nof {state} {SCRIPT}"
            answer = await browser.send(f"{path}/decision", {"state": state, "reason": reason})
            assert answer.status_code == 303, answer.text
            page = (await browser.open(path)).text
            assert re.search(rf'aria-current="step"><strong>{words}</strong>', page)
            assert "<script>alert" not in page
        assert (await browser.open(f"{path}/facts")).status_code == 303
        typed = {"revision": "1", "mail_trouble": "ours"}
        answer = await browser.send(f"{path}/facts?step=mail", typed, f"{path}/decision")
        assert (answer.status_code, "open it again first" in answer.text) == (409, True)
        assert (await stored(world, case.id)).facts.mail_trouble == "no"
        rows = await world.pool.fetch("SELECT reason FROM ledger WHERE rule = $1 ORDER BY at, n", f"breach:{case.id}")
        states = ["breach_case_created", "breach_case_not_notified", "breach_case_open", "breach_case_closed"]
        assert [row["reason"] for row in rows] == states
        said = " ".join(row["text"] for row in await world.pool.fetch("SELECT text FROM ledger_notes"))
        for state in ("not_notified", "open", "closed"):
            assert f"of {state} " in said, "each reason is kept, also of a decision that was undone"


@pytest.mark.parametrize("role", [StaffRole.OPS, StaffRole.PRIVACY_OFFICER])
async def test_a_duty_is_marked_corrected_and_taken_back(world: World, role: StaffRole) -> None:
    """The clock shows who was told, when and the receipt, in the zone of the form; it counts as over no more."""
    case = await new_breach(world, facts_found(timedelta(hours=80)))
    path = f"{LIST}/{case.id}"
    async with open_browser(world) as browser:
        await browser.enter(role=role, brand=BRAND)
        assert re.search(r"deadlines? (is|are) over", (await browser.open(path)).text)
        fields: dict[str, str | list[str]] = {
            "clock": AUTHORITY,
            "told": "The <b>authority</b>",
            "told_at": "2025-07-01T12:00",
            "zone": "Europe/Berlin",
            "reference": "IN-7",
        }
        for wrong in ({"told": ""}, {"told_at": "noon"}, {"told_at": "2199-01-01T00:00"}, {"zone": "Mars"}):
            answer = await browser.send(f"{path}/duties", {**fields, **wrong}, path)
            assert answer.status_code == 409, wrong
        assert (await browser.send(f"{path}/duties", fields, path)).status_code == 303
        page = (await browser.open(path)).text
        assert "The &lt;b&gt;authority&lt;/b&gt;" in page
        assert "1 Jul 2025, 10:00 UTC" in page
        assert "reference: IN-7" in page
        undo = await browser.send(f"{path}/duties/undo", {"clock": AUTHORITY, "reason": ""}, path)
        assert undo.status_code == 409
        undo = await browser.send(f"{path}/duties/undo", {"clock": AUTHORITY, "reason": "wrong case"}, path)
        assert undo.status_code == 303
        assert "reference: IN-7" not in (await browser.open(path)).text


async def test_the_list_shows_the_next_deadline_of_each(world: World) -> None:
    """A case that is over says so; a decided one has no clock; another brand's case is not there."""
    late = await new_breach(world, facts_found(timedelta(hours=80)))
    decided = await new_breach(world)
    await breach_stores_over(world).cases.decide_state(decided.id, "not_notified", "No risk.", ANN)
    other = await new_breach(world, brand="peerstream")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        page = (await browser.open(LIST)).text
        assert f"{LIST}/{late.id}" in page
        assert "over by 8 h" in page
        assert "Nobody is told" in page
        assert "none runs" in page
        assert str(other.id) not in page
        assert "New breach case" not in page, "a privacy officer releases, and does not write"
        assert 'aria-current="page">Breaches</a>' in page


async def test_the_state_line_says_who_checked_and_released(world: World) -> None:
    """Each step of the last phase has its person and its time; people are being told from the release on."""
    case = await new_breach(world)
    await world.pool.execute(
        "INSERT INTO breach_manifests (id, case_id, phase, brand, revision, facts_revision, state, facts, draft, rules,"
        " templates, policy_version, requested_by, ready_at, asked_by, asked_at, released_by, released_at)"
        " VALUES ($1, $2, 1, $3, 1, 1, 'released', '{}', '{}', '[]', '{}', '1', 'person:Cleo Check',"
        " '2026-11-01 10:00Z', 'person:Abe Ask', '2026-11-01 11:00Z', 'person:Rea Lease', '2026-11-01 12:00Z')",
        *(manifest := uuid4(), case.id, BRAND),
    )
    await world.pool.execute("UPDATE breach_phases SET state = 'released', manifest_id = $1", manifest)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        page = (await browser.open(f"{LIST}/{case.id}")).text
        [line] = re.findall(r'<ol class="stages".*?</ol>', page, re.S)
        assert re.search(r'aria-current="step"><strong>Telling people</strong>', line)
        for who, when in (("Cleo Check", "10:00"), ("Abe Ask", "11:00"), ("Rea Lease", "12:00")):
            assert re.search(rf"1 Nov 2026, {when} UTC</time>, <bdi>{who}</bdi>", line), who
        assert f'href="{LIST}/{case.id}/outcomes">See who was told' in page
        assert "1 Nov 2026, 12:00 UTC" in page


async def test_who_may_not_sees_and_changes_nothing(world: World) -> None:
    """Another brand's case is not there; who only reads cannot write; marketing and support do not see the desk."""
    mine, other = await new_breach(world), await new_breach(world, brand="peerstream")
    posts = ("facts?step=when", "decision", "duties", "duties/undo")
    async with open_browser(world) as browser:
        await browser.enter("Olga Ops", StaffRole.OPS, BRAND)
        for path in ("", "/facts", "/history", "/decision"):
            assert (await browser.open(f"{LIST}/{other.id}{path}")).status_code == 404
            assert (await browser.open(f"{LIST}/{uuid4()}{path}")).status_code == 404
        for path in posts:
            assert (await browser.send(f"{LIST}/{other.id}/{path}", {}, LIST)).status_code == 404
        foreign = await browser.send(f"{LIST}/new", {"brand": "peerstream", "name": "x"})
        assert foreign.status_code == 403
        assert (await browser.send(f"{LIST}/new", {"brand": "nobody", "name": "x"})).status_code == 403
    async with open_browser(world) as browser:
        await browser.enter("Paul Privacy", StaffRole.PRIVACY_OFFICER, BRAND)
        page = await browser.open(f"{LIST}/{mine.id}")
        assert page.status_code == 200
        assert "Mark as done" in page.text
        for path in posts[:2]:
            assert (await browser.send(f"{LIST}/{mine.id}/{path}", {}, LIST)).status_code == 403
    for role in (StaffRole.MARKETER, StaffRole.SUPPORT):
        async with open_browser(world) as browser:
            await browser.enter(f"{role} person", role, BRAND)
            assert (await browser.open(LIST)).status_code == 403
            assert "Breaches" not in (await browser.open("/console")).text
    assert (await stored(world, mine.id)).revision == 1
