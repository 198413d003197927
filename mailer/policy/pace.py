"""Automatic slow-down: the replies of a domain that ask for a slower pace, and the pace that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mailer.policy.category import Lane
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind

RESERVES: Final = {Lane.BREACH: 0, Lane.SERVICE: 5, Lane.NEWSLETTER: 10, Lane.PROMOTIONAL: 15}
"""Per cent of every limit (rounded down) that mail of a lane leaves to the more urgent lanes."""

FLOOR: Final = 1.0
"""Messages a second: no domain is slowed down further."""
TRUSTED: Final = 4
"""A limit is dropped when the pace has grown to this many times the observed rate without new throttling."""
SETTLES: Final = timedelta(seconds=10)
"""Within this time after a slow-down, no reply slows the pace again: those messages were already on the way."""

SEVERAL: Final = 3
"""The least number of replies that must ask for a slower pace."""
PART: Final = 0.1
"""The least part of all replies that must ask for a slower pace."""

_CLOSING: Final = 421
_CODES: Final = frozenset((450, 451))
_OF_ONE_MAILBOX: Final = ("4.1.", "4.2.")
"""RFC 3463 3.2 and 3.3: the reply is about the recipient, and tells nothing about the pace."""


@dataclass(frozen=True, slots=True)
class SendingPace:
    """The pace at which a processor hands mail to a domain after a slow-down.

    Attributes:
        pace: messages a second over all workers, at `since`.
        original: the rate over all workers before. It can be low because there was little mail.
        workers: the workers whose rates are summed in `original`; empty once the sum is complete.
    """

    pace: float
    original: float
    since: datetime
    workers: tuple[str, ...] = ()


@dataclass(slots=True)
class ReplySample:
    """The replies of a domain in a short period.

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
        if is_throttling_reply(outcome):
            if outcome.code == _CLOSING and not _is_security_or_policy_smtp_status(outcome):
                self.closing += 1
            else:
                self.asking += 1

    @property
    def has_throttling(self) -> bool:
        """Tells whether at least one reply asked for a slower pace."""
        return self.asking + self.closing > 0


def is_throttling_reply(outcome: Outcome) -> bool:
    """Tells whether a reply asks for a slower pace: 421 or 4.7.x, or 450 or 451 if it is not about one mailbox."""
    if outcome.result is not OutcomeKind.DEFERRED:
        return False
    if outcome.code == _CLOSING or _is_security_or_policy_smtp_status(outcome):
        return True
    return outcome.code in _CODES and not (outcome.status or "").startswith(_OF_ONE_MAILBOX)


def _is_security_or_policy_smtp_status(outcome: Outcome) -> bool:
    """Tells whether the enhanced status is 4.7.x: security or policy (RFC 3463 3.8)."""
    return (outcome.status or "").startswith("4.7.")


def has_enough_throttling_replies(looks: Sequence[ReplySample]) -> bool:
    """Tells whether enough replies ask for a slower pace: at least `SEVERAL`, and at least the part `PART` of all.

    A sample counts its closed connections once towards `SEVERAL`, because a relay that shuts down closes all of them.
    """
    several = sum(look.asking + min(look.closing, 1) for look in looks)
    asking = sum(look.asking + look.closing for look in looks)
    return several >= SEVERAL and asking >= PART * sum(look.replies for look in looks)


def recovered_pace_or_none(pace: SendingPace, now: datetime) -> float | None:
    """Returns the pace at a moment, in messages a second. It doubles each minute. None: it limits nothing any more."""
    minutes = max(0.0, (now - pace.since).total_seconds() / 60)
    # An hour brings back whatever there is.
    current: float = pace.pace * 2 ** min(minutes, 60)
    return current if current < TRUSTED * pace.original else None


def slower_pace(known: SendingPace | None, rate: float, worker: str, now: datetime) -> SendingPace:
    """Returns the new pace after a worker was throttled.

    Args:
        known: the present pace of the domain; None: it was not slowed down.
        rate: the messages a second that this worker alone sent before.
        worker: its name; the observations of all workers that are throttled at the same time are added up.
        now: an aware datetime.
    """
    current = None if known is None else recovered_pace_or_none(known, now)
    if known is None or current is None or current >= known.original:
        # It has come back: what is observed now tells more than what was then.
        return SendingPace(max(FLOOR, rate / 2), rate, now, (worker,))
    if now - known.since >= SETTLES:
        return SendingPace(max(FLOOR, current / 2), known.original, now)
    if not known.workers or worker in known.workers:
        return known
    original = known.original + rate
    return replace(known, pace=max(FLOOR, original / 2), original=original, workers=(*known.workers, worker))
