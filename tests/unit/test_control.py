"""The halts as a process knows them: from answers, their age, and what was seen before."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest

from mailer.pipeline import halt_watcher as module
from mailer.pipeline.halt_watcher import (
    ATTEST_SECONDS,
    BRAND,
    FRESH,
    MAILING,
    NOBODY_TO_ASK,
    PROCESSOR,
    STOPPED,
    WAITING,
    WENT_BACK,
    HaltWatcher,
)
from mailer.pipeline.notes_about_database_on_disk import NotesAboutDatabaseInFiles
from mailer.policy.category import Category, Lane
from mailer.ports.halts import (
    OPERATOR,
    Halt,
    HaltsAndMissingEntries,
    HaltScope,
    Head,
    JournaledStandingChange,
    LastSeenSealMarker,
    LocalDatabaseNotesUnreadable,
)
from tests.halts import FakeChains

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
WRITER, OTHER = UUID(int=9), UUID(int=10)
SOUND = HaltsAndMissingEntries((), ONE, frozenset(), 5, {5: "five"})


@dataclass
class FakeDatabase:
    """A stand-in for the database. It answers as the test wants, and keeps the questions."""

    answer: HaltsAndMissingEntries = SOUND
    error: Exception | None = None
    refuses: bool = False
    asked: list[tuple[frozenset[int], frozenset[Head]]] = field(default_factory=list)
    told: list[Halt] = field(default_factory=list)
    attested: list[list[UUID]] = field(default_factory=list)
    left: list[UUID] = field(default_factory=list)

    async def read_halts_and_missing_ledger_entries(
        self, seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        """Returns the answer, or raises the error."""
        self.asked.append((frozenset(seals), frozenset(heads)))
        if self.error:
            raise self.error
        return self.answer

    async def add_halt(self, halt: Halt) -> bool:
        """Keeps the halt, if the database takes writes."""
        if not self.refuses:
            self.told.append(halt)
            return True
        raise ConnectionError("read-only")

    async def record_process_found_no_data_loss(self, label: str, witnesses: Sequence[UUID]) -> None:
        """Keeps the witnesses for whom it was recorded."""
        self.attested.append(list(witnesses))

    async def record_process_end_without_data_loss(self, witness: UUID) -> None:
        """Keeps the process whose end was recorded."""
        self.left.append(witness)

    async def find_lost_standing_changes(
        self, changes: Sequence[JournaledStandingChange]
    ) -> Sequence[tuple[JournaledStandingChange, bool]]:
        """Returns all of them."""
        return [(change, True) for change in changes]

    async def lift_halt(self, scope: HaltScope, key: str, by: str) -> bool:
        """Unused in these tests."""
        raise NotImplementedError

    async def resume_processor(self, name: str, by: str) -> tuple[bool, int]:
        """Unused in these tests."""
        raise NotImplementedError

    async def pause_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Unused in these tests."""
        raise NotImplementedError

    async def resume_mailing(self, mailing_id: UUID, by: str) -> bool:
        """Unused in these tests."""
        raise NotImplementedError

    async def cancel_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Unused in these tests."""
        raise NotImplementedError

    async def begin_lineage_and_lift_restore_halt(
        self, by: str, ended: Collection[Category] | None
    ) -> tuple[UUID, int]:
        """Unused in these tests."""
        raise NotImplementedError


@dataclass
class Scene:
    """A process with its control, the database it asks, and its clock."""

    folder: Path
    database: FakeDatabase = field(default_factory=FakeDatabase)
    chains: FakeChains = field(default_factory=FakeChains)
    now: float = 0.0
    mended: list[frozenset[UUID]] = field(default_factory=list)
    closed: LocalDatabaseNotesUnreadable | None = None

    def __post_init__(self) -> None:
        self.remembered = NotesAboutDatabaseInFiles(self.folder)
        self.control = self.process(self.remembered)

    def process(self, remembered: NotesAboutDatabaseInFiles | None = None) -> HaltWatcher:
        """Another process of the same machine."""
        vault = remembered or NotesAboutDatabaseInFiles(self.folder)
        return HaltWatcher(self.database, self.chains, vault, "host:1", self.mend, lambda: self.now)

    async def mend(self, lineages: Collection[UUID]) -> None:
        """Keeps of which databases lost changes were to be made again, unless the journal is closed."""
        if self.closed:
            raise self.closed
        self.mended.append(frozenset(lineages))

    def answers(self, *halts: Halt) -> None:
        """Sets the halts of later answers."""
        self.database.answer = replace(self.database.answer, halts=halts)

    def halted(self) -> str | None:
        """The reason why a mailing of a brand is halted, or None."""
        return self.control.mailing_halt_reason("acme", ONE, Lane.SERVICE)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene with nothing remembered."""
    return Scene(tmp_path / "deep")


@pytest.mark.parametrize(
    ("halt", "expected"),
    [
        (Halt(HaltScope.EVERYTHING, OPERATOR, "dana"), STOPPED),
        (Halt(HaltScope.EVERYTHING, str(ONE), "host:2"), WENT_BACK),
        (Halt(HaltScope.BRAND, "acme", "dana"), BRAND),
        (Halt(HaltScope.BRAND, "other", "dana"), None),
        (Halt(HaltScope.MAILING, str(ONE), "dana"), MAILING),
        (Halt(HaltScope.MAILING, str(TWO), "dana"), None),
        (Halt(HaltScope.PROCESSOR, "relay", "dana"), None),
    ],
)
async def test_what_is_halted_is_said_by_scope(scene: Scene, halt: Halt, expected: str | None) -> None:
    """Each halt stops what it is about, and goes with the answer that no longer has it."""
    scene.answers(halt)
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == expected
    assert scene.control.processor_halt_reason("relay") == (PROCESSOR if halt.scope is HaltScope.PROCESSOR else None)
    scene.answers()
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() is None
    assert scene.control.processor_halt_reason("relay") is None


async def test_an_old_answer_is_no_permission(scene: Scene) -> None:
    """Everything is halted before the first answer, and once the last answer is more than two seconds old."""
    assert scene.halted() == NOBODY_TO_ASK
    await scene.control.query_halts_and_attest_no_loss()
    scene.now += FRESH
    assert scene.halted() is None
    scene.now += 0.001
    assert scene.halted() == NOBODY_TO_ASK
    scene.database.error = ConnectionError("away")
    with pytest.raises(ConnectionError):
        await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == NOBODY_TO_ASK


async def test_an_answer_is_as_old_as_its_question(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that took three seconds says what was true three seconds ago, and permits nothing."""
    ask = scene.database.read_halts_and_missing_ledger_entries

    async def slowly(
        seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        scene.now += 3
        return await ask(seals, heads, witnesses)

    monkeypatch.setattr(scene.database, "read_halts_and_missing_ledger_entries", slowly)
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == NOBODY_TO_ASK


async def test_it_asks_until_told_to_stop(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that fails is asked again, and being told to stop ends it."""
    monkeypatch.setattr(module, "PERIOD", 0.001)
    stop, ask = asyncio.Event(), scene.database.read_halts_and_missing_ledger_entries

    async def asked(
        seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        if len(scene.database.asked) == 3:
            stop.set()
        scene.database.error = None if scene.database.asked else TimeoutError()
        return await ask(seals, heads, witnesses)

    monkeypatch.setattr(scene.database, "read_halts_and_missing_ledger_entries", asked)
    await asyncio.wait_for(scene.control.poll_until_stopped(stop), 10)
    assert len(scene.database.asked) == 4
    assert scene.halted() is None


BACK = {
    "the seal is missing": HaltsAndMissingEntries((), ONE, frozenset(), 4, {4: "four"}),
    "all seals are missing": HaltsAndMissingEntries((), ONE, frozenset(), 0, {}),
    "the seal is another one": HaltsAndMissingEntries((), ONE, frozenset(), 6, {5: "not five", 6: "six"}),
    "another database": HaltsAndMissingEntries((), TWO, frozenset(), 5, {5: "five"}),
    "another database that goes on for a third": HaltsAndMissingEntries((), TWO, frozenset({THREE}), 5, {5: "five"}),
}


@pytest.mark.parametrize("name", BACK)
async def test_a_database_that_went_back_stops_everything(scene: Scene, name: str) -> None:
    """A new process of the machine sees it by the file, a running one by itself; both tell the others."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.database.answer = BACK[name]
    for control in (scene.control, scene.process()):
        scene.database.told.clear()
        await control.query_halts_and_attest_no_loss()
        assert control.mailing_halt_reason("acme", ONE, Lane.SERVICE) == WENT_BACK
        assert [(halt.scope, halt.key, halt.by) for halt in scene.database.told] == [
            (HaltScope.EVERYTHING, str(ONE), "host:1")
        ]
    assert NotesAboutDatabaseInFiles(scene.folder).read_last_seen_seal_marker() == SOUND.newest_seal_marker, (
        "what was seen is not forgotten for it"
    )


async def test_it_stops_though_nobody_can_be_told(scene: Scene) -> None:
    """A database that takes no writes stops the process all the same, and is told as soon as it does."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.database.answer, scene.database.refuses = BACK["the seal is missing"], True
    with pytest.raises(ConnectionError):
        await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == WENT_BACK
    scene.database.refuses = False
    await scene.control.query_halts_and_attest_no_loss()
    assert len(scene.database.told) == 1
    scene.answers(*scene.database.told)
    await scene.control.query_halts_and_attest_no_loss()
    assert len(scene.database.told) == 1


async def test_lost_entries_stop_everything(scene: Scene) -> None:
    """Entries that this process has committed and that are gone stop it for good; their chains are not extended."""
    await scene.control.query_halts_and_attest_no_loss()
    for n in (7, 9):
        scene.remembered.note_committed_entry_on_disk(WRITER, n)
    scene.remembered.note_committed_entry_on_disk(OTHER, 1)
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.database.asked[-1][1] == {(WRITER, 9), (OTHER, 1)}
    scene.database.answer = replace(SOUND, missing=frozenset({(WRITER, 9)}))
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == WENT_BACK
    assert scene.chains.renewed == 1
    assert scene.mended == [{ONE}], "opt-outs are made again at once"
    scene.remembered.note_committed_entry_on_disk(WRITER, 10)
    scene.database.answer = SOUND  # of the new chains nothing is missing, and yet it went back
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == WENT_BACK
    assert scene.database.asked[-1][1] == {(WRITER, 9), (OTHER, 1)}, "what was lost is not noted over"


async def test_lost_entries_of_a_process_that_has_ended_stop_everything(scene: Scene) -> None:
    """A new process of the machine asks for what the last one has committed, and speaks for it."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.remembered.note_committed_entry_on_disk(WRITER, 7)
    ended = scene.remembered.id
    scene.remembered.close()
    new = scene.process()
    scene.database.answer = replace(SOUND, missing=frozenset({(WRITER, 7)}))
    await new.query_halts_and_attest_no_loss()
    assert scene.database.asked[-1][1] == {(WRITER, 7)}
    assert new.mailing_halt_reason("acme", ONE, Lane.SERVICE) == WENT_BACK
    scene.database.attested.clear()
    scene.database.answer = SOUND
    another = scene.process()
    await another.query_halts_and_attest_no_loss()
    assert [spoken_for for _, *spoken_for in scene.database.attested] == [[ended]]
    assert another.mailing_halt_reason("acme", ONE, Lane.SERVICE) is None


async def test_a_new_connection_is_met_first(scene: Scene) -> None:
    """An entry that it lacks stops the process before anything else is done; the others are told at once after."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.remembered.note_committed_entry_on_disk(WRITER, 7)

    async def replica(
        seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        return replace(SOUND, missing=frozenset(heads))

    await scene.control.check_for_lost_data_on_new_connection(replica)
    assert scene.halted() == WENT_BACK
    assert scene.database.told == []
    await scene.control.query_halts_and_attest_no_loss()
    assert [halt.key for halt in scene.database.told] == [str(ONE)]


async def test_after_a_failover_everybody_who_remembers_is_waited_for(scene: Scene) -> None:
    """Nothing is sent until all have said that nothing is missing. Each says so at once, and every five seconds."""
    for seconds in (0.0, ATTEST_SECONDS / 2, ATTEST_SECONDS / 2):
        scene.now += seconds
        await scene.control.query_halts_and_attest_no_loss()
    assert len(scene.database.attested) == 2
    scene.database.answer = replace(SOUND, timeline="2", attested=False, waiting=("web:1",))
    await scene.control.query_halts_and_attest_no_loss()
    assert len(scene.database.attested) == 3
    assert scene.halted() == WAITING
    assert "web:1" in (scene.control.problem_for_operator or "")
    scene.database.answer = replace(SOUND, timeline="2")
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() is None
    assert scene.control.problem_for_operator is None


async def test_who_misses_something_does_not_say_otherwise(scene: Scene) -> None:
    """A process that misses entries never says otherwise. At its end, a process that misses none says so."""
    await scene.control.query_halts_and_attest_no_loss()
    await scene.control.deregister_this_process_if_intact()
    assert scene.database.left == [scene.remembered.id]
    scene.remembered.note_committed_entry_on_disk(WRITER, 7)
    scene.database.answer = replace(SOUND, missing=frozenset({(WRITER, 7)}), attested=False)
    scene.database.attested.clear()
    await scene.control.query_halts_and_attest_no_loss()
    await scene.control.deregister_this_process_if_intact()
    assert scene.database.attested == []
    assert len(scene.database.left) == 1


async def test_a_running_process_accepts_the_new_lineage(scene: Scene) -> None:
    """A process goes on as soon as an operator accepts the new lineage, whether it started before or after that."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.remembered.note_committed_entry_on_disk(WRITER, 7)
    scene.database.answer = replace(BACK["the seal is missing"], missing=frozenset({(WRITER, 7)}))
    await scene.control.query_halts_and_attest_no_loss()
    begun = HaltsAndMissingEntries((), TWO, frozenset({ONE}), 4, {4: "four"})
    scene.database.answer = begun
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() is None
    assert NotesAboutDatabaseInFiles(scene.folder).read_last_seen_seal_marker() == begun.newest_seal_marker
    new = scene.process()
    await new.query_halts_and_attest_no_loss()
    assert new.mailing_halt_reason("acme", ONE, Lane.SERVICE) is None
    scene.database.answer = SOUND  # and back to the old one: that is another restore
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == WENT_BACK


async def test_one_that_slept_through_it_accepts_it_too(scene: Scene) -> None:
    """A process that was frozen while the database went back and was started again begins new chains."""
    await scene.control.query_halts_and_attest_no_loss()
    scene.remembered.note_committed_entry_on_disk(WRITER, 7)
    scene.database.answer = HaltsAndMissingEntries((), TWO, frozenset({ONE}), 1, {1: "one"}, frozenset({(WRITER, 7)}))
    scene.closed = LocalDatabaseNotesUnreadable("give this user the right to read MAILER_DATA")
    with pytest.raises(LocalDatabaseNotesUnreadable):
        await scene.control.query_halts_and_attest_no_loss()
    assert (scene.halted(), len(scene.database.attested)) == (WAITING, 1), "nothing goes before it is made again"
    scene.closed = None
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() is None
    assert scene.chains.renewed == 1
    assert [*scene.database.told, *scene.mended] == [{ONE, TWO}], "what it had answered is made again"


async def test_without_a_seal_the_lineage_is_remembered(scene: Scene) -> None:
    """A process knows a database by its lineage alone, before the first seal."""
    scene.database.answer = HaltsAndMissingEntries((), ONE, frozenset(), 0, {})
    await scene.control.query_halts_and_attest_no_loss()
    assert NotesAboutDatabaseInFiles(scene.folder).read_last_seen_seal_marker() == LastSeenSealMarker(ONE)
    assert scene.database.asked[-1][0] == frozenset()
    scene.database.answer = BACK["another database"]
    await scene.control.query_halts_and_attest_no_loss()
    assert scene.halted() == WENT_BACK
