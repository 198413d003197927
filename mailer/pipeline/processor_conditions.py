"""The states of processors, as this process has met them: what is wrong, since when, and how often it was."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from mailer.policy.connection_trouble import DOWN, MISCONFIGURED, ConnectionTrouble
from mailer.policy.outcome import Outcome, OutcomeKind
from mailer.policy.session_refusals import CLOSING
from mailer.policy.smtp_replies import scrub_reply
from mailer.ports.processor_states import ProcessorState, ProcessorStates
from mailer.telemetry import RELAY_STATE, log

UNUSED: Final = "unused"
"""Nothing was handed to it yet."""
WORKING: Final = "working"
REFUSES_SOME: Final = "refuses_some"
"""It takes mail, and refused some for our set-up there."""
SLOW: Final = "slow"
"""It takes mail, and takes long for it."""
QUIET: Final = {REFUSES_SOME: timedelta(minutes=15), SLOW: timedelta(minutes=1)}
"""After so long without such a refusal, or without a window that took long, it is over."""

LOOK: Final = 1.0
"""Seconds between two looks at what has changed."""
REFRESH: Final = 30.0
"""Seconds after which a state that has not changed is noted again."""
LATELY: Final = timedelta(minutes=10)
"""A processor in trouble is probed at least so often while mail waits for it."""

WORDS: Final[dict[str, str]] = {
    UNUSED: "has had no mail from here yet",
    WORKING: "takes mail",
    REFUSES_SOME: "takes mail, and refuses some of it for our set-up there",
    SLOW: "takes long for its mail",
    DOWN: "does not answer",
    "no_address": "has no address in the DNS",
    "certificate": "shows a certificate that is not trusted",
    "auth_refused": "refuses our password",
    MISCONFIGURED: "refuses us, not our messages",
}
"""Each state, after the processor's name."""


@dataclass(frozen=True, slots=True)
class ProcessorCondition:
    """The condition of a processor.

    Attributes:
        state: `UNUSED`, `WORKING`, `REFUSES_SOME`, `SLOW`, or that of a trouble.
        since: when that began.
        error: the last words of a trouble, without addresses; empty if there was none.
        seen: when a trouble was met last.
        times: in how many windows it was met since then.
        remedy: what to check.
    """

    state: str
    since: datetime
    error: str = ""
    seen: datetime | None = None
    times: int = 0
    remedy: str = ""

    @property
    def has_trouble(self) -> bool:
        """Tells whether something is wrong."""
        return self.state not in (UNUSED, WORKING)


def is_unanswered(outcome: Outcome) -> bool:
    """Tells whether a processor took no responsibility, and refused no message: it is away, or does not want us."""
    match outcome.result:
        case OutcomeKind.UNSENT | OutcomeKind.IN_DOUBT:
            return True
        case OutcomeKind.DEFERRED:
            return outcome.code in (None, CLOSING)
        case _:
            return False


def refuses_us(outcome: Outcome) -> bool:
    """Tells whether a processor that answers refused us, and so this message and perhaps no other one."""
    return outcome.trouble is ConnectionTrouble.REFUSED and outcome.code is not None


def after_window(
    known: ProcessorCondition, telling: Sequence[Outcome], now: datetime, *, takes: bool = False
) -> ProcessorCondition:
    """The condition after a window.

    Args:
        known: the one before.
        telling: its outcomes, but for what was not offered for a reason of ours; at least one.
        now: an aware datetime.
        takes: whether it is known to take other messages.
    """
    first = next((outcome for outcome in telling if outcome.trouble), None)
    if all(map(is_unanswered, telling)) and not (takes and all(map(refuses_us, telling))):
        # Lost connections say less than what a processor said of itself.
        trouble = (first and first.trouble) or ConnectionTrouble.LOST
        return _condition_in_state(known, trouble.relay_state, trouble.operator_remedy, first or telling[0], now)
    # What only some connections met, others made up for.
    denied = first and next((outcome for outcome in telling if refuses_us(outcome)), None)
    if denied is not None:
        return _condition_in_state(known, REFUSES_SOME, ConnectionTrouble.REFUSED.operator_remedy, denied, now)
    if known.state == WORKING:
        return known
    if known.state in QUIET and known.seen is not None and now - known.seen < QUIET[known.state]:
        return known
    return ProcessorCondition(WORKING, now, known.error, known.seen)


def when_slow(known: ProcessorCondition, windows: int, seconds: float, now: datetime) -> ProcessorCondition:
    """The condition where some windows take long. One that is worse stays.

    Args:
        known: the one before.
        windows: how many.
        seconds: for so long none has ended.
        now: an aware datetime.
    """
    if known.has_trouble and known.state != SLOW:
        return known
    some = "1 window waits" if windows == 1 else f"{windows} windows wait"
    text = f"{some} for its answers, and none has ended for {seconds:.0f} seconds"
    return _condition_in_state(
        known, SLOW, "look at its load, its queue and the way there", Outcome(OutcomeKind.UNSENT, text=text), now
    )


def _condition_in_state(
    known: ProcessorCondition, state: str, remedy: str, outcome: Outcome, now: datetime
) -> ProcessorCondition:
    error = scrub_reply(f"{outcome.code or ''} {outcome.text}")
    if known.state == state:
        return ProcessorCondition(state, known.since, error, now, known.times + 1, remedy)
    return ProcessorCondition(state, now, error, now, 1, remedy)


def log_state(name: str, before: ProcessorCondition, condition: ProcessorCondition) -> None:
    """Logs a state that has changed: once when it begins, once more when it is over."""
    if condition.state == before.state:
        return
    if condition.has_trouble:
        log.warning(
            "a relay is in trouble",
            relay=name,
            state=condition.state,
            says=f"{name} {WORDS[condition.state]}",
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
    def processor_conditions(self) -> Mapping[str, ProcessorCondition]:
        """The condition of each processor, by its name."""
        ...


class ReadinessReporter(Protocol):
    """Keeps what keeps a process from its work; see `runtime.readiness.Readiness`."""

    def report_problem(self, name: str, problem: str | None) -> object:
        """Notes a problem, or that there is none."""
        ...


class ConditionReporter:
    """Shows operators how this worker finds its processors: in the database, in a metric, and in `/readyz`.

    Args:
        known: how they are. states: where that is noted for all to see.
        worker: names this process. ready: says whether it can do its work.
    """

    def __init__(self, known: ConditionSource, states: ProcessorStates, worker: str, ready: ReadinessReporter) -> None:
        self._known = known
        self._states = states
        self._worker = worker
        self._ready = ready
        self._noted: Mapping[str, str] = {}
        self._noted_at = float("-inf")

    async def keep_polling(self, stop: asyncio.Event) -> None:
        """Looks until told to stop. What could not be noted is noted by the next look."""
        while not stop.is_set():
            try:
                await self.report_changes()
            except Exception as error:
                log.warning("the states of relays could not be noted", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK)
        try:
            await self._states.forget_states(self._worker)
        except Exception as error:
            log.warning("the states of relays could not be taken back", error=type(error).__name__)

    async def report_changes(self) -> None:
        """Notes what has changed at once, and what has not now and then."""
        conditions = self._known.processor_conditions
        self._ready.report_problem("relays", why_none_usable(conditions, datetime.now(UTC)))
        states = {name: condition.state for name, condition in conditions.items()}
        if states == self._noted and time.monotonic() - self._noted_at < REFRESH:
            return
        for name, state in states.items():
            for known in WORDS:
                RELAY_STATE.labels(name, known).set(known == state)
        await self._states.note_states(
            self._worker,
            [ProcessorState(name, c.state, c.since, c.error, c.remedy, c.times) for name, c in conditions.items()],
        )
        self._noted, self._noted_at = states, time.monotonic()


def why_none_usable(conditions: Mapping[str, ProcessorCondition], now: datetime) -> str | None:
    """Why no processor at all can be used, in one line; None if one can, or none was tried lately."""
    for condition in conditions.values():
        lately = condition.seen is not None and now - condition.seen < LATELY
        if not condition.has_trouble or condition.state in (REFUSES_SOME, SLOW) or not lately:
            return None
    said = [
        f"the relay {name} {WORDS[c.state]} since {c.since:%Y-%m-%d %H:%M} UTC: {c.error} ({c.remedy})"
        for name, c in conditions.items()
    ]
    return "; ".join(said) or None
