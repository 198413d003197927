"""From decisions and outcomes to moves and ledger entries. Pure: one function a question, no I/O."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from mailer.pipeline.press import FIELDS, Press, Printed
from mailer.policy.decision import EXPIRED, Decision, Divert, Hold, Send, Suppress, decide
from mailer.policy.outcome import Outcome, Result
from mailer.ports.deliveries import Move, Row, State
from mailer.ports.ledger import Entry, Kind
from mailer.ports.processor import Outgoing, Processor
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.templates import RenderError

MAX_AGE = {True: timedelta(days=5), False: timedelta(days=2)}
"""How long a deferred delivery is tried: mandatory mail, optional mail."""
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Step:
    """One delivery's next state, and what the ledger says of it."""

    row: Row
    press: Press
    move: Move
    entries: tuple[Entry, ...]
    printed: Printed | None = None

    @property
    def outgoing(self) -> Outgoing | None:
        """What is to be handed over, if anything is."""
        return self.printed.outgoing if self.printed else None


def plan(row: Row, press: Press, processor: Processor, now: datetime) -> Step:
    """Decides about a claimed delivery; renders it, if it is to be sent."""
    decision = decide(press.mailing, row.standing, press.policy, now)
    match decision:
        case Send():
            return _intend(row, press, decision, processor, now)
        case Suppress(reason=reason):
            state = State.EXPIRED if reason == EXPIRED else State.SUPPRESSED
            return _decided(row, press, decision, reason, _move(row, state, reason))
        case Hold(until=until, reason=reason):
            return _decided(row, press, decision, reason, _move(row, State.HELD, reason, due_at=until))
        case Divert(channel=channel, reason=reason):
            return _decided(row, press, decision, reason, _move(row, State.DIVERTED, channel))
        case _:
            assert_never(decision)


def conclude(step: Step, outcome: Outcome, processor: Processor, now: datetime) -> Step:
    """What follows from an outcome for a delivery that was intended."""
    row = step.row
    reason = outcome.status or (str(outcome.code) if outcome.code else outcome.result.value)
    due_at: datetime | None = None
    match outcome.result:
        case Result.ACCEPTED:
            state, reason = State.HANDED_OVER, ""
        case Result.REFUSED | Result.BLOCKED:
            state = State.FAILED
        case Result.IN_DOUBT:
            state, due_at = State.IN_DOUBT, now
        case Result.DEFERRED | Result.UNSENT:
            state, reason, due_at = _again(step, reason, now)
        case _:
            assert_never(outcome.result)
    move = _move(row, state, reason, from_state=State.INTENDED, due_at=due_at)
    entry = _entry(
        Kind.OUTCOME,
        row,
        step.press,
        reason=" ".join(dict.fromkeys(part for part in (outcome.result.value, reason) if part)),
        processor=processor.name,
        reply=_reply(outcome),
        message_id=step.printed.message_id if step.printed else None,
    )
    return Step(row, step.press, move, (entry,), step.printed)


def retry_delay(attempt: int, spread: float) -> timedelta:
    """The wait after an attempt: from a minute, doubling, to four hours; times 0.5 to 1.5 by `spread` (0 to 1)."""
    doubled: timedelta = FIRST_RETRY * (1 << min(attempt - 1, 16))
    return min(doubled, LONGEST_RETRY) * (0.5 + spread)


def _again(step: Step, reason: str, now: datetime) -> tuple[State, str, datetime | None]:
    facts = step.press.facts
    since = max(facts.released_at, facts.send_at or facts.released_at)
    if now - since > MAX_AGE[step.press.category.mandatory]:
        return State.FAILED, f"gave_up {reason}", None
    return State.DEFERRED, reason, now + retry_delay(step.row.attempt, random.random())  # noqa: S311 - jitter, not a secret


def _intend(row: Row, press: Press, decision: Decision, processor: Processor, now: datetime) -> Step:
    try:
        printed = press.print(row, int(now.timestamp()))
    except (RenderError, HeaderRefused) as error:
        outcome = _entry(Kind.OUTCOME, row, press, reason="render_error", reply=str(error))
        move = _move(row, State.FAILED, "render_error")
        return Step(row, press, move, (_decision(row, press, decision, "send"), outcome))
    hand_over = _entry(
        Kind.HAND_OVER,
        row,
        press,
        processor=processor.name,
        country=processor.country,
        contract=processor.contract,
        purpose=press.template.purpose,
        fields=FIELDS,
        message_id=printed.message_id,
    )
    move = _move(row, State.INTENDED, version=row.standing.version)
    return Step(row, press, move, (_decision(row, press, decision, "send"), hand_over), printed)


def _decided(row: Row, press: Press, decision: Decision, reason: str, move: Move) -> Step:
    return Step(row, press, move, (_decision(row, press, decision, reason),))


def _decision(row: Row, press: Press, decision: Decision, reason: str) -> Entry:
    return _entry(Kind.DECISION, row, press, reason=reason, rule=decision.rule, policy=decision.policy)


def _entry(
    kind: Kind,
    row: Row,
    press: Press,
    *,
    reason: str | None = None,
    rule: str | None = None,
    policy: str | None = None,
    processor: str | None = None,
    country: str | None = None,
    contract: str | None = None,
    purpose: str | None = None,
    fields: tuple[str, ...] | None = None,
    reply: str | None = None,
    message_id: str | None = None,
) -> Entry:
    return Entry(
        kind,
        press.facts.brand,
        row.mailing_id,
        row.recipient_id,
        row.attempt,
        press.facts.category,
        reason,
        rule,
        policy,
        processor,
        country,
        contract,
        purpose,
        fields,
        reply,
        message_id,
    )


def _move(
    row: Row,
    state: State,
    reason: str = "",
    *,
    from_state: State = State.CLAIMED,
    due_at: datetime | None = None,
    version: int | None = None,
) -> Move:
    return Move(row.mailing_id, row.recipient_id, row.attempt, from_state, state, reason, due_at, version)


def _reply(outcome: Outcome) -> str | None:
    text = f"{outcome.code or ''} {outcome.text}".strip()
    return text or None
