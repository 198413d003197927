"""The words of a process while nobody can be asked what stands still."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

import mailer.pipeline.halt_watcher as module
from mailer.pipeline.halt_watcher import NOBODY_TO_ASK
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.ports.halts import HaltsAndMissingEntries, Head, LocalDatabaseNotesUnreadable
from tests.unit.test_control import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene with nothing remembered."""
    return Scene(tmp_path / "deep")


async def test_questions_that_fail_are_said_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing questions are logged when they begin, for each error, and with their number once one is answered."""
    monkeypatch.setattr(module, "PERIOD", 0.001)
    stop, errors = asyncio.Event(), [TimeoutError(), TimeoutError(), OSError(), None, None, OSError()]
    ask = scene.database.read_halts_and_missing_ledger_entries

    async def asked(
        seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        scene.database.error = errors.pop(0)
        if not errors:
            stop.set()
        return await ask(seals, heads, witnesses)

    monkeypatch.setattr(scene.database, "read_halts_and_missing_ledger_entries", asked)
    with capture_logs() as logs:
        await asyncio.wait_for(scene.control.poll_until_stopped(stop), 10)
    assert [(line["log_level"], line.get("error"), line.get("failed")) for line in logs] == [
        ("warning", "TimeoutError", None),
        ("warning", "OSError", None),
        ("warning", None, 3),
        ("warning", "OSError", None),
    ]


async def test_what_may_not_be_read_is_said_to_who_asks_whether_it_works(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that may not read what its machine remembers sends nothing, and says what to do."""
    stop, said = asyncio.Event(), list[str | None]()

    def report(problem: str | None) -> None:
        said.append(problem)
        stop.set()

    def closed(self: NotesAboutDatabaseInFiles) -> None:
        raise LocalDatabaseNotesUnreadable("give this user the right to read MAILER_DATA")

    monkeypatch.setattr(NotesAboutDatabaseInFiles, "read_last_committed_entries", closed)
    scene.control.report = report
    await asyncio.wait_for(scene.control.poll_until_stopped(stop), 10)
    assert said == ["give this user the right to read MAILER_DATA"]
    assert scene.halted() == NOBODY_TO_ASK
