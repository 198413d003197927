"""The pages of a breach phase's release and of its stop, without JavaScript: two people, two tabs, and nobody alone."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.staff_rights import StaffRole
from mailer.ports.breach_release import ReleaseDeadline
from tests.breach_world import REASON, Breaches, FakeDesk, Line
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser

TEXT = {"title": "Notice of Data Breach", "parts": {"what_happened": "A backup was stolen."}}
VARIANTS = {"elsewhere": {"texts": {"en": TEXT, "fr": TEXT}}, "eu": {"places": ["DE"], "texts": {"de": TEXT}}}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    """The other parts of the desk, for the pages too."""
    made = FakeDesk()
    monkeypatch.setattr("mailer.postgres.operator_stores.BREACH_DESK", made.parts)
    return made


class AtPhase:
    """A person at the pages of one phase."""

    def __init__(self, browser: ConsoleBrowser, case_id: UUID) -> None:
        self.browser, self.path = browser, f"/console/breaches/{case_id}/phases/1"

    async def page(self, name: str = "release", status: int = 200) -> str:
        """The text of a page."""
        answer = await self.browser.open(f"{self.path}/{name}")
        assert answer.status_code == status, answer.text
        return answer.text

    async def press(self, name: str, status: int = 303, seen: Mapping[str, str] | None = None, **more: str) -> str:
        """Sends a form; the text of the answer."""
        fields = {**(seen or {}), **more}
        answer = await self.browser.send(f"{self.path}/{name}", fields, "/console/sessions")
        assert answer.status_code == status, answer.text
        return answer.text

    async def seen(self) -> dict[str, str]:
        """The check that the release page shows, as its form names it."""
        page = await self.page()
        found = {name: set(re.findall(rf'name="{name}" value="([^"]*)"', page)) for name in ("manifest", "hash")}
        return {name: values.pop() for name, values in found.items()}


async def checked(breaches: Breaches) -> tuple[UUID, UUID]:
    """A case with a checked phase of four people."""
    await breaches.world.known(1, 2, 3, 4)
    case_id = await breaches.write(variants=VARIANTS)
    lines = [
        *(Line(1), Line(2, locale="de", variant="eu", place="DE")),
        *(Line(3, "letter", "no_electronic_consent"), Line(4, "none", "no_address")),
    ]
    return case_id, await breaches.check(case_id, lines)


async def form_of(breaches: Breaches, manifest_id: UUID) -> dict[str, str]:
    """The hidden fields of a form that the page may not even show."""
    return {"manifest": str(manifest_id), "hash": ((await breaches.found(manifest_id)).hash or b"").hex()}


async def test_two_people_release_a_phase_and_nobody_twice(world: World, desk: FakeDesk) -> None:
    """The asker sees that somebody else has to; the releaser sees all, types the number, and cannot repeat it."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    async with open_browser(world) as otto, open_browser(world) as rita, open_browser(world) as support:
        await otto.enter("Otto", StaffRole.OPS, BRAND)
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, BRAND)
        await support.enter("Sue", StaffRole.MARKETER, BRAND)
        asker, releaser, other = (AtPhase(one, case_id) for one in (otto, rita, support))
        await releaser.press("ask", 403, manifest=str(manifest_id))
        known = await form_of(breaches, manifest_id)
        assert "ask for it first" in await releaser.press("release", 409, known, people="4")
        await asker.press("ask", manifest=str(manifest_id))
        page = await asker.page()
        assert "Somebody else has to release it" in page
        assert "Release it to" not in page
        assert "alone-reason" not in page
        assert "second person" in await asker.press("release", 409, known, people="4")
        await other.press("release", 403, known, people="4")
        desk.deadlines = [
            ReleaseDeadline("people", "told", datetime.now(UTC) + timedelta(hours=30, minutes=5)),
            ReleaseDeadline("authority", "notified", datetime.now(UTC) - timedelta(hours=5, minutes=5)),
        ]
        page = await releaser.page()
        assert page.index("authority: notified") < page.index("people: told")
        assert re.search(r"authority: notified.*over for:\s+5 h", page)
        assert re.search(r"people: told.*left:\s+30 h", page)
        for words in ("This release tells 4 people: 2 by mail, 1 by letter", "no electronic consent", "All people: 4"):
            assert words in page
        assert {"elsewhere@en", "elsewhere@fr", "eu@de"} == set(re.findall(r"preview\?text=([a-z]+@[a-z]+)", page))
        assert page.count("<iframe") == 2
        assert "user-1@people.example" in page
        assert "user-1@people.example" not in await asker.page()
        seen = await releaser.seen()
        assert "not the number of people" in await releaser.press("release", 409, seen, people="40")
        assert "not the number of people" in await releaser.press("release", 409, seen, people="four")
        assert "not the check" in await releaser.press("release", 409, {**seen, "hash": "00" * 32}, people="4")
        await releaser.press("release", 409, {**seen, "hash": "zz"}, people="4")
        await releaser.press("release", 303, seen, people="4")
        assert "released already" in await releaser.press("release", 409, seen, people="4")
        assert "This phase is released" in await releaser.page()
    assert await world.pool.fetchval("SELECT count(*) FROM breach_mailings") == 2


async def test_a_tab_with_an_old_check_releases_nothing_and_a_look_shows_what_changed(
    world: World, desk: FakeDesk
) -> None:
    """The second tab has the form of the former check; the page names what differs since that look."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    await breaches.releases.ask_for_release(manifest_id, "person:Aslan")
    async with open_browser(world) as rita:
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, BRAND)
        releaser = AtPhase(rita, case_id)
        old = await releaser.seen()
        changed = {**VARIANTS, "eu": {"places": ["DE"], "texts": {"de": {**TEXT, "title": "Datenpanne"}}}}
        await breaches.edit(case_id, variants=changed)
        assert "not checked" in await releaser.page(status=404)
        await breaches.asked(case_id, [Line(1), Line(2, locale="de", variant="eu", place="DE")])
        page = await releaser.page()
        assert "eu, de: title" in page
        assert "no address" in page
        assert "have changed since this check" in await releaser.press("release", 409, old, people="2")
        await releaser.press("release", 303, await releaser.seen(), people="2")


@pytest.mark.parametrize("change", ["created_at = created_at - interval '31 minutes'", "second_factor = false"])
async def test_an_old_second_factor_releases_nothing(world: World, desk: FakeDesk, change: str) -> None:
    """Whoever has signed in long ago signs in again first; nobody releases without a second factor."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    await breaches.releases.ask_for_release(manifest_id, "person:Aslan")
    async with open_browser(world) as rita:
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, BRAND)
        releaser = AtPhase(rita, case_id)
        seen = await releaser.seen()
        await world.pool.execute(f"UPDATE staff_sessions SET {change}")  # noqa: S608 - of this test
        answer = await rita.send(f"{releaser.path}/release", {**seen, "people": "4"}, "/console/sign-in")
        assert answer.status_code != 303 or "/release" not in answer.headers["location"]
    assert (await breaches.found(manifest_id)).state == "ready"


async def test_one_person_alone_releases_with_a_reason_and_another_one_looks(world: World, desk: FakeDesk) -> None:
    """Without the policy there is no form and no route; with it the writer may, and the page asks for a second look."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    async with open_browser(world) as otto, open_browser(world) as rita:
        await otto.enter("Otto", StaffRole.OPS, BRAND)
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, BRAND)
        alone, looker = AtPhase(otto, case_id), AtPhase(rita, case_id)
        await alone.press("ask", manifest=str(manifest_id))
        seen = {**await form_of(breaches, manifest_id), "people": "4"}
        assert "lets nobody release alone" in await alone.press("release-alone", 409, seen, reason=REASON)
        desk.break_glass = "with_reason"
        assert "alone-reason" in await alone.page()
        assert "20 letters" in await alone.press("release-alone", 409, seen, reason="night")
        await alone.press("release-alone", 303, seen, reason=REASON)
        page = await alone.page()
        assert "Somebody else has to look at it" in page
        assert "Record the second look" not in page
        assert "One person alone has released phase 1" in await alone.page("../..")
        look = {"manifest": str(manifest_id), "finding": "wrong", "words": "One place is missing"}
        await alone.press("second-look", 409, look)
        await world.pool.execute("UPDATE breach_manifests SET released_at = released_at - interval '25 hours'")
        assert "overdue" in await looker.page("second-look")
        await looker.press("second-look", 303, look)
        assert "Rita has looked at it: One place is missing" in await alone.page()
        assert "One person alone" not in await alone.page("../..")
    reasons = [entry["reason"] for entry in await world.entries()]
    assert {"breach_released_alone", "breach_second_look_wrong"} <= set(reasons)


async def test_a_phase_is_stopped_by_one_button_and_says_who_was_told(world: World, desk: FakeDesk) -> None:
    """Controllers of mail stop, releasers let it go on or end it; the figures and the export are exact."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    await breaches.releases.ask_for_release(manifest_id, "person:Aslan")
    await breaches.release(manifest_id)
    await breaches.send_all()
    async with open_browser(world) as otto, open_browser(world) as rita:
        await otto.enter("Otto", StaffRole.OPS, BRAND)
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, BRAND)
        ops, officer = AtPhase(otto, case_id), AtPhase(rita, case_id)
        await officer.press("stop", 403, reason="wrong list")
        assert "Say why you stop it" in await ops.press("stop", 409)
        assert "2 people have been told" in await ops.page("stop")
        await ops.press("stop", reason="wrong list")
        assert "Otto has stopped it: wrong list" in await officer.page("stop")
        csv = await officer.press("told", 200)
        assert csv.splitlines()[0] == "number,ref,variant,locale,channel,state"
        assert [line.split(",")[1:] for line in csv.split()[1:]] == [
            ["user-1", "elsewhere", "en", "mail", "handed_over"],
            ["user-2", "eu", "de", "mail", "handed_over"],
        ]
        await ops.press("told", 403)
        assert f"2 people are on the list told-{case_id.hex[:12]}-1" in await ops.press("told-list", 200)
        await officer.press("resume")
        assert "Rita has let this phase go on" in await ops.page("stop")
        assert "does not stand still" in await officer.press("end", 409)
        await ops.press("stop", reason="again")
        await officer.press("end", reason="for good")
        assert "Rita has ended this phase for good" in await ops.page("stop")
    assert "breach_told_exported" in [entry["reason"] for entry in await world.entries()]


async def test_another_brands_phase_is_not_there(world: World, desk: FakeDesk) -> None:
    """A person without a role at the brand finds neither its release nor its stop."""
    breaches = Breaches(world)
    case_id, manifest_id = await checked(breaches)
    await breaches.releases.ask_for_release(manifest_id, str(Identity.parse_identity("person:Aslan")))
    async with open_browser(world) as rita:
        await rita.enter("Rita", StaffRole.PRIVACY_OFFICER, "peerstream")
        releaser = AtPhase(rita, case_id)
        await releaser.page(status=404)
        await releaser.press("release", 404, manifest=str(manifest_id), hash="00" * 32, people="4")
        await releaser.page("stop", status=404)
