"""Notices: deliveries that were diverted from mail. Staff tell the person on another channel."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class NonEmailNoticeState(StrEnum):
    """The state of a notice."""

    OPEN = "open"
    """Nobody works on it yet."""
    TAKEN = "taken"
    """Somebody works on it."""
    DONE = "done"
    """It was posted, or the person was reached."""
    RETURNED = "returned"
    """It came back, and was given up."""
    CLOSED = "closed"
    """Nobody has to work on it any more: the person was erased, or the mailing cancelled."""


WAITING = (NonEmailNoticeState.OPEN, NonEmailNoticeState.TAKEN)
"""States of notices that staff still have to work on."""


class NoticeChangeRefused(ValueError):
    """A notice does not exist or cannot be changed. The message says why."""


@dataclass(frozen=True, slots=True)
class NonEmailNotice:
    """The task to tell one person about one mailing on another channel.

    Attributes:
        id: commands use it.
        category: the category of the mail for this person.
        channel: the channel: `written_notice`, or a channel of the policy.
        reason: the reason for which no mail went, as in the ledger.
        since: when it was diverted.
        changed_at, changed_by: the last change, and the person who made it; None: mailer itself.
        note: the reason for which it came back, or was closed.
        reference: of the posting or the call.
        day: on which it was posted, or the person was reached.
        has_address: a postal address is on record.
    """

    id: int
    mailing_id: UUID
    recipient_id: int
    brand: str
    category: str
    channel: str
    reason: str
    state: NonEmailNoticeState
    since: datetime
    changed_at: datetime
    changed_by: str | None
    note: str | None
    reference: str | None
    day: date | None
    has_address: bool


@dataclass(frozen=True, slots=True)
class NonEmailNoticeFilter:
    """A filter for notices; None: any value.

    Attributes:
        after: only notices with a higher id.
    """

    brand: str | None = None
    channel: str | None = None
    mailing_id: UUID | None = None
    states: Collection[NonEmailNoticeState] = WAITING
    after: int = 0


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """A new state for notices, with its author, note, reference and day."""

    state: NonEmailNoticeState
    by: str
    note: str | None = None
    reference: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class NoticeAddressee:
    """The person that a notice is for, with the data that staff need to tell them.

    Attributes:
        notice: the id of the notice.
        lines: the postal address; None: none is on record.
        mailing_state: the present state of the mailing.
        electronic_refused: the person still wants notices in writing.
    """

    notice: int
    ref: str
    name: str | None
    country: str | None
    lines: Sequence[str] | None
    mailing_state: str
    electronic_refused: bool


class NonEmailNoticeStore(Protocol):
    """Stores the queue of notices."""

    async def list_notices(self, selected: NonEmailNoticeFilter, limit: int) -> Sequence[NonEmailNotice]:
        """Returns the notices that pass the filter, oldest first, at most `limit`."""
        ...

    async def get_notices_with_ids(self, ids: Sequence[int]) -> Sequence[NonEmailNotice]:
        """Returns the notices with these ids; missing ones are left out."""
        ...

    async def change_all_notices_or_none(
        self, ids: Sequence[int], change: NoticeChange, refuses: Callable[[NonEmailNotice], str | None]
    ) -> Sequence[NonEmailNotice]:
        """Changes all of the notices or none, and records it in the ledger.

        Args:
            ids: of the notices.
            change: the same for all.
            refuses: returns the reason not to change a notice in its present state, or None.

        Returns:
            The notices as they were before.

        Raises:
            NoticeChangeRefused: one does not exist, or cannot be changed.
        """
        ...

    async def read_addressees_and_log_access(self, ids: Sequence[int], by: str) -> Sequence[NoticeAddressee]:
        """Returns the addressees of notices, and records who has read them. Closed notices have no addressee."""
        ...
