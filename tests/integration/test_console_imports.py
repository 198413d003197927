"""The pages to import people: uploads, and who may see and start what."""

import hashlib
from uuid import UUID

import httpx
import pytest

from mailer.policy.staff_rights import StaffRole
from mailer.ports.recipient_imports import MAX_IMPORT_OCTETS
from tests.factories import BRAND, World
from tests.integration.console_browser import ConsoleBrowser, open_browser

IMPORTS, OTHER = "/console/imports", "peerstream"
FORM = f"{IMPORTS}/to/{BRAND}"
SAME_SITE = {"sec-fetch-site": "same-origin"}
FILE = b"ref,email\r\nimp-1,imp-1@people.example\r\nimp-2,nonsense\r\n"


async def upload(
    browser: ConsoleBrowser, content: bytes = FILE, name: str = "people.csv", path: str = FORM
) -> httpx.Response:
    """Uploads a file by the form of its page."""
    token = await browser.token(path)
    return await browser.client.post(
        path, data={"form_token": token}, files={"file": (name, content)}, headers=SAME_SITE
    )


def import_id_of(answer: httpx.Response) -> UUID:
    """The id of the import whose page a redirect leads to."""
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].rpartition("/")[2])


async def said_of_imports(world: World) -> list[tuple[str, str | None]]:
    """The ledger's entries about imports: what was done, and by whom."""
    rows = await world.pool.fetch("SELECT reason, actor FROM ledger WHERE rule LIKE 'import:%' ORDER BY at, n")
    return [(row["reason"], row["actor"]) for row in rows]


async def test_a_file_is_uploaded_as_it_is(world: World) -> None:
    """Each octet is kept, in parts; the ledger says who; the name is shown without folders, markup and controls."""
    content = b"ref,email\r\n" + bytes(range(256)) * 9_000 + b"\r\n--not the boundary\r\n"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        assert "Nothing was imported yet." in (await browser.open(IMPORTS)).text
        answer = await upload(browser, content, "C:\\Users\\<b>pe\u202eople\r\n.csv")
        import_id = import_id_of(answer)
        page = await browser.open(f"{IMPORTS}/{import_id}")
        assert (page.status_code, "<b>" in page.text, "\u202e" in page.text) == (200, False, False)
        assert "&lt;b&gt;people" in page.text
        assert "The file is being read." in page.text
        assert str(import_id) in (await browser.open(IMPORTS)).text
    parts = await world.pool.fetch(
        "SELECT content FROM recipient_import_parts WHERE import_id = $1 ORDER BY number", import_id
    )
    assert len(parts) == 3
    assert b"".join(row["content"] for row in parts) == content
    row = await world.pool.fetchrow("SELECT digest, size, state, brand FROM recipient_imports WHERE id = $1", import_id)
    assert row is not None
    assert tuple(row) == (hashlib.sha256(content).digest(), len(content), "uploaded", BRAND)
    assert await said_of_imports(world) == [("import_uploaded", "person:Dana Duty")]
    assert (await world.ledger.verify_ledger()).faults == ()


async def test_a_form_of_another_site_uploads_nothing(world: World) -> None:
    """Another site, a missing or strange token, and a form of another kind are refused; nothing is stored."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        token, file = await browser.token(FORM), {"file": ("people.csv", FILE)}
        post = browser.client.post
        answers = [
            await post(FORM, data={"form_token": token}, files=file, headers={"sec-fetch-site": "cross-site"}),
            await post(FORM, data={"form_token": token}, files=file),
            await post(FORM, data={"form_token": "0" * 64}, files=file, headers=SAME_SITE),
            await post(FORM, files=file, headers=SAME_SITE),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        bodies = [
            (b"form_token=" + token.encode(), "application/x-www-form-urlencoded"),
            (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
            (b"--x--\r\n", "multipart/form-data; boundary=x"),
            (b"a" * 100_000, "multipart/form-data; boundary=x"),
            (
                b'--x\r\ncontent-disposition: form-data; name="form_token"\r\n\r\n' + b"a" * 50_000,
                "multipart/form-data; boundary=x",
            ),
            (_form_without_end(token), "multipart/form-data; boundary=x"),
            (b"", "multipart/form-data"),
        ]
        for body, kind in bodies:
            answer = await post(FORM, content=body, headers={**SAME_SITE, "content-type": kind})
            assert answer.status_code == 422, (body[:40], answer.status_code)
        assert (await upload(browser, b"")).status_code == 422
    assert await world.pool.fetchval("SELECT count(*) FROM recipient_imports") == 0


def _form_without_end(token: str) -> bytes:
    """A form whose file is cut off."""
    field = f'--x\r\ncontent-disposition: form-data; name="form_token"\r\n\r\n{token}\r\n'
    return (field + '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nref,em').encode()


async def test_other_brands_and_roles_see_nothing(world: World) -> None:
    """A marketer of one brand neither uploads for another, nor sees, starts, discards or downloads its imports."""
    async with open_browser(world) as browser, open_browser(world) as stranger:
        await browser.enter("Dana Duty", StaffRole.MARKETER)
        import_id = import_id_of(await upload(browser))
        await stranger.enter("Eli", StaffRole.MARKETER, OTHER)
        listed = await stranger.open(IMPORTS)
        assert (listed.status_code, str(import_id) in listed.text) == (200, False)
        assert (await stranger.open(FORM)).status_code == 403
        assert (await upload(stranger, path=f"{IMPORTS}/to/{OTHER}")).status_code == 303
        token = await stranger.token(f"{IMPORTS}/to/{OTHER}")
        stolen = await stranger.client.post(
            FORM, data={"form_token": token}, files={"file": ("a.csv", FILE)}, headers=SAME_SITE
        )
        assert stolen.status_code == 403
        for path in ("", "/progress"):
            assert (await stranger.open(f"{IMPORTS}/{import_id}{path}")).status_code == 404
        for act in ("mapping", "start", "discard", "refused"):
            answer = await stranger.post(f"{IMPORTS}/{import_id}/{act}", {"form_token": token})
            assert answer.status_code == 404, act
    assert await world.pool.fetchval("SELECT count(*) FROM recipient_imports WHERE brand = $1", BRAND) == 1
    assert await world.pool.fetchval("SELECT state FROM recipient_imports WHERE id = $1", import_id) == "uploaded"


async def test_a_file_is_discarded(world: World) -> None:
    """Nothing of its content stays; a second press says so."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        path = f"{IMPORTS}/{import_id_of(await upload(browser))}"
        assert (await browser.send(f"{path}/discard", on=path)).status_code == 303
        assert (await browser.send(f"{path}/discard", on=IMPORTS + f"/to/{BRAND}")).status_code == 422
        assert "Nothing of it was imported." in (await browser.open(path)).text
    assert await world.pool.fetchval("SELECT count(*) FROM recipient_import_parts") == 0
    assert [what for what, _ in await said_of_imports(world)] == ["import_uploaded", "import_discarded"]


@pytest.mark.parametrize("more", [0, 1])
async def test_the_largest_file(world: World, more: int) -> None:
    """A file of 64 MiB is taken, and one octet more is refused in words."""
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.MARKETER)
        answer = await upload(browser, b"x" * (MAX_IMPORT_OCTETS + more))
    assert answer.status_code == (413 if more else 303)
    assert ("at most 64 MiB" in answer.text) is bool(more)
