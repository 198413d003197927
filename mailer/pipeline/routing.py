"""Chooses a processor for each message, by purpose, policy, halts, availability and weights."""

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
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.processor_conditions import (
    UNUSED,
    ProcessorCondition,
    condition_after_window,
    condition_when_slow,
    is_outcome_of_unavailable_processor,
    is_refusal_of_us_not_of_message,
    log_state_change,
)
from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.policy_file import Policy
from mailer.policy.processor_rules import ProcessorUse, refusal_of_processor_use
from mailer.ports.processor import Processor

NOT_ALLOWED: Final = timedelta(minutes=15)
"""The time after which mail that no processor may take is decided again. Policy or set-up may be repaired by then."""
HALTED: Final = timedelta(seconds=15)
"""The time after which mail whose processors are all halted is tried again."""
NO_CONNECTION: Final = "no_connection"
BEHIND: Final = "slow_processor"
BARRED: Final = timedelta(minutes=5)
"""The time after which a message is offered again to processors that have refused us with it."""
SEVERAL: Final = 3
"""Recipients in a row with whose messages a processor refuses us, before it gets no mail for a while."""
MOST_REFUSED: Final = 10_000
"""The most recipients kept in memory for a processor that refuses their messages. With more, the list is cleared."""
RECENT: Final = 60.0
"""Seconds: a processor that accepted a message so lately is not avoided because it refused others."""
LONG: Final = 5.0
"""Seconds after which a processor counts as slow with a window."""
SILENT: Final = 30.0
"""Seconds without a finished window before operators see a processor as slow. One large mailing may take `LONG`."""
SLOW_WINDOWS: Final = 2
"""Slow windows of a lane at which a processor's next messages of that lane go to other processors."""
SLOW_ALONE: Final = 6
"""Slow windows at which it gets no message, even if only it may take it. Two hanging messages must not block all."""
CATCHING_UP: Final = timedelta(seconds=10)
"""The time after which mail that only a slow processor may take is offered again."""


@dataclass(slots=True)
class _ProcessorOption:
    """A processor that may take a kind of message, and its credit for weighted round-robin."""

    processor: Processor
    name: str
    weight: int
    breaker: CircuitBreaker
    relay: "_KnownProcessor"
    credit: int = 0


@dataclass(slots=True)
class _KnownProcessor:
    """A processor and its behaviour towards this worker.

    Attributes:
        denied: ids of some recipients with whose messages it refused us since it last accepted one.
        taken_at: when it last accepted a message, in the clock's seconds.
        refused: by recipient id: since when it refuses us with their messages, in the clock's seconds.
        taken_from: by sender: when it last accepted a message, while it refuses some others.
        late: by lane: the number of windows that it is slow with.
        ended_at: by lane: when a window last ended, in the clock's seconds.
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

    def note_refused_recipients(
        self, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str], now: float
    ) -> Sequence[int]:
        """Stores the recipients whose messages it refuses or accepts again. Returns those refused in this window."""
        told = zip(recipients, outcomes, strict=True)
        denied = [whose for whose, outcome in told if outcome.trouble and is_refusal_of_us_not_of_message(outcome)]
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

    def is_refusing_only_recipient(self, recipient: int, sender: str) -> bool:
        """Returns True if it refuses us with a recipient's messages, and accepted others of the sender since."""
        taken_at = self.taken_from.get(sender, float("-inf"))
        return self.breaker.closed and taken_at >= self.refused.get(recipient, float("inf"))


@dataclass(slots=True)
class _AllowedProcessors:
    """The processors that may take messages of a policy and a purpose on one day.

    Attributes:
        policy: a reference that keeps the policy alive, since its `id()` is the key here.
        reserve: processors that are used only if no other can.
        refused: if there is none: the (reason, rule).
    """

    policy: Policy
    shares: list[_ProcessorOption] = field(default_factory=list)
    reserve: list[_ProcessorOption] = field(default_factory=list)
    refused: tuple[str, str] = ("purpose_not_of_processor", "processor-known")


class ProcessorRoutes:
    """Chooses among the processors of a worker. Used by one event loop.

    Args:
        processors: those of weight 0 are tried in this order.
        halted: returns the reason for which a processor, given by name, may not be used now, or None.
        clock: monotonic seconds.

    Raises:
        ValueError: two processors have the same name.
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
        self._ways: dict[tuple[int, str], _AllowedProcessors] = {}

    @property
    def condition_by_processor(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        return {name: relay.condition for name, relay in self._relays.items()}

    def choose_processor(
        self, policy: Policy, purpose: str, now: datetime, barred: Collection[str] = (), *, lane: Lane
    ) -> Processor | NoRoute:
        """Returns the processor for the next message of a purpose.

        Allowed and usable processors share the messages by their weights, evenly interleaved.

        Args:
            policy: of the brand.
            purpose: of the message.
            now: an aware datetime.
            barred: processors that have refused us with this message.
            lane: of the message.
        """
        if now.date() != self._day:
            self._day = now.date()
            self._ways.clear()
        # Hashing a policy would take longer than all the rest, so its id() is the key.
        ways = self._ways.get((id(policy), purpose)) or self._find_allowed_processors(policy, purpose)
        way = (
            self._next_option(ways.shares, barred, lane, SLOW_WINDOWS)
            or self._next_option(ways.reserve, barred, lane, SLOW_WINDOWS)
            or self._next_option(ways.shares, barred, lane, SLOW_ALONE)
            or self._next_option(ways.reserve, barred, lane, SLOW_ALONE)
        )
        if way is None:
            return self._build_no_route(ways, now, barred, lane)
        if not way.breaker.closed:
            way.breaker.record_passing_message(self._clock())
        return way.processor

    @contextmanager
    def watching_window_for_slowness(self, name: str, *, lane: Lane, is_late: Callable[[], object]) -> Iterator[None]:
        """A context in which a processor has a window, so that slow ones are noticed.

        Args:
            name: of the processor.
            lane: of the window.
            is_late: called after `LONG` seconds, and again and again, if other processors could take mail.
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
                relay.condition = condition_when_slow(before, relay.late.total(), SILENT, datetime.now(UTC))
                log_state_change(name, before, relay.condition)
            if self._has_other_fast_processor(relay, lane):
                is_late()
            timer = loop.call_later(LONG, look)

        timer = loop.call_later(LONG, look)
        try:
            yield
        finally:
            timer.cancel()
            relay.late[lane] -= late
            relay.ended_at[lane] = self._clock()

    def note_outcomes_for_routing(
        self, name: str, outcomes: Sequence[Outcome], recipients: Sequence[int], sender: Callable[[int], str]
    ) -> None:
        """Updates breaker and condition of a processor after a window. If no message reached it, it counts as away.

        Args:
            name: of the processor.
            outcomes: of the window.
            recipients: ids of the recipients, in the same order.
            sender: returns the sender of a message, by its index in the window.
        """
        telling = [outcome for outcome in outcomes if outcome.result is not OutcomeKind.UNSENT or outcome.trouble]
        if not telling:
            return
        relay, now = self._relays[name], self._clock()
        if any(outcome.result is OutcomeKind.ACCEPTED for outcome in telling):
            relay.taken_at = now
            relay.denied.clear()
        lost = all(map(is_outcome_of_unavailable_processor, telling))
        denied = relay.note_refused_recipients(outcomes, recipients, sender, now)
        if lost:
            if len(relay.denied) < SEVERAL:
                relay.denied.update(denied)
            lost = len(denied) < len(telling) or self._is_refusal_processor_wide(relay, now)
        if lost:
            relay.breaker.open_after_failure(now, random.random())  # noqa: S311 - jitter, not a secret
        else:
            relay.breaker.close_after_success()
        before, takes = relay.condition, not lost and relay.taken_at > float("-inf")
        relay.condition = condition_after_window(before, telling, datetime.now(UTC), takes=takes)
        log_state_change(name, before, relay.condition)

    def is_recipient_refused_by_all(
        self,
        policy: Policy,
        purpose: str,
        recipient: int,
        sender: str,
        barred: Collection[str],
        unable: Collection[str] = (),
    ) -> bool:
        """Returns True if each allowed processor is unable, or refuses us only with this recipient's messages.

        A processor that accepts nothing of the sender may refuse the sender; then no message ends because of it.

        Args:
            policy: of the brand.
            purpose: of the message.
            recipient: id of the recipient.
            sender: of the message.
            barred: processors that have just refused us with it.
            unable: processors that lack an extension which the message needs.
        """
        ways = self._ways.get((id(policy), purpose)) or self._find_allowed_processors(policy, purpose)
        possible = (*ways.shares, *ways.reserve)
        return bool(possible) and all(
            way.name in unable or (way.name in barred and way.relay.is_refusing_only_recipient(recipient, sender))
            for way in possible
        )

    def has_processor_able_to_carry(self, policy: Policy, purpose: str, unable: Collection[str]) -> bool:
        """Returns True if an allowed processor is not in `unable`, so that it can take the message now or later."""
        ways = self._ways.get((id(policy), purpose)) or self._find_allowed_processors(policy, purpose)
        return any(way.name not in unable for way in (*ways.shares, *ways.reserve))

    def _is_refusal_processor_wide(self, relay: _KnownProcessor, now: float) -> bool:
        """Returns True if a processor that refuses us with some messages cannot be used for any.

        One refusal may be about its recipient. Other messages must not wait for it, however often it is offered.
        """
        return len(relay.denied) >= SEVERAL and now - relay.taken_at >= RECENT

    def _next_option(
        self, ways: Sequence[_ProcessorOption], barred: Collection[str], lane: Lane, most: int
    ) -> _ProcessorOption | None:
        """Returns the next option by smooth weighted round-robin: each gains its weight, the highest pays all gains.

        Of options of weight 0, it returns the first usable one.
        """
        best, gained = None, 0
        for way in ways:
            if (
                self._is_usable(way.relay)
                and way.name not in barred
                and not (way.relay.late[lane] and self._is_too_slow_with_alternative(way.relay, lane, most))
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

    def _is_too_slow_with_alternative(self, relay: _KnownProcessor, lane: Lane, most: int) -> bool:
        """Returns True if a processor is too slow for more mail. If all are, returns False, and mail waits for them."""
        return relay.late[lane] >= most and self._has_other_fast_processor(relay, lane)

    def _has_other_fast_processor(self, relay: _KnownProcessor, lane: Lane) -> bool:
        """Returns True if another processor can take mail now, so that waiting for this one delays mail.

        A processor that may only be probed does not count: without mail for it, nobody learns that it is still away.
        """
        return any(
            other is not relay
            and other.late[lane] < SLOW_WINDOWS
            and other.breaker.closed
            and self._halted(other.name) is None
            for other in self._relays.values()
        )

    def _find_allowed_processors(self, policy: Policy, purpose: str) -> _AllowedProcessors:
        ways = self._ways[id(policy), purpose] = _AllowedProcessors(policy)
        refusals = []
        for processor in self._processors.values():
            if processor.purposes is not None and purpose not in processor.purposes:
                continue
            handover = ProcessorUse(
                processor.name, processor.country, processor.is_outside_our_network, purpose, self._day
            )
            if refused := refusal_of_processor_use(policy, handover):
                refusals.append(refused)
                continue
            relay = self._relays[processor.name]
            way = _ProcessorOption(processor, processor.name, processor.weight, relay.breaker, relay)
            (ways.shares if way.weight else ways.reserve).append(way)
        if refusals:
            ways.refused = refusals[0]
        return ways

    def _build_no_route(self, ways: _AllowedProcessors, now: datetime, barred: Collection[str], lane: Lane) -> NoRoute:
        """Returns the reason for which there is no route, and the earliest time at which there may be one."""
        possible = ways.shares + ways.reserve
        if not possible:
            reason, rule = ways.refused
            return NoRoute(reason, rule, now + NOT_ALLOWED)
        found = {way.name: self._end_and_reason_of_obstacle(way, now, barred, lane) for way in possible}
        until, reason, _ = min(found.values())
        # A processor that refuses this message does not end the trouble of the others.
        lasting = min((obstacle[2] for name, obstacle in found.items() if name not in barred), default=timedelta(0))
        return NoRoute(reason, None, until, lasting)

    def _end_and_reason_of_obstacle(
        self, way: _ProcessorOption, now: datetime, barred: Collection[str], lane: Lane
    ) -> tuple[datetime, str, timedelta]:
        """Returns the obstacle of an option: the time until which it lasts, the reason, and how long it has lasted."""
        if halt := self._halted(way.name):
            return now + HALTED, halt, timedelta(0)
        if self._is_too_slow_with_alternative(way.relay, lane, SLOW_ALONE):
            return now + CATCHING_UP, BEHIND, timedelta(0)
        condition = way.relay.condition
        lasting = now - condition.since if condition.has_trouble else timedelta(0)
        wait = timedelta(seconds=max(0.0, way.breaker.retry_at - self._clock()))
        return now + (BARRED if way.breaker.closed and way.name in barred else wait), NO_CONNECTION, lasting
