"""Memory of a machine outside of the database: the traces of its processes, and the journal of changes."""

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from mailer.cli import shared
from mailer.pipeline.last_committed_entry_files import SECONDS_KEPT, SLOTS
from mailer.pipeline.lost_opt_out_replay import LostStandingChangeReplay
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.ports.database_errors import DatabaseUnavailable
from mailer.ports.halts import HaltStore, JournaledStandingChange, LastSeenSealMarker, LocalDatabaseNotesUnreadable

ONE, TWO, THREE, WRITER, OTHER = (UUID(int=n) for n in (1, 2, 3, 9, 10))
SEEN = LastSeenSealMarker(ONE, 5, "five")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def change(n: int) -> JournaledStandingChange:
    """Somebody leaves the newsletter."""
    return JournaledStandingChange(
        WRITER, n, NOON, "acme", 7, NOON - timedelta(days=1), "opt_out", "newsletter", "action:one-click"
    )


def noted(folder: Path, *heads: tuple[UUID, int], lineage: UUID = ONE) -> UUID:
    """Notes some entries as a process that has ended. Returns its id."""
    with closing(NotesAboutDatabaseInFiles(folder)) as process:
        process.switch_notes_to_lineage(lineage)
        for writer, n in heads:
            process.note_committed_entry_on_disk(writer, n)
    return process.id


def test_a_trace_outlives_its_process(tmp_path: Path) -> None:
    """Another process reads the newest entry of each writer, and that nobody holds the file any more."""
    id_ = noted(tmp_path, (WRITER, 1), (OTHER, 4), (WRITER, 3))
    [trace] = NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries()
    assert (trace.id, trace.lineage, trace.dead) == (id_, ONE, True)
    assert trace.heads == {(WRITER, 3), (OTHER, 4)}


def test_the_trace_of_a_living_process_is_not_one_of_the_dead(tmp_path: Path) -> None:
    """The trace's file is locked for as long as its process lives."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as living:
        living.switch_notes_to_lineage(ONE)
        living.note_committed_entry_on_disk(WRITER, 1)
        [trace] = NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries()
        assert (trace.id, trace.dead) == (living.id, False)


def test_the_newest_entries_are_kept(tmp_path: Path) -> None:
    """A trace keeps as many of the newest entries as could have been under way at the same time."""
    heads = [(UUID(int=100 + n), 1) for n in range(SLOTS + 6)]
    noted(tmp_path, *heads)
    [trace] = NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries()
    assert trace.heads == set(heads[6:])


def test_a_slot_that_was_half_written_says_nothing(tmp_path: Path) -> None:
    """The others of the file still count."""
    id_ = noted(tmp_path, (WRITER, 1), (OTHER, 4))
    file = tmp_path / "seen" / f"{id_}.trace"
    content = bytearray(file.read_bytes())
    content[32 + 3] ^= 1  # in the first writer
    file.write_bytes(content)
    [trace] = NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries()
    assert trace.heads == {(OTHER, 4)}


@pytest.mark.parametrize("content", [b"", b"mailer", b"\0" * 40, os.urandom(3000)])
def test_a_file_that_is_no_trace_stops_nobody(tmp_path: Path, content: bytes) -> None:
    """A file that is no trace has no entries that could be missing."""
    noted(tmp_path, (WRITER, 1))
    (tmp_path / "seen" / "other.trace").write_bytes(content)
    (tmp_path / "seen" / f"{UUID(int=5)}.trace").write_bytes(content)
    heads = [trace.heads for trace in NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries() if trace.heads]
    assert heads == [frozenset({(WRITER, 1)})]


async def test_newer_notes_stand_for_those_of_the_dead(tmp_path: Path) -> None:
    """A trace that was checked goes once this process has noted more, and not before."""
    ended = noted(tmp_path, (WRITER, 1))
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        process.schedule_deletion_of_ended_process_notes([ended])
        await process.sync_notes_to_disk()
        assert ended in {trace.id for trace in process.read_last_committed_entries()}
        process.note_committed_entry_on_disk(OTHER, 1)
        await process.sync_notes_to_disk()
        assert [trace.id for trace in process.read_last_committed_entries()] == [process.id]


def test_an_old_trace_is_forgotten(tmp_path: Path) -> None:
    """An old trace is deleted, as an old seal is."""
    id_ = noted(tmp_path, (WRITER, 1))
    file = tmp_path / "seen" / f"{id_}.trace"
    long_ago = file.stat().st_mtime - SECONDS_KEPT - 60
    os.utime(file, (long_ago, long_ago))
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries() == []
    assert not file.exists()


def test_what_was_lost_is_not_noted_over(tmp_path: Path) -> None:
    """Notes wait while the database is one that went back. A new lineage begins with no notes."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        process.note_committed_entry_on_disk(WRITER, 1)
        process.stop_noting_to_keep_evidence()
        process.note_committed_entry_on_disk(OTHER, 1)
        assert process.read_last_committed_entries()[0].heads == {(WRITER, 1)}
        process.switch_notes_to_lineage(TWO)
        assert process.read_last_committed_entries()[0].heads == frozenset()
        process.note_committed_entry_on_disk(OTHER, 2)
        [seen] = NotesAboutDatabaseInFiles(tmp_path).read_last_committed_entries()
        assert (seen.lineage, set(seen.heads)) == (TWO, {(OTHER, 2)})


async def test_the_journal_has_what_was_answered(tmp_path: Path) -> None:
    """The journal has each change before its answer, with ids and no address. Handled changes are ticked off."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1), change(2)])
        await process.note_standing_changes_on_disk([change(3)])
        with closing(NotesAboutDatabaseInFiles(tmp_path)) as reader:
            kept = list(reader.read_journaled_standing_changes())
            assert [one.n for one in kept] == [1, 2, 3]
            assert {one.lineage for one in kept} == {ONE}
            assert (kept[0].at, kept[0].known_since) == (change(1).at, change(1).known_since)
            await reader.mark_lost_changes_handled(kept[:2])
            assert [one.n for one in process.read_journaled_standing_changes()] == [3]


async def test_a_line_that_was_half_written_is_left_out(tmp_path: Path) -> None:
    """The others of the journal still count."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1), change(2)])
        [file] = (tmp_path / "seen").glob("*.changes")
        file.write_text(file.read_text()[:-9])
        assert [one.n for one in process.read_journaled_standing_changes()] == [1]


async def test_what_is_written_behind_a_torn_line_counts(tmp_path: Path) -> None:
    """A disk that was full for a moment has cut a line off; the opt-out that is answered next is kept."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1), change(2)])
        [file] = (tmp_path / "seen").glob("*.changes")
        os.truncate(file, file.stat().st_size - 9)
        await process.note_standing_changes_on_disk([change(3)])
        assert [one.n for one in process.read_journaled_standing_changes()] == [1, 3]


@pytest.mark.parametrize(
    "line", [b"7", b"{}", b"[]", b"null", b'{"ticked_off":7}', b'{"ticked_off":[1,2,3]}', b"\xff\0"]
)
async def test_a_line_that_is_no_change_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    """A line that is no change is left out. Else the fence would never let go."""
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1)])
        [file] = (tmp_path / "seen").glob("*.changes")
        file.write_bytes(line + b"\n" + file.read_bytes())
        assert [one.n for one in process.read_journaled_standing_changes()] == [1]


async def test_what_a_full_disk_did_not_take_is_written_later(tmp_path: Path) -> None:
    """Opt-outs that were answered meanwhile come with the next one."""
    (tmp_path / "seen").write_text("")
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1)])
        (tmp_path / "seen").unlink()
        await process.note_standing_changes_on_disk([change(2)])
        assert [one.n for one in process.read_journaled_standing_changes()] == [1, 2]


async def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    """The process goes on, and remembers for itself."""
    (tmp_path / "seen").write_text("")
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        process.note_committed_entry_on_disk(WRITER, 1)
        await process.note_standing_changes_on_disk([change(1)])
        await process.sync_notes_to_disk()
        assert process.read_last_committed_entries()[0].heads == {(WRITER, 1)}


@pytest.mark.parametrize("call", ["listdir", "open"])
async def test_a_folder_of_another_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, production_log: Callable[[], str], call: str
) -> None:
    """One line names the setting and the right that is missing. Changes that may have been lost are not passed over."""

    def denied(path: object, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk([change(1)])
        with monkeypatch.context() as patch:
            patch.setattr(os, call, denied)
            if call == "open":
                await process.note_standing_changes_on_disk([change(2)])
            else:
                with pytest.raises(LocalDatabaseNotesUnreadable, match=r"user \d+, may not use .*MAILER_DATA"):
                    list(process.read_journaled_standing_changes())
    if call == "open":
        [line] = [line for line in production_log().splitlines() if "cannot be written" in line]
        assert f"may not use {tmp_path / 'seen'}" in line
        assert f"right to read and write MAILER_DATA ({tmp_path})" in line


def test_a_command_that_may_not_read_the_journal_says_so_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A command of another user who may not read the journal, such as `mailer start`, says so in one line."""

    async def command() -> None:
        raise LocalDatabaseNotesUnreadable("give this user the right to read MAILER_DATA")

    with pytest.raises(SystemExit) as ended:
        shared.run_async_or_exit(command)
    assert (ended.value.code, capsys.readouterr().err) == (1, "mailer: give this user the right to read MAILER_DATA\n")


def test_a_container_with_the_same_process_id_is_in_nobodys_way(tmp_path: Path) -> None:
    """Several containers share a volume. None writes to the half-written file of another one."""
    (tmp_path / f"database.json.{os.getpid()}").mkdir()
    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.write_seal_marker_if_newer(SEEN, ())
        assert process.read_last_seen_seal_marker() == SEEN


async def test_a_change_that_meets_a_bug_costs_only_itself(tmp_path: Path) -> None:
    """The others are made again, and the fence lets go; an outage is waited for."""
    lost, made = [change(1), change(2)], list[int]()

    class Lacking:
        """A database that has none of the changes."""

        async def find_lost_standing_changes(
            self, changes: Sequence[JournaledStandingChange]
        ) -> list[tuple[JournaledStandingChange, bool]]:
            """Returns all changes."""
            return [(one, True) for one in changes]

    async def again(one: JournaledStandingChange) -> bool:
        if one.n == 1:
            raise fault
        made.append(one.n)
        return True

    with closing(NotesAboutDatabaseInFiles(tmp_path)) as process:
        process.switch_notes_to_lineage(ONE)
        await process.note_standing_changes_on_disk(lost)
        mending = LostStandingChangeReplay(cast(HaltStore, Lacking()), process, again)
        fault: Exception = DatabaseUnavailable("it is away")
        with pytest.raises(DatabaseUnavailable):
            await mending.replay_lost_changes({ONE})
        fault = AttributeError("a bug")
        await mending.replay_lost_changes({ONE})
        assert (made, list(process.read_journaled_standing_changes())) == ([2], [])


def test_the_newest_seal_is_remembered(tmp_path: Path) -> None:
    """Processes that write at any time leave the newest; a lineage is only taken for those that it goes on for."""
    file = NotesAboutDatabaseInFiles(tmp_path)
    assert file.read_last_seen_seal_marker() is None
    for memory, supersedes, kept in (
        (LastSeenSealMarker(ONE, 3, "c"), set[UUID](), LastSeenSealMarker(ONE, 3, "c")),
        (LastSeenSealMarker(ONE, 2, "b"), set[UUID](), LastSeenSealMarker(ONE, 3, "c")),
        (LastSeenSealMarker(ONE, 4, "d"), set[UUID](), LastSeenSealMarker(ONE, 4, "d")),
        (LastSeenSealMarker(TWO, 9, "x"), {THREE}, LastSeenSealMarker(ONE, 4, "d")),
        (LastSeenSealMarker(TWO, 1, "a"), {ONE}, LastSeenSealMarker(TWO, 1, "a")),
        (LastSeenSealMarker(ONE, 9, "y"), set[UUID](), LastSeenSealMarker(TWO, 1, "a")),
    ):
        file.write_seal_marker_if_newer(memory, supersedes)
        assert file.read_last_seen_seal_marker() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["database.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"lineage": 1, "seal": 1, "digest": ""}', '{"lineage": "x"}'])
def test_a_file_that_is_none_is_no_memory(tmp_path: Path, text: str) -> None:
    """A file that cannot be read is as good as none, and is written anew."""
    path = tmp_path / "database.json"
    path.write_text(text)
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_seen_seal_marker() is None
    NotesAboutDatabaseInFiles(tmp_path).write_seal_marker_if_newer(SEEN, ())
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_seen_seal_marker() == SEEN


def test_an_old_seal_is_forgotten(tmp_path: Path) -> None:
    """The database drops seals after a month, so that a machine which was off for longer only knows the lineage."""
    path = tmp_path / "database.json"
    NotesAboutDatabaseInFiles(tmp_path).write_seal_marker_if_newer(SEEN, ())
    day = path.stat().st_mtime - 24 * 86400
    os.utime(path, (day, day))
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_seen_seal_marker() == SEEN
    os.utime(path, (day - 2 * 86400, day - 2 * 86400))
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_seen_seal_marker() == LastSeenSealMarker(ONE)
    NotesAboutDatabaseInFiles(tmp_path).write_seal_marker_if_newer(SEEN, ())
    assert NotesAboutDatabaseInFiles(tmp_path).read_last_seen_seal_marker() == SEEN


def test_a_folder_that_takes_no_file_ends_nothing(tmp_path: Path) -> None:
    """Nothing is remembered where nothing can be written."""
    (tmp_path / "file").write_text("")
    vault = NotesAboutDatabaseInFiles(tmp_path / "file")
    vault.write_seal_marker_if_newer(SEEN, ())
    assert vault.read_last_seen_seal_marker() is None
