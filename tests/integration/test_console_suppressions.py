"""The pages of suppressions: the list by key, why an address is suppressed, and lifting on record."""

import re

from mailer.policy.staff_rights import StaffRole
from mailer.ports.suppressions import NewSuppression
from tests.factories import BRAND, World
from tests.integration.console_browser import open_browser
from tests.integration.test_console_people import OTHER, accesses

ON = f"/console/suppressions/{BRAND}"


async def test_a_list_has_pages(world: World) -> None:
    """A list has pages by key, the newest first, of brand and controller. It has no ended ones, and no address."""
    many = [(f"a{n}@people.example", NewSuppression("*", "opt_out", "import", "import")) for n in range(60)]
    await world.suppressions.suppress_addresses(BRAND, BRAND, many)
    await world.suppressions.suppress_addresses(OTHER, OTHER, many[:3])
    [whole] = [("b@people.example", NewSuppression("*", "objection", "import", "import"))]
    await world.suppressions.suppress_addresses(BRAND, BRAND, [whole])
    newest, *_ = await world.suppressions.list_suppressions_in_force(BRAND, BRAND, None, 1)
    assert (newest.brand, newest.reason) == (None, "objection")
    known = await world.suppressions.list_suppressions_in_force(BRAND, BRAND, None, 1000)
    await world.suppressions.lift_suppression(known[5].id, "x", "y", known[5].at)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.SUPPORT)
        shown: list[int] = []
        path = f"{ON}"
        while path:
            page = await browser.open(path)
            assert "people.example" not in page.text
            shown += [int(number) for number in re.findall(rf'href="{ON}/(\d+)"', page.text)]
            path = next(iter(re.findall(r'rel="next" href="([^"]+)"', page.text)), "")
        assert shown == [stop.id for stop in known if stop.id != known[5].id]
        assert len(shown) == 60
        for odd in ("0", "-1", "x", "9" * 30):
            assert (await browser.open(f"{ON}?before={odd}")).status_code in (404, 422)
        assert "Choose a brand" in (await browser.open("/console/suppressions")).text
        assert (await browser.open(f"/console/suppressions?brand={BRAND}")).status_code == 200
        assert (await browser.open("/console/suppressions/nobodys")).status_code == 404
        theirs = await world.suppressions.list_suppressions_in_force(OTHER, OTHER, None, 1)
        hidden, unknown = await browser.open(f"{ON}/{theirs[0].id}"), await browser.open(f"{ON}/999999")
        assert (hidden.status_code, hidden.text) == (404, unknown.text)


async def test_lifting_is_on_record_once(world: World) -> None:
    """A lift needs a reason and a right. The ledger has person, place and reason. The old consent stays void."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    lift = f"{ON}/{stop.id}/lift"
    async with open_browser(world) as reader, open_browser(world) as browser:
        await reader.enter(name="Eli", role=StaffRole.SUPPORT)
        assert "/lift" not in (await reader.open(f"{ON}/{stop.id}")).text
        assert (await reader.send(lift, {"reason": "x"}, f"{ON}/{stop.id}")).status_code == 403
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        assert (
            await browser.send(lift, {"reason": " ", "at": stop.at.isoformat()}, f"{ON}/{stop.id}")
        ).status_code == 422
        assert (await world.suppressions.all_suppressions_of_recipient(BRAND, ada))[0].lifted_at is None
        token = await browser.token(f"{ON}/{stop.id}")
        done = await browser.post(lift, {"form_token": token, "reason": "ticket 9", "at": stop.at.isoformat()})
        again = await browser.post(lift, {"form_token": token, "reason": "ticket 9", "at": stop.at.isoformat()})
    assert "a new consent is needed" in done.text
    assert "recorded before" not in done.text
    assert "recorded before" in again.text
    [lifted] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    assert (lifted.lifted_by, lifted.lift_reason) == ("person:Dana Duty", "ticket 9")
    [entry] = await accesses(world, "acted")
    assert (entry["fields"], entry["actor"], entry["reply"]) == (
        ["lift"],
        "person:Dana Duty",
        "from 192.0.2.0/24: ticket 9",
    )


async def test_an_old_page_lifts_no_newer_opt_out(world: World) -> None:
    """The form has the time of the suppression. One that was said again since then is shown anew, and not lifted."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    lift = f"{ON}/{stop.id}/lift"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)

        def time_in_form(text: str) -> str:
            return str(re.findall(r'name="at" value="([^"]+)"', text)[0])

        seen = time_in_form((await browser.open(f"{ON}/{stop.id}")).text)
        await world.standings.record_opt_out(BRAND, ada, "newsletter", "one-click")
        refused = await browser.send(lift, {"reason": "by telephone", "at": seen}, f"{ON}/{stop.id}")
        assert (refused.status_code, "was said again or ended meanwhile" in refused.text) == (422, True)
        [kept] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
        assert kept.lifted_at is None
        for odd in ("", "yesterday", "9999-12-31T23:59:59+00:00"):
            assert (await browser.send(lift, {"reason": "x", "at": odd}, f"{ON}/{stop.id}")).status_code == 422
        fresh = time_in_form(refused.text)
        assert fresh > seen
        assert (await browser.send(lift, {"reason": "x", "at": fresh}, f"{ON}/{stop.id}")).status_code == 200
    [entry] = await accesses(world, "acted")
    assert entry["fields"] == ["lift"]


async def test_an_address_is_explained_also_to_nobody(world: World) -> None:
    """An address or ref is explained, with ended suppressions. Each look-up needs a reason, and is an entry."""
    [ada] = await world.known(1)
    await world.standings.record_opt_out(BRAND, ada, "newsletter", "page")
    [stop] = await world.suppressions.all_suppressions_of_recipient(BRAND, ada)
    await world.suppressions.lift_suppression(stop.id, "person:Grace", "by mistake", stop.at)
    gone = NewSuppression("*", "complaint", "import", "import")
    await world.suppressions.suppress_addresses(BRAND, BRAND, [("gone@people.example", gone)])
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.SUPPORT)
        for who in ("user-1", "User-1@people.example"):
            page = await browser.send(ON, {"who": who, "reason": "ticket 7"})
            assert "Left newsletter mail" in page.text
            assert "by mistake" in page.text
        assert (
            "Reported all optional mail"
            in (await browser.send(ON, {"who": "gone@people.example", "reason": "ticket 7"})).text
        )
        assert "no suppression at" in (await browser.send(ON, {"who": "new@people.example", "reason": "x"})).text
        for fields in ({"who": "user-1", "reason": ""}, {"who": "", "reason": "x"}, {"who": "user-9", "reason": "x"}):
            assert (await browser.send(ON, fields)).status_code == 422
    seen = await accesses(world)
    assert [entry["recipient"] for entry in seen] == [ada, ada, None, None, None]
