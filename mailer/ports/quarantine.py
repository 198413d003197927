"""Hard refusals: how many there were, which of them are believed, and what persons have judged."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.refusal_suspicion import RefusalTally
from mailer.ports.deliveries import DeliveryState

Key = tuple[UUID, int]
"""A delivery's: mailing and recipient."""


class RefusalVerdict(StrEnum):
    """What was found of a refusal."""

    BELIEVED = "believed"
    """The address is dead."""
    DISMISSED = "dismissed"
    """The refusal was the processor's fault; the address may be good."""


@dataclass(frozen=True, slots=True)
class HardRefusal:
    """A hard refusal.

    Attributes:
        address: the one that was refused; only its hash is kept.
        domain: the part of it that was refused together with others, in lower case.
        status: the enhanced status code, or the reply code where there was none.
    """

    mailing_id: UUID
    recipient_id: int
    attempt: int
    address: str
    domain: str
    status: str

    @property
    def delivery_key(self) -> Key:
        """The delivery's."""
        return self.mailing_id, self.recipient_id


@dataclass(frozen=True, slots=True)
class RefusalCounts:
    """A processor's answers. hour: the last one's. usual: of the 30 days before. domains: the last hour's of some."""

    hour: RefusalTally
    usual: RefusalTally
    domains: Mapping[str, RefusalTally]


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Refusals that wait for a person: those of one processor and recipient domain in one hour.

    Attributes:
        since, until: when the first and the last of them came.
        statuses: how many of each.
    """

    processor: str
    domain: str
    since: datetime
    until: datetime
    waiting: int
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RefusalSelection:
    """Refusals that are judged together. domain: None for all. since, until: both included."""

    processor: str
    domain: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RefusalCase:
    """A refusal that waits, and what its delivery is by now.

    Attributes:
        category: what the mail is to the person.
        state, reason: of the delivery, if it has not been tried again since and may be; None else.
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


class RefusalStore(Protocol):
    """Hard refusals as they come, and the counters behind them."""

    async def add_counts(
        self, processor: str, new: Mapping[str | None, RefusalTally], domains: Collection[str]
    ) -> RefusalCounts:
        """Adds answers to a processor's counters (None: all of them; a name: those of a domain), and reads them."""
        ...

    async def record_refusals(
        self, processor: str, believed: Sequence[HardRefusal], doubted: Sequence[HardRefusal]
    ) -> None:
        """Writes refusals down. Idempotent."""
        ...

    async def suppress_addresses(self, processor: str, believed: Sequence[HardRefusal]) -> None:
        """Makes the addresses dead of refusals that are believed still, where they are their owners' still."""
        ...

    async def retract_believed(self, processor: str, domains: Collection[str] | None) -> int:
        """Puts into quarantine what was believed in the last hour; the addresses live again. Returns how many did.

        Args:
            processor: whose refusals.
            domains: only those of these recipient domains; None: of all.
        """
        ...


class QuarantineStore(Protocol):
    """What waits for a person."""

    async def list_groups(self, processor: str | None) -> list[RefusalGroup]:
        """What waits for a person, newest first."""
        ...

    async def list_cases(self, selection: RefusalSelection, limit: int) -> list[RefusalCase]:
        """Some that wait, oldest first."""
        ...

    async def believe_cases(self, cases: Sequence[RefusalCase], by: str) -> None:
        """Makes addresses dead, where they are their owners' still. Idempotent."""
        ...

    async def close_cases(self, cases: Sequence[RefusalCase], verdict: RefusalVerdict, by: str) -> None:
        """Writes down what a person has found. Mailings that have deliveries to make again are open again."""
        ...
