"""The commands of letters, from the count to what came back; each names its person in the ledger."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mailer import cli
from mailer.cli import shared
from tests.factories import open_world
from tests.letter_world import Letters
from tests.printed_letters import HAS_TOOLS, LETTER_FONTS
from tests.processes import SECRETS

T = TypeVar("T")
READS = ("count", "list", "runs")


class Commands:
    """Commands that run in this process over the database of a test."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.monkeypatch, self.capsys = url, monkeypatch, capsys

    def do(self, work: Callable[[Letters], Awaitable[T]]) -> T:
        """Does something with the letters of the database."""

        async def run() -> T:
            async with open_world(self.url) as world:
                return await work(Letters(world))

        with asyncio.Runner() as runner:
            return runner.run(run())

    def run(self, *words: str, status: int = 0) -> str:
        """Runs a command; what it has printed."""
        by = () if words[0] in READS else ("--by", "Dana Duty")
        self.monkeypatch.setattr(sys, "argv", ["mailer", "letters", *words, *by])
        self.monkeypatch.setattr(shared._RememberedActingPerson, "person", None)
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = self.capsys.readouterr()
        assert (end.value.code or 0) == status, printed.err
        return printed.err or printed.out if status else printed.out

    def read(self, *words: str) -> Any:
        """Runs a command with --json; what it has printed."""
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def commands(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """Commands over the test's database."""
    settings = {**SECRETS, "DATABASE_URL": database_url, "DATA": str(tmp_path), "LETTER_FONTS": str(LETTER_FONTS)}
    for name, value in settings.items():
        monkeypatch.setenv(f"MAILER_{name}", value)
    monkeypatch.chdir(tmp_path)
    return Commands(database_url, monkeypatch, capsys)


async def _divert(letters: Letters) -> tuple[str, list[int]]:
    found = await letters.divert(1, 2, 3)
    await letters.give_address(1)
    await letters.give_address(2)
    return str(letters.case_id), found


def test_letters_go_their_way_by_commands(commands: Commands, tmp_path: Path) -> None:
    """Count, list, run, export, import, preview and missing do what their help says, once and on record."""
    case, (first, second, third) = commands.do(_divert)
    counted = {(one["state"], one["language"]): one["letters"] for one in commands.read("count", case)["counts"]}
    assert counted == {("waiting", "en"): 2, ("no_address", ""): 1}
    wrong = commands.run("run", case, "--language", "de", "--window", "gb", status=2)
    assert "no letter in de for the gb window waits" in wrong
    run = commands.read("run", case, "--language", "en", "--window", "gb")["id"]
    assert "is queued" in commands.run("export", run, "early.pdf", status=2)
    assert "only a failed" in commands.run("retry", run, status=2)
    commands.do(lambda letters: letters.maker.make_waiting_runs())
    assert [(one["state"], one["letters"]) for one in commands.read("runs", case)] == [("ready", 2)]
    commands.run("export", run, "letters.pdf")
    commands.run("export", run, "letters.csv")
    assert (tmp_path / "letters.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "letters.pdf").stat().st_mode & 0o077 == 0
    assert f"{first},1,1,2,gb,en" in (tmp_path / "letters.csv").read_text()
    assert "File exists" in commands.run("export", run, "letters.pdf", status=1)
    assert "end it in .pdf" in commands.run("export", run, "letters.doc", status=2)
    commands.run("missing", case, "missing.csv", "--ask")
    assert f"{third},no_address,user-3" in (tmp_path / "missing.csv").read_text()
    (tmp_path / "states.csv").write_text(
        f"letter;state;day;code\n{first};posted;2026-01-02;\n{third};printed;2026-01-02;\n"
    )
    assert "row 3: state: the letter is asked" in commands.run("import", "states.csv", status=2)
    states = {one["letter"]: one["state"] for one in commands.read("list", case)}
    assert states == {first: "posted", second: "in_run", third: "asked"}
    rows = commands.do(
        lambda letters: letters.world.pool.fetch("SELECT DISTINCT actor FROM ledger WHERE reason ~ '^(letter|notice)_'")
    )
    assert {row["actor"] for row in rows} == {"person:Dana Duty", None}, "None: the timekeeper"


@pytest.mark.skipif(not HAS_TOOLS, reason="scripts/setup-letters has not fetched fonts: no Debian packages here")
def test_a_letter_is_previewed(commands: Commands, tmp_path: Path) -> None:
    """A preview is the letter as PDF; a number that is none, and an address that is missing, are told."""
    _, (first, _, third) = commands.do(_divert)
    commands.run("preview", str(first), "letter.pdf")
    assert (tmp_path / "letter.pdf").read_bytes().startswith(b"%PDF-1.")
    assert "there is no letter 999" in commands.run("preview", "999", "other.pdf", status=2)
    assert "the address is empty" in commands.run("preview", str(third), "other.pdf", status=2)
