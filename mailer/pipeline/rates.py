"""Rates: leases tokens of the limits from the database, so that all workers together stay within them.

A process leases tokens for a window of messages at once, and a few ahead if it sends a lot. A message may go if each of
its limits has a token for it. The list of limits and slowed domains is a snapshot, at most two seconds old. The present
value of a limit, and the tokens that it still has, are read in the database by the lease itself.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from uuid import UUID

from mailer.metrics_and_logger import log
from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.pace import (
    FLOOR,
    RESERVES,
    ReplySample,
    SendingPace,
    has_enough_throttling_replies,
    recovered_pace_or_none,
)
from mailer.ports.rates import (
    Name,
    RateAdmissionRequest,
    RateAdmissionResult,
    RateLimit,
    RateTokenStore,
    TokenLease,
    TokenRequest,
)
from mailer.rendering.headers import HeaderRefused, domain_as_a_labels
from mailer.runtime.repeating import run_every

PERIOD = 0.5
"""Seconds between two readings of the limits."""
OLDEST = 2.0
"""Seconds: an older snapshot is read again before a message is admitted."""
AHEAD = 0.1
"""Seconds for which tokens are leased ahead, at the rate at which this process uses the limit."""
FAIR = 20
"""The most of a limit that is leased ahead is one part in so many. A token not used in its second is lost."""
SOON = 0.25
"""Seconds: tokens that expire so soon are not taken; those of the next second are (see `lease_rates`)."""
ROUNDS = 3
"""The most leases for one window, if other tasks of the process take the tokens that were leased for it."""
IDLE = 1.0
"""Seconds after which unused tokens of a minute, an hour or a day are returned to the database."""
LOOKS = 10
"""The number of last readings whose sending speed and replies are observed."""
MANY = 20
"""A domain with fewer messages in those readings may be a single person's; its name stays out of the log."""


class RateLimitsInForce:
    """The limits in force, indexed by processor, domain, brand and mailing.

    Args:
        limits: the limits in force. paces: by processor and domain. now: an aware datetime.
    """

    def __init__(
        self, limits: Sequence[RateLimit], paces: Mapping[tuple[str, str], SendingPace], now: datetime
    ) -> None:
        self.figures: dict[Name, int] = {limit.limit_name: limit.n for limit in limits if limit.n is not None}
        by: dict[str, defaultdict[str, list[Name]]] = defaultdict(lambda: defaultdict(list))
        for name in self.figures:
            by[name[0]][name[1]].append(name)
        self._processors, self._domains, self._brands = by["processor"], by["domain"], by["brand"]
        self._mailings = {UUID(key): names for key, names in by["mailing"].items()}
        self._paces: dict[tuple[str, str], Name] = {}
        for (processor, domain), pace in paces.items():
            if current := recovered_pace_or_none(pace, now):
                name = self._paces[processor, domain] = "pace", f"{processor} {domain}", "second"
                self.figures[name] = int(current)
        self._by_domain = bool(self._domains or self._paces)

    def limit_names_of_message(self, one: RateAdmissionRequest) -> list[Name]:
        """Returns the names of the limits that apply to a message."""
        names = [
            *self._processors.get(one.processor, ()),
            *self._brands.get(one.brand, ()),
            *self._mailings.get(one.mailing_id, ()),
        ]
        if self._by_domain:
            domain = _domain_in_lowercase_a_labels(one.domain)
            names += self._domains.get(domain, ())
            if pace := self._paces.get((one.processor, domain)):
                names.append(pace)
        return names


@dataclass(slots=True)
class TokenBucket:
    """The tokens that a process holds of one limit for one lane. Times are `time.monotonic()` seconds.

    Attributes:
        since, ends: the time in which they are valid. start, until: window's start, and their end, by the database.
        late: they were leased shortly before their end, and none lasts longer. dry: until then, there are no more.
        leased: the time of the last lease. taken: the number used since then. used: the time of the last use.
    """

    tokens: int = 0
    since: float = 0.0
    ends: float = 0.0
    start: datetime | None = None
    until: datetime | None = None
    late: bool = False
    dry: float = 0.0
    leased: float = 0.0
    taken: int = 0
    used: float = 0.0

    def is_fresh(self, now: float) -> bool:
        """Returns True if its tokens last long enough to be taken."""
        return self.ends - now >= SOON or (self.late and self.ends > now)

    def needs_refill(self, need: int, now: float) -> bool:
        """Returns True if more tokens have to be leased, and the limit may have some."""
        return now >= self.dry and (self.tokens < need or not self.is_fresh(now))

    def tokens_to_lease(self, need: int, figure: int, now: float) -> int:
        """Returns the number of tokens to lease: the missing ones, and a few ahead."""
        rate = self.taken / max(now - self.leased, AHEAD)
        missing = need - self.tokens if self.is_fresh(now) else need
        return missing + int(min(rate * AHEAD, figure / FAIR))

    def add_leased_tokens(self, lease: TokenLease, wanted: int, asked_at: float) -> None:
        """Adds leased tokens. Old tokens that expire at another time than the new ones are dropped."""
        ends = asked_at + lease.seconds
        if self.until == lease.ends:
            self.tokens += lease.granted
            self.ends = max(self.ends, ends)
        elif lease.granted or asked_at >= self.ends:
            self.tokens, self.start, self.until = lease.granted, lease.start, lease.ends
            self.since = time.monotonic()
            self.ends = ends
        self.late = self.ends - asked_at < SOON
        self.dry = min(ends, asked_at + IDLE) if lease.granted < wanted else 0.0
        self.leased, self.taken = asked_at, 0


class RateLimiter:
    """Decides which messages may go now under the limits.

    Args:
        tokens: the store of limits and tokens. worker: the name of this process, stored with lowered paces.
    """

    def __init__(self, tokens: RateTokenStore, worker: str) -> None:
        self._tokens = tokens
        self._worker = worker
        self._snapshot = RateLimitsInForce((), {}, datetime.min.replace(tzinfo=UTC))
        self._read_at = -inf
        self._pots: dict[Lane, dict[Name, TokenBucket]] = {lane: {} for lane in Lane}
        self._leasing = {lane: asyncio.Lock() for lane in Lane}
        self._answers: defaultdict[tuple[str, str], ReplySample] = defaultdict(ReplySample)
        self._looks: deque[Mapping[tuple[str, str], ReplySample]] = deque(maxlen=LOOKS)

    async def admit_messages(self, wanted: Sequence[RateAdmissionRequest]) -> RateAdmissionResult:
        """Takes a token of each limit that applies to a message, for as many messages as there are tokens."""
        if time.monotonic() - self._read_at > OLDEST:
            await self.reload_limit_snapshot()
        snapshot = self._snapshot
        if not snapshot.figures:
            return RateAdmissionResult((True,) * len(wanted), inf)
        concerned = [snapshot.limit_names_of_message(one) for one in wanted]
        needs: dict[Lane, dict[Name, int]] = {}
        for one, names in zip(wanted, concerned, strict=True):
            needed = needs.setdefault(one.lane, {})
            for name in names:
                needed[name] = needed.get(name, 0) + 1
        for lane, needed in needs.items():
            await self._lease_missing_tokens(lane, needed, snapshot.figures)
        return self._take_tokens(wanted, concerned)

    def put_tokens_back(self, admission: RateAdmissionResult, unsent: Sequence[RateAdmissionRequest]) -> None:
        """Puts tokens of messages that were admitted and not sent back into their buckets, if they are still valid."""
        for one in unsent:
            for name in self._snapshot.limit_names_of_message(one):
                pot = self._bucket_for(one.lane, name)
                if pot.since <= admission.at < pot.ends:
                    pot.tokens += 1

    def count_reply_for_pace(self, processor: str, domain: str, outcome: Outcome) -> None:
        """Counts a reply, to find domains that ask for a slower pace."""
        if outcome.result is not OutcomeKind.UNSENT:
            self._answers[processor, _domain_in_lowercase_a_labels(domain)].count_reply(outcome)

    async def reload_limit_snapshot(self) -> None:
        """Reads the limits and paces in force, and makes a new snapshot."""
        limits, paces = await self._tokens.limits_and_paces_in_force()
        before, self._snapshot = self._snapshot.figures, RateLimitsInForce(limits, paces, datetime.now(UTC))
        self._read_at = time.monotonic()
        figures = self._snapshot.figures
        for lane, pots in self._pots.items():
            self._pots[lane] = kept = {name: pot for name, pot in pots.items() if name in figures}
            for name, pot in kept.items():
                if figures[name] != before.get(name):
                    pot.dry = 0.0

    async def refresh_limits_until_stopped(self, stop: asyncio.Event) -> None:
        """Refreshes limits and returns tokens regularly until `stop` is set, then returns them all. Logs errors."""
        complaint = "the limits could not be read; trying again"
        await run_every(PERIOD, stop, self.refresh_limits_and_return_tokens, complaint)
        try:
            await self._return_unused_tokens(inf)
        except Exception:
            log.exception("tokens could not be given back")

    async def refresh_limits_and_return_tokens(self) -> None:
        """Lowers paces of throttled domains, reads the limits, and returns unused tokens to the database."""
        await self._lower_paces_of_throttled_domains()
        await self.reload_limit_snapshot()
        await self._return_unused_tokens(time.monotonic() - IDLE)

    def _bucket_for(self, lane: Lane, name: Name) -> TokenBucket:
        return self._pots[lane].setdefault(name, TokenBucket())

    async def _lease_missing_tokens(self, lane: Lane, needs: Mapping[Name, int], figures: Mapping[Name, int]) -> None:
        """Leases missing tokens, one lease at a time for a lane: the next caller may find enough leased ahead."""
        if not self._limits_lacking_tokens(lane, needs):
            return
        async with self._leasing[lane]:
            for _ in range(ROUNDS):
                now = time.monotonic()
                asks = [
                    TokenRequest(
                        name,
                        self._bucket_for(lane, name).tokens_to_lease(needs[name], figures[name], now),
                        figures[name],
                        RESERVES[lane],
                    )
                    for name in self._limits_lacking_tokens(lane, needs)
                ]
                if not asks:
                    return
                wanted = {ask.name: ask.wanted for ask in asks}
                for lease in await self._tokens.lease_tokens(asks):
                    self._bucket_for(lane, lease.name).add_leased_tokens(lease, wanted[lease.name], now)

    def _limits_lacking_tokens(self, lane: Lane, needs: Mapping[Name, int]) -> list[Name]:
        now = time.monotonic()
        return [name for name, need in needs.items() if self._bucket_for(lane, name).needs_refill(need, now)]

    def _take_tokens(
        self, wanted: Sequence[RateAdmissionRequest], concerned: Sequence[Sequence[Name]]
    ) -> RateAdmissionResult:
        """Gives each message a token of each of its limits, or none at all."""
        now, until = time.monotonic(), inf
        granted: list[bool] = []
        again: list[datetime] = []
        for one, names in zip(wanted, concerned, strict=True):
            pots = [self._bucket_for(one.lane, name) for name in names]
            lacking = [pot for pot in pots if not pot.tokens or pot.ends <= now]
            granted.append(not lacking)
            if lacking:
                again.append(max(pot.until or datetime.now(UTC) for pot in lacking))
                continue
            for pot in pots:
                pot.tokens -= 1
                pot.taken += 1
                pot.used = now
                until = min(until, pot.ends)
        return RateAdmissionResult(granted, until, min(again, default=None), now)

    async def _return_unused_tokens(self, before: float) -> None:
        """Returns tokens unused since `before` to the database, except tokens of a second, which expire too soon."""
        unused: list[tuple[Name, datetime, int]] = []
        for pots in self._pots.values():
            for name, pot in pots.items():
                if name[2] != "second" and pot.start and pot.tokens and max(pot.used, pot.leased) <= before:
                    unused.append((name, pot.start, pot.tokens))
                    pot.tokens = 0
        if unused:
            await self._tokens.return_tokens(unused)

    async def _lower_paces_of_throttled_domains(self) -> None:
        answers, self._answers = self._answers, defaultdict(ReplySample)
        self._looks.append(answers)
        rates = []
        for (processor, domain), latest in answers.items():
            if not latest.has_throttling:
                continue
            looks = [look[processor, domain] for look in self._looks if (processor, domain) in look]
            replies = sum(look.replies for look in looks)
            rate = replies / (len(looks) * PERIOD)
            if has_enough_throttling_replies(looks) and rate > 2 * FLOOR:
                shown = domain if replies >= MANY else "a small one"
                log.warning("slowing down", processor=processor, domain=shown, rate=round(rate, 1))
                rates.append((processor, domain, rate))
        if rates:
            await self._tokens.lower_paces(rates, self._worker)


def _domain_in_lowercase_a_labels(domain: str) -> str:
    """Returns a domain in the form in which limits are stored: lower case, A-labels."""
    lower = domain.lower()
    try:
        return domain_as_a_labels(lower)
    except HeaderRefused:
        return lower
