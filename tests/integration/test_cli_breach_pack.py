"""`mailer breach export`: a pack as a file, readable for its owner only, whole or not there."""

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from mailer.ledger.writers import LedgerWriters
from mailer.postgres.breach_cases import PostgresBreachCases
from tests.evidence_packs import files_of_pack
from tests.factories import BRAND, open_world
from tests.integration.test_cli_campaigns import BY, Command
from tests.integration.test_cli_campaigns import command as command
from tests.processes import SECRETS
from tests.released_breach import FACTS, WRITER


def test_a_pack_is_written_and_verifies(command: Command, database_url: str, tmp_path: Path) -> None:
    """The file is new, private and whole; the program in it verifies it; who and why are in it."""

    async def create() -> UUID:
        async with open_world(database_url) as world:
            cases = PostgresBreachCases(world.pool, LedgerWriters(SECRETS["LEDGER_KEY"]))
            return (await cases.create_case(BRAND, "x", FACTS, WRITER)).id

    case, file = asyncio.run(create()), tmp_path / "case.zip"
    status, out, err = command("breach", "export", str(case), "--out", str(file), "--reason", "court", *BY)
    assert (status, err) == (0, "")
    assert "verify_pack.py" in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    files = files_of_pack(file.read_bytes())
    manifest = json.loads(files["manifest.json"])
    assert (manifest["made_by"], manifest["reason"], manifest["problems"]) == ("person:Dana Duty", "court", [])
    (tmp_path / "verify_pack.py").write_bytes(files["verify_pack.py"])
    verify = [sys.executable, "-I", "verify_pack.py", "case.zip"]
    assert subprocess.run(verify, cwd=tmp_path, check=False, capture_output=True).returncode == 0

    before = file.read_bytes()
    for words, ended, says in (
        ((str(case), "--out", str(file), "--reason", "court"), 2, "exists already"),
        (("0" * 32, "--out", str(tmp_path / "b.zip"), "--reason", "court"), 1, "mailer breach list"),
        ((str(case), "--out", str(tmp_path / "c.zip"), "--reason", "curiosity"), 2, "curiosity"),
        ((str(case), "--out", str(tmp_path / "c.zip")), 2, "--reason"),
        ((str(case), "--out", str(tmp_path / "none" / "c.zip"), "--reason", "audit"), 1, "No such file"),
    ):
        status, _, err = command("breach", "export", *words, *BY)
        assert (status, says in err) == (ended, True), (words, err)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if "zip" in one.name] == ["case.zip"]
