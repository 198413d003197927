"""The pages of letters: print, download, import, and see, by the rights of one brand."""

import re
from collections.abc import AsyncIterator

import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.web.console.console_pages import TEXTS
from tests.factories import BRAND, open_world
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.letter_world import Letters
from tests.printed_letters import HAS_TOOLS, NO_TOOLS

SAME_SITE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def letters(database_url: str) -> AsyncIterator[Letters]:
    """Letters over a migrated database."""
    async with open_world(database_url) as world:
        yield Letters(world)


@pytest.fixture
async def browser(letters: Letters) -> AsyncIterator[ConsoleBrowser]:
    """The browser of a privacy officer of the brand."""
    async with open_browser(letters.world) as opened:
        await opened.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        yield opened


async def test_letters_are_printed_and_reported_at_the_console(letters: Letters, browser: ConsoleBrowser) -> None:
    """From the waiting letters to the printer and back, without JavaScript; nothing personal is on the page."""
    first, second, third = await letters.divert(1, 2, 3)
    await letters.give_address(1, "=cmd|' /C calc'!A0", "LONDON N1")
    await letters.give_address(2)
    path = f"/console/breaches/{letters.case_id}/letters"
    page = (await browser.open(path)).text
    assert "en, United Kingdom: 2 waiting" in page
    assert "LONDON" not in page
    assert (await browser.open("/console/breach-letters")).text.count(f'href="{path}"') == 1
    made = await browser.send(f"{path}/runs", {"group": "en gb", "letters": "1000"}, on=path)
    assert (made.status_code, made.headers["location"]) == (303, path)
    assert await letters.maker.make_waiting_runs() == 1
    [run] = await letters.desk.list_runs([BRAND], letters.case_id, 10)
    pdf = await browser.send(f"{path}/runs/{run.id}/pdf", on=path)
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["cache-control"] == "private, no-store"
    csv = await browser.send(f"{path}/runs/{run.id}/csv", on=path)
    assert f"{second},2,3,2,gb,en,elsewhere.en" in csv.text
    assert "'=cmd" in csv.text
    assert ",=cmd" not in csv.text
    missing = await browser.send(f"{path}/without-address.csv", {"ask": "yes"}, on=path)
    assert f"{third},no_address,user-3" in missing.text
    assert "asked for the address" in (await browser.open(f"{path}?state=asked")).text
    report = f"letter,state,day,code\n{first},posted,2026-01-02,\n{third},posted,2026-01-02,\n".encode()
    token = await browser.token(path)
    done = await browser.client.post(
        f"{path}/reports", data={"form_token": token}, files={"file": ("r.csv", report)}, headers=SAME_SITE
    )
    assert "1 rows recorded, 0 were known, 1 refused." in done.text
    assert "Row 3: state: the letter is asked" in done.text
    assert await letters.states() == {first: "posted", second: "in_run", third: "asked"}
    reads = await letters.world.pool.fetch("SELECT kind, actor FROM ledger WHERE reason = 'letter_run_read'")
    assert [(row["kind"], row["actor"]) for row in reads] == [("access", "person:Dana Duty")] * 2


async def test_what_is_unclear_is_refused_with_words(letters: Letters, browser: ConsoleBrowser) -> None:
    """Wrong numbers, languages that nobody has, files that are none: each is told, and nothing happens."""
    await letters.divert(1)
    path = f"/console/breaches/{letters.case_id}/letters"
    for fields in ({"group": "en gb", "letters": "0"}, {"group": "en xx"}, {"group": "en gb", "letters": "1" * 12}):
        answer = await browser.send(f"{path}/runs", fields, on=path)
        assert answer.status_code == 422
        assert "at most 1000 letters" in answer.text
    nobody = await browser.send(f"{path}/runs", {"group": "tlh gb"}, on=path)
    assert nobody.status_code == 422
    assert "No letter in tlh for the gb window waits" in nobody.text
    token = await browser.token(path)
    wrong = await browser.client.post(
        f"{path}/reports", data={"form_token": token}, files={"file": ("r.csv", b"a,b\n1,2\n")}, headers=SAME_SITE
    )
    assert "The columns are letter, state, day, code" in wrong.text
    assert await letters.desk.list_runs([BRAND], None, 10) == []


async def test_letters_of_another_brand_do_not_exist(letters: Letters, browser: ConsoleBrowser) -> None:
    """A case of another brand, a run of another case and an unknown letter are not found."""
    [letter] = await letters.divert(1)
    await letters.give_address(1)
    run = await letters.make_run()
    path = f"/console/breaches/{letters.case_id}/letters"
    await letters.world.pool.execute("UPDATE breach_cases SET brand = 'paltalk-2006'")
    on = "/console/breach-letters"
    assert (await browser.open(path)).status_code == 404
    for act in (f"runs/{run.id}/pdf", f"runs/{run.id}/csv", f"{letter}/preview", "without-address.csv"):
        answer = await browser.send(f"{path}/{act}", on=on)
        assert answer.status_code == 404
        assert TEXTS["errors"]["breach_unknown"] in answer.text
    await letters.world.pool.execute("UPDATE breach_cases SET brand = $1", BRAND)
    for act in (f"runs/{letters.mailing_id}/pdf", "999999/preview", f"{2**70}/preview"):
        assert (await browser.send(f"{path}/{act}", on=path)).status_code in (404, 422)


@pytest.mark.skipif(not HAS_TOOLS, reason=NO_TOOLS)
async def test_a_letter_is_seen_as_it_will_be_printed(letters: Letters, browser: ConsoleBrowser) -> None:
    """The preview is the letter's picture or PDF, and on record. A missing address is told."""
    first, second = await letters.divert(1, 2)
    await letters.give_address(1)
    path = f"/console/breaches/{letters.case_id}/letters"
    picture = await browser.send(f"{path}/{first}/preview", {"as": "picture"}, on=path)
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    pdf = await browser.send(f"{path}/{first}/preview", {"as": "pdf"}, on=path)
    assert pdf.content.startswith(b"%PDF-1.")
    nowhere = await browser.send(f"{path}/{second}/preview", {"as": "pdf"}, on=path)
    assert nowhere.status_code == 422
    assert re.search("The address is empty", nowhere.text)
    assert await letters.entries() == ["notice_read"] * 3
