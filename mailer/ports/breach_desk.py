"""The clocks of breach cases, the duties that are done, and the reminders that staff get."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.reminders import ReminderMoment
from mailer.ports.breach_cases import BreachCase


class KeptClock(NamedTuple):
    """A clock as figures and mails have it.

    Attributes:
        key: its name, unique in its case; see `policy.breach.clocks.Clock`. rule: the id of its rule.
        whom: those who are told, in words. what: the verb, such as `notify`. because: the sentence of the rule.
        starts_at, due_at: aware times; due_at None: without undue delay, and no time is named.
    """

    key: str
    rule: str
    whom: str
    what: str
    because: str
    starts_at: datetime
    due_at: datetime | None


class DutyToMark(NamedTuple):
    """A duty that somebody says is done.

    Attributes:
        clock: the name of the clock.
        told: who was told, by name. told_at: an aware time that is not ahead.
        reference: of the receipt; empty: there is none.
    """

    clock: str
    told: str
    told_at: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class DutyDone:
    """A duty that is done; `by` is the identity of whoever marked it, as text, `at` the time of that."""

    clock: str
    told: str
    told_at: datetime
    reference: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BreachSteps:
    """The people who led the last phase of a case to its check and its release, with times; None: it has not come.

    Attributes:
        requested_by, ready_at: of the check. asked_by, asked_at: of the request to release.
        released_by, released_at: of the release.
    """

    requested_by: str | None = None
    ready_at: datetime | None = None
    asked_by: str | None = None
    asked_at: datetime | None = None
    released_by: str | None = None
    released_at: datetime | None = None


class FactsRevision(NamedTuple):
    """The facts of a case as one revision has them."""

    revision: int
    by: str
    at: datetime
    facts: BreachFacts


@dataclass(frozen=True, slots=True)
class SentReminder:
    """A mail to one of the staff about clocks of a case.

    Attributes:
        reader: the name of the staff member.
        state: queued, sending, sent or refused; in_doubt: its worker ended while it was handed over.
        problem: the reason for which it was refused, or waits.
    """

    id: UUID
    reader: str
    state: str
    problem: str
    queued_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedReminder:
    """A mail that a worker hands over.

    Attributes:
        clocks: that it tells of, without those whose duty is done, which no longer run, or have come to a later moment.
        address: of the reader; empty: they have no right to cases of the brand any more.
        name: of the reader. zone: in which they read deadlines.
        state: of the case.
    """

    id: UUID
    case_id: UUID
    brand: str
    case_name: str
    state: str
    clocks: Sequence[tuple[KeptClock, ReminderMoment]]
    address: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class ReminderResult:
    """The end of a try. Without a problem, the processor has accepted it; with `again_at` it is tried again then."""

    problem: str = ""
    again_at: datetime | None = None
    processor: str | None = None
    country: str | None = None
    contract: str | None = None
    purpose: str | None = None
    message_id: str | None = None


class BreachDutyStore(Protocol):
    """Stores which duties of cases are done. Each change is an entry of the ledger."""

    async def list_duties_done(self, case_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, DutyDone]]:
        """Returns the duties that are done, by case and name of the clock."""
        ...

    async def mark_duty_done(self, case_id: UUID, duty: DutyToMark, by: str) -> None:
        """Marks a duty as done; a second time corrects it. Its reminders stop.

        Raises:
            BreachChangeRefused: there is no such case, or a field is too long or the time is ahead.
        """
        ...

    async def unmark_duty(self, case_id: UUID, clock: str, reason: str, by: str) -> None:
        """Says that a duty is not done after all. Raises BreachChangeRefused: it is not marked, or no reason."""
        ...

    async def list_first_releases(self, case_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """Returns when the first phase was released, for each case of which one was."""
        ...

    async def list_phases_released_alone(self, case_id: UUID) -> Sequence[int]:
        """Returns the phases that one person alone has released, and at which nobody has looked a second time."""
        ...

    async def read_steps(self, case_id: UUID) -> BreachSteps:
        """Returns the steps of the last phase that is not cancelled; empty ones if it was not checked as it is."""
        ...

    async def list_facts(self, case_id: UUID, limit: int) -> Sequence[FactsRevision]:
        """Returns the revisions of the facts of a case, the newest first."""
        ...

    async def list_reminders(self, case_id: UUID, limit: int) -> Sequence[SentReminder]:
        """Returns the newest reminders of a case."""
        ...


class BreachClockStore(Protocol):
    """Stores the clocks of open cases, and queues the reminders that follow from them."""

    async def list_open_cases(self) -> Sequence[BreachCase]:
        """Returns the open cases of all brands."""
        ...

    async def list_first_releases(self, case_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """Returns when the first phase was released, for each case of which one was."""
        ...

    async def keep_clocks(self, case: BreachCase, clocks: Sequence[KeptClock], now: datetime) -> int:
        """Stores the clocks of a case, and queues reminders for staff with rights to cases of the brand.

        A clock is told of once at each moment. Nothing changes if the facts have another revision meanwhile.

        Returns:
            the mails that were queued.
        """
        ...


class BreachReminderQueue(Protocol):
    """The reminders that workers hand over."""

    async def claim_reminder(self, owner: str) -> ClaimedReminder | None:
        """Returns the oldest reminder that is due, which no other worker gets from now on; None: none waits."""
        ...

    async def end_reminder(self, reminder: ClaimedReminder, result: ReminderResult) -> None:
        """Stores the end of a try, with an entry of the ledger if it is the last one."""
        ...


class StaffZoneStore(Protocol):
    """Stores the zones in which staff read deadlines."""

    async def find_zone(self, staff_id: int) -> str | None:
        """Returns the name of a person's zone, or None if they have chosen none."""
        ...

    async def save_zone(self, staff_id: int, zone: str) -> None:
        """Stores the zone of a person: a name of the tz database."""
        ...
