"""The states of processors, as this process has met them: what is wrong, since when, and how often it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailer.policy.outcome import Outcome, Result
from mailer.policy.reply import scrub
from mailer.policy.session import CLOSING
from mailer.policy.trouble import DOWN, MISCONFIGURED, Trouble
from mailer.telemetry import log

UNUSED: Final = "unused"
"""Nothing was handed to it yet."""
WORKING: Final = "working"
REFUSES_SOME: Final = "refuses_some"
"""It takes mail, and refused some for our set-up there."""
QUIET: Final = timedelta(minutes=15)
"""After so long without such a refusal, it is over."""

WORDS: Final[dict[str, str]] = {
    UNUSED: "has had no mail from here yet",
    WORKING: "takes mail",
    REFUSES_SOME: "takes mail, and refuses some of it for our set-up there",
    DOWN: "does not answer",
    "no_address": "has no address in the DNS",
    "certificate": "shows a certificate that is not trusted",
    "auth_refused": "refuses our user name or password",
    MISCONFIGURED: "refuses us, not our messages",
}
"""Each state, after the processor's name."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a processor is.

    Attributes:
        state: `UNUSED`, `WORKING`, `REFUSES_SOME`, or that of a trouble.
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
    def troubled(self) -> bool:
        """Whether something is wrong."""
        return self.state not in (UNUSED, WORKING)


def is_lost(outcome: Outcome) -> bool:
    """Whether a processor took no responsibility, and refused no message: it is away, or does not want us."""
    match outcome.result:
        case Result.UNSENT | Result.IN_DOUBT:
            return True
        case Result.DEFERRED:
            return outcome.code in (None, CLOSING)
        case _:
            return False


def is_denied(outcome: Outcome) -> bool:
    """Whether a processor that answers refused us, and so this message and perhaps no other one."""
    return outcome.trouble is Trouble.REFUSED and outcome.code is not None


def after(known: Condition, telling: Sequence[Outcome], now: datetime) -> Condition:
    """The condition after a window.

    Args:
        known: the one before.
        telling: its outcomes, but for what was not offered for a reason of ours; at least one.
        now: an aware datetime.
    """
    first = next((outcome for outcome in telling if outcome.trouble), None)
    if all(map(is_lost, telling)):
        # Lost connections say less than what a processor said of itself.
        trouble = (first and first.trouble) or Trouble.LOST
        return _met(known, trouble.state, trouble.remedy, first or telling[0], now)
    # What only some connections met, others made up for.
    first = next((outcome for outcome in telling if is_denied(outcome)), None)
    if first is not None:
        return _met(known, REFUSES_SOME, Trouble.REFUSED.remedy, first, now)
    if known.state == WORKING:
        return known
    if known.state == REFUSES_SOME and known.seen is not None and now - known.seen < QUIET:
        return known
    return Condition(WORKING, now, known.error, known.seen)


def _met(known: Condition, state: str, remedy: str, outcome: Outcome, now: datetime) -> Condition:
    error = scrub(f"{outcome.code or ''} {outcome.text}")
    if known.state == state:
        return Condition(state, known.since, error, now, known.times + 1, remedy)
    return Condition(state, now, error, now, 1, remedy)


def tell(name: str, before: Condition, condition: Condition) -> None:
    """Logs a state that has changed: once when it begins, once more when it is over."""
    if condition.state == before.state:
        return
    if condition.troubled:
        log.warning(
            f"the relay {name} {WORDS[condition.state]}",
            relay=name,
            state=condition.state,
            error=condition.error,
            remedy=condition.remedy,
        )
    elif before.troubled:
        log.warning(
            f"the relay {name} takes mail again",
            relay=name,
            was=before.state,
            seconds=round((condition.since - before.since).total_seconds()),
            times=before.times,
        )
