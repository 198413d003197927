"""What stands still and what goes on, and whether the database is still the one that this process has known."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.category import Category


class HaltScope(StrEnum):
    """What a halt is about."""

    EVERYTHING = "everything"
    BRAND = "brand"
    PROCESSOR = "processor"
    MAILING = "mailing"


OPERATOR = "operator"
"""Key of the halt of everything that `mailer stop` makes and `mailer start` lifts."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Something that stands still.

    Attributes:
        key: the brand, the processor's name, the mailing's id; of everything, `OPERATOR`, or the lineage of which the
            database has lost something.
        by: who has halted it. reason: why, in one line.
        at: since when; None: not yet.
    """

    scope: HaltScope
    key: str
    by: str
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestoreMarker:
    """What a machine remembers of the database, outside of it.

    Attributes:
        lineage: which database it was. seal: the newest seal's number, 0 before the first one.
        digest: the SHA-256 of that seal's body, in hexadecimal.
    """

    lineage: UUID
    seal: int = 0
    digest: str = ""


Head = tuple[UUID, int]
"""A writer of the ledger, and the number of an entry that it has committed."""


@dataclass(frozen=True, slots=True)
class CommitTrace:
    """The last entries that one process has committed, as they are remembered outside of the database.

    Attributes:
        id: of the process. lineage: which database it was. heads: the entries.
        dead: whether the process has ended.
    """

    id: UUID
    lineage: UUID
    heads: frozenset[Head]
    dead: bool = False


@dataclass(frozen=True, slots=True)
class StandingChange:
    """A change of somebody's standing, as it is remembered outside of the database: no address, no name, no free text.

    Attributes:
        writer, n: the ledger entry that was committed with it.
        at: when. brand, recipient_id: whose standing.
        known_since: when the person's row was made. With the id it says who it is: after a loss, another person may
            get the same id.
        reason, scope, rule: those of the entry.
        policy: the policy version of the entry.
        lineage: which database it was; None: not known yet.
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
        """Which entry of the ledger it is."""
        return self.writer, self.n


@dataclass(frozen=True, slots=True)
class HaltAnswer:
    """What the database says, in one statement.

    Attributes:
        halts: everything that stands still.
        lineage: which database it is. supersedes: those that it goes on for, since an operator has said so.
        seal: the newest seal's number, 0 before the first one.
        digests: of that seal and of those that were asked for, as far as they are there, by number.
        missing: the heads that were asked for and are not there.
        timeline: the server and its timeline: it changes with each promotion.
        attested: whether the asking process has said, on this timeline, that it misses nothing.
        waiting: the processes that said so on the timeline before, and not yet on this one.
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
    def has_gone_back(self) -> bool:
        """Whether some process has found that the database lacks what it had."""
        return any(halt.scope is HaltScope.EVERYTHING and halt.key != OPERATOR for halt in self.halts)

    @property
    def restore_marker(self) -> RestoreMarker:
        """What is to be remembered of it."""
        return RestoreMarker(self.lineage, self.seal, self.digests.get(self.seal, ""))


class RestoreMarkerUnreadable(Exception):
    """The memory of a machine cannot be read; the message is a line that says what to do."""


class MailingRefused(Exception):
    """A mailing that cannot be paused, resumed or cancelled; the message says why."""


class LedgerChains(Protocol):
    """This process's own writers of the ledger."""

    def renew_chains(self) -> None:
        """Never extends the chains that there are: the database has lost entries of them."""
        ...


class CommitNotes(Protocol):
    """The place where a process notes what it has committed, outside of the database."""

    def note_entry(self, writer: UUID, n: int) -> None:
        """Notes an entry, in microseconds. The note outlives the process at once, and the machine after a second."""
        ...

    async def record_changes(self, changes: Sequence[StandingChange]) -> None:
        """Notes changes of standings, and returns once they, and all that was noted before, are on disk."""
        ...


class RestoreMarkerStore(Protocol):
    """The machine's memory of the database, outside of it; one for all processes.

    Attributes:
        id: of this process, among those that remember.
    """

    id: UUID

    def read_marker(self) -> RestoreMarker | None:
        """What is remembered; None: nothing yet."""
        ...

    def write_marker(self, memory: RestoreMarker, instead_of: Collection[UUID]) -> None:
        """Remembers a newer seal of the same lineage, or a lineage that goes on for the one that is remembered.

        Args:
            memory: what was seen.
            instead_of: the lineages that it goes on for.
        """
        ...

    def begin_lineage(self, lineage: UUID) -> None:
        """Notes from now on what is committed to this database; what was committed to another one is forgotten."""
        ...

    def read_traces(self) -> Sequence[CommitTrace]:
        """Returns what processes of the machine committed last: this one, those that live, and those that ended."""
        ...

    def forget_traces(self, ended: Collection[UUID]) -> None:
        """The database has all that these have committed; they are forgotten as soon as this process notes more."""
        ...

    def keep_as_evidence(self) -> None:
        """The database went back: what is noted is evidence, and newer notes do not take its place."""
        ...

    async def sync_to_disk(self) -> None:
        """Returns once all notes are on disk."""
        ...


class HaltStore(Protocol):
    """What stands still, in the database. Each change is on record, in the same transaction."""

    async def query_halts(
        self, seals: Collection[int], heads: Collection[Head], witnesses: Sequence[UUID]
    ) -> HaltAnswer:
        """Tells what stands still, and whether what this process has seen is there. Answers, or raises, within seconds.

        Args:
            seals: numbers of seals.
            heads: entries.
            witnesses: this process, and those for which it speaks.
        """
        ...

    async def attest_memory(self, label: str, witnesses: Sequence[UUID]) -> None:
        """Says that the database has all that this process remembers, and that those remember for which it speaks.

        Args:
            label: names this process.
            witnesses: as for `query_halts`; the rows of those for which it speaks go.
        """
        ...

    async def deregister_witness(self, witness: UUID) -> None:
        """Says that a process ends and that the database has all that it remembers. Ignored after a failover."""
        ...

    async def find_lost_changes(self, changes: Sequence[StandingChange]) -> Sequence[tuple[StandingChange, bool]]:
        """Those of some changes whose entry the ledger lacks, and whether each still stands.

        It does if the person is the same, and has not taken it back since.
        """
        ...

    async def add_halt(self, halt: Halt) -> bool:
        """Halts everything, a brand or a processor; whether that is new."""
        ...

    async def lift_halt(self, scope: HaltScope, key: str, by: str) -> bool:
        """Lets it go on; whether it stood still. What waits is published by the timekeeper, at its next look."""
        ...

    async def pause_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing; whether that is new.

        Raises:
            MailingRefused: it is finished or cancelled.
        """
        ...

    async def resume_mailing(self, mailing_id: UUID, by: str) -> bool:
        """Lets a mailing go on; whether it stood still.

        Raises:
            MailingRefused: it is cancelled.
        """
        ...

    async def cancel_mailing(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing for good; the timekeeper ends its open deliveries. Whether that is new.

        Raises:
            MailingRefused: it is finished.
        """
        ...

    async def begin_lineage(self, by: str, ended: Collection[Category] | None) -> tuple[UUID, int]:
        """Begins a new lineage, which goes on for those of this database and those that it has lost something of.

        Args:
            by: who says so.
            ended: the categories whose open mailings end here, since their mail may have gone out already; None:
                everything goes on.

        Returns:
            The lineage, and how many mailings end.
        """
        ...
