"""Makes moves and ledger entries from decisions and outcomes. Pure functions, without I/O."""

import random
from datetime import datetime, timedelta
from typing import assert_never

from mailer.actions.refusal_judgement import QUARANTINED
from mailer.pipeline.delivery_entries import (
    build_delivery_entry,
    hand_over_record,
    reply_code_and_text,
    send_decision_entry,
    weakest_encryption_used,
)
from mailer.pipeline.delivery_steps import DeliveryStep, MessageDraft, SendStep, Transition
from mailer.pipeline.no_route import NoRoute
from mailer.policy.category import Category, Lane
from mailer.policy.decision_types import EXPIRED, Divert, Hold, Send, Suppress
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.own_limits import is_mail_counted
from mailer.policy.standing import WRITTEN
from mailer.ports.deliveries import BUG, NO_WAY_OUT, SET_UP, DeliveryMove, DeliveryRow, DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import Processor
from mailer.ports.rates import SendRequest
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage
from mailer.rendering.template_library import RenderError
from mailer.rendering.way_out_faults import NoWayOut

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)
SET_UP_RETRY = timedelta(hours=1)
"""The delay before the next try of a delivery that our broken set-up holds, unless a person releases it before."""
UNUSABLE = timedelta(hours=1)
"""The time without any usable processor after which a notice is written instead."""
FORBIDDEN = timedelta(days=1)
"""The time after which a notice is written instead, if the policy forbids it to every processor. Operators are warned
at once, and have a day to repair the policy. A legal deadline of 72 hours may be running (GDPR Art. 33)."""


def draft_message_for_processor(
    row: DeliveryRow, renderer: MailingRenderer, send: Send, processor: Processor
) -> MessageDraft:
    """Returns the draft of a delivery that a processor will send. Renders nothing."""
    facts, domain = renderer.facts, (row.standing.address or "").rpartition("@")[2].lower()
    wanted = SendRequest(processor.name, domain, facts.brand, facts.id, renderer.category.lane)
    return MessageDraft(row, renderer, send, processor, wanted)


def step_if_unroutable_too_long(
    row: DeliveryRow, renderer: MailingRenderer, category: Category, route: NoRoute, now: datetime
) -> DeliveryStep | None:
    """Returns the last step of mail that had no processor for too long, or None if it is tried again.

    The age counts from when it could go. A new trouble of a relay ends no mail, nor does a halt. Longer troubles of
    relays end only mail that needs a notice in writing.

    Args:
        row: claimed by a worker.
        renderer: the renderer of its mailing.
        category: the category of the mail for this person.
        route: the reason for which no processor gets it.
        now: an aware datetime.
    """
    facts = renderer.facts
    age = now - max(facts.released_at, facts.send_at or facts.released_at)
    if route.rule is None:
        is_over = category.written_fallback and route.lasting >= UNUSABLE and age > category.max_age
    else:
        is_over = age > (min(category.max_age, FORBIDDEN) if category.written_fallback else category.max_age)
    if not is_over:
        return None
    rule_name = route.rule or "no-route"
    if category.written_fallback:
        return step_for_decision_against_sending(
            row, renderer, Divert(WRITTEN, route.reason, rule_name, renderer.policy.version)
        )
    state, reason, _ = state_when_given_up(category, route.reason)
    entry = build_delivery_entry(
        EntryKind.DECISION, row, renderer, category, reason=reason, rule=rule_name, policy=renderer.policy.version
    )
    return DeliveryStep(row, renderer, category, Transition(_build_row_move(row, state, reason), (entry,)))


def step_for_decision_against_sending(
    row: DeliveryRow, renderer: MailingRenderer, decision: Suppress | Hold | Divert
) -> DeliveryStep:
    """Returns the step of a delivery that is suppressed, held or diverted."""
    due_at: datetime | None = None
    match decision:
        case Suppress(reason=reason):
            state, kept = (DeliveryState.EXPIRED if reason == EXPIRED else DeliveryState.SUPPRESSED), reason
        case Hold(until=until, reason=reason):
            state, kept, due_at = DeliveryState.HELD, reason, until
        case Divert(channel=channel, reason=reason):
            state, kept = DeliveryState.DIVERTED, channel
        case _:
            assert_never(decision)
    category = renderer.category
    entry = build_delivery_entry(
        EntryKind.DECISION, row, renderer, category, reason=reason, rule=decision.rule, policy=decision.policy
    )
    copy_of = row.standing.copy_of if state is DeliveryState.SUPPRESSED else None
    move = _build_row_move(row, state, kept, due_at=due_at, copy_of=copy_of)
    return DeliveryStep(row, renderer, category, Transition(move, (entry,)))


def transition_holding_for_bug(row: DeliveryRow, facts: MailingFacts, place: str) -> Transition:
    """Returns the transition that holds a delivery because of a bug. A person releases it after the bug is repaired.

    Args:
        row: claimed by a worker.
        facts: of its mailing.
        place: the error's type and place, without any value.
    """
    reason = f"{BUG} {place}"
    entry = LedgerEntry(
        EntryKind.OUTCOME,
        facts.brand,
        mailing_id=row.mailing_id,
        recipient_id=row.recipient_id,
        attempt=row.attempt,
        category=facts.category,
        reason=f"{DeliveryState.HELD.value} {reason}",
    )
    return Transition(_build_row_move(row, DeliveryState.HELD, reason), (entry,))


def step_with_intent(draft: MessageDraft, rendered: RenderedMessage) -> SendStep:
    """Returns the step with the intent to hand a message over, and with the ledger entries that the law requires."""
    row, renderer, category = draft.row, draft.renderer, draft.send.category
    handed = hand_over_record(draft, rendered)
    move = DeliveryMove(
        row.mailing_id,
        row.recipient_id,
        row.attempt,
        DeliveryState.CLAIMED,
        DeliveryState.INTENDED,
        version=row.standing.version,
        sent_as=category.name if category.name != renderer.facts.category else None,
        counts_as=category.name if is_mail_counted(renderer.policy, category, row.standing) else None,
        invites=category.invites,
        carries=draft.carries,
    )
    entries = (send_decision_entry(draft), handed) if handed else (send_decision_entry(draft),)
    return SendStep(row, renderer, category, Transition(move, entries), draft.processor, draft.wanted, rendered)


def step_ending_after_render_error(draft: MessageDraft, error: RenderError | HeaderRefused) -> DeliveryStep:
    """Returns the step of a delivery that fails or is diverted because a value of the recipient cannot be rendered."""
    row, category = draft.row, draft.send.category
    outcome = build_delivery_entry(
        EntryKind.OUTCOME, row, draft.renderer, category, reason="render_error", reply=str(error)
    )
    state, reason, _ = state_of_undeliverable(category, "render_error")
    # Checked like an intent: if an erasure has just deleted the values, the row is decided again instead of failing.
    move = _build_row_move(row, state, reason, version=row.standing.version)
    return DeliveryStep(row, draft.renderer, category, Transition(move, (send_decision_entry(draft), outcome)))


def step_holding_without_visible_opt_out(draft: MessageDraft, error: NoWayOut) -> DeliveryStep:
    """Returns the step that holds a mail without a visible opt-out link for a person. It does not count as sent.

    Args:
        draft: of the mail that was rendered.
        error: says which part a reader would not see.
    """
    row = draft.row
    reason = f"{DeliveryState.HELD.value} {NO_WAY_OUT}"
    category = draft.send.category
    outcome = build_delivery_entry(EntryKind.OUTCOME, row, draft.renderer, category, reason=reason, reply=str(error))
    move = _build_row_move(row, DeliveryState.HELD, NO_WAY_OUT, version=row.standing.version)
    return DeliveryStep(
        row, draft.renderer, draft.send.category, Transition(move, (send_decision_entry(draft), outcome))
    )


def transition_after_outcome(
    step: SendStep, outcome: Outcome, now: datetime, *, doubted: bool = False, denied: bool = False
) -> Transition:
    """Returns the transition of an intended delivery after its outcome.

    Args:
        step: the intent.
        outcome: the outcome of the hand-over.
        now: an aware datetime.
        doubted: its refusal waits for a person.
        denied: each allowed processor refuses us with this message only: so the delivery is deferred.
    """
    row = step.row
    reason = outcome.status or str(outcome.code or outcome.result)
    stated, due_at = None, None
    match outcome.result:
        case OutcomeKind.ACCEPTED:
            state, reason = DeliveryState.HANDED_OVER, ""
        case OutcomeKind.REFUSED if doubted and step.category.lane is Lane.BREACH:
            state, reason, due_at = _deferred_or_given_up_state(step, reason, now)
        case OutcomeKind.REFUSED if doubted:
            state, stated, reason = DeliveryState.HELD, f"{QUARANTINED} {reason}", QUARANTINED
        case OutcomeKind.REFUSED | OutcomeKind.BLOCKED:
            stated, (state, reason, due_at) = reason, state_of_undeliverable(step.category, reason)
        case OutcomeKind.SET_UP:
            stated, (state, reason, due_at) = reason, _state_after_setup_fault(step, reason, now)
        case OutcomeKind.IN_DOUBT:
            state, due_at = DeliveryState.IN_DOUBT, now
        case OutcomeKind.UNSENT if not denied:
            # It stays claimed, for another processor or a later try.
            state, reason = DeliveryState.CLAIMED, ""
        case OutcomeKind.DEFERRED | OutcomeKind.UNSENT:
            status, (state, reason, due_at) = reason, _deferred_or_given_up_state(step, reason, now)
            stated = f"{reason} {status}"
        case _:
            assert_never(outcome.result)
    move = _build_row_move(row, state, reason, from_state=DeliveryState.INTENDED, due_at=due_at)
    entry = build_delivery_entry(
        EntryKind.OUTCOME,
        row,
        step.renderer,
        step.category,
        reason=" ".join(dict.fromkeys((outcome.result, *(stated or reason).split()))) if reason else outcome.result,
        rule=weakest_encryption_used(step.processor) if state is DeliveryState.HANDED_OVER else None,
        processor=step.processor.name,
        country=step.processor.country,
        contract=step.processor.contract,
        reply=reply_code_and_text(outcome),
        message_id=step.rendered.message_id,
    )
    return Transition(move, (entry,))


def retry_delay_for_age(age: timedelta, spread: float) -> timedelta:
    """Returns the time since the first offer, limited to 1 minute to 4 hours, times 0.5 to 1.5 by `spread` (0 to 1)."""
    return min(max(age, FIRST_RETRY), LONGEST_RETRY) * (0.5 + spread)


def _state_after_setup_fault(step: SendStep, reason: str, now: datetime) -> tuple[DeliveryState, str, datetime | None]:
    """Returns state, reason and due time of mail that meets a fault of our set-up.

    It is held until the set-up is repaired, but breach mail is deferred, and old optional mail is given up.
    """
    stale = now - (step.row.tried_at or now) > step.category.max_age
    if step.category.lane is Lane.BREACH or (stale and step.category.is_optional):
        return _deferred_or_given_up_state(step, reason, now)
    return DeliveryState.HELD, SET_UP, now + SET_UP_RETRY


def _deferred_or_given_up_state(
    step: SendStep, reason: str, now: datetime
) -> tuple[DeliveryState, str, datetime | None]:
    """Returns the deferred state with its due time; or the final state, if the first offer was too long ago."""
    age = now - (step.row.tried_at or now)
    if age > step.category.max_age:
        return state_when_given_up(step.category, reason)
    return DeliveryState.DEFERRED, reason, now + retry_delay_for_age(age, random.random())  # noqa: S311 - jitter, not a secret


def state_of_undeliverable(category: Category, reason: str) -> tuple[DeliveryState, str, datetime | None]:
    """Returns the state of undeliverable mail: diverted to a written notice if the category needs one, else failed."""
    if category.written_fallback:
        return DeliveryState.DIVERTED, WRITTEN, None
    return DeliveryState.FAILED, reason, None


def state_when_given_up(category: Category, reason: str) -> tuple[DeliveryState, str, datetime | None]:
    """Returns the state of mail that was tried for as long as its category allows; see `state_of_undeliverable`."""
    return state_of_undeliverable(category, f"gave_up {reason}")


def _build_row_move(
    row: DeliveryRow,
    state: DeliveryState,
    reason: str = "",
    *,
    from_state: DeliveryState = DeliveryState.CLAIMED,
    due_at: datetime | None = None,
    version: int | None = None,
    copy_of: int | None = None,
) -> DeliveryMove:
    return DeliveryMove(
        row.mailing_id, row.recipient_id, row.attempt, from_state, state, reason, due_at, version, copy_of=copy_of
    )
