"""The states of processors, as this process has found them: the trouble, its beginning, and its frequency."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from mailer.metrics_and_logger import RELAY_STATE, log
from mailer.policy.connection_trouble import ConnectionTrouble
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import CLOSING
from mailer.policy.smtp_replies import scrub_reply
from mailer.ports.processor_states import STATE_WORDS, ProcessorStateStore, ReportedProcessorState
from mailer.runtime.repeating import rounds_until_stopped

UNUSED: Final = "unused"
"""No message was handed to it yet."""
WORKING: Final = "working"
REFUSES_SOME: Final = "refuses_some"
"""It takes mail, but refused some messages because of our set-up there."""
SLOW: Final = "slow"
"""It takes mail, but is slow."""
QUIET: Final = {REFUSES_SOME: timedelta(minutes=15), SLOW: timedelta(minutes=1)}
"""The state ends after so long without such a refusal, or without a slow window."""

LOOK: Final = 1.0
"""Seconds between two checks for changed states."""
REFRESH: Final = 30.0
"""Seconds after which an unchanged state is stored again."""
LATELY: Final = timedelta(minutes=10)
"""The longest time between two probes of a processor in trouble while mail waits for it."""


@dataclass(frozen=True, slots=True)
class ProcessorCondition:
    """The condition of a processor.

    Attributes:
        state: `UNUSED`, `WORKING`, `REFUSES_SOME`, `SLOW`, or that of a trouble.
        since: the beginning of the state.
        error: the last error text, without addresses; empty if there was no trouble.
        seen: the last time at which the trouble was met.
        times: the number of windows that met it since then.
        remedy: a line that says what to check.
    """

    state: str
    since: datetime
    error: str = ""
    seen: datetime | None = None
    times: int = 0
    remedy: str = ""

    @property
    def has_trouble(self) -> bool:
        """True unless the processor is unused or working."""
        return self.state not in (UNUSED, WORKING)


def is_outcome_of_unavailable_processor(outcome: Outcome) -> bool:
    """Returns True if the processor neither accepted nor refused the message: it is away, or refuses us."""
    match outcome.result:
        case OutcomeKind.UNSENT | OutcomeKind.IN_DOUBT:
            return True
        case OutcomeKind.DEFERRED:
            return outcome.code in (None, CLOSING)
        case _:
            return False


def is_refusal_of_us_not_of_message(outcome: Outcome) -> bool:
    """Returns True if the processor answered and refused us, not the message. It may take other messages."""
    return outcome.trouble is ConnectionTrouble.REFUSED and outcome.code is not None


def condition_after_window(
    known: ProcessorCondition, telling: Sequence[Outcome], now: datetime, *, takes: bool = False
) -> ProcessorCondition:
    """Returns the condition of a processor after a window.

    Args:
        known: the condition before.
        telling: the outcomes of the window, without messages that we did not offer; at least one.
        now: an aware datetime.
        takes: True if it is known to take other messages.
    """
    first = next((outcome for outcome in telling if outcome.trouble), None)
    if all(map(is_outcome_of_unavailable_processor, telling)) and not (
        takes and all(map(is_refusal_of_us_not_of_message, telling))
    ):
        # An error that the processor itself reported says more than a lost connection.
        trouble = (first and first.trouble) or ConnectionTrouble.LOST
        return _condition_with_trouble(known, trouble.relay_state, trouble.operator_remedy, first or telling[0], now)
    # Trouble of some connections does not count if other connections worked.
    denied = first and next((outcome for outcome in telling if is_refusal_of_us_not_of_message(outcome)), None)
    if denied is not None:
        return _condition_with_trouble(known, REFUSES_SOME, ConnectionTrouble.REFUSED.operator_remedy, denied, now)
    if known.state == WORKING:
        return known
    if known.state in QUIET and known.seen is not None and now - known.seen < QUIET[known.state]:
        return known
    return ProcessorCondition(WORKING, now, known.error, known.seen)


def condition_when_slow(known: ProcessorCondition, windows: int, seconds: float, now: datetime) -> ProcessorCondition:
    """Returns the condition of a processor with slow windows. A worse condition stays.

    Args:
        known: the condition before.
        windows: the number of slow windows.
        seconds: the time for which no window has ended.
        now: an aware datetime.
    """
    if known.has_trouble and known.state != SLOW:
        return known
    some = "1 window waits" if windows == 1 else f"{windows} windows wait"
    text = f"{some} for its answers, and none has ended for {seconds:.0f} seconds"
    return _condition_with_trouble(
        known, SLOW, "look at its load, its queue and the way there", Outcome(OutcomeKind.UNSENT, text=text), now
    )


def _condition_with_trouble(
    known: ProcessorCondition, state: str, remedy: str, outcome: Outcome, now: datetime
) -> ProcessorCondition:
    error = scrub_reply(f"{outcome.code or ''} {outcome.text}")
    if known.state == state:
        return ProcessorCondition(state, known.since, error, now, known.times + 1, remedy)
    return ProcessorCondition(state, now, error, now, 1, remedy)


def log_state_change(name: str, before: ProcessorCondition, condition: ProcessorCondition) -> None:
    """Logs a changed state: once when a trouble begins, and once when it ends."""
    if condition.state == before.state:
        return
    if condition.has_trouble:
        log.warning(
            "a relay is in trouble",
            relay=name,
            state=condition.state,
            says=f"{name} {STATE_WORDS[condition.state]}",
            error=condition.error,
            remedy=condition.remedy,
        )
    elif before.has_trouble:
        log.warning(
            "a relay takes mail again",
            relay=name,
            was=before.state,
            seconds=round((condition.since - before.since).total_seconds()),
            times=before.times,
        )


class ConditionSource(Protocol):
    """The source of the processors' conditions; see `pipeline.routing.ProcessorRoutes`."""

    @property
    def condition_by_processor(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        ...


class ReadinessReporter(Protocol):
    """Stores the problems that stop a process's work; see `runtime.readiness.Readiness`."""

    def set_or_clear_problem(self, name: str, problem: str | None) -> object:
        """Stores a problem under a name; None: there is no problem any more."""
        ...


class ConditionReporter:
    """Shows operators the states of processors that this worker sees: in the database, a metric, and `/readyz`.

    Args:
        known: the source of the conditions. states: the store that operators read.
        worker: the name of this process. ready: gets the problem for `/readyz`.
    """

    def __init__(
        self, known: ConditionSource, states: ProcessorStateStore, worker: str, ready: ReadinessReporter
    ) -> None:
        self._known = known
        self._states = states
        self._worker = worker
        self._ready = ready
        self._noted: Mapping[str, str] = {}
        self._noted_at = float("-inf")

    async def report_until_stopped(self, stop: asyncio.Event) -> None:
        """Reports changes until `stop` is set, then deletes this worker's states. A failed report is repeated."""
        async for _ in rounds_until_stopped(LOOK, stop):
            try:
                await self.store_states_if_changed_or_old()
            except Exception as error:
                log.warning("the states of relays could not be noted", error=type(error).__name__)
        try:
            await self._states.delete_processor_states_seen_by_worker(self._worker)
        except Exception as error:
            log.warning("the states of relays could not be taken back", error=type(error).__name__)

    async def store_states_if_changed_or_old(self) -> None:
        """Stores the states at once if one has changed, and else every `REFRESH` seconds."""
        conditions = self._known.condition_by_processor
        self._ready.set_or_clear_problem("relays", reason_no_processor_usable(conditions, datetime.now(UTC)))
        states = {name: condition.state for name, condition in conditions.items()}
        if states == self._noted and time.monotonic() - self._noted_at < REFRESH:
            return
        for name, state in states.items():
            for known in STATE_WORDS:
                RELAY_STATE.labels(name, known).set(known == state)
        await self._states.store_processor_states_seen_by_worker(
            self._worker,
            [
                ReportedProcessorState(name, c.state, c.since, c.error, c.remedy, c.times)
                for name, c in conditions.items()
            ],
        )
        self._noted, self._noted_at = states, time.monotonic()


def reason_no_processor_usable(conditions: Mapping[str, ProcessorCondition], now: datetime) -> str | None:
    """Returns a line that says why no processor can be used. None: one can, or none was tried lately."""
    for condition in conditions.values():
        lately = condition.seen is not None and now - condition.seen < LATELY
        if not condition.has_trouble or condition.state in (REFUSES_SOME, SLOW) or not lately:
            return None
    said = [
        f"the relay {name} {STATE_WORDS[c.state]} since {c.since:%Y-%m-%d %H:%M} UTC: {c.error} ({c.remedy})"
        for name, c in conditions.items()
    ]
    return "; ".join(said) or None
