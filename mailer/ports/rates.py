"""Rates: limits on the number of messages that all workers together may hand over in a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from mailer.policy.category import Lane
from mailer.policy.pace import SendingPace

Period = Literal["second", "minute", "hour", "day"]
"""The period of a limit. Its window begins with the period, in UTC, by the database's clock."""

Scope = Literal["processor", "domain", "brand", "mailing", "pace"]
"""The thing that a limit is for. A `pace` is for one domain by one processor; mailer itself has slowed it down."""

Name = tuple[Scope, str, Period]
"""The name of a limit: its scope, its key (of a pace: processor, space, domain) and its period."""


@dataclass(slots=True)
class RateAdmissionRequest:
    """One message that is ready to go. No code changes it; `frozen` would make its creation five times slower.

    Attributes:
        processor: the processor that will send it. domain: of the recipient's address.
        lane: more urgent lanes still get tokens when other lanes get none.
    """

    processor: str
    domain: str
    brand: str
    mailing_id: UUID
    lane: Lane


@dataclass(frozen=True, slots=True)
class RateAdmissionResult:
    """The answer to a request to send messages.

    Attributes:
        granted: for each message, in the order of the request: True if it may go.
        until: `time.monotonic()` seconds after which none of them may begin; infinite if there is no limit.
        again: the earliest time at which to ask again for one of the others; None if all were granted.
        at: the time of the answer, in `time.monotonic()` seconds.
    """

    granted: Sequence[bool]
    until: float
    again: datetime | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit on the number of messages in each period.

    Attributes:
        n: the number of messages today; None while a plan has not begun.
        plan: a warm-up: the numbers for the first day, the second, and so on; the last one holds from then on.
        began_on: the plan's first day, in UTC.
        by, at: the person who set it, and the time.
        used: the number used in the current period.
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
        """The name of the limit: its scope, key and period."""
        return self.scope, self.key, self.per


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A process's request for tokens of one limit, for messages of one lane.

    Attributes:
        n: the limit, if the database has none of this name (a pace). reserve: per cent that are kept for other lanes.
    """

    name: Name
    wanted: int
    n: int
    reserve: int


@dataclass(frozen=True, slots=True)
class TokenLease:
    """Tokens of one limit, leased to a process.

    Attributes:
        start: of the window that they were taken from. ends: when they expire, by the database's clock.
        seconds: the time from the beginning of the statement until they expire.
    """

    name: Name
    granted: int
    start: datetime
    ends: datetime
    seconds: float


class RateTokenStore(Protocol):
    """The limits and their used tokens, for the hand-over."""

    async def limits_and_paces_in_force(self) -> tuple[list[RateLimit], dict[tuple[str, str], SendingPace]]:
        """Returns the limits in force today, and the paces by processor and domain."""
        ...

    async def lease_tokens(self, asks: Sequence[TokenRequest]) -> list[TokenLease]:
        """Takes the tokens that each limit still has, in one statement. Returns a lease per request, in any order."""
        ...

    async def return_tokens(self, unused: Sequence[tuple[Name, datetime, int]]) -> None:
        """Returns tokens to their windows, given as name of the limit, start of the window, number of tokens."""
        ...

    async def lower_paces(self, rates: Sequence[tuple[str, str, float]], worker: str) -> None:
        """Lowers paces, given as processor, domain, and the messages a second at which this worker was throttled."""
        ...


class RateLimitStore(Protocol):
    """The limits, for operators."""

    async def list_limits_and_paces(self) -> list[RateLimit]:
        """Returns the limits that were set, then the paces."""
        ...

    async def set_limit(self, limit: RateLimit, by: str) -> None:
        """Sets or changes a limit, and records it in the ledger."""
        ...

    async def clear_limits(self, scope: Scope, key: str, per: Period | None, by: str) -> int:
        """Removes a limit, or the limits of all periods, and records it in the ledger. Returns their number."""
        ...
