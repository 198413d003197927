"""What stands still and what goes on, and whether the database is still the one that this process has known."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.category import Category


class Scope(StrEnum):
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

    scope: Scope
    key: str
    by: str
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a machine remembers of the database, outside of it.

    Attributes:
        lineage: which database it was. seal: the newest seal's number, 0 before the first one.
        digest: the SHA-256 of that seal's body, in hexadecimal.
    """

    lineage: UUID
    seal: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the database says, in one statement.

    Attributes:
        halts: everything that stands still.
        lineage: which database it is. supersedes: those that it goes on for, since an operator has said so.
        seal: the newest seal's number, 0 before the first one.
        digests: of that seal and of those that were asked for, as far as they are there, by number.
        whole: whether all heads that were asked for are there.
    """

    halts: tuple[Halt, ...]
    lineage: UUID
    supersedes: frozenset[UUID]
    seal: int
    digests: Mapping[int, str]
    whole: bool

    @property
    def went_back(self) -> bool:
        """Whether some process has found that the database lacks what it had."""
        return any(halt.scope is Scope.EVERYTHING and halt.key != OPERATOR for halt in self.halts)

    @property
    def memory(self) -> Memory:
        """What is to be remembered of it."""
        return Memory(self.lineage, self.seal, self.digests.get(self.seal, ""))


Head = tuple[UUID, int]
"""A writer of the ledger, and the number of an entry that it has committed."""


class MailingRefused(Exception):
    """A mailing that cannot be paused, resumed or cancelled; the message says why."""


class Chains(Protocol):
    """This process's own writers of the ledger."""

    def heads(self) -> Mapping[UUID, int]:
        """The newest committed number of each writer that was used lately."""
        ...

    def renew(self) -> None:
        """Never extends the chains that there are: the database has lost entries of them."""
        ...


class Vault(Protocol):
    """What the machine remembers of the database, outside of it; one for all processes."""

    def read(self) -> Memory | None:
        """What is remembered; None: nothing yet."""
        ...

    def write(self, memory: Memory, instead_of: Collection[UUID]) -> None:
        """Remembers a newer seal of the same lineage, or a lineage that goes on for the one that is remembered.

        Args:
            memory: what was seen.
            instead_of: the lineages that it goes on for.
        """
        ...


class Halts(Protocol):
    """What stands still, in the database. Each change is on record, in the same transaction."""

    async def ask(self, seals: Collection[int], heads: Sequence[Head]) -> Answer:
        """What stands still, and whether what this process has seen is there. Answers, or raises, within seconds."""
        ...

    async def halt(self, halt: Halt) -> bool:
        """Halts everything, a brand or a processor; whether that is new."""
        ...

    async def lift(self, scope: Scope, key: str, by: str) -> bool:
        """Lets it go on; whether it stood still. What waits is published by the timekeeper, at its next look."""
        ...

    async def pause(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing; whether that is new.

        Raises:
            MailingRefused: it is finished or cancelled.
        """
        ...

    async def resume(self, mailing_id: UUID, by: str) -> bool:
        """Lets a mailing go on; whether it stood still.

        Raises:
            MailingRefused: it is cancelled.
        """
        ...

    async def cancel(self, mailing_id: UUID, by: str, reason: str) -> bool:
        """Halts a mailing for good; the timekeeper ends its open deliveries. Whether that is new.

        Raises:
            MailingRefused: it is finished.
        """
        ...

    async def go_on(self, by: str, ended: Collection[Category] | None) -> tuple[UUID, int]:
        """Begins a new lineage, which goes on for those of this database and those that it has lost something of.

        Args:
            by: who says so.
            ended: the categories whose open mailings end here, since their mail may have gone out already; None:
                everything goes on.

        Returns:
            The lineage, and how many mailings end.
        """
        ...
