"""Written notice for free: people who are not told by mail are on a queue that staff work, with an address."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailer import bundled_files
from mailer.cli import app
from tests.accounts import mailed, notice, of_kind, released, said
from tests.factories import BRAND, World, person, received
from tests.processes import Stack

LINES = ["Ada Lovelace", "1 Mill Lane", "Ely CB7 4AB"]


@pytest.mark.promise("interpals-18")
async def test_a_written_notice_is_worked_from_the_queue_to_the_post(world: World, operator: Stack) -> None:
    """The list has no personal data. The person who takes a notice sees address and words. The posting is on record."""
    [ada, bob] = await world.known(1, 2, name="Ada")
    for ref in ("user-1", "user-2"):
        await said(world, "electronic", ref, allowed=False)
    assert (await said(world, "postal", address=LINES)).settled == "ack"
    breach = await released(world, {"refs": ["user-1", "user-2"]})
    assert world.processor.sent == []
    listed = await operator.done("notices", "list", "--brand", BRAND, "--channel", "written_notice", "--json")
    first, second = listed.json
    assert [(one["recipient_id"], one["has_address"], one["state"]) for one in (first, second)] == [
        (ada, True, "open"),
        (bob, False, "open"),
    ]
    assert not any(word in listed.out for word in ("user-1", "Lovelace", "Mill"))
    plain = (await operator.done("notices", "list", "--mailing", str(breach.mailing_id))).out
    assert ("on record" in plain, "none" in plain) == (True, True)
    number = str(first["id"])
    await operator.done("notices", "take", number, "--by", "Dana")
    again = await operator.run("notices", "take", number, "--by", "Eve")
    assert (again.status, "taken by Dana already" in again.err) == (2, True)
    shown = (await operator.done("notices", "show", number, "--by", "Dana", "--json")).json
    assert (shown["ref"], shown["name"], shown["postal_address"]) == ("user-1", "Ada", LINES)
    assert "What happened" in shown["text"]
    assert shown["subject"]
    assert LINES[1] in (await operator.done("notices", "show", number, "--by", "Dana")).out
    file = operator.folder / "letters.jsonl"
    await operator.done("notices", "export", str(file), "--channel", "written_notice", "--by", "Dana")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["ref"], line["postal_address"]) for line in lines] == [("user-1", LINES), ("user-2", None)]
    assert file.stat().st_mode & 0o077 == 0
    posted = ("--reference", "RR 123", "--day", "2026-11-01", "--by", "Dana")
    await operator.done("notices", "done", number, *posted)
    await operator.done("notices", "return", number, "--reason", "moved away", "--final", "--by", "Dana")
    [left] = (await operator.done("notices", "list", "--json")).json
    assert left["recipient_id"] == bob
    [back] = (await operator.done("notices", "list", "--state", "returned", "--json")).json
    assert (back["reference"], back["day"], back["note"]) == ("RR 123", "2026-11-01", "moved away")
    told = [entry for entry in await of_kind(world, "action", breach.mailing_id) if entry["recipient"] == ada]
    reads = ["notice_read"] * 3
    assert [entry["reason"] for entry in told] == ["notice_taken", *reads, "notice_done", "notice_returned"]
    assert {entry["actor"] for entry in told} == {"person:Dana"}
    copy = (await operator.done("recipients", "export", "user-1", "--brand", BRAND)).json
    assert [address["lines"] for address in copy["postal_addresses"]] == [LINES]
    assert [(one["state"], one["reference"]) for one in copy["notices"]] == [("returned", "RR 123")]


@pytest.mark.promise("interpals-18")
async def test_who_has_no_mailbox_at_all_can_have_a_letter(world: World, operator: Stack) -> None:
    """A person with only a postal address is diverted, and the letter's words are there."""
    assert (await said(world, "postal", address=LINES)).settled == "ack"
    await released(world, {"refs": ["user-1"]})
    [notice] = (await operator.done("notices", "list", "--json")).json
    shown = (await operator.done("notices", "show", str(notice["id"]), "--json")).json
    assert (shown["reason"], shown["postal_address"]) == ("no_address", LINES)
    assert "What happened" in shown["text"]
    assert "any.invalid" not in shown["text"]
    assert (await operator.run("notices", "show", "999")).status == 2


@pytest.mark.promise("paltalk06-32")
async def test_a_call_is_worked_from_the_queue_to_its_end(world: World, operator: Stack) -> None:
    """A wish to be told by telephone stands on a queue, where one person takes it, and says when it is done."""
    brand = "paltalk-2006"
    told = {"controller": world.policies[brand].controller.id, "brand": brand, "reason": "Maintenance"}
    await mailed(world, [person(1), person(2)], "service", **told)
    assert (await said(world, "channel", brand=brand, channel="telephone")).settled == "ack"
    world.processor.sent.clear()
    accepted = await mailed(world, {"refs": ["user-1", "user-2"]}, "service", **told)
    assert world.processor.recipients == ["user-2@people.example"]
    [open_] = (await operator.done("notices", "list", "--brand", brand, "--channel", "telephone", "--json")).json
    assert (open_["mailing_id"], open_["state"]) == (str(accepted.mailing_id), "open")
    number = str(open_["id"])
    await operator.done("notices", "take", number, "--by", "Dana")
    assert (await operator.run("notices", "take", number, "--by", "Eve")).status == 2
    await operator.done("notices", "done", number, "--reference", "call 7", "--day", "2026-11-01", "--by", "Dana")
    assert (await operator.done("notices", "list", "--json")).json == []
    [worked] = (await operator.done("notices", "list", "--state", "done", "--json")).json
    assert (worked["reference"], worked["day"]) == ("call 7", "2026-11-01")


@pytest.mark.promise("interpals-15", "paltalk06-24")
async def test_a_version_is_held_against_the_mailing_that_told_of_it(
    world: World, operator: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command counts whom the mailing told, finds fault with one that is not there, and says if it cannot look."""
    before = (
        (bundled_files.bundled_folder("policies") / "interpals.toml").read_text("utf-8").partition("[[promises]]")[0]
    )
    folder = tmp_path / "policies"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)  # where no run of these tests has left a record of what it proves
    (folder / "old.toml").write_text(before)
    await world.known(1, 2, 3)
    event = notice(BRAND, {"audience": "everyone"}) | {"id": "policy-2026"}
    await said(world, "under_13", "user-3")
    await world.intake().accept_event_messages("service", [received(event)])
    await world.upkeep.finish_completed_mailings()
    await world.known(4)
    today = datetime.now(UTC).date()

    async def check(reference: str, **settings: str) -> tuple[int, dict[str, Any]]:
        newer = before.replace('version = "2024"', 'version = "2026"', 1)
        newer = re.sub(r"(?m)^effective = .*$", f"effective = {today}", newer, count=1)
        said = f'[notice]\nkind = "mailing"\nreference = "{reference}"\nday = {today}\n'
        (folder / "new.toml").write_text(f"{newer}\n{said}")
        env = operator.having(POLICIES=str(folder), TEMPLATES=str(folder), **settings).env
        done = await asyncio.to_thread(CliRunner().invoke, app, ["policy", "check", "--json"], env=env)
        return done.exit_code, json.loads(done.stdout)

    status, shown = await check("policy-2026")
    assert (status, shown["faults"]) == (0, [])
    assert shown["notices"] == [
        "interpals, version 2026, notice policy-2026: it reached 2 of 3 accounts; not: 1 suppressed (under_13);"
        " 1 became known after it was made"
    ]
    status, shown = await check("policy-2027")
    missing = "no mailing of the brand is of that event; give the id of the event that told people"
    assert (status, shown["faults"]) == (1, [f"interpals, version 2026, notice policy-2027: {missing}"])
    for given, why in (
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "PostgreSQL at 127.0.0.1:1/none"),
        ({"DATABASE_URL": "embedded"}, "no database is given; set MAILER_DATABASE_URL"),
    ):
        status, shown = await check("policy-2027", **given)
        assert (status, shown["faults"]) == (0, [])
        assert f"nobody has looked whether it reached people: {why}" in shown["notices"][0]
