"""Hard refusals: their counts, the believed and the quarantined ones, and the verdicts of operators."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.refusal_suspicion import RefusalTally
from mailer.ports.deliveries import DeliveryState

Key = tuple[UUID, int]
"""The key of a delivery: ids of mailing and recipient."""


class RefusalVerdict(StrEnum):
    """The verdict on a refusal."""

    BELIEVED = "believed"
    """The address is dead."""
    DISMISSED = "dismissed"
    """The refusal was the processor's fault; the address may be good."""


@dataclass(frozen=True, slots=True)
class HardRefusal:
    """A hard refusal.

    Attributes:
        address: the refused address; only its hash is stored.
        domain: the domain of the address, in lower case.
        status: the enhanced status code, or the reply code if there was none.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    address: str
    domain: str
    status: str

    @property
    def delivery_key(self) -> Key:
        """The key of the delivery."""
        return self.mailing_id, self.recipient_id


@dataclass(frozen=True, slots=True)
class ProcessorRefusalCounts:
    """Counts of a processor's replies. hour: last hour. usual: the 30 days before. domains: last hour, some domains."""

    hour: RefusalTally
    usual: RefusalTally
    domains: Mapping[str, RefusalTally]


@dataclass(frozen=True, slots=True)
class QuarantinedRefusalGroup:
    """Refusals that wait for a person: those of one processor and recipient domain in one hour.

    Attributes:
        since, until: the times of the first and the last one.
        statuses: the number of refusals of each status code.
    """

    processor: str
    domain: str
    since: datetime
    until: datetime
    waiting: int
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RefusalSelection:
    """A selection of refusals that are judged together. domain: None for all. since, until: both included."""

    processor: str
    domain: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedRefusal:
    """A refusal that waits for a person, and the present state of its delivery.

    Attributes:
        category: the category of the mail for this person.
        state, reason: of the delivery, if it was not tried again since and may be tried again; else None.
    """

    id: int
    processor: str
    brand: str
    mailing_id: UUID
    recipient_id: int
    attempt: int
    status: str
    category: str | None
    state: DeliveryState | None
    reason: str


class HardRefusalStore(Protocol):
    """Stores hard refusals as they come, and counts the replies of processors."""

    async def add_and_read_refusal_counts(
        self, processor: str, new: Mapping[str | None, RefusalTally], domains: Collection[str]
    ) -> ProcessorRefusalCounts:
        """Adds replies to a processor's counters, and reads them. Key None: all replies; a name: those of a domain."""
        ...

    async def store_refusals_without_suppressing(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """Stores believed and doubted refusals. Idempotent."""
        ...

    async def suppress_addresses_of_believed_refusals(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """Marks addresses dead, if their refusal is still believed and they still belong to the same person."""
        ...

    async def quarantine_recently_believed_refusals(self, processor: str, domains: Collection[str] | None) -> int:
        """Moves the refusals that were believed in the last hour into quarantine, and lifts their suppressions.

        Args:
            processor: the processor that refused.
            domains: only refusals of these recipient domains; None: of all.

        Returns:
            The number of refusals.
        """
        ...


class QuarantinedRefusalStore(Protocol):
    """The quarantined refusals, which wait for a person."""

    async def list_quarantined_groups(self, processor: str | None) -> list[QuarantinedRefusalGroup]:
        """Returns the groups of refusals that wait for a person, newest first."""
        ...

    async def list_quarantined_refusals(self, selection: RefusalSelection, limit: int) -> list[QuarantinedRefusal]:
        """Returns waiting refusals of a selection, oldest first, at most `limit`."""
        ...

    async def suppress_refused_addresses_if_owner_unchanged(self, cases: Sequence[QuarantinedRefusal], by: str) -> None:
        """Marks the addresses of refusals dead, if they still belong to the same people. Idempotent."""
        ...

    async def record_verdict_and_reopen_mailings(
        self, cases: Sequence[QuarantinedRefusal], verdict: RefusalVerdict, by: str
    ) -> None:
        """Stores the verdict of a person. Reopens the mailings that have deliveries to try again."""
        ...
