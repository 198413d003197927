"""Slowing down by itself: how fast mail may go to a domain whose servers asked for less, and what asks for that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mailer.policy.category import Lane
from mailer.policy.outcome import Outcome, OutcomeKind

RESERVES: Final = {Lane.BREACH: 0, Lane.SERVICE: 5, Lane.NEWSLETTER: 10, Lane.PROMOTIONAL: 15}
"""Per cent of every limit (rounded down) that mail of a lane leaves to the more urgent lanes."""

FLOOR: Final = 1.0
"""Messages a second: no domain is slowed down further."""
TRUSTED: Final = 4
"""A pace that has come to so many times what was observed, without being throttled again, is forgotten."""
SETTLES: Final = timedelta(seconds=10)
"""What is throttled so soon after a slow-down was already on its way, and asks for none of its own."""

SEVERAL: Final = 3
"""Fewer replies that ask for a slower pace say nothing about a domain."""
PART: Final = 0.1
"""Nor does a smaller part of its replies."""

_CLOSING: Final = 421
_CODES: Final = frozenset((450, 451))
_OF_ONE_MAILBOX: Final = ("4.1.", "4.2.")
"""RFC 3463 3.2 and 3.3: the reply is about the recipient, and tells nothing about the pace."""


@dataclass(frozen=True, slots=True)
class SendingPace:
    """How fast mail goes to a domain by a processor since it was slowed down.

    Attributes:
        pace: messages a second over all workers, at `since`.
        original: what was observed over all workers before, which may have been little for want of mail.
        workers: whose observations `original` is the sum of, while those still come in.
    """

    pace: float
    original: float
    since: datetime
    workers: tuple[str, ...] = ()


@dataclass(slots=True)
class ReplySample:
    """What a domain answered in a short while.

    Attributes:
        replies: how many there were. asking: how many of them asked for a slower pace.
        closing: how many just closed the connection with 421, which the relay may have done for its own reasons.
    """

    replies: int = 0
    asking: int = 0
    closing: int = 0

    def count_reply(self, outcome: Outcome) -> None:
        """Counts a reply."""
        self.replies += 1
        if is_throttling(outcome):
            if outcome.code == _CLOSING and not _is_policy_status(outcome):
                self.closing += 1
            else:
                self.asking += 1

    @property
    def has_throttling(self) -> bool:
        """Whether anything asked for a slower pace."""
        return self.asking + self.closing > 0


def is_throttling(outcome: Outcome) -> bool:
    """Whether a reply asks for a slower pace: 421, and 450, 451 and 4.7.x, unless it is about one mailbox alone."""
    if outcome.result is not OutcomeKind.DEFERRED:
        return False
    if outcome.code == _CLOSING or _is_policy_status(outcome):
        return True
    return outcome.code in _CODES and not (outcome.status or "").startswith(_OF_ONE_MAILBOX)


def _is_policy_status(outcome: Outcome) -> bool:
    """RFC 3463 3.8: it is about what the server lets us do."""
    return (outcome.status or "").startswith("4.7.")


def is_too_fast(looks: Sequence[ReplySample]) -> bool:
    """Whether several replies, and enough of all, ask for a slower pace.

    What closes connections counts once a look: a relay that shuts down says so on each of them.
    """
    several = sum(look.asking + min(look.closing, 1) for look in looks)
    asking = sum(look.asking + look.closing for look in looks)
    return several >= SEVERAL and asking >= PART * sum(look.replies for look in looks)


def current_pace(pace: SendingPace, now: datetime) -> float | None:
    """Messages a second at a moment, doubling each minute; None once it limits nothing, and can be forgotten."""
    minutes = max(0.0, (now - pace.since).total_seconds() / 60)
    # An hour brings back whatever there is.
    current: float = pace.pace * 2 ** min(minutes, 60)
    return current if current < TRUSTED * pace.original else None


def slower_pace(known: SendingPace | None, rate: float, worker: str, now: datetime) -> SendingPace:
    """The pace after a worker was throttled.

    Args:
        known: what there is already.
        rate: messages a second of this worker alone before.
        worker: its name; the observations of all workers that are throttled at the same time are added up.
        now: an aware datetime.
    """
    current = None if known is None else current_pace(known, now)
    if known is None or current is None or current >= known.original:
        # It has come back: what is observed now tells more than what was then.
        return SendingPace(max(FLOOR, rate / 2), rate, now, (worker,))
    if now - known.since >= SETTLES:
        return SendingPace(max(FLOOR, current / 2), known.original, now)
    if not known.workers or worker in known.workers:
        return known
    original = known.original + rate
    return replace(known, pace=max(FLOOR, original / 2), original=original, workers=(*known.workers, worker))
