"""The page of evidence packs: by right and brand, with a reason, and names only for who may read them."""

from pathlib import Path

from mailer.actions.evidence import verify_pack
from mailer.policy.staff_rights import StaffRole
from tests.evidence_packs import files_of_pack
from tests.factories import World
from tests.integration.console_browser import open_browser
from tests.released_breach import FACTS, WRITER, ReleasedCase


async def test_a_privacy_officer_takes_a_pack_out_with_a_reason(world: World, tmp_path: Path) -> None:
    """Without a reason there is no pack; with one, the file verifies, and the ledger has who and why."""
    case = await ReleasedCase(world).cases.create_case("interpals", 'Lost "phone" <b>', FACTS, WRITER)
    path = f"/console/breaches/{case.id}/pack"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER)
        page = await browser.open(path)
        assert (page.status_code, "&lt;b&gt;" in page.text) == (200, True)
        assert (await browser.send(path, {"reason": ""}, on=path)).status_code == 422
        assert (await browser.send(path, {"reason": "curiosity"}, on=path)).status_code == 422
        assert not await world.entries(kind="access")
        plain = await browser.send(path, {"reason": "court"}, on=path)
        named = await browser.send(path, {"reason": "audit", "names": "yes"}, on=path)
        assert (await browser.open(f"/console/breaches/{case.id}0/pack")).status_code in (404, 422)
        unknown = path.replace(str(case.id)[:8], "00000000")
        assert (await browser.open(unknown)).status_code == 404
    assert plain.headers["content-disposition"] == f'attachment; filename="evidence-{case.id}.zip"'
    (tmp_path / "pack.zip").write_bytes(plain.content)
    assert verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)[1] == []
    assert ("people.jsonl" in files_of_pack(plain.content), "people.jsonl" in files_of_pack(named.content)) == (
        False,
        True,
    )
    entries = await world.entries(kind="access")
    assert [entry["fields"] for entry in entries] == [["why:court", "names:no"], ["why:audit", "names:yes"]]
    assert all(entry["actor"].startswith("person:") for entry in entries)


async def test_other_roles_and_other_brands_take_nothing_out(world: World) -> None:
    """Ops release breaches, and export nothing; a role at another brand sees no case."""
    case = await ReleasedCase(world).cases.create_case("interpals", "Lost phone", FACTS, WRITER)
    path = f"/console/breaches/{case.id}/pack"
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS)
        assert (await browser.open(path)).status_code == 403
