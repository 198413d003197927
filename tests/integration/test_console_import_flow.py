"""Imports by the console from the upload to the result: each export, refused rows, and the same file twice."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from mailer.actions.privacy_rights import erase_recipient
from mailer.policy.staff_rights import StaffRole
from tests.factories import BRAND, World
from tests.imports import run_import_worker
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.test_console_imports import IMPORTS, import_id_of, said_of_imports, upload

CASES = Path(__file__).parents[1] / "cases" / "import"
TAKEN_AND_REFUSED_ROWS: dict[str, tuple[int, list[int]]] = {
    "01-excel-german.csv": (5, [5]),
    "02-excel-bom.csv": (3, []),
    "03-tab-utf16.txt": (3, []),
    "04-mailchimp-subscribed.csv": (2, []),
    "05-mailchimp-unsubscribed.csv": (2, []),
    "06-brevo.csv": (3, []),
    "07-listmonk.csv": (2, []),
    "08-quoted-newlines.csv": (3, []),
    "09-ambiguous-dates.csv": (3, []),
    "10-us-dates.csv": (3, [5]),
    "11-duplicates.csv": (3, []),
    "12-no-email.csv": (3, []),
}
"""The people of each export, and the rows of the spreadsheet that are refused."""
ASKED = {"06-brevo.csv", "09-ambiguous-dates.csv"}
"""The exports whose dates can be read in two ways."""


def fields_of_page(html: str) -> dict[str, str]:
    """The values of the form of the columns, as a browser would send them."""
    form = html[html.index("/mapping") :]
    form = form[: form.index("</form>")]
    fields = {}
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    for name, value in re.findall(r'<input type="radio" name="([^"]+)" value="([^"]+)" checked', form):
        fields[name] = value
    for name, value in re.findall(r'<input id="[^"]+" name="([^"]+)" value="([^"]*)"', form):
        fields[name] = value
    return fields


async def checked(browser: ConsoleBrowser, content: bytes, name: str, **fields: str) -> str:
    """Uploads a file, and lets its rows be checked as the page proposes it. Returns the path of its page."""
    path = f"{IMPORTS}/{import_id_of(await upload(browser, content, name))}"
    await run_import_worker(browser.world)
    proposed = fields_of_page((await browser.open(path)).text)
    answer = await browser.send(f"{path}/mapping", {**proposed, **fields}, on=path)
    assert answer.status_code == 303, answer.text
    await run_import_worker(browser.world)
    return path


async def started(browser: ConsoleBrowser, path: str, **fields: str) -> Any:
    """Presses the button to import, as the page offers it."""
    seen = re.search(r'name="seen" value="([^"]+)"', (await browser.open(path)).text)
    assert seen is not None
    answer = await browser.send(f"{path}/start", {"seen": seen[1], **fields}, on=path)
    await run_import_worker(browser.world)
    return answer


async def row_of(world: World, path: str) -> Any:
    """The row of an import."""
    return await world.pool.fetchrow("SELECT * FROM recipient_imports WHERE id = $1", UUID(path.rpartition("/")[2]))


def taken(counts: dict[str, int]) -> int:
    """The people that are known now."""
    return counts["new"] + counts["changed"] + counts["unchanged"]


async def test_each_export_becomes_people(world: World) -> None:
    """The check and the import of each give the same counts; refused rows are named as the spreadsheet numbers them."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        for name, (people, refused) in TAKEN_AND_REFUSED_ROWS.items():
            known = await world.pool.fetchval("SELECT count(*) FROM recipients")
            content = (CASES / name).read_bytes()
            orders = {}
            if name in ASKED:
                path = f"{IMPORTS}/{import_id_of(await upload(browser, content, name))}"
                await run_import_worker(world)
                html = (await browser.open(path)).text
                asked = await browser.send(f"{path}/mapping", fields_of_page(html), on=path)
                assert (asked.status_code, "There is an open question" in asked.text) == (422, True), name
                orders = dict.fromkeys(re.findall(r'name="(order-\d+)"', html), "day_first")
                await browser.send(f"{path}/discard", on=path)
            path = await checked(browser, content, name, **orders)
            found = await row_of(world, path)
            assert (found["state"], taken(found["counts"])) == ("previewed", people), (name, found["problem"])
            assert [row for row, is_refused, _ in found["reasons"] if is_refused] == refused, name
            assert await world.pool.fetchval("SELECT count(*) FROM recipients") == known, "a check writes nothing"
            assert (await started(browser, path)).status_code == 303
            done = await row_of(world, path)
            assert (done["state"], done["counts"]) == ("done", found["counts"]), name
            page = await browser.open(path)
            assert page.status_code == 200
            assert ("Download the refused rows" in page.text) is bool(refused)
    assert not await world.pool.fetchval("SELECT count(*) FROM recipient_import_parts WHERE kind = 'content'")
    opted_out = await world.pool.fetch(
        "SELECT r.email FROM recipients r JOIN standings s ON s.recipient_id = r.id"
        " WHERE r.email IS NOT NULL AND '*' = ANY (s.opted_out) ORDER BY 1"
    )
    left = {row["email"] for row in opted_out}
    assert {"ida@example.org", "ada@example.org", "paul@example.de", "sam@example.org", "c@example.org"} <= left
    assert (await world.ledger.verify_ledger()).faults == ()


MENDABLE = (
    b'ref,email,name\r\nflow-1,flow-1@people.example,Ada\r\nflow-2,nonsense,"=HYPERLINK(""http://evil.example"")"\r\n'
    b"flow-3,@SUM(1+1),+49\r\n"
)


async def test_refused_rows_are_mended_and_sent_again(world: World) -> None:
    """They come in the file's own columns with the reason. No cell begins a formula; the name of the file is ours."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        path = await checked(browser, MENDABLE, 'a";\r\nset-cookie: x=1 <b>.csv')
        assert (await started(browser, path)).status_code == 303
        answer = await browser.send(f"{path}/refused", on=path)
        assert answer.headers["content-disposition"] == f'attachment; filename="refused-{path.rpartition("/")[2]}.csv"'
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "set-cookie" not in answer.headers
        text = answer.content.decode("utf-8-sig")
        lines = text.splitlines()
        assert lines[0].startswith("ref,email,name,")
        assert len(lines) == 3
        cells = [cell for line in lines for cell in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', line)]
        assert not [cell for cell in cells if re.match(r'"?[=+\-@\t\r]', cell)]
        mended = text.replace("nonsense", "flow-2@people.example").replace("'@SUM(1+1)", "flow-3@people.example")
        again = await checked(browser, b"\xef\xbb\xbf" + mended.encode(), "refused.csv")
        assert (await started(browser, again)).status_code == 303
        assert (await row_of(world, again))["counts"] | {"unchanged": 0} == {
            **{"new": 2, "changed": 0, "unchanged": 0, "opted_out": 0, "duplicate": 0, "refused": 0, "erased": 0}
        }
    name = await world.pool.fetchval("SELECT name FROM recipients WHERE ref = 'flow-2'")
    assert name == '=HYPERLINK("http://evil.example")'
    whats = [what for what, by in await said_of_imports(world) if by == "person:Dana Duty"]
    assert whats.count("import_refused_rows_read") == 1
    assert whats.count("import_done") == 2
    read = await world.pool.fetchval(
        "SELECT n.text FROM ledger l JOIN ledger_notes n USING (writer, n) WHERE l.reason = 'import_refused_rows_read'"
    )
    assert read.startswith("2 rows")


async def test_the_same_file_is_asked_about(world: World) -> None:
    """A file that was imported is not imported again unless somebody says so, also if two people press at once."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        first, second = [await checked(browser, MENDABLE, "people.csv") for _ in range(2)]
        assert (await started(browser, first)).status_code == 303
        assert "This same file was already imported" in (await browser.open(second)).text
        refused = await started(browser, second)
        assert (refused.status_code, "imported before" in refused.text) == (422, True)
        assert (await row_of(world, second))["state"] == "previewed"
        assert (await started(browser, second, again="yes")).status_code == 303
        done = await row_of(world, second)
        assert (done["counts"]["new"], done["counts"]["unchanged"]) == (0, 1)


async def test_nobody_imports_what_somebody_else_has_changed(world: World) -> None:
    """A start from a page with an older check is refused; a file at work is neither started nor mapped."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        path = await checked(browser, MENDABLE, "people.csv")
        html = (await browser.open(path)).text
        seen = re.search(r'name="seen" value="([^"]+)"', html)
        assert seen is not None
        proposed = fields_of_page(html)
        assert (await browser.send(f"{path}/mapping", {**proposed, "column-2": ""}, on=path)).status_code == 303
        assert (await browser.send(f"{path}/mapping", proposed, on=path)).status_code == 422, "it is at work"
        assert (await browser.send(f"{path}/start", {"seen": seen[1]}, on=path)).status_code == 422
        await run_import_worker(world)
        stale = await browser.send(f"{path}/start", {"seen": seen[1]}, on=path)
        assert (stale.status_code, "a newer one" in stale.text) == (422, True)
        assert (await started(browser, path)).status_code == 303
        for act, fields in (("mapping", proposed), ("start", {"seen": seen[1]}), ("discard", {})):
            assert (await browser.send(f"{path}/{act}", fields, on=path)).status_code == 422, act
    assert await world.pool.fetchval("SELECT name FROM recipients WHERE ref = 'flow-1'") is None


async def test_what_cannot_be_chosen_is_refused(world: World) -> None:
    """A field twice, an attribute that the policy lacks, an unknown source or country: refused in words."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        path = f"{IMPORTS}/{import_id_of(await upload(browser, MENDABLE))}"
        early = await browser.send(f"{path}/mapping", {"column-0": "field:ref"}, on=path)
        assert (early.status_code, "not read yet" in early.text) == (422, True)
        await run_import_worker(world)
        proposed = fields_of_page((await browser.open(path)).text)
        for fields in (
            {"column-2": "field:email"},
            {"column-2": "field:nonsense"},
            {"column-2": "attribute:Not A Name"},
            {"source": "the dark web"},
            {"default_country": "Atlantis"},
            {"bad_values": "nonsense"},
            {"audiences": "Not/A/Slug"},
            {"consent_scopes": "newsletter"},
        ):
            answer = await browser.send(f"{path}/mapping", {**proposed, **fields}, on=path)
            assert answer.status_code == 422, fields
        assert (await row_of(world, path))["state"] == "uploaded"


async def test_hostile_files_end_with_words(world: World) -> None:
    """A workbook, an open quote, a huge cell, a thousand columns, markup: no page fails, nothing of it runs."""
    files = {
        "workbook": b"PK\x03\x04" + b"\0" * 500,
        "blank": b"\r\n\r\n",
        "headings only": b"ref,email\r\n",
        "open quote": b'ref,email\r\nh-1,h-1@people.example\r\nh-2,"h-2@people.example\r\n' + b"x,y\r\n" * 10,
        "huge cell": b"ref,email,name\r\nh-1,h-1@people.example," + b"x" * 10_000_000 + b"\r\n",
        "many columns": b",".join(b"c%d" % n for n in range(1_000)) + b"\r\n",
        "nuls": b"ref,email\r\n" + b"\0" * 5_000,
        "markup": b"ref,email,<script>alert(1)</script>\r\nh-3,h-3@people.example,<img src=x onerror=alert(2)>\r\n",
        "twice": b"ref,email,email\r\nh-4,h-4@people.example,h-5@people.example\r\n",
        "no keys": b"colour,size\r\nred,5\r\n",
    }
    ends = {}
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        for name, content in files.items():
            path = f"{IMPORTS}/{import_id_of(await upload(browser, content, name))}"
            await run_import_worker(world)
            html = (await browser.open(path)).text
            if "/mapping" in html:
                await browser.send(f"{path}/mapping", fields_of_page(html), on=path)
                await run_import_worker(world)
            page = await browser.open(path)
            assert page.status_code == 200, name
            assert "<script>alert" not in page.text
            assert "<img" not in page.text
            ends[name] = (await row_of(world, path))["state"]
            assert "error of its own" not in page.text, name
    assert ends == {
        **dict.fromkeys(("workbook", "blank", "open quote", "many columns", "nuls", "no keys"), "failed"),
        **dict.fromkeys(("headings only", "huge cell", "markup"), "previewed"),
        "twice": "failed",
    }
    assert await world.pool.fetchval("SELECT count(*) FROM recipients WHERE ref LIKE 'h-%'") == 0


async def test_an_erased_person_does_not_come_back(world: World) -> None:
    """Whoever is erased while a file waits is left out by ref and by address, and stands in no download."""
    content = (
        b"ref,email,name\r\nuser-1,other@people.example,Ada\r\nstranger,USER-2@people.example,Bob\r\n"
        b"flow-9,flow-9@people.example,Cid\r\n"
    )
    ada, bob = await world.known(1, 2)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        path = await checked(browser, content, "people.csv")
        for recipient_id in (ada, bob):
            await erase_recipient(world.rights, world.policies[BRAND], recipient_id, "test")
        assert (await started(browser, path)).status_code == 303
        counts = (await row_of(world, path))["counts"]
        assert (counts["erased"], counts["new"]) == (2, 1)
        assert "rows of people who were erased after the upload" in (await browser.open(path)).text
    known = await world.pool.fetch("SELECT ref FROM recipients WHERE name IS NOT NULL")
    assert [row["ref"] for row in known] == ["flow-9"]
