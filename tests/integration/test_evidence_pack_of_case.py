"""The evidence pack of a case in the database: what is in it, that it verifies, and that it gives nobody else away."""

import json
from pathlib import Path
from typing import Any

from mailer.actions.evidence import verify_pack
from mailer.ports.time_ordered_uuids import uuid7
from tests.evidence_packs import files_of_pack
from tests.factories import BRAND, World
from tests.released_breach import FACTS, WRITER, ReleasedCase


def _verdict(pack: bytes, tmp_path: Path) -> tuple[list[str], list[str]]:
    (tmp_path / "pack.zip").write_bytes(pack)
    return verify_pack.verify_pack(str(tmp_path / "pack.zip"), None)


def _rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


async def test_a_pack_of_a_released_case_verifies_and_has_everything(world: World, tmp_path: Path) -> None:
    """Revisions, texts as people got them, outcomes, the chain; and whatever somebody changes in the database is found.

    One database serves all of it: the changes come last.
    """
    released = ReleasedCase(world)
    case_id = await released.release()
    pack = await released.make(case_id)
    right, wrong = _verdict(pack, tmp_path)
    assert wrong == []
    added = "phase 1: 3 people add up (2 handed_over, 1 waiting); released by a second person"
    assert any(added in one for one in right)
    assert any("all of them are sealed" in one for one in right)
    _check_contents(files_of_pack(pack))
    named = await released.make(case_id, with_names=True)
    assert _verdict(named, tmp_path)[1] == []
    await _check_privacy(world, files_of_pack(pack), files_of_pack(named))
    *_, entry = await world.entries(kind="access")
    assert (entry["reason"], entry["rule"]) == ("breach_pack_exported", f"breach:{case_id}")
    assert entry["fields"] == ["why:authority", "names:yes"]

    await world.pool.execute("DELETE FROM breach_manifest_people WHERE channel = 'letter'")
    assert any("its hash does not follow" in one for one in _verdict(await released.make(case_id), tmp_path)[1])
    await world.pool.execute("UPDATE ledger SET reason = 'failed' WHERE reason = 'accepted'")
    manifest = json.loads(files_of_pack(await released.make(case_id))["manifest.json"])
    assert any("changed or reordered" in one for one in manifest["ledger"]["faults"])


def _check_contents(files: dict[str, bytes]) -> None:
    """Checks that the pack has what was known, decided and done."""
    case = json.loads(files["case.json"])
    assert [one["facts"]["summary"] for one in case["facts_revisions"]] == ["Something", "A backup was stolen."]
    assert [one["draft"]["public_days"] for one in _rows(files["phases/1/revisions.jsonl"])] == [0, 30]
    assert "hash" in json.loads(files["checks.json"])[0]
    outcomes = _rows(files["phases/1/outcomes.jsonl"])
    mailed = [one for one in outcomes if one["channel"] == "mail"]
    said = [(one["delivery_state"], one["reply"], one["attempts"]) for one in mailed]
    assert said == [("handed_over", "250 taken", 1)] * 2
    [letter] = [one for one in outcomes if one["channel"] == "letter"]
    assert (letter["notice_state"], letter["notice_reason"]) == ("open", "electronic_refused")
    assert {f"phases/1/rendered/elsewhere/{name}" for name in ("de.html", "de.txt", "en.html", "en.txt")} <= set(files)
    assert b"elsewhere" in files["phases/1/rendered/elsewhere/en.txt"]


async def _check_privacy(world: World, files: dict[str, bytes], named: dict[str, bytes]) -> None:
    """Checks that entries of other mail are hashes, and that names come only if they are wanted."""
    rows = _rows(files["ledger/extract.jsonl"])
    full = [row["entry"] for row in rows if "entry" in row]
    others = {await world.id_of(f"user-{number}") for number in (8, 9)}
    assert len(full) < len(rows)
    assert not {entry["recipient_id"] for entry in full} & others
    assert {"breach_case_created", "breach_facts_saved", "breach_phase_saved", "breach_released"} <= {
        entry["reason"] for entry in full
    }
    assert {entry["kind"] for entry in full} >= {"mailing", "decision", "hand_over", "outcome", "control"}
    assert all(set(row) == {"writer", "n", "previous", "hash"} for row in rows if "entry" not in row)
    assert not any("text" in row for row in rows if row.get("entry", {}).get("recipient_id"))
    content = b"".join(files.values())
    assert b"people.example" not in content
    assert b"user-1" not in content
    assert b"user-1@people.example" in named["people.jsonl"]
    assert any(row.get("text") == "250 taken" for row in _rows(named["ledger/extract.jsonl"]))


async def test_a_case_of_which_nobody_is_told_has_a_pack_with_the_reason(world: World, tmp_path: Path) -> None:
    """Art. 33(5) GDPR: the decision not to tell is documented."""
    released = ReleasedCase(world)
    case = await released.cases.create_case(BRAND, "Lost phone", FACTS, WRITER)
    await released.cases.decide_state(case.id, "not_notified", "It was encrypted", "person:Paula")
    pack = await released.make(case.id)
    right, wrong = _verdict(pack, tmp_path)
    assert wrong == []
    said = json.loads(files_of_pack(pack)["case.json"])
    assert (said["state"], said["reason"], said["decided_by"]) == ("not_notified", "It was encrypted", "person:Paula")
    assert any(one.startswith("ledger: ") and "all of them are sealed" in one for one in right)
    assert await released.packs.find_packed_case(uuid7()) is None
