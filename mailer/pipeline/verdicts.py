"""From decisions and outcomes to moves and ledger entries. Pure: one function a question, no I/O."""

import hashlib
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from mailer.pipeline.press import FIELDS, Press, Printed
from mailer.policy.category import Category
from mailer.policy.deciding import decide
from mailer.policy.decision import EXPIRED, Divert, Hold, Send, Suppress
from mailer.policy.outcome import Outcome, Result
from mailer.policy.processing import Handover, refusal
from mailer.policy.rates import is_counted
from mailer.policy.registry import rule
from mailer.ports.deliveries import Move, Row, State
from mailer.ports.ledger import Entry, Kind
from mailer.ports.processor import Outgoing, Processor
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.templates import RenderError

MAX_AGE = {True: timedelta(days=5), False: timedelta(days=2)}
"""How long a deferred delivery is tried: mandatory mail, optional mail."""
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)


NOT_ALLOWED = timedelta(minutes=15)
"""When mail that no processor may have is decided again: by then somebody may have mended the policy or the set-up."""


@dataclass(frozen=True, slots=True)
class Step:
    """One delivery's next state, and what the ledger says of it.

    Attributes:
        category: what the mail is to this person.
    """

    row: Row
    press: Press
    category: Category
    move: Move
    entries: tuple[Entry, ...]
    printed: Printed | None = None

    @property
    def outgoing(self) -> Outgoing | None:
        """What is to be handed over, if anything is."""
        return self.printed.outgoing if self.printed else None


def plan(row: Row, press: Press, processor: Processor, now: datetime) -> Step:
    """Decides about a claimed delivery; renders it, if it is to be sent."""
    mailing = replace(press.mailing, inviter_paused=True) if row.inviter_paused else press.mailing
    decision = decide(mailing, row.standing, press.policy, now)
    match decision:
        case Send():
            handover = Handover(
                processor.name, processor.country, processor.outside, press.template.purpose, now.date()
            )
            if refused := refusal(press.policy, handover):
                held = Hold(now + NOT_ALLOWED, *refused, press.policy.version)
                return _decided(row, press, held, held.reason, _move(row, State.HELD, held.reason, due_at=held.until))
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
        step.category,
        reason=" ".join(dict.fromkeys(part for part in (outcome.result.value, reason) if part)),
        processor=processor.name,
        reply=_reply(outcome),
        message_id=step.printed.message_id if step.printed else None,
    )
    return Step(row, step.press, step.category, move, (entry,), step.printed)


def retry_delay(attempt: int, spread: float) -> timedelta:
    """The wait after an attempt: from a minute, doubling, to four hours; times 0.5 to 1.5 by `spread` (0 to 1)."""
    doubled: timedelta = FIRST_RETRY * (1 << min(attempt - 1, 16))
    return min(doubled, LONGEST_RETRY) * (0.5 + spread)


def _again(step: Step, reason: str, now: datetime) -> tuple[State, str, datetime | None]:
    facts = step.press.facts
    since = max(facts.released_at, facts.send_at or facts.released_at)
    if now - since > MAX_AGE[step.category.mandatory]:
        return State.FAILED, f"gave_up {reason}", None
    return State.DEFERRED, reason, now + retry_delay(step.row.attempt, random.random())  # noqa: S311 - jitter, not a secret


def _intend(row: Row, press: Press, send: Send, processor: Processor, now: datetime) -> Step:
    category = send.category
    decided = _entry(
        Kind.DECISION,
        row,
        press,
        category,
        reason="send over_rate" if send.alarm else "send",
        rule=send.rule,
        policy=send.policy,
    )
    try:
        printed = press.print(row, category, int(now.timestamp()))
    except (RenderError, HeaderRefused) as error:
        outcome = _entry(Kind.OUTCOME, row, press, category, reason="render_error", reply=str(error))
        # Guarded like an intent: what an erasure has just emptied is decided anew, and not a fault of the template.
        move = _move(row, State.FAILED, "render_error", version=row.standing.version)
        return Step(row, press, category, move, (decided, outcome))
    handed = hand_over_record(row, press, category, processor, printed)
    move = replace(
        _move(row, State.INTENDED, version=row.standing.version),
        sent_as=category.name if category.name != press.facts.category else None,
        counts_as=category.name if is_counted(press.policy, category) else None,
        invites=category.invites,
    )
    return Step(row, press, category, move, (decided, handed) if handed else (decided,), printed)


@rule("hand-over-record", "interpals-11, interpals-23; GDPR Art. 30(1)(d)")
def hand_over_record(
    row: Row, press: Press, category: Category, processor: Processor, printed: Printed
) -> Entry | None:
    """Each hand-over has a ledger row: processor, country, contract, purpose, the kinds of data, and the time."""
    return _entry(
        Kind.HAND_OVER,
        row,
        press,
        category,
        processor=processor.name,
        country=processor.country,
        contract=processor.contract,
        purpose=press.template.purpose,
        fields=FIELDS,
        reply=notice_proof(category, printed.outgoing.content),
        message_id=printed.message_id,
    )


@rule("notice-proof", "interpals-15, paltalk06-23, paltalk06-24, peerstream-03")
def notice_proof(category: Category, content: bytes) -> str | None:
    """Of a notice that everyone must get, the ledger keeps the digest of each copy, as proof of what was told."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}" if category.tells_change else None


def _decided(row: Row, press: Press, decision: Suppress | Hold | Divert, reason: str, move: Move) -> Step:
    category = press.category
    entry = _entry(Kind.DECISION, row, press, category, reason=reason, rule=decision.rule, policy=decision.policy)
    return Step(row, press, category, move, (entry,))


def _entry(
    kind: Kind,
    row: Row,
    press: Press,
    category: Category,
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
        category.name,
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
