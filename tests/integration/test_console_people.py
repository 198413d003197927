"""The pages of people: the look-up and its entry, the person's page, acts that count once, and the rights to see."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from mailer.actions.acts_on_person import ErasureGround, PersonActName
from mailer.policy.staff_rights import RIGHTS_OF_ROLE, StaffRight, StaffRole
from mailer.ports.suppressions import NewSuppression
from tests.factories import BRAND, World, person
from tests.integration.console_browser import ConsoleBrowser, open_browser

PEOPLE, SUPPRESSIONS = "/console/people", f"/console/suppressions/{BRAND}"
OTHER = "peerstream"
WHO = {"who": "USER-1@people.example", "brand": "", "reason": "ticket 7"}
SCRIPT = "<script>alert(1)</script>{{7*7}}"


async def look_up(browser: ConsoleBrowser, who: str = WHO["who"]) -> str:
    """Finds a person, and returns the path of the page."""
    answer = await browser.send(PEOPLE, WHO | {"who": who})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def accesses(world: World, what: str = "looked-up") -> list[dict[str, Any]]:
    """The entries of look-ups, or of acts."""
    return [entry for entry in await world.entries(kind="access") if entry["reason"] == what]


async def order_of(browser: ConsoleBrowser, path: str) -> str:
    """The id in the form of an act."""
    return str(re.findall(r'name="order" value="([^"]+)"', (await browser.open(path)).text)[0])


async def act(browser: ConsoleBrowser, person_path: str, what: str, **fields: str) -> httpx.Response:
    """Acts on a person, as the form does."""
    path = f"{person_path}/acts/{what}"
    return await browser.send(path, {"order": await order_of(browser, path), "reason": "ticket 8", **fields})


@pytest.mark.promise("paltalk06-22")
@pytest.mark.parametrize("role", [role for role in StaffRole if StaffRight.PEOPLE_READ not in RIGHTS_OF_ROLE[role]])
async def test_staff_who_need_no_personal_data_see_none(world: World, role: StaffRole) -> None:
    """The pages of people and of their suppressions are closed to a role without that right, and show nothing."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    async with open_browser(world) as browser:
        await browser.enter(role=role)
        for path in (PEOPLE, f"{PEOPLE}/{BRAND}/{ada}", f"{PEOPLE}/{BRAND}/{ada}/acts/erase", SUPPRESSIONS):
            answer = await browser.open(path)
            assert (answer.status_code, "user-1" in answer.text) == (403, False), path
        assert (await browser.send(PEOPLE, WHO, "/console/sessions")).status_code == 403
    assert await accesses(world) == []


@pytest.mark.rule("look-up-reason")
@pytest.mark.promise("paltalk06-22")
async def test_a_look_up_needs_a_reason_and_is_an_entry(world: World) -> None:
    """A look-up by an address, in no URL, is recorded with person, place, time and reason, even if it finds nobody."""
    [ada] = await world.known(1)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.SUPPORT)
        refused = await browser.send(PEOPLE, WHO | {"reason": " "})
        assert (refused.status_code, "Reason is missing; say why" in refused.text) == (422, True)
        assert (await browser.send(PEOPLE, WHO | {"reason": "x" * 301})).status_code == 422
        assert (await browser.send(PEOPLE, WHO | {"who": ""})).status_code == 422
        assert await accesses(world) == []
        path = await look_up(browser)
        assert path == f"/console/people/{BRAND}/{ada}"
        page = await browser.open(path)
        assert (page.status_code, "user-1@people.example" in page.text) == (200, True)
        nobody = await browser.send(PEOPLE, WHO | {"who": "nobody@people.example"})
        assert "Nobody was found" in nobody.text
    seen, *unseen = await accesses(world)
    assert (seen["recipient"], seen["brand"], seen["actor"]) == (ada, BRAND, "person:Dana Duty")
    assert seen["reply"] == "from 192.0.2.0/24: ticket 7"
    assert {(entry["recipient"], entry["reply"]) for entry in unseen} == {(None, "from 192.0.2.0/24")}
    assert "people.example" not in str([*unseen, seen])


async def test_a_link_to_a_person_asks_for_the_reason_first(world: World) -> None:
    """A person without a look-up of their own sees nothing. A colleague's look-up opens the page for nobody else."""
    [ada] = await world.known(1)
    path = f"{PEOPLE}/{BRAND}/{ada}"
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.SUPPORT)
        await other.enter(name="Eli", role=StaffRole.PRIVACY_OFFICER)
        await look_up(browser)
        asked = await other.open(path)
        assert "user-1" not in asked.text
        assert (await other.open(f"{path}/acts/restrict")).headers["location"] == path
        assert (await other.send(path, {"reason": ""})).status_code == 422
        assert (await other.send(path, {"reason": "ticket 9"})).headers["location"] == path
        assert "user-1@people.example" in (await other.open(path)).text
        assert [entry["reply"] for entry in await accesses(world)][1] == "from 192.0.2.0/24: ticket 9"
        await world.pool.execute("UPDATE ledger SET at = at - interval '31 minutes' WHERE kind = 'access'")
        assert "user-1" not in (await browser.open(path)).text


async def test_an_act_without_its_form_needs_the_look_up_too(world: World) -> None:
    """A form that is sent directly shows and changes nothing without one's own look-up, even with a bad reason."""
    [ada] = await world.known(1)
    path = f"{PEOPLE}/{BRAND}/{ada}"
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        await other.enter(name="Eli", role=StaffRole.PRIVACY_OFFICER)
        await look_up(other)
        for what in PersonActName:
            for reason in ("", "ticket 8"):
                fields = {"order": "staff-" + "0" * 32, "reason": reason, "scope": "*", "reference": "Case 7"}
                answer = await browser.send(f"{path}/acts/{what}", fields, PEOPLE)
                assert (answer.status_code, answer.headers["location"], answer.text) == (303, path, "")
        await look_up(browser)
        await world.pool.execute("UPDATE ledger SET at = at - interval '31 minutes' WHERE kind = 'access'")
        assert (await browser.send(f"{path}/acts/restrict", fields, PEOPLE)).status_code == 303
    assert len(await accesses(world)) == 2
    assert [entry["reason"] for entry in await world.entries(kind="action")] == []


async def test_a_policy_may_ask_for_no_reason(world: World) -> None:
    """The strictest policy of the searched brands decides; the look-up is an entry all the same."""
    await world.known(1)
    world.policies[BRAND] = world.policies[BRAND].model_copy(update={"look_up_reason": "optional"})
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.SUPPORT)
        silent = WHO | {"reason": ""}
        assert (await browser.send(PEOPLE, silent)).status_code == 422
        assert (await browser.send(PEOPLE, silent | {"brand": BRAND})).status_code == 303
    [entry] = await accesses(world)
    assert entry["reply"] == "from 192.0.2.0/24: no reason was given"


@pytest.mark.promise("paltalk06-22")
async def test_people_of_other_brands_are_unseen(world: World) -> None:
    """The same answer for a person of another brand and for none; a look-up among all brands finds only one's own."""
    [ada] = await world.known(1)
    await world.accept([person(1)], brand=OTHER, controller=OTHER)
    theirs = await world.id_of("user-1", OTHER)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        assert await look_up(browser) == f"{PEOPLE}/{BRAND}/{ada}"
        assert [entry["recipient"] for entry in await accesses(world)] == [ada]
        unknown = await browser.open(f"{PEOPLE}/{BRAND}/999999")
        other = await browser.open(f"{PEOPLE}/{BRAND}/{theirs}")
        assert (other.status_code, other.text) == (404, unknown.text)
        for path in (f"{PEOPLE}/{OTHER}/{theirs}", f"{PEOPLE}/nobodys/{theirs}", f"/console/suppressions/{OTHER}"):
            assert (await browser.open(path)).status_code == 403, path
        token = await browser.token(PEOPLE)
        for path in (f"{PEOPLE}/{OTHER}/{theirs}", f"{PEOPLE}/{OTHER}/{theirs}/acts/erase"):
            assert (await browser.post(path, {"form_token": token, "reason": "x"})).status_code == 403
        assert (await browser.post(PEOPLE, {"form_token": token, **WHO, "brand": OTHER})).status_code == 403
        for odd in ("0", "9" * 30, "-1", "x"):
            assert (await browser.open(f"{PEOPLE}/{BRAND}/{odd}")).status_code == 404


async def test_a_history_has_pages(world: World) -> None:
    """A history has pages by key: each entry once, the newest first. A bad place is refused."""
    [ada] = await world.known(1)
    for number in range(30):
        await world.standings.record_opt_out(BRAND, ada, f"newsletter/topic-{number}", "page")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.SUPPORT)
        path = await look_up(browser)
        first = await browser.open(path)
        older = unescape(re.findall(r'rel="next" href="([^"]+)"', first.text)[0])
        second = await browser.open(older)
        told = re.findall(r"Left newsletter/topic-(\d+) mail", re.sub(r'(?s)^.*?id="history"', "", first.text))
        told += re.findall(r"Left newsletter/topic-(\d+) mail", re.sub(r'(?s)^.*?id="history"', "", second.text))
        assert told == [str(number) for number in range(29, -1, -1)]
        assert 'rel="next"' not in second.text
        for odd in ("x", "1", "1.Ä", "99999999999999999999.mx", "1." + "m" * 400, "1.m", "1000.mnot-a-uuid"):
            answer = await browser.client.get(path, params={"before": odd})
            assert answer.status_code in (200, 422), odd
    assert len(await accesses(world)) == 1


@pytest.mark.parametrize("name", [name for name in PersonActName if name not in ("erase", "rectify", "lift_hold")])
async def test_an_act_counts_once_and_says_what_was_recorded(world: World, name: str) -> None:
    """Sent twice, the ledger has the change and the order once; the second page says that nothing was done again."""
    [ada] = await world.known(1)
    fields = {"opt_out": {"scope": "newsletter"}, "hold": {"reference": "Case 7", "named": "yes"}}.get(name, {})
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        path = f"{await look_up(browser)}/acts/{name}"
        order = {"order": await order_of(browser, path), "reason": "ticket 8", **fields}
        done, again = await browser.send(path, order), await browser.send(path, order)
    assert (done.status_code, again.status_code) == (200, 200)
    assert "ticket 8" in done.text
    assert "Dana Duty" in done.text
    assert "recorded before" not in done.text
    assert "recorded before" in again.text
    [entry] = await accesses(world, "acted")
    assert (entry["recipient"], entry["fields"], entry["reply"]) == (ada, [name], "from 192.0.2.0/24: ticket 8")
    changes = [one for one in await world.entries(kind="action") if one["recipient"] == ada]
    assert [one["actor"] for one in changes if one["at"] == entry["at"]] == ["person:Dana Duty"]
    assert len(changes) == 1


async def test_an_act_without_a_reason_changes_nothing(world: World) -> None:
    """An act with a scope that cannot be left, a bad address, or an id of another form changes nothing either."""
    await world.known(1)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        path = await look_up(browser)
        for name in PersonActName:
            assert (await act(browser, path, name, reason=" ", sure="yes")).status_code == 422, name
        assert (await act(browser, path, "opt_out", scope="breach")).status_code == 422
        assert (await act(browser, path, "rectify", email="none")).status_code == 422
        assert (await act(browser, path, "rectify")).status_code == 422
        assert (await act(browser, path, "lift_hold", reference="Case 1")).status_code == 422
        assert (await act(browser, path, "erase", reason="Ada asked", sure="yes")).status_code == 422
        assert (await act(browser, path, "erase", reason=ErasureGround.ASKED)).status_code == 422
        assert (await act(browser, path, "restrict", order="user-1")).status_code == 422
        assert (await browser.open(f"{path}/acts/promote")).status_code == 404
    assert await world.entries(kind="action") == []
    assert await accesses(world, "acted") == []


async def test_data_are_corrected_and_erased(world: World) -> None:
    """A hold forbids both until it is lifted; of an erased person, the ledger keeps a ground and no other words."""
    [ada] = await world.known(1)
    path = f"{PEOPLE}/{BRAND}/{ada}"
    sure = {"reason": str(ErasureGround.ASKED), "sure": "yes"}
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        assert await look_up(browser) == path
        assert (await act(browser, path, "rectify", name="Ada L.", country="GB")).status_code == 200
        assert (await act(browser, path, "hold", reference="Case 7")).status_code == 200
        held = await act(browser, path, "erase", **sure)
        assert (held.status_code, "A legal hold forbids erasure: Case 7" in held.text) == (422, True)
        assert (await act(browser, path, "lift_hold", reference="Case 7")).status_code == 200
        erased = await act(browser, path, "erase", **sure)
        assert (erased.status_code, "user-1" in erased.text) == (200, False)
    standing = await world.standings.get_standing(BRAND, ada)
    assert standing is not None
    assert standing.erased
    acted = await accesses(world, "acted")
    assert [entry["fields"] for entry in acted] == [["rectify"], ["hold"], ["lift_hold"], ["erase"]]
    assert acted[-1]["reply"] == f"from 192.0.2.0/24: {ErasureGround.ASKED}"
    kept = await world.pool.fetch("SELECT text FROM ledger_notes WHERE recipient_id = $1", ada)
    assert [row["text"] for row in kept] == [acted[-1]["reply"]]


async def test_stored_script_is_only_text(world: World) -> None:
    """Script in a field of a person or of the ledger is only text."""
    hostile = {**person(1, name=SCRIPT), "ref": f"user {SCRIPT}"}
    accepted = await world.accept([hostile], id=f"e-{SCRIPT}")
    await world.handover().hand_over_batches(accepted.batches)
    ada = await world.id_of(f"user {SCRIPT}")
    path = f"{PEOPLE}/{BRAND}/{ada}"
    async with open_browser(world) as browser:
        await browser.enter(name=f"Dana {SCRIPT}", role=StaffRole.PRIVACY_OFFICER)
        await look_up(browser, f"user {SCRIPT}")
        pages = [await act(browser, path, "hold", reference=SCRIPT, reason=SCRIPT)]
        pages += [await act(browser, path, "opt_out", scope="*", reason=SCRIPT)]
        [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
        on = f"/console/suppressions/{BRAND}"
        pages += [await browser.open(path), await browser.open(on), await browser.open(f"{on}/{stop.id}")]
        pages += [await browser.send(on, {"who": SCRIPT, "reason": SCRIPT}, on)]
        pages += [await browser.send(PEOPLE, {"who": f'"><b>{SCRIPT}', "reason": SCRIPT})]
        pages += [
            await browser.send(f"{on}/{stop.id}/lift", {"reason": SCRIPT, "at": stop.at.isoformat()}, f"{on}/{stop.id}")
        ]
        pages += [await browser.open(path), await browser.open(f"{on}/{stop.id}")]
    for page in pages:
        assert page.status_code in (200, 422), page.text
        assert "<script" not in page.text.casefold()
        assert "<b>" not in page.text
        assert ">49" not in page.text
    assert any("&lt;script&gt;" in page.text for page in pages)


async def test_a_form_of_a_hold_counts_once_for_ever(world: World) -> None:
    """The form of a hold that was lifted since sets none again, and with other values it is refused."""
    await world.known(1)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        path = await look_up(browser)
        hold = {"order": await order_of(browser, f"{path}/acts/hold"), "reason": "ticket 8", "reference": "Case 7"}
        assert (await browser.send(f"{path}/acts/hold", hold)).status_code == 200
        await act(browser, path, "lift_hold", reason="over", reference="Case 7")
        assert (await browser.send(f"{path}/acts/hold", hold)).status_code == 200
        other = await browser.send(f"{path}/acts/hold", hold | {"reference": "Case 8"})
        assert (other.status_code, "open the form again" in other.text) == (409, True)
    assert await world.pool.fetchval("SELECT count(*) FROM holds WHERE lifted_at IS NULL") == 0


async def test_no_reason_of_staff_outlives_an_erasure(world: World) -> None:
    """Reasons of look-ups that find somebody or nobody, explanations, acts and lifts go, and the ledger verifies."""
    ada, grace = await world.known(1, 2, email="user-1@people.example")
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    on, words = f"/console/suppressions/{BRAND}", "Frau Doktor Vielnam, 0049 30 1234"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        for who in ("usr-1", "nobody@people.example", "999999"):
            assert (await browser.send(PEOPLE, WHO | {"who": who, "reason": f"look: {words}"})).status_code == 200
        for who in ("user-1", "nobody@people.example"):
            assert (await browser.send(on, {"who": who, "reason": f"explain: {words}"}, PEOPLE)).status_code == 200
        lifted = await browser.send(
            f"{on}/{stop.id}/lift", {"reason": f"lift: {words}", "at": stop.at.isoformat()}, f"{on}/{stop.id}"
        )
        assert lifted.status_code == 200
        acted = await accesses(world, "acted")
        assert sorted(entry["recipient"] for entry in acted) == sorted((ada, grace))
        assert all(words in entry["reply"] for entry in acted)
        for person_id in (ada, grace):
            path = f"{PEOPLE}/{BRAND}/{person_id}"
            await browser.send(path, {"reason": f"open: {words}"})
            await act(browser, path, "restrict", reason=f"restrict: {words}")
            assert (await act(browser, path, "erase", reason=str(ErasureGround.ASKED), sure="yes")).status_code == 200
    found = await world.pool.fetch(
        "SELECT text FROM ledger_notes WHERE text LIKE '%Vielnam%'"
        " UNION ALL SELECT lift_reason FROM suppressions WHERE lift_reason LIKE '%Vielnam%'"
    )
    assert [row["text"] for row in found] == []
    assert len(await accesses(world, "acted")) == 6
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_lift_for_an_address_of_nobody_keeps_no_words_in_the_ledger(world: World) -> None:
    """The reason stands on the suppression only, since no erasure would reach a text about nobody."""
    gone = NewSuppression("*", "complaint", "import", "import")
    await world.suppressions.suppress_addresses(BRAND, BRAND, [("gone@people.example", gone)])
    [stop] = await world.suppressions.all_suppressions_of_address(BRAND, BRAND, "gone@people.example")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        on = f"/console/suppressions/{BRAND}/{stop.id}"
        done = await browser.send(f"{on}/lift", {"reason": "Frau Vielnam", "at": stop.at.isoformat()}, on)
        assert done.status_code == 200
    [entry] = await accesses(world, "acted")
    assert (entry["recipient"], entry["reply"], entry["fields"]) == (None, "from 192.0.2.0/24", ["lift"])
    assert "Vielnam" not in str(await world.entries())
    [lifted] = await world.suppressions.all_suppressions_of_address(BRAND, BRAND, "gone@people.example")
    assert (lifted.lift_reason, lifted.lifted_by) == ("Frau Vielnam", "person:Dana Duty")
