"""Which of several processors gets a message: by purpose, policy, halts, who answers at all, and weights."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mailer.pipeline.circuit_breaker import CircuitBreaker
from mailer.pipeline.processor_conditions import (
    UNUSED,
    ProcessorCondition,
    after_window,
    is_unanswered,
    log_state,
    refuses_us,
    when_slow,
)
from mailer.policy.category import Lane
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.processor_rules import ProcessorUse, processor_refusal
from mailer.ports.processor import Processor

NOT_ALLOWED: Final = timedelta(minutes=15)
"""When mail that no processor may have is decided again: by then somebody may have mended the policy or the set-up."""
HALTED: Final = timedelta(seconds=15)
"""When mail whose processors are all halted is looked at again."""
NO_CONNECTION: Final = "no_connection"
BEHIND: Final = "slow_processor"
BARRED: Final = timedelta(minutes=5)
"""The time after which a message is offered again to processors that have refused us with it."""
SEVERAL: Final = 3
"""Recipients with whom a processor refuses us in a row, until it is left alone. It may mean fewer of them."""
MOST_REFUSED: Final = 10_000
"""Recipients that are remembered of a processor that refuses us with their messages; with more, it begins anew."""
RECENT: Final = 60.0
"""Seconds: a processor that took a message so lately is not left alone for what it says to others."""
LONG: Final = 5.0
"""Seconds that a processor may take for a window before it is slow with it."""
SILENT: Final = 30.0
"""Seconds without a finished window until a processor is said to be slow. A large mailing alone waits for `LONG`."""
SLOW_WINDOWS: Final = 2
"""With so many windows of a lane that a processor is slow with, others get what it would get next of it."""
SLOW_ALONE: Final = 6
"""With so many, it gets nothing either that only it may have: two messages that hang must not hold all others back."""
CATCHING_UP: Final = timedelta(seconds=10)
"""The time after which mail is offered again that only a slow processor may have."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No processor is to get it before `until`.

    Attributes:
        rule: which forbids it to every processor, so that the delivery is held; None: those that may have it are
            halted or do not answer, so that nothing is decided and the delivery just goes back.
        lasting: for how long no processor that may have it could be used; 0 where somebody has halted one.
    """

    reason: str
    rule: str | None
    until: datetime
    lasting: timedelta = timedelta(0)


@dataclass(slots=True)
class _Option:
    """A processor that may have some kind of message, and how far it is behind its share of them."""

    processor: Processor
    name: str
    weight: int
    breaker: CircuitBreaker
    relay: "_KnownProcessor"
    credit: int = 0


@dataclass(slots=True)
class _KnownProcessor:
    """A processor as this worker has met it.

    Attributes:
        denied: some of those with whose messages it has refused us since it took one.
        taken_at: when it took one, in the clock's seconds.
        refused: since when it refuses us with whose messages, in the clock's seconds.
        taken_from: when it took one from whom, while it refuses us with some.
        late: how many windows of each lane it is slow with.
        ended_at: when a window of each lane ended last, in the clock's seconds.
    """

    name: str
    breaker: CircuitBreaker
    condition: ProcessorCondition
    denied: set[int] = field(default_factory=set)
    taken_at: float = float("-inf")
    refused: dict[int, float] = field(default_factory=dict)
    taken_from: dict[str, float] = field(default_factory=dict)
    late: Counter[Lane] = field(default_factory=lambda: Counter(dict.fromkeys(Lane, 0)))
    ended_at: dict[Lane, float] = field(default_factory=dict)

    def note_refusals(
        self, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str], now: float
    ) -> Sequence[int]:
        """Notes with whose messages it refuses us, and with whose no more; returns the former."""
        told = zip(recipients, outcomes, strict=True)
        denied = [whose for whose, outcome in told if outcome.trouble and refuses_us(outcome)]
        if denied or self.refused:
            for index, (whose, outcome) in enumerate(zip(recipients, outcomes, strict=True)):
                if outcome.result is OutcomeKind.ACCEPTED:
                    self.refused.pop(whose, None)
                    self.taken_from[sender(index)] = now
            if len(self.refused) >= MOST_REFUSED:
                self.refused.clear()
            for whose in denied:
                self.refused.setdefault(whose, now)
        return denied

    def refuses(self, recipient: int, sender: str) -> bool:
        """Tells whether it refuses us with a recipient's messages, and took others of the sender since."""
        taken_at = self.taken_from.get(sender, float("-inf"))
        return self.breaker.closed and taken_at >= self.refused.get(recipient, float("inf"))


@dataclass(slots=True)
class _Options:
    """All that may have the messages of a policy and a purpose on one day.

    Attributes:
        policy: kept, since the place in the memory that names it here must not become another one's.
        reserve: only if no other one can.
        refused: why none may, as (reason, rule).
    """

    policy: Policy
    shares: list[_Option] = field(default_factory=list)
    reserve: list[_Option] = field(default_factory=list)
    refused: tuple[str, str] = ("purpose_not_of_processor", "processor-known")


class ProcessorRoutes:
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
        begun = datetime.now(UTC)
        self._relays = {
            name: _KnownProcessor(name, CircuitBreaker(), ProcessorCondition(UNUSED, begun))
            for name in self._processors
        }
        self._halted = halted
        self._clock = clock
        self._day = date.min
        self._ways: dict[tuple[int, str], _Options] = {}

    @property
    def processor_conditions(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        return {name: relay.condition for name, relay in self._relays.items()}

    def choose_processor(
        self, policy: Policy, purpose: str, now: datetime, barred: Collection[str] = (), *, lane: Lane
    ) -> Processor | NoRoute:
        """The processor for the next message of a purpose.

        Those that may have it and can take it share the messages by their weights, evenly interleaved.

        Args:
            policy: of the brand.
            purpose: what the message is for.
            now: an aware datetime.
            barred: those that have refused us with this very message.
            lane: on which it travels.
        """
        if now.date() != self._day:
            self._day = now.date()
            self._ways.clear()
        # Hashing a policy takes longer than all the rest.
        ways = self._ways.get((id(policy), purpose)) or self._find_options(policy, purpose)
        way = (
            self._next_of(ways.shares, barred, lane, SLOW_WINDOWS)
            or self._next_of(ways.reserve, barred, lane, SLOW_WINDOWS)
            or self._next_of(ways.shares, barred, lane, SLOW_ALONE)
            or self._next_of(ways.reserve, barred, lane, SLOW_ALONE)
        )
        if way is None:
            return self._no_route(ways, now, barred, lane)
        if not way.breaker.closed:
            way.breaker.record_attempt(self._clock())
        return way.processor

    @contextmanager
    def carrying_window(self, name: str, *, lane: Lane, is_late: Callable[[], object]) -> Iterator[None]:
        """A processor has a window as long as somebody is in here.

        Args:
            name: the processor's.
            lane: of the window.
            is_late: told after a while, and again and again, if others could take mail meanwhile.
        """
        loop, relay, late = asyncio.get_running_loop(), self._relays[name], False
        begun = self._clock()
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer, late
            if not late:
                late = True
                relay.late[lane] += 1
            if self._clock() - max(begun, relay.ended_at.get(lane, begun)) >= SILENT:
                before = relay.condition
                relay.condition = when_slow(before, relay.late.total(), SILENT, datetime.now(UTC))
                log_state(name, before, relay.condition)
            if self._has_alternative(relay, lane):
                is_late()
            timer = loop.call_later(LONG, look)

        timer = loop.call_later(LONG, look)
        try:
            yield
        finally:
            timer.cancel()
            relay.late[lane] -= late
            relay.ended_at[lane] = self._clock()

    def record_outcomes(
        self, name: str, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str]
    ) -> None:
        """Notes what came of a window at a processor. A window in which no message reached it says that it is away.

        Args:
            name: the processor's.
            outcomes: of the window.
            recipients: the ids of those whose messages these were.
            sender: whom a message is from, by its place in the window.
        """
        telling = [outcome for outcome in outcomes if outcome.result is not OutcomeKind.UNSENT or outcome.trouble]
        if not telling:
            return
        relay, now = self._relays[name], self._clock()
        if any(outcome.result is OutcomeKind.ACCEPTED for outcome in telling):
            relay.taken_at = now
            relay.denied.clear()
        lost = all(map(is_unanswered, telling))
        denied = relay.note_refusals(outcomes, recipients, sender, now)
        if lost:
            if len(relay.denied) < SEVERAL:
                relay.denied.update(denied)
            lost = len(denied) < len(telling) or self._is_processor_wide(relay, now)
        if lost:
            relay.breaker.record_failure(now, random.random())  # noqa: S311 - jitter, not a secret
        else:
            relay.breaker.record_success()
        before, takes = relay.condition, not lost and relay.taken_at > float("-inf")
        relay.condition = after_window(before, telling, datetime.now(UTC), takes=takes)
        log_state(name, before, relay.condition)

    def is_recipient_refused(
        self,
        policy: Policy,
        purpose: str,
        recipient: int,
        sender: str,
        barred: Collection[str],
        unable: Collection[str] = (),
    ) -> bool:
        """Tells whether each processor that may have a message is unable, or refuses us with this recipient's alone.

        Where it takes nothing of the sender, that may be what it refuses, and nobody's message ends for it.

        Args:
            policy: of the brand.
            purpose: what the message is for.
            recipient: the id of whose message it is.
            sender: whom it is from.
            barred: those that have just refused us with it.
            unable: those that lack an extension which the message needs.
        """
        ways = self._ways.get((id(policy), purpose)) or self._find_options(policy, purpose)
        possible = (*ways.shares, *ways.reserve)
        return bool(possible) and all(
            way.name in unable or (way.name in barred and way.relay.refuses(recipient, sender)) for way in possible
        )

    def has_other_processor(self, policy: Policy, purpose: str, unable: Collection[str]) -> bool:
        """Tells whether a processor that is not unable may have a message, now or later."""
        ways = self._ways.get((id(policy), purpose)) or self._find_options(policy, purpose)
        return any(way.name not in unable for way in (*ways.shares, *ways.reserve))

    def _is_processor_wide(self, relay: _KnownProcessor, now: float) -> bool:
        """Tells whether a processor that answers, and refuses us with some messages, cannot be used for any.

        A single one may mean its recipient: others must not suffer for it, however often it is offered.
        """
        return len(relay.denied) >= SEVERAL and now - relay.taken_at >= RECENT

    def _next_of(self, ways: Sequence[_Option], barred: Collection[str], lane: Lane, most: int) -> _Option | None:
        """Smooth weighted round-robin: each gains its weight, the foremost is taken and pays what all have gained.

        Of those of weight 0, the first.
        """
        best, gained = None, 0
        for way in ways:
            if (
                self._is_usable(way.relay)
                and way.name not in barred
                and not (way.relay.late[lane] and self._is_too_slow(way.relay, lane, most))
            ):
                way.credit += way.weight
                gained += way.weight
                if best is None or way.credit > best.credit:
                    best = way
        if best is not None:
            best.credit -= gained
        return best

    def _is_usable(self, relay: _KnownProcessor) -> bool:
        is_allowed = relay.breaker.closed or relay.breaker.allows_message(self._clock())
        return is_allowed and self._halted(relay.name) is None

    def _is_too_slow(self, relay: _KnownProcessor, lane: Lane, most: int) -> bool:
        """Tells whether a processor gets nothing more for now. Where all are so slow, mail waits in line for them."""
        return relay.late[lane] >= most and self._has_alternative(relay, lane)

    def _has_alternative(self, relay: _KnownProcessor, lane: Lane) -> bool:
        """Tells whether another processor can take mail, so that who waits for this one keeps mail from going.

        One that may only be probed cannot: perhaps there is no mail for it, and nobody learns that it is still away.
        """
        return any(
            other is not relay
            and other.late[lane] < SLOW_WINDOWS
            and other.breaker.closed
            and self._halted(other.name) is None
            for other in self._relays.values()
        )

    def _find_options(self, policy: Policy, purpose: str) -> _Options:
        ways = self._ways[id(policy), purpose] = _Options(policy)
        refusals = []
        for processor in self._processors.values():
            if processor.purposes is not None and purpose not in processor.purposes:
                continue
            handover = ProcessorUse(processor.name, processor.country, processor.outside, purpose, self._day)
            if refused := processor_refusal(policy, handover):
                refusals.append(refused)
                continue
            relay = self._relays[processor.name]
            way = _Option(processor, processor.name, processor.weight, relay.breaker, relay)
            (ways.shares if way.weight else ways.reserve).append(way)
        if refusals:
            ways.refused = refusals[0]
        return ways

    def _no_route(self, ways: _Options, now: datetime, barred: Collection[str], lane: Lane) -> NoRoute:
        """Why there is none, and the earliest moment at which there may be one."""
        possible = ways.shares + ways.reserve
        if not possible:
            reason, rule = ways.refused
            return NoRoute(reason, rule, now + NOT_ALLOWED)
        found = {way.name: self._obstacle_of(way, now, barred, lane) for way in possible}
        until, reason, _ = min(found.values())
        # One that does not take this message ends no other one's trouble.
        lasting = min((obstacle[2] for name, obstacle in found.items() if name not in barred), default=timedelta(0))
        return NoRoute(reason, None, until, lasting)

    def _obstacle_of(
        self, way: _Option, now: datetime, barred: Collection[str], lane: Lane
    ) -> tuple[datetime, str, timedelta]:
        """Returns what keeps a way from being taken: until when, why, and for how long it has done so."""
        if halt := self._halted(way.name):
            return now + HALTED, halt, timedelta(0)
        if self._is_too_slow(way.relay, lane, SLOW_ALONE):
            return now + CATCHING_UP, BEHIND, timedelta(0)
        condition = way.relay.condition
        lasting = now - condition.since if condition.has_trouble else timedelta(0)
        wait = timedelta(seconds=max(0.0, way.breaker.retry_at - self._clock()))
        return now + (BARRED if way.breaker.closed and way.name in barred else wait), NO_CONNECTION, lasting
