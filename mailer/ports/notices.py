"""Notices: deliveries that were diverted from mail, and wait for somebody who tells the person on another channel."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class NoticeState(StrEnum):
    """The state of a notice."""

    OPEN = "open"
    """Nobody works it yet."""
    TAKEN = "taken"
    """Somebody works it."""
    DONE = "done"
    """It was posted, or the person was reached."""
    RETURNED = "returned"
    """It came back, and is given up."""
    CLOSED = "closed"
    """It is nobody's to work any more: the person was erased, or the mailing cancelled."""


WAITING = (NoticeState.OPEN, NoticeState.TAKEN)
"""States in which somebody has something to do."""


class NoticeRefused(ValueError):
    """Something cannot be done with a notice; the message says why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One person who is to be told of one mailing on another channel.

    Attributes:
        id: by which commands name it.
        category: what the mail is to this person.
        channel: where the person is told: `written_notice`, or a channel of the policy's.
        reason: why no mail went, as the ledger has it.
        since: when it was diverted.
        changed_at, changed_by: the last change, and the person who made it; None: mailer itself.
        note: why it came back, or was closed.
        reference: of the posting or the call.
        day: when it was posted, or the person reached.
        has_address: a postal address is on record.
    """

    id: int
    mailing_id: UUID
    recipient_id: int
    brand: str
    category: str
    channel: str
    reason: str
    state: NoticeState
    since: datetime
    changed_at: datetime
    changed_by: str | None
    note: str | None
    reference: str | None
    day: date | None
    has_address: bool


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """The notices that are asked for; None: any.

    Attributes:
        after: those behind this id.
    """

    brand: str | None = None
    channel: str | None = None
    mailing_id: UUID | None = None
    states: Collection[NoticeState] = WAITING
    after: int = 0


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """A new state of notices, and what is said of it."""

    state: NoticeState
    by: str
    note: str | None = None
    reference: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class NoticeAddressee:
    """Somebody who is to be told, as who works the notice has to know.

    Attributes:
        notice: its id.
        lines: the postal address; None: none is on record.
        mailing_state: of the mailing now.
        electronic_refused: they want notices in writing still.
    """

    notice: int
    ref: str
    name: str | None
    country: str | None
    lines: Sequence[str] | None
    mailing_state: str
    electronic_refused: bool


class NoticeStore(Protocol):
    """The queue of those that are told on another channel."""

    async def list_notices(self, selected: NoticeFilter, limit: int) -> Sequence[Notice]:
        """Returns some, oldest first."""
        ...

    async def get_notices(self, ids: Sequence[int]) -> Sequence[Notice]:
        """Returns those that there are."""
        ...

    async def change_notices(
        self, ids: Sequence[int], change: NoticeChange, refuses: Callable[[Notice], str | None]
    ) -> Sequence[Notice]:
        """Changes all of them or none, on record.

        Args:
            ids: theirs.
            change: the same for all.
            refuses: says why one of them, as it is now, cannot be changed so.

        Returns:
            Them, as they were.

        Raises:
            NoticeRefused: one is not there, or cannot be changed.
        """
        ...

    async def read_addressees(self, ids: Sequence[int], by: str) -> Sequence[NoticeAddressee]:
        """Returns whom they are for, and records that somebody has read it; nobody for those that are closed."""
        ...
