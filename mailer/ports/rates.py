"""Rates: how much may be handed over, and when, over all workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from mailer.policy.category import Lane
from mailer.policy.pace import SendingPace

Period = Literal["second", "minute", "hour", "day"]
"""A window begins with the period, in UTC, by the database's clock."""

Scope = Literal["processor", "domain", "brand", "mailing", "pace"]
"""What a limit holds for. A pace is that of one domain by one processor, which mailer itself has slowed down."""

Name = tuple[Scope, str, Period]
"""Which limit: its scope, its key (a pace's is the processor and the domain, a space between) and its period."""


@dataclass(slots=True)
class SendRequest:
    """One message that is ready to go. Nobody changes it; frozen, it would take five times as long to make.

    Attributes:
        processor: by whom. domain: of the recipient's address.
        lane: the more urgent ones find tokens where the others do not any more.
    """

    processor: str
    domain: str
    brand: str
    mailing_id: UUID
    lane: Lane


@dataclass(frozen=True, slots=True)
class AdmittedMessages:
    """Which of the messages that were asked for may go.

    Attributes:
        granted: for each, in the same order.
        until: `time.monotonic()` seconds after which none of them may begin any more; infinite where nothing limits.
        again: the earliest moment at which one of the others may be asked for again; None if all were granted.
        at: when it was granted, in `time.monotonic()` seconds.
    """

    granted: Sequence[bool]
    until: float
    again: datetime | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many in each period.

    Attributes:
        n: as it is today; None while a plan has not begun.
        plan: a warm-up: so many on the first day, the second, and so on; the last figure holds from then on.
        began_on: the plan's first day, in UTC.
        by, at: who set it, and when.
        used: in the current period.
    """

    scope: Scope
    key: str
    per: Period
    n: int | None
    plan: tuple[int, ...] | None = None
    began_on: date | None = None
    by: str = ""
    at: datetime | None = None
    used: int = 0

    @property
    def limit_name(self) -> Name:
        """Which limit it is."""
        return self.scope, self.key, self.per


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Tokens that a process wants of one limit, for messages of one lane.

    Attributes:
        n: the limit, where the database has none of this name: a pace. reserve: per cent of it that stay for others.
    """

    name: Name
    wanted: int
    n: int
    reserve: int


@dataclass(frozen=True, slots=True)
class TokenLease:
    """Tokens of one limit.

    Attributes:
        start: of the window that they were taken from. ends: when they lose their value, by the database's clock.
        seconds: from the beginning of the statement until then.
    """

    name: Name
    granted: int
    start: datetime
    ends: datetime
    seconds: float


class RateStore(Protocol):
    """Limits, and what was used of them, as the hand-over sees them."""

    async def limits_in_force(self) -> tuple[list[RateLimit], dict[tuple[str, str], SendingPace]]:
        """The limits in force today, and the paces by processor and domain."""
        ...

    async def lease_tokens(self, asks: Sequence[TokenRequest]) -> list[TokenLease]:
        """Takes what there is of each, in one statement. A lease for each ask, in any order."""
        ...

    async def return_tokens(self, unused: Sequence[tuple[Name, datetime, int]]) -> None:
        """Returns tokens to their windows: which limit, the window's start, how many."""
        ...

    async def lower_paces(self, rates: Sequence[tuple[str, str, float]], worker: str) -> None:
        """Lowers the pace: processor, domain, and at how many a second this worker was throttled."""
        ...


class RateLimits(Protocol):
    """Limits, as operators see them."""

    async def list_limits(self) -> list[RateLimit]:
        """Those that were set, then the paces."""
        ...

    async def set_limit(self, limit: RateLimit, by: str) -> None:
        """Sets or changes one; it stands in the ledger."""
        ...

    async def clear_limits(self, scope: Scope, key: str, per: Period | None, by: str) -> int:
        """Removes one, or those of all periods; it stands in the ledger. Returns how many there were."""
        ...
