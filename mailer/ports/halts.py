"""Halts, and the check that the database has not lost data that this process has seen there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.category import Category


class HaltScope(StrEnum):
    """The kind of thing that a halt stops."""

    EVERYTHING = "everything"
    BRAND = "brand"
    PROMOTIONAL = "promotional"
    """The promotional lane of a brand, which is the halt's key."""
    PROCESSOR = "processor"
    MAILING = "mailing"


OPERATOR = "operator"
"""Key of the halt of everything that `mailer stop` makes and `mailer start` lifts."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop of everything, or of one brand, processor or mailing.

    Attributes:
        key: the brand, the processor's name, or the mailing's id. For everything: `OPERATOR`, or the lineage of which
            the database has lost data.
        by: the one who has made it. reason: one line.
        at: its beginning; None if it is not stored yet.
    """

    scope: HaltScope
    key: str
    by: str
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HaltInForce:
    """A halt that holds now.

    Attributes:
        brand: of the brand or mailing that it stops; None for everything and for a processor.
        event_id: of the mailing; None for another scope.
    """

    halt: Halt
    brand: str | None = None
    event_id: str | None = None


class HaltLister(Protocol):
    """Lists halts for people."""

    async def list_halts_in_force(
        self, limit: int, brands: Collection[str] | None = None, mailing_id: UUID | None = None
    ) -> list[HaltInForce]:
        """Returns the halts that hold now: of everything, of brands and processors, then of mailings, the oldest first.

        Args:
            limit: the most halts.
            brands: the only brands whose halts, and whose mailings' halts, are wanted; None: all.
            mailing_id: the only mailing whose own halt is wanted; None: all.
        """
        ...

    async def list_halts_except_those_of_mailings(self, limit: int) -> list[HaltInForce]:
        """Returns the same without those of single mailings: of everything, of brands and of processors."""
        ...


@dataclass(frozen=True, slots=True)
class LastSeenSealMarker:
    """A record, outside of the database, of the newest lineage and seal that this machine has seen in it.

    Attributes:
        lineage: of the database. seal: the newest seal's number, 0 before the first one.
        digest: the SHA-256 of that seal's body, in hexadecimal.
    """

    lineage: UUID
    seal: int = 0
    digest: str = ""


Head = tuple[UUID, int]
"""A writer of the ledger, and the number of an entry that it has committed."""


@dataclass(frozen=True, slots=True)
class LastCommitsOfProcess:
    """The last ledger entries that one process has committed, noted outside of the database.

    Attributes:
        id: of the process. lineage: of the database. heads: the entries.
        dead: True if the process has ended.
    """

    id: UUID
    lineage: UUID
    heads: frozenset[Head]
    dead: bool = False


@dataclass(frozen=True, slots=True)
class JournaledStandingChange:
    """A change of a person's standing, noted outside of the database, without address, name or free text.

    Attributes:
        writer, n: the ledger entry that was committed with it.
        at: the time of the change. brand, recipient_id: the person.
        known_since: when the person's row was made. Id and time together identify the person: after a loss of data,
            another person may get the same id.
        reason, scope, rule: of the entry.
        policy: the policy version of the entry.
        lineage: of the database; None: not known yet.
    """

    writer: UUID
    n: int
    at: datetime
    brand: str
    recipient_id: int
    known_since: datetime
    reason: str
    scope: str | None
    rule: str | None
    policy: str | None = None
    lineage: UUID | None = None

    @property
    def ledger_entry_id(self) -> Head:
        """The writer and the number of its ledger entry."""
        return self.writer, self.n


@dataclass(frozen=True, slots=True)
class HaltsAndMissingEntries:
    """The database's answer to one question of a process, read in one statement.

    Attributes:
        halts: all halts.
        lineage: of this database. supersedes: older lineages that it replaces, because an operator has accepted that.
        seal: the newest seal's number, 0 before the first one.
        digests: of that seal and of the requested seals, by number; seals that the database lacks are left out.
        missing: the requested heads that the database lacks.
        timeline: the server and its timeline: it changes with each promotion.
        attested: True if the asking process has stated, on this timeline, that nothing is missing.
        waiting: the processes that stated so on the timeline before, and not yet on this one.
    """

    halts: tuple[Halt, ...]
    lineage: UUID
    supersedes: frozenset[UUID]
    seal: int
    digests: Mapping[int, str]
    missing: frozenset[Head] = frozenset()
    timeline: str = ""
    attested: bool = True
    waiting: tuple[str, ...] = ()

    @property
    def has_database_gone_back(self) -> bool:
        """True if a process has found that the database has lost data."""
        return any(halt.scope is HaltScope.EVERYTHING and halt.key != OPERATOR for halt in self.halts)

    @property
    def newest_seal_marker(self) -> LastSeenSealMarker:
        """The marker to store outside of the database after this answer."""
        return LastSeenSealMarker(self.lineage, self.seal, self.digests.get(self.seal, ""))


class LocalDatabaseNotesUnreadable(Exception):
    """The notes of this machine about the database cannot be read. The message is a line that says what to do."""


class MailingControlRefused(Exception):
    """A mailing cannot be paused, resumed or cancelled. The message says why."""


class LedgerChainsOfThisProcess(Protocol):
    """The ledger chains that this process writes."""

    def abandon_chains_for_new_ones(self) -> None:
        """Begins new chains, and never extends the old ones, because the database has lost entries of them."""
        ...


class LocalCommitNotes(Protocol):
    """Notes, outside of the database, what a process has committed to it."""

    def note_committed_entry_on_disk(self, writer: UUID, n: int) -> None:
        """Notes a committed ledger entry. It takes microseconds.

        The note survives an end of the process at once, and a crash of the machine after a second.
        """
        ...

    async def note_standing_changes_on_disk(self, changes: Sequence[JournaledStandingChange]) -> None:
        """Notes changes of standings. It returns when they and all earlier notes are on disk."""
        ...


class LocalDatabaseNotesStore(Protocol):
    """Notes of this machine about the database, outside of it. All its processes share them.

    Attributes:
        id: of this process in the notes.
    """

    id: UUID

    def read_last_seen_seal_marker(self) -> LastSeenSealMarker | None:
        """Returns the stored marker, or None if there is none yet."""
        ...

    def write_seal_marker_if_newer(self, memory: LastSeenSealMarker, instead_of: Collection[UUID]) -> None:
        """Stores a marker if its seal is newer than the stored one of the same lineage, or if it replaces that lineage.

        Args:
            memory: the marker to store.
            instead_of: the lineages that its lineage replaces.
        """
        ...

    def switch_notes_to_lineage(self, lineage: UUID) -> None:
        """Begins to note commits to the database of this lineage. Deletes notes about commits to another one."""
        ...

    def read_last_committed_entries(self) -> Sequence[LastCommitsOfProcess]:
        """Returns the last commits of the machine's processes: of this one, of running ones, and of ended ones."""
        ...

    def schedule_deletion_of_ended_process_notes(self, ended: Collection[UUID]) -> None:
        """Deletes traces of ended processes once this process notes more. The database has all their commits."""
        ...

    def stop_noting_to_keep_evidence(self) -> None:
        """Stops noting: the database went back, and newer notes must not overwrite the evidence."""
        ...

    async def sync_notes_to_disk(self) -> None:
        """Writes all notes to disk, and returns when that is done."""
        ...


class HaltStore(Protocol):
    """Stores halts in the database. Each change is recorded in the ledger in the same transaction."""

    async def read_halts_and_missing_ledger_entries(
        self, seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltsAndMissingEntries:
        """Returns the halts, and which of the given seals and entries are there. Answers, or raises, within seconds.

        Args:
            seals: numbers of seals that this process has seen.
            heads: ledger entries that processes of this machine have committed.
            witnesses: this process, and the ended ones for which it speaks.
        """
        ...

    async def record_process_found_no_data_loss(self, label: str, witnesses: Sequence[UUID]) -> None:
        """Stores the statement that the database has all data that this process and `witnesses` have noted.

        Args:
            label: the name of this process.
            witnesses: as for `query_halts_and_missing_ledger_entries`; the rows of the ended processes are deleted.
        """
        ...

    async def record_process_end_without_data_loss(self, witness: UUID) -> None:
        """Stores that a process ends, and that the database has all that it has noted. Ignored after a failover."""
        ...

    async def find_lost_standing_changes(
        self, changes: Sequence[JournaledStandingChange]
    ) -> Sequence[tuple[JournaledStandingChange, bool]]:
        """Returns the changes whose entry the ledger lacks, each with True if it still holds.

        A change still holds if the person is the same, and has not taken it back since.
        """
        ...

    async def add_halt(self, halt: Halt) -> bool:
        """Halts everything, a brand or a processor. Returns False if it was halted already."""
        ...

    async def lift_halt(self, scope: HaltScope, key: str, by: str) -> bool:
        """Ends a halt. Returns False if there was none. The timekeeper publishes waiting batches in its next round."""
        ...

    async def resume_processor(self, name: str, by: str) -> tuple[bool, int]:
        """Hands mail to a processor again, also to the domains that had blocked it or found our set-up broken.

        Returns:
            True if it was halted, and the number of streams that go on.
        """
        ...

    async def pause_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing. Returns False if it was halted already.

        Raises:
            MailingControlRefused: it is finished or cancelled.
        """
        ...

    async def resume_mailing(self, mailing_id: UUID, by: str) -> bool:
        """Ends the halt of a mailing. Returns False if there was none.

        Raises:
            MailingControlRefused: it is cancelled.
        """
        ...

    async def cancel_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing for good; the timekeeper ends its open deliveries. Returns False if it was cancelled already.

        Raises:
            MailingControlRefused: it is finished.
        """
        ...

    async def begin_lineage_and_lift_restore_halt(
        self, by: str, ended: Collection[Category] | None
    ) -> tuple[UUID, int]:
        """Begins a new lineage. It replaces the lineages of this database, and those of which it has lost data.

        Args:
            by: the person who orders it.
            ended: the categories whose open mailings end here, since their mail may have gone out already; None:
                all mailings go on.

        Returns:
            The new lineage, and the number of mailings that end.
        """
        ...
