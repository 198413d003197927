"""Hard refusals: how many there were, which of them are believed, and what persons have judged."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from mailer.policy.refusal_suspicion import Tally
from mailer.ports.deliveries import State

Key = tuple[UUID, int]
"""A delivery's: mailing and recipient."""


class Verdict(StrEnum):
    """What was found of a refusal."""

    BELIEVED = "believed"
    """The address is dead."""
    DISMISSED = "dismissed"
    """The refusal was the processor's fault; the address may be good."""


@dataclass(frozen=True, slots=True)
class Refusal:
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
    def key(self) -> Key:
        """The delivery's."""
        return self.mailing_id, self.recipient_id


@dataclass(frozen=True, slots=True)
class Counted:
    """A processor's answers. hour: the last one's. usual: of the 30 days before. domains: the last hour's of some."""

    hour: Tally
    usual: Tally
    domains: Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class Group:
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
class Selection:
    """Refusals that are judged together. domain: None for all. since, until: both included."""

    processor: str
    domain: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Case:
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
    state: State | None
    reason: str


class Refusals(Protocol):
    """Hard refusals as they come, and the counters behind them."""

    async def count(self, processor: str, new: Mapping[str | None, Tally], domains: Collection[str]) -> Counted:
        """Adds answers to a processor's counters (None: all of them; a name: those of a domain), and reads them."""
        ...

    async def record(self, processor: str, believed: Sequence[Refusal], doubted: Sequence[Refusal]) -> None:
        """Writes refusals down. Idempotent."""
        ...

    async def bury(self, processor: str, believed: Sequence[Refusal]) -> None:
        """Makes the addresses dead of refusals that are believed still, where they are their owners' still."""
        ...

    async def retract(self, processor: str, domains: Collection[str] | None) -> int:
        """Puts into quarantine what was believed in the last hour; the addresses live again. Returns how many did.

        Args:
            processor: whose refusals.
            domains: only those of these recipient domains; None: of all.
        """
        ...


class Quarantine(Protocol):
    """What waits for a person."""

    async def groups(self, processor: str | None) -> list[Group]:
        """What waits for a person, newest first."""
        ...

    async def cases(self, selection: Selection, limit: int) -> list[Case]:
        """Some that wait, oldest first."""
        ...

    async def believe(self, cases: Sequence[Case], by: str) -> None:
        """Makes addresses dead, where they are their owners' still. Idempotent."""
        ...

    async def close(self, cases: Sequence[Case], verdict: Verdict, by: str) -> None:
        """Writes down what a person has found. Mailings that have deliveries to make again are open again."""
        ...
