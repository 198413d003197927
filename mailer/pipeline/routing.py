"""Which of several processors gets a message: by purpose, policy, halts, who answers at all, and weights."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from mailer.pipeline.breaker import Breaker
from mailer.policy.document import Policy
from mailer.policy.outcome import Outcome, Result
from mailer.policy.processing import Handover, refusal
from mailer.ports.processor import Processor

NOT_ALLOWED: Final = timedelta(minutes=15)
"""When mail that no processor may have is decided again: by then somebody may have mended the policy or the set-up."""
HALTED: Final = timedelta(seconds=15)
"""When mail whose processors are all halted is looked at again."""
NO_CONNECTION: Final = "no_connection"
_CLOSING: Final = 421
"""The server shuts down (RFC 5321 3.8)."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No processor is to get it before `until`.

    Attributes:
        rule: which forbids it to every processor, so that the delivery is held; None: those that may have it are
            halted or do not answer, so that nothing is decided and the delivery just goes back.
    """

    reason: str
    rule: str | None
    until: datetime


@dataclass(slots=True)
class _Way:
    """A processor that may have some kind of message, and how far it is behind its share of them."""

    processor: Processor
    name: str
    weight: int
    breaker: Breaker
    credit: int = 0


@dataclass(slots=True)
class _Ways:
    """All that may have the messages of a policy and a purpose on one day.

    Attributes:
        policy: kept, since the place in the memory that names it here must not become another one's.
        reserve: only if no other one can.
        refused: why none may, as (reason, rule).
    """

    policy: Policy
    shares: list[_Way] = field(default_factory=list)
    reserve: list[_Way] = field(default_factory=list)
    refused: tuple[str, str] = ("purpose_not_of_processor", "processor-known")


class Routes:
    """Chooses among the processors of a worker. Used by one event loop.

    Args:
        processors: in the order in which those of weight 0 take one another's place.
        halted: why a processor, by its name, may have nothing now; None if it may.
        clock: monotonic seconds.

    Raises:
        ValueError: two of them have one name.
    """

    def __init__(
        self,
        processors: Sequence[Processor],
        halted: Callable[[str], str | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processors = {processor.name: processor for processor in processors}
        if len(self._processors) < len(processors):
            names = [processor.name for processor in processors]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two processors are called {twice}; give each a name of its own (?name=…)")
        self._breakers = {name: Breaker() for name in self._processors}
        self._halted = halted
        self._clock = clock
        self._day = date.min
        self._ways: dict[tuple[int, str], _Ways] = {}

    def choose(self, policy: Policy, purpose: str, now: datetime) -> Processor | NoRoute:
        """The processor for the next message of a purpose.

        Those that may have it and can take it share the messages by their weights, evenly interleaved.
        """
        if now.date() != self._day:
            self._day = now.date()
            self._ways.clear()
        # Hashing a policy takes longer than all the rest.
        ways = self._ways.get((id(policy), purpose)) or self._find(policy, purpose)
        way = self._next(ways.shares) or next((way for way in ways.reserve if self._can(way)), None)
        if way is None:
            return self._none(ways, now)
        if not way.breaker.closed:
            way.breaker.take(self._clock())
        return way.processor

    def note(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """What came of a window at a processor. A window in which no message reached it says that it is away."""
        telling = [outcome for outcome in outcomes if outcome.result is not Result.UNSENT or outcome.no_connection]
        if not telling:
            return
        breaker = self._breakers[name]
        if all(map(_lost, telling)):
            breaker.failed(self._clock(), random.random())  # noqa: S311 - jitter, not a secret
        else:
            breaker.succeeded()

    def _next(self, ways: Sequence[_Way]) -> _Way | None:
        """Smooth weighted round-robin: each gains its weight, the foremost is taken and pays what all have gained."""
        best, gained = None, 0
        for way in ways:
            if self._can(way):
                way.credit += way.weight
                gained += way.weight
                if best is None or way.credit > best.credit:
                    best = way
        if best is not None:
            best.credit -= gained
        return best

    def _can(self, way: _Way) -> bool:
        return (way.breaker.closed or way.breaker.admits(self._clock())) and self._halted(way.name) is None

    def _find(self, policy: Policy, purpose: str) -> _Ways:
        ways = self._ways[id(policy), purpose] = _Ways(policy)
        refusals = []
        for processor in self._processors.values():
            if processor.purposes is not None and purpose not in processor.purposes:
                continue
            handover = Handover(processor.name, processor.country, processor.outside, purpose, self._day)
            if refused := refusal(policy, handover):
                refusals.append(refused)
                continue
            way = _Way(processor, processor.name, processor.weight, self._breakers[processor.name])
            (ways.shares if way.weight else ways.reserve).append(way)
        if refusals:
            ways.refused = refusals[0]
        return ways

    def _none(self, ways: _Ways, now: datetime) -> NoRoute:
        """Why there is none, and the earliest moment at which there may be one."""
        possible = ways.shares + ways.reserve
        if not possible:
            reason, rule = ways.refused
            return NoRoute(reason, rule, now + NOT_ALLOWED)
        found = []
        for way in possible:
            halt = self._halted(way.name)
            pause = HALTED if halt else timedelta(seconds=max(0.0, way.breaker.retry_at - self._clock()))
            found.append((now + pause, halt or NO_CONNECTION))
        until, reason = min(found)
        return NoRoute(reason, None, until)


def _lost(outcome: Outcome) -> bool:
    """Whether a message got no answer: there was no connection, it ended, or the server was just shutting down."""
    match outcome.result:
        case Result.UNSENT | Result.IN_DOUBT:
            return True
        case Result.DEFERRED:
            return outcome.code in (None, _CLOSING)
        case _:
            return False
