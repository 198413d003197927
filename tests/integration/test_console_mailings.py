"""The pages of mailings: lists, state, progress, and the buttons, by role and brand."""

import re
from uuid import UUID

import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.ports.mailings import MailingFilter, MailingListState, ReleaseRefused
from mailer.ports.staff import StaffActor
from mailer.postgres.mailing_directory import PostgresMailingDirectory
from tests.console_operations import console_operations_over
from tests.factories import BRAND, World, person
from tests.integration.console_browser import ConsoleBrowser, open_browser

LIST = "/console/mailings"
OTHER = "peerstream"
SCRIPT = '"><script>alert(1)</script>'
PEOPLE = [person(number) for number in range(3)]


async def add_mailing(world: World, category: str = "newsletter", brand: str = BRAND, **values: str) -> UUID:
    """A mailing to three people; of another brand, by changing the brand of one."""
    accepted = await world.accept(PEOPLE, category, **values)
    if brand != BRAND:
        await world.pool.execute("UPDATE mailings SET brand = $2 WHERE id = $1", accepted.mailing_id, brand)
    return accepted.mailing_id


async def actions_of(world: World, mailing_id: UUID) -> list[tuple[str, str, str]]:
    """The ledger's entries about a mailing by a person: action, person and text."""
    entries = await world.entries(mailing_id, "mailing")
    return [
        (entry["reason"], entry["actor"], entry["reply"])
        for entry in entries
        if str(entry["actor"]).startswith("person:")
    ]


async def press(browser: ConsoleBrowser, mailing_id: UUID, act: str, **fields: str) -> int:
    """Presses a button of a mailing's page; the status of the answer."""
    return (await browser.send(f"{LIST}/{mailing_id}/{act}", fields, "/console/sessions")).status_code


async def test_a_person_pauses_and_resumes_a_mailing(world: World) -> None:
    """The page says how many are open; a second press changes nothing; the ledger has each with person and network."""
    mailing_id = await add_mailing(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert await press(browser, mailing_id, "pause", reason="a typing error") == 303
        assert await press(browser, mailing_id, "pause") == 303
        page = (await browser.open(f"{LIST}/{mailing_id}")).text
        assert "0 of 3 are done, 3 are open." in page
        assert re.search(
            r"it is paused since <time [^>]+>\d+ \w+ \d+, [\d:]+ UTC</time>, by Dana Duty \(a typing", page
        )
        assert f"<code>mailer mailing resume {mailing_id}</code>" in page
        assert await press(browser, mailing_id, "resume") == 303
        assert await press(browser, mailing_id, "resume") == 303
    assert await actions_of(world, mailing_id) == [
        ("paused", "person:Dana Duty", "a typing error; from 192.0.2.0/24"),
        ("resumed", "person:Dana Duty", "from 192.0.2.0/24"),
    ]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_mailing_is_cancelled_for_good(world: World) -> None:
    """A mailing is cancelled after a page that says what would not go out. After that, nothing resumes it."""
    mailing_id = await add_mailing(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        asked = await browser.open(f"{LIST}/{mailing_id}/cancel")
        assert "0 are done already. 3 will not go out." in asked.text
        assert re.search(r'<p class="final">This cannot be undone\.</p>.*<button class="main grave">', asked.text, re.S)
        assert await press(browser, mailing_id, "cancel", reason="wrong list") == 303
        assert await press(browser, mailing_id, "cancel") == 303
        assert await press(browser, mailing_id, "resume") == 409
        assert await press(browser, mailing_id, "pause") == 409
        page = (await browser.open(f"{LIST}/{mailing_id}")).text
        assert '<strong class="state of-page cancelled" data-says>cancelled</strong>' in page
        assert '<span class="state cancelled">cancelled</span>' in (await browser.open(LIST)).text
        assert "/pause" not in page
    assert [what for what, *_ in await actions_of(world, mailing_id)] == ["cancelled"]


async def test_a_second_person_releases(world: World) -> None:
    """A second person releases a breach notice: not its publisher, not a marketer. The page says whom it reaches."""
    mailing_id = await add_mailing(world, "breach", publisher="person:Dana Duty")
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.OPS)
        own = await browser.open(f"{LIST}/{mailing_id}/release")
        assert "A second person has to release it." in own.text
        assert await press(browser, mailing_id, "release") == 409
        await other.enter("Eli", StaffRole.PRIVACY_OFFICER)
        asked = await other.open(f"{LIST}/{mailing_id}/release")
        assert "Of 3 recipients:" in asked.text
        assert "3 by mail" in asked.text
        assert await press(other, mailing_id, "release") == 303
        assert await press(other, mailing_id, "release") == 409
    released = [entry for entry in await actions_of(world, mailing_id) if entry[0] == "released"]
    assert released == [("released", "person:Eli", "person:Eli; from 192.0.2.0/24")]


async def test_who_made_a_key_releases_nothing_of_it(world: World) -> None:
    """A key acts for whoever made it or gave it rights, ever, and whose link they share. A third person releases."""
    async with open_browser(world) as browser, open_browser(world) as other, open_browser(world) as third:
        dana = await browser.enter(role=StaffRole.OPS)
        await world.pool.execute("INSERT INTO staff_roles (staff_id, role, brand) VALUES ($1, 'admin', '*')", dana.id)
        made: dict[str, str | list[str]] = {"kind": "key", "name": "incident", "brand": [BRAND], "category": ["breach"]}
        assert "mk_" in (await browser.send("/console/publishers", made)).text
        mailing_id = await add_mailing(world, "breach", publisher="key:incident")
        assert await press(browser, mailing_id, "release") == 409
        revoked = {"who": "key:incident"}
        assert (await browser.send("/console/publishers/revoke", revoked, "/console/publishers")).status_code == 303
        await world.pool.execute("UPDATE ledger SET at = at - interval '8 days' WHERE reason = 'granted'")
        refused = await browser.send(f"{LIST}/{mailing_id}/release", {}, "/console/sessions")
        assert (refused.status_code, "you gave the key rights" in refused.text) == (409, True)
        eli = await other.enter("Eli", StaffRole.PRIVACY_OFFICER)
        await world.staff.directory.reset_staff_member(eli, StaffActor(dana.identity, "192.0.2.0/24"))
        with pytest.raises(ReleaseRefused, match="person:Eli and person:Dana Duty are not independent"):
            await world.mailings.release_mailing(mailing_id, "Eli")
        await third.enter("Ann", StaffRole.PRIVACY_OFFICER)
        assert await press(third, mailing_id, "release") == 303


async def test_a_marketer_releases_no_breach_notice(world: World) -> None:
    """A release needs `breach:release`. A role for another brand does not even see the mailing."""
    mailing_id = await add_mailing(world, "breach")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        assert (await browser.open(f"{LIST}/{mailing_id}")).status_code == 200
        for act in ("release", "pause", "cancel"):
            assert await press(browser, mailing_id, act) == 403
        assert (await browser.open(f"{LIST}/{mailing_id}/release")).status_code == 403
    assert await actions_of(world, mailing_id) == []


async def test_what_reaches_nobody_is_released_only_on_purpose(world: World) -> None:
    """The page says so, and asks for a tick."""
    mailing_id = await add_mailing(world, "breach")
    await world.pool.execute("UPDATE standings SET address_dead_at = now(), dead_in = '{}'")
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert "by mail</li>" not in (await browser.open(f"{LIST}/{mailing_id}/release")).text
        assert await press(browser, mailing_id, "release") == 409
        assert await press(browser, mailing_id, "release", reaching_nobody="yes") == 303


async def test_what_cannot_be_rendered_here_is_not_released(world: World) -> None:
    """The template no longer compiles with this version of mailer: the page says that nobody can foresee it."""
    mailing_id = await add_mailing(world, "breach")
    await world.pool.execute(
        "INSERT INTO template_versions SELECT 'old', replace(source, '{{', '{{ no_such_word | no_such_filter }}{{')"
        " FROM template_versions v JOIN mailings m ON m.template_version = v.version WHERE m.id = $1",
        mailing_id,
    )
    await world.pool.execute("UPDATE mailings SET template_version = 'old' WHERE id = $1", mailing_id)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert (await browser.open(f"{LIST}/{mailing_id}/release")).status_code in (200, 409)
        assert await press(browser, mailing_id, "release") == 409
    assert await actions_of(world, mailing_id) == []


async def test_other_brands_are_not_seen(world: World) -> None:
    """Mailings of other brands are not in a list, not found by id, and not changed by a button."""
    theirs, own = await add_mailing(world, brand=OTHER), await add_mailing(world)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        listed = (await browser.open(LIST)).text
        assert str(own) in listed
        assert str(theirs) not in listed
        assert (await browser.open(f"{LIST}?brand={OTHER}")).status_code == 403
        for path in ("", "/progress", "/cancel", "/release"):
            assert (await browser.open(f"{LIST}/{theirs}{path}")).status_code == 404
        for act in ("pause", "resume", "cancel", "release"):
            assert await press(browser, theirs, act) == 404
    assert await actions_of(world, theirs) == []


async def test_lists_have_pages_and_filters(world: World) -> None:
    """Each mailing once, the newest first; a page that has looked at enough ends early, and the next goes on."""
    ids = [await add_mailing(world, brand=OTHER if number % 3 == 0 else BRAND) for number in range(9)]
    await world.pool.execute("UPDATE mailings SET finished_at = now() WHERE id = ANY ($1)", ids[:4])
    await world.pool.execute("UPDATE mailings SET state = 'cancelled' WHERE id = $1", ids[1])

    async def listed(brands: set[str], state: MailingListState | None, looked: int, limit: int) -> list[UUID]:
        directory, found, before = PostgresMailingDirectory(world.pool, world.policies, looked), [], None
        for _ in range(30):
            page = await directory.list_mailings(MailingFilter(frozenset(brands), state, before), limit)
            assert len(page.mailings) <= limit
            found += [mailing.id for mailing in page.mailings]
            if (before := page.older_than) is None:
                return found
        raise AssertionError("a list without an end")

    newest = ids[::-1]
    for looked, limit in ((2000, 50), (2000, 2), (2000, 1), (3, 50), (3, 1)):
        assert await listed({BRAND, OTHER}, None, looked, limit) == newest
        assert await listed({OTHER}, None, looked, limit) == [ids[6], ids[3], ids[0]]
        assert await listed({BRAND}, MailingListState.OPEN, looked, limit) == [ids[8], ids[7], ids[5], ids[4]]
        assert await listed({BRAND}, MailingListState.FINISHED, looked, limit) == [ids[2]]
        assert await listed({BRAND, OTHER}, MailingListState.CANCELLED, looked, limit) == [ids[1]]
        assert await listed(set(), None, looked, limit) == []


async def test_the_list_leads_to_older_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link with the last id leads to older mailings. The filter stays."""
    monkeypatch.setattr("mailer.web.console.mailing_pages.ROWS", 2)
    ids = [await add_mailing(world) for _ in range(3)]
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        first = (await browser.open(f"{LIST}?state=open")).text
        assert re.findall(r'href="/console/mailings/([0-9a-f-]{36})"', first) == [str(ids[2]), str(ids[1])]
        [older] = re.findall(r'href="(\?state=open&amp;before=[^"]+)"', first)
        second = (await browser.open(LIST + older.replace("&amp;", "&"))).text
        assert re.findall(r'href="/console/mailings/([0-9a-f-]{36})"', second) == [str(ids[0])]
        for odd in ("?state=nonsense", "?before=", "?before=x", "?before=%00", "?state="):
            assert (await browser.open(LIST + odd)).status_code in (200, 400, 404), odd


async def test_stored_script_is_only_text(world: World) -> None:
    """Script in a field of a mailing, of a halt or of a relay's error is only text."""
    mailing_id = await add_mailing(world, campaign="x")
    await world.pool.execute(
        "UPDATE mailings SET campaign = $1, template = $1, publisher = $1, event_id = $1, category = $1,"
        " released_by = $1",
        SCRIPT,
    )
    await world.pool.execute("UPDATE counters SET reason = $1", SCRIPT)
    await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', $1, $2, $2)", BRAND, SCRIPT)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        for path in (
            LIST,
            f"{LIST}/{mailing_id}",
            f"{LIST}/{mailing_id}/progress",
            f"{LIST}/{mailing_id}/cancel",
            "/console/halts",
        ):
            page = await browser.open(path)
            assert page.status_code == 200, path
            assert "<script>" not in page.text, path
            assert "&lt;script&gt;" in page.text, path


async def test_the_page_of_stops_shows_what_concerns_ones_brands(world: World) -> None:
    """Everything, processors, and the stops of one's own brands and mailings; with who, when and why."""
    theirs, own = await add_mailing(world, brand=OTHER), await add_mailing(world)
    await world.pool.execute(
        "INSERT INTO halts (scope, key, by, reason) VALUES ('everything', 'operator', 'Grace', 'a leak'),"
        " ('processor', 'relay-us', 'Grace', 'slow'), ('brand', $1, 'Grace', 'theirs alone'),"
        " ('mailing', $2, 'Grace', 'their mailing'), ('mailing', $3, 'Grace', 'our mailing')",
        OTHER,
        str(theirs),
        str(own),
    )
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        page = (await browser.open("/console/halts")).text
        assert all(text in page for text in ("a leak", "relay-us", "our mailing", "Grace"))
        assert not any(text in page for text in ("theirs alone", "their mailing", str(theirs)))
        waits = (await browser.open(f"{LIST}/{own}")).text
        assert "everything stands still" in waits
        assert "it is paused" in waits
        assert "theirs alone" not in waits


async def test_what_needs_attention_leads_to_its_page(world: World) -> None:
    """Stops and mailings that wait for a release are links; the pages that they lead to show them."""
    mailing_id = await add_mailing(world, "breach")
    await world.pool.execute("INSERT INTO halts (scope, key, by, reason) VALUES ('brand', $1, 'Grace', 'ink')", BRAND)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        shown = (await browser.open("/console")).text
        links = re.findall(r'<a href="(/console/[^"]*)">', shown.partition('class="cards"')[2])
        pages = {link: (await browser.open(link)).text for link in links}
    assert "ink" in pages["/console/halts"]
    assert str(mailing_id) in pages["/console/mailings?state=awaiting_release"]


@pytest.mark.parametrize(("most", "is_complete"), [(2, False), (3, True), (4, True)])
async def test_a_preview_of_exactly_everybody_is_complete(world: World, most: int, is_complete: bool) -> None:
    """An audience that is as large as a preview may be is not called "the first of them"."""
    mailing_id = await add_mailing(world, "breach")
    status = await PostgresMailingDirectory(world.pool, world.policies).find_mailing(mailing_id)
    assert status is not None
    foreseen = await console_operations_over(world).previews.preview_release(status, most)
    assert (foreseen.audience_size, foreseen.is_complete) == (min(most, 3), is_complete)
