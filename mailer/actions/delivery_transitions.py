"""The table of a delivery's transitions: state and cause → state, reason, due time, and reason in the ledger. Pure.

The hand-over, the timekeeper, the quarantine, the ends by a person and an erasure look their transitions up here. Only
the claim of a batch, its end and a due time are not in it: one statement moves many deliveries between `queued`,
`claimed`, `deferred` and `held` then, and no entry is written.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple

from mailer.policy.category import Category
from mailer.policy.standing import WRITTEN
from mailer.ports.deliveries import BUG, IN_DOUBT, NO_WAY_OUT, SET_UP, DeliveryState

QUARANTINED: Final = "quarantined"
"""The reason of a held delivery whose refusal waits for a person's judgement."""
FIRST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY: Final = timedelta(hours=4)
SET_UP_RETRY: Final = timedelta(hours=1)
"""The delay before the next try of a delivery that our broken set-up holds, unless a person releases it before."""


class TransitionCause(Enum):
    """The cause of a transition."""

    EXPIRED = auto()
    SUPPRESSED = auto()
    HELD = auto()
    DIVERTED = auto()
    UNROUTABLE = auto()
    """No processor may have it, for too long."""
    RENDER_ERROR = auto()
    NO_WAY_OUT = auto()
    BUG = auto()
    INTENT = auto()
    ACCEPTED = auto()
    UNSENT = auto()
    DEFERRED = auto()
    UNDELIVERABLE = auto()
    QUARANTINED = auto()
    BREACH_REFUSAL_DOUBTED = auto()
    """A refusal is doubted, of breach mail, which waits for nobody."""
    SET_UP_BROKEN = auto()
    SET_UP_BROKEN_AND_WAITS_FOR_NOBODY = auto()
    """Our set-up is broken, for breach mail or old optional mail."""
    ANSWER_LOST = auto()
    OWNER_LOST = auto()
    DOUBT_OF_OPTIONAL_MAIL = auto()
    DOUBT_AFTER_MOST_COPIES = auto()
    FRESH_DOUBT = auto()
    DOUBT = auto()
    DOUBT_ENDED_BY_PERSON = auto()
    REFUSAL_BELIEVED = auto()
    REFUSAL_DISMISSED = auto()
    MAILING_CANCELLED = auto()
    MAILING_ENDED_BY_RESTORE = auto()
    RIGHT_USED = auto()
    """The person's data were erased, or the person used another right that cancels open deliveries."""


class RetryTimeKind(Enum):
    """The time at which a delivery is decided again."""

    NEVER = auto()
    GIVEN = auto()
    """The time of the look-up: now, or the one that the decision names."""
    BEFORE_OTHERS = auto()
    """A second ago, so that no other delivery comes first."""
    SET_UP_RETRY = auto()
    BACK_OFF = auto()
    """A time that grows with the delivery's age. If the age is above the category's, the delivery is given up."""


class LedgerReasonPart(StrEnum):
    """A part of the reason in the ledger entry."""

    RESULT = auto()
    """The word of the processor, a person or the decision, such as `deferred`, `believed` or `channel_preference`."""
    STATE = auto()
    REASON = auto()
    """The reason of the new state."""
    DETAIL = auto()
    """The reason that the cause itself names, such as a status code."""


class TransitionRule(NamedTuple):
    """A row of the table.

    Attributes:
        from_states: the states in which the cause can meet a delivery.
        to_state: the new state.
        reason: its reason, in which `{detail}` stands for the detail of the cause.
        entry: the parts of the reason in the ledger.
        retry: the time at which it is decided again.
        written: tells whether mail that needs it becomes a notice in writing instead, where it ends.
    """

    from_states: frozenset[DeliveryState]
    to_state: DeliveryState
    reason: str
    entry: tuple[LedgerReasonPart, ...]
    retry: RetryTimeKind = RetryTimeKind.NEVER
    written: bool = False


class StateChange(NamedTuple):
    """The result of a look-up.

    Attributes:
        state: the new state.
        reason: its reason.
        due_at: the time at which it is decided again; None: never.
        entry_reason: the reason in the ledger entry.
    """

    state: DeliveryState
    reason: str
    due_at: datetime | None
    entry_reason: str


_S = DeliveryState
_CLAIMED: Final = frozenset({_S.CLAIMED})
_INTENDED: Final = frozenset({_S.INTENDED})
_DOUBTED: Final = frozenset({_S.IN_DOUBT})
_REFUSED: Final = frozenset({_S.HELD, _S.FAILED})
_UNCLAIMED: Final = frozenset({_S.QUEUED, _S.DEFERRED, _S.HELD})
_DETAIL: Final = "{detail}"
_RESULT_AND_DETAIL: Final = (LedgerReasonPart.RESULT, LedgerReasonPart.DETAIL)
_RESULT_REASON_AND_DETAIL: Final = (LedgerReasonPart.RESULT, LedgerReasonPart.REASON, LedgerReasonPart.DETAIL)
_STATE_AND_REASON: Final = (LedgerReasonPart.STATE, LedgerReasonPart.REASON)
_ONLY_DETAIL: Final = (LedgerReasonPart.DETAIL,)
_ONLY_RESULT: Final = (LedgerReasonPart.RESULT,)
TRANSITIONS: Final[Mapping[TransitionCause, TransitionRule]] = {
    # The worker decides.
    TransitionCause.EXPIRED: TransitionRule(_CLAIMED, _S.EXPIRED, _DETAIL, _ONLY_DETAIL),
    TransitionCause.SUPPRESSED: TransitionRule(_CLAIMED, _S.SUPPRESSED, _DETAIL, _ONLY_DETAIL),
    TransitionCause.HELD: TransitionRule(_CLAIMED, _S.HELD, _DETAIL, _ONLY_DETAIL, RetryTimeKind.GIVEN),
    TransitionCause.DIVERTED: TransitionRule(_CLAIMED, _S.DIVERTED, _DETAIL, _ONLY_RESULT),  # the detail: the channel
    TransitionCause.UNROUTABLE: TransitionRule(
        _CLAIMED, _S.FAILED, "gave_up {detail}", (LedgerReasonPart.REASON,), written=True
    ),
    TransitionCause.RENDER_ERROR: TransitionRule(_CLAIMED, _S.FAILED, _DETAIL, _ONLY_DETAIL, written=True),
    TransitionCause.NO_WAY_OUT: TransitionRule(_CLAIMED, _S.HELD, NO_WAY_OUT, _STATE_AND_REASON),
    TransitionCause.BUG: TransitionRule(
        frozenset({_S.QUEUED, _S.CLAIMED}), _S.HELD, f"{BUG} {{detail}}", _STATE_AND_REASON
    ),
    TransitionCause.INTENT: TransitionRule(_CLAIMED, _S.INTENDED, "", ()),
    # The processor answers.
    TransitionCause.ACCEPTED: TransitionRule(_INTENDED, _S.HANDED_OVER, "", _ONLY_RESULT),
    TransitionCause.UNSENT: TransitionRule(_INTENDED, _S.CLAIMED, "", _ONLY_RESULT),
    TransitionCause.DEFERRED: TransitionRule(
        _INTENDED, _S.DEFERRED, _DETAIL, _RESULT_REASON_AND_DETAIL, RetryTimeKind.BACK_OFF, written=True
    ),
    TransitionCause.UNDELIVERABLE: TransitionRule(_INTENDED, _S.FAILED, _DETAIL, _RESULT_AND_DETAIL, written=True),
    TransitionCause.QUARANTINED: TransitionRule(_INTENDED, _S.HELD, QUARANTINED, _RESULT_REASON_AND_DETAIL),
    TransitionCause.BREACH_REFUSAL_DOUBTED: TransitionRule(
        _INTENDED,
        _S.DEFERRED,
        _DETAIL,
        (LedgerReasonPart.RESULT, LedgerReasonPart.REASON),
        RetryTimeKind.BACK_OFF,
        written=True,
    ),
    TransitionCause.SET_UP_BROKEN: TransitionRule(
        _INTENDED, _S.HELD, SET_UP, _RESULT_AND_DETAIL, RetryTimeKind.SET_UP_RETRY
    ),
    TransitionCause.SET_UP_BROKEN_AND_WAITS_FOR_NOBODY: TransitionRule(
        _INTENDED, _S.DEFERRED, _DETAIL, _RESULT_AND_DETAIL, RetryTimeKind.BACK_OFF, written=True
    ),
    TransitionCause.ANSWER_LOST: TransitionRule(
        _INTENDED, _S.IN_DOUBT, _DETAIL, _RESULT_AND_DETAIL, RetryTimeKind.GIVEN
    ),
    # The timekeeper finds what a dead worker has left, or what is in doubt.
    TransitionCause.OWNER_LOST: TransitionRule(
        _INTENDED, _S.IN_DOUBT, "owner_lost", _STATE_AND_REASON, RetryTimeKind.GIVEN
    ),
    TransitionCause.DOUBT_OF_OPTIONAL_MAIL: TransitionRule(_DOUBTED, _S.FAILED, IN_DOUBT, _STATE_AND_REASON),
    TransitionCause.DOUBT_AFTER_MOST_COPIES: TransitionRule(_DOUBTED, _S.HELD, IN_DOUBT, _STATE_AND_REASON),
    TransitionCause.FRESH_DOUBT: TransitionRule(
        _DOUBTED, _S.DEFERRED, IN_DOUBT, _STATE_AND_REASON, RetryTimeKind.BEFORE_OTHERS
    ),
    TransitionCause.DOUBT: TransitionRule(
        _DOUBTED, _S.DEFERRED, IN_DOUBT, _STATE_AND_REASON, RetryTimeKind.BACK_OFF, written=True
    ),
    # A person, a restore or a right ends it, or has it tried again.
    TransitionCause.DOUBT_ENDED_BY_PERSON: TransitionRule(
        frozenset({_S.HELD}), _S.FAILED, _DETAIL, (LedgerReasonPart.STATE, LedgerReasonPart.DETAIL), written=True
    ),
    TransitionCause.REFUSAL_BELIEVED: TransitionRule(_REFUSED, _S.FAILED, _DETAIL, _RESULT_AND_DETAIL),
    TransitionCause.REFUSAL_DISMISSED: TransitionRule(
        _REFUSED, _S.DEFERRED, "dismissed", _RESULT_AND_DETAIL, RetryTimeKind.GIVEN
    ),
    TransitionCause.MAILING_CANCELLED: TransitionRule(_UNCLAIMED, _S.CANCELLED, "cancelled", _STATE_AND_REASON),
    TransitionCause.MAILING_ENDED_BY_RESTORE: TransitionRule(_UNCLAIMED, _S.FAILED, "restored", _STATE_AND_REASON),
    TransitionCause.RIGHT_USED: TransitionRule(_UNCLAIMED, _S.CANCELLED, _DETAIL, _STATE_AND_REASON),
}
_DELAYS: Final = {
    RetryTimeKind.GIVEN: timedelta(),
    RetryTimeKind.BEFORE_OTHERS: timedelta(seconds=-1),
    RetryTimeKind.SET_UP_RETRY: SET_UP_RETRY,
}


def find_transition(
    state: DeliveryState,
    cause: TransitionCause,
    detail: str = "",
    *,
    result: str = "",
    category: Category | None = None,
    at: datetime | None = None,
    age: timedelta = timedelta(),
    spread: float = 0.5,
) -> StateChange:
    """Returns the new state of a delivery, with its reason, its due time and the reason in the ledger.

    Args:
        state: the state in which the cause meets it.
        cause: the cause.
        detail: the reason that the cause names, such as a status code.
        result: the first word of the entry, if the row has one.
        category: the category of the mail for this person; None: an unknown one, which gets the strictest treatment.
        at: the time now, or the time that the decision names; an aware datetime. None: the row has no retry.
        age: the time since the first offer, for a retry with a back-off.
        spread: the place of the retry within its limits, from 0 to 1.

    Raises:
        ValueError: the cause cannot meet a delivery in this state.
    """
    rule = TRANSITIONS[cause]
    if state not in rule.from_states:
        raise ValueError(f"{cause.name} cannot meet a delivery that is {state}")
    to_state, reason = rule.to_state, rule.reason.replace(_DETAIL, detail)
    is_given_up = rule.retry is RetryTimeKind.BACK_OFF and (category is None or age > category.max_age)
    if is_given_up:
        to_state, reason = DeliveryState.FAILED, f"gave_up {reason}"
    is_over = is_given_up or rule.retry is RetryTimeKind.NEVER
    if rule.written and is_over and (category is None or category.written_fallback):
        to_state, reason = DeliveryState.DIVERTED, WRITTEN
    due_at = None if is_over or at is None else at + _retry_delay(rule.retry, age, spread)
    return StateChange(to_state, reason, due_at, _build_reason_of_ledger_entry(rule, to_state, reason, result, detail))


def retry_delay_for_age(age: timedelta, spread: float) -> timedelta:
    """Returns the time since the first offer, limited to 1 minute to 4 hours, times 0.5 to 1.5 by `spread` (0 to 1)."""
    return min(max(age, FIRST_RETRY), LONGEST_RETRY) * (0.5 + spread)


def _retry_delay(retry: RetryTimeKind, age: timedelta, spread: float) -> timedelta:
    return retry_delay_for_age(age, spread) if retry is RetryTimeKind.BACK_OFF else _DELAYS[retry]


def _build_reason_of_ledger_entry(
    rule: TransitionRule, state: DeliveryState, reason: str, result: str, detail: str
) -> str:
    """Returns the reason in the ledger: the parts of the row. After a result, no word stands twice."""
    if rule.entry == _ONLY_RESULT:
        return result
    values = {
        LedgerReasonPart.RESULT: result,
        LedgerReasonPart.STATE: state.value,
        LedgerReasonPart.REASON: reason,
        LedgerReasonPart.DETAIL: detail,
    }
    text = " ".join(values[part] for part in rule.entry)
    return " ".join(dict.fromkeys(text.split())) if LedgerReasonPart.RESULT in rule.entry else text
