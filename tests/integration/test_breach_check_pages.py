"""The pages, the API and the commands of a breach phase's people: what staff see, and what a key may do."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from mailer import cli
from mailer.cli import shared
from mailer.policy.breach.draft import BreachPace
from mailer.policy.publisher_and_staff_identity import Identity
from mailer.policy.publisher_rights import RightsOfOnePublisher
from mailer.policy.staff_rights import StaffRole
from tests.breach_checks import BreachChecks, phase_draft
from tests.factories import BRAND, World, open_world
from tests.integration.console_browser import ConsoleBrowser, open_browser
from tests.integration.web_world import browse
from tests.processes import SECRETS

T = TypeVar("T")
SAME_SITE = {"sec-fetch-site": "same-origin", "origin": "https://mail.example.org"}


async def path_of_new_phase(checks: BreachChecks, **draft: Any) -> tuple[Any, str]:
    """A case, and the path of its first phase."""
    case = await checks.new_case(phase_draft({"eu": ["DE"]}, **draft))
    return case, f"/console/breaches/{case.id}/phases/1"


async def upload(browser: ConsoleBrowser, path: str, content: bytes) -> int:
    """Uploads a file by the form of the page; returns the status of the answer."""
    token = await browser.token(f"{path}/audience")
    answer = await browser.client.post(
        f"{path}/audience/upload",
        data={"form_token": token},
        files={"content": ("people.csv", content)},
        headers=SAME_SITE,
    )
    return answer.status_code


async def test_a_phase_is_checked_in_the_console(world: World) -> None:
    """Start, progress, sums with bars, the plan of days, a sample behind a figure, and the differences afterwards."""
    await world.known(1, 2, country="DE")
    checks = BreachChecks(world)
    case, path = await path_of_new_phase(checks, pace=BreachPace(over_hours=48))
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        page = (await browser.open(f"{path}/check")).text
        assert "The phase is not checked" in page
        facts, revision = (re.search(f'name="{name}" value="(\\d+)"', page)[1] for name in ("facts", "revision"))  # type: ignore[index]
        fields = {"revision": revision, "facts": facts}
        stale = await browser.send(f"{path}/check", {**fields, "revision": "1"}, f"{path}/check")
        assert (stale.status_code, "Somebody has changed" in stale.text) == (409, True)
        assert (await browser.send(f"{path}/check", fields, f"{path}/check")).status_code == 303
        assert "waits for its turn" in (await browser.open(f"{path}/check/progress")).text
        await checks.builder().build_waiting_manifests()
        page = (await browser.open(f"{path}/check")).text
        manifest = await checks.manifests.find_manifest_of_phase(case.id, 1)
        assert manifest is not None
        assert manifest.hash is not None
        for words in ("Checked: 2 people.", manifest.hash.hex(), "By place", 'class="chart bar"', "Plan of the pace"):
            assert words in page, words
        [figure] = re.findall(r'href="[^"]*(/people\?manifest=[^"]*place=DE)"', page)
        sample = (await browser.open(path + figure.replace("&amp;", "&"))).text
        assert "user-1@people.example" not in sample
        assert "The addresses are masked" in sample
        await world.known(3, country="DE")
        await browser.send(f"{path}/check", fields, f"{path}/check")
        await checks.builder().build_waiting_manifests()
        page = (await browser.open(f"{path}/check")).text
        assert "What is different since the check that you saw before" in page


async def test_addresses_are_seen_and_exported_on_record(world: World) -> None:
    """A person with the right to read people sees them by a button; the ledger says so. Others get neither."""
    await world.known(1, country="DE")
    checks = BreachChecks(world)
    case, path = await path_of_new_phase(checks)
    manifest = await checks.check(case)
    fields = {"manifest": str(manifest.id), "channel": "mail"}
    query = f"{path}/people?manifest={manifest.id}&channel=mail"
    async with open_browser(world) as browser, open_browser(world) as other:
        await browser.enter(role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        assert "user-1@people.example" in (await browser.send(f"{path}/people", fields, query)).text
        exported = await browser.send(f"{path}/people/export", fields, query)
        assert exported.text.splitlines()[1].split(",")[1:6] == ["user-1", "user-1@people.example", "", "mail", "mail"]
        await other.enter("Olga Ops", role=StaffRole.OPS, brand=BRAND)
        assert "Show the addresses" not in (await other.open(query)).text
        assert (await other.send(f"{path}/people/export", fields, query)).status_code == 403
        wrong = await browser.send(f"{path}/people", {**fields, "manifest": str(case.id)}, query)
        assert wrong.status_code == 404
    seen = await world.pool.fetch("SELECT reason FROM ledger WHERE reason LIKE 'breach_people%' ORDER BY at, n")
    assert [row["reason"] for row in seen] == ["breach_people_seen", "breach_people_exported"]


async def test_the_people_of_a_phase_are_chosen_in_the_console(world: World) -> None:
    """A file is uploaded, read and chosen; a list that is not named is told; another role changes nothing."""
    await world.known(1, country="DE")
    checks = BreachChecks(world)
    case, path = await path_of_new_phase(checks)
    async with open_browser(world) as browser, open_browser(world) as reader:
        await browser.enter(role=StaffRole.OPS, brand=BRAND)
        assert await upload(browser, path, b"ref,email\nuser-1,\nghost,\n") == 303
        assert "waits" in (await browser.open(f"{path}/audience/files")).text
        [file] = await checks.files.list_files(case.id, 9)
        await checks.read(file.id)
        page = (await browser.open(f"{path}/audience")).text
        assert "rows with a reference that nobody has" in page
        refused = await browser.send(f"{path}/audience/files/{file.id}/refused", {}, f"{path}/audience")
        assert "nobody has this reference" in refused.text
        revision = str((await checks.phase(case)).revision)
        chosen = {"revision": revision, "source": "file", "file": str(file.id), "over_hours": "24"}
        assert (await browser.send(f"{path}/audience", chosen, f"{path}/audience")).status_code == 303
        draft = (await checks.phase(case)).draft
        assert (draft.audience.file, draft.pace.over_hours) == (file.id, 24)
        for wrong in ({"source": "audience"}, {"over_hours": "soon"}, {"over_hours": "999"}, {"revision": revision}):
            answer = await browser.send(f"{path}/audience", {**chosen, **wrong}, f"{path}/audience")
            assert answer.status_code == 422, wrong
        await reader.enter("Paula Privacy", role=StaffRole.PRIVACY_OFFICER, brand=BRAND)
        assert "<form" not in (await reader.open(f"{path}/audience")).text.partition("<main")[2]
        assert (await reader.send(f"{path}/audience", chosen, "/console")).status_code == 403
    assert (await checks.phase(case)).draft == draft


async def test_people_of_another_brand_see_no_case(world: World) -> None:
    """Neither page, sample nor upload tells a stranger that there is a case."""
    checks = BreachChecks(world)
    case, path = await path_of_new_phase(checks)
    manifest = await checks.check(case)
    async with open_browser(world) as browser:
        await browser.enter(role=StaffRole.OPS, brand="paltalk-2006")
        for page in ("audience", "audience/files", "check", "check/progress", f"people?manifest={manifest.id}"):
            assert (await browser.open(f"{path}/{page}")).status_code == 404, page
        token = await browser.token("/console/breaches")
        answer = await browser.client.post(
            f"{path}/audience/upload",
            data={"form_token": token},
            files={"content": ("people.csv", b"ref\nuser-1\n")},
            headers=SAME_SITE,
        )
        assert answer.status_code == 404
    assert await world.pool.fetchval("SELECT count(*) FROM breach_files") == 0


async def test_a_key_uploads_and_checks_and_never_releases(world: World) -> None:
    """The API stores a file, reads its ends, requests a check and shows the sums; a stale revision is refused."""
    await world.known(1, country="DE")
    checks = BreachChecks(world)
    case, _ = await path_of_new_phase(checks)
    path = f"/api/v1/breach-cases/{BRAND}/{case.id}"
    async with browse(world) as client:
        client.headers.update(await key_of(world))
        made = await client.post(f"{path}/files?file_name=a.csv", content=b"ref\nuser-1\nghost\n")
        assert made.status_code == 201, made.text
        await checks.read(UUID(made.json()["file"]))
        file = (await client.get(f"{path}/files/{made.json()['file']}")).json()
        assert (file["state"], file["counts"]["nobody"], file["has_refused_rows"]) == ("done", 1, True)
        assert "ghost" in (await client.get(f"{path}/files/{file['file']}/refused-rows")).text
        assert (await client.get(f"{path}/phases/1/manifest")).status_code == 404
        revision = (await checks.phase(case)).revision
        stale = await client.post(f"{path}/phases/1/check", json={"revision": revision, "facts_revision": 9})
        assert stale.status_code == 409
        begun = await client.post(f"{path}/phases/1/check", json={"revision": revision, "facts_revision": 1})
        assert begun.status_code == 200, begun.text
        await checks.builder().build_waiting_manifests()
        shown = (await client.get(f"{path}/phases/1/manifest")).json()
        assert (shown["state"], shown["channels"], shown["sums"][0]["people"]) == (
            "ready",
            {"mail": 1, "letter": 0, "none": 0},
            1,
        )
        assert (await client.post(f"{path}/files", content=b"")).status_code == 422
        assert (await client.get(f"/api/v1/breach-cases/paltalk-2006/{case.id}/files")).status_code == 403
        client.headers.pop("authorization")
        assert (await client.get(f"{path}/phases/1/manifest")).status_code == 401


async def key_of(world: World) -> dict[str, str]:
    """The header of a key that may write breach cases."""
    rights = RightsOfOnePublisher(frozenset({BRAND}), frozenset(), frozenset({"write_breach_cases"}), frozenset())
    key = await world.publishers.grant_rights_and_missing_key(Identity.parse_identity("key:breach"), rights)
    return {"authorization": f"Bearer {key}"}


def test_commands_choose_check_and_show(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`mailer breach audience --file`, `files`, `refused-rows`, `check` and `manifest`, with --json."""
    for name, value in {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path)}.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)

    def do(work: Callable[[World], Awaitable[T]]) -> T:
        async def run_work() -> T:
            async with open_world(database_url) as world:
                return await work(world)

        return asyncio.run(run_work())

    def run(*words: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["mailer", "breach", *words])
        monkeypatch.setattr(shared._RememberedActingPerson, "person", None)
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        assert (end.value.code or 0) == status, printed.err
        return printed.err if status else printed.out

    async def begin(world: World) -> str:
        await world.known(1, country="DE")
        return str((await path_of_new_phase(BreachChecks(world)))[0].id)

    case = do(begin)
    people = tmp_path / "people.csv"
    people.write_text("ref\nuser-1\nghost\n")
    by = ("--by", "Dana Duty")
    assert "one of --everyone" in run("audience", case, *by, status=2)
    assert "cannot be read" in run("audience", case, "--file", str(tmp_path / "none.csv"), *by, status=2)
    saved = json.loads(run("audience", case, "--file", str(people), *by, "--json"))
    assert "nothing was frozen" in run("check", case, *by, status=2), "the file is not read yet"
    do(lambda world: BreachChecks(world).read(UUID(saved["audience"]["file"])))
    [file] = json.loads(run("files", case, "--json"))
    assert (file["counts"]["known"], file["counts"]["nobody"]) == (1, 1)
    assert "people.csv" in run("files", case)
    run("refused-rows", case, file["file"], "--to", str(tmp_path / "refused.csv"), *by)
    assert "ghost" in (tmp_path / "refused.csv").read_text()
    assert json.loads(run("check", case, *by, "--json"))["manifest"]
    do(lambda world: BreachChecks(world).builder().build_waiting_manifests())
    shown = json.loads(run("manifest", case, "--json"))
    assert (shown["state"], shown["people"], shown["channels"]["mail"]) == ("ready", 1, 1)
    assert shown["hash"] in run("manifest", case)
    assert "no such case" in run("manifest", str(UUID(int=1)), status=2)
