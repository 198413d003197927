"""Makes moves and ledger entries from decisions and outcomes. Pure functions, without I/O."""

import random
from datetime import datetime, timedelta
from typing import assert_never

from mailer.actions.delivery_transitions import StateChange, TransitionCause, find_transition
from mailer.pipeline.delivery_ledger_entries import (
    build_delivery_entry,
    build_hand_over_ledger_entry,
    build_send_decision_entry,
    reply_code_and_text,
    weakest_encryption_used,
)
from mailer.pipeline.no_route import NoRoute
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove, PlannedHandOver, RoutedDelivery, Transition
from mailer.policy.category import Category, Lane
from mailer.policy.decision_types import EXPIRED, Divert, Hold, Send, Suppress
from mailer.policy.hand_over_outcome import Outcome, OutcomeKind
from mailer.policy.limits_set_by_recipient import is_mail_counted_for_cap_or_alarm
from mailer.policy.standing import WRITTEN
from mailer.ports.deliveries import DeliveryMove, DeliveryRow, DeliveryState
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import MailingFacts
from mailer.ports.processor import Processor
from mailer.ports.rates import RateAdmissionRequest
from mailer.rendering.headers import HeaderRefused
from mailer.rendering.mailing_renderer import MailingRenderer, RenderedMessage
from mailer.rendering.template_library import RenderError
from mailer.rendering.way_to_leave_faults import NoVisibleWayToLeave

UNUSABLE = timedelta(hours=1)
"""The time without any usable processor after which a notice is written instead."""
FORBIDDEN = timedelta(days=1)
"""The time after which a notice is written instead, if the policy forbids it to every processor. Operators are warned
at once, and have a day to repair the policy. A legal deadline of 72 hours may be running (GDPR Art. 33)."""


_ACCEPTED = find_transition(DeliveryState.INTENDED, TransitionCause.ACCEPTED, result=OutcomeKind.ACCEPTED.value)
"""The look-up for nearly every message; it would take 2 of the 120 microseconds of one."""


def build_routed_delivery(
    row: DeliveryRow, renderer: MailingRenderer, send: Send, processor: Processor
) -> RoutedDelivery:
    """Returns the draft of a delivery that a processor will send. Renders nothing."""
    facts, domain = renderer.facts, (row.standing.address or "").rpartition("@")[2].lower()
    wanted = RateAdmissionRequest(processor.name, domain, facts.brand, facts.id, renderer.category.lane)
    return RoutedDelivery(row, renderer, send, processor, wanted)


def plan_end_if_unroutable_too_long(
    row: DeliveryRow, renderer: MailingRenderer, category: Category, route: NoRoute, now: datetime
) -> PlannedDeliveryMove | None:
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
        return plan_move_for_decision_against_sending(
            row, renderer, Divert(WRITTEN, route.reason, rule_name, renderer.policy.version)
        )
    change = find_transition(DeliveryState.CLAIMED, TransitionCause.UNROUTABLE, route.reason, category=category)
    entry = build_delivery_entry(
        EntryKind.DECISION,
        row,
        renderer,
        category,
        reason=change.entry_reason,
        rule=rule_name,
        policy=renderer.policy.version,
    )
    return PlannedDeliveryMove(row, renderer, category, Transition(_build_row_move(row, change), (entry,)))


def plan_move_for_decision_against_sending(
    row: DeliveryRow, renderer: MailingRenderer, decision: Suppress | Hold | Divert
) -> PlannedDeliveryMove:
    """Returns the step of a delivery that is suppressed, held or diverted."""
    until: datetime | None = None
    detail = decision.reason
    match decision:
        case Suppress(reason=reason):
            cause = TransitionCause.EXPIRED if reason == EXPIRED else TransitionCause.SUPPRESSED
        case Hold(until=until):
            cause = TransitionCause.HELD
        case Divert(channel=detail):
            cause = TransitionCause.DIVERTED
        case _:
            assert_never(decision)
    category = renderer.category
    change = find_transition(DeliveryState.CLAIMED, cause, detail, result=decision.reason, category=category, at=until)
    entry = build_delivery_entry(
        EntryKind.DECISION,
        row,
        renderer,
        category,
        reason=change.entry_reason,
        rule=decision.rule,
        policy=decision.policy,
    )
    copy_of = row.standing.copy_of if cause is TransitionCause.SUPPRESSED else None
    return PlannedDeliveryMove(
        row, renderer, category, Transition(_build_row_move(row, change, copy_of=copy_of), (entry,))
    )


def transition_holding_for_bug(row: DeliveryRow, facts: MailingFacts, place: str) -> Transition:
    """Returns the transition that holds a delivery because of a bug. A person releases it after the bug is repaired.

    Args:
        row: claimed by a worker.
        facts: of its mailing.
        place: the error's type and place, without any value.
    """
    change = find_transition(DeliveryState.CLAIMED, TransitionCause.BUG, place)
    entry = LedgerEntry(
        EntryKind.OUTCOME,
        facts.brand,
        mailing_id=row.mailing_id,
        recipient_id=row.recipient_id,
        attempt=row.attempt,
        category=facts.category,
        reason=change.entry_reason,
    )
    return Transition(_build_row_move(row, change), (entry,))


def plan_hand_over_with_intent(draft: RoutedDelivery, rendered: RenderedMessage) -> PlannedHandOver:
    """Returns the step with the intent to hand a message over, and with the ledger entries that the law requires."""
    row, renderer, category = draft.row, draft.renderer, draft.send.category
    handed = build_hand_over_ledger_entry(draft, rendered)
    move = DeliveryMove(
        row.mailing_id,
        row.recipient_id,
        row.attempt,
        DeliveryState.CLAIMED,
        DeliveryState.INTENDED,
        version=row.standing.version,
        sent_as=category.name if category.name != renderer.facts.category else None,
        counts_as=category.name if is_mail_counted_for_cap_or_alarm(renderer.policy, category, row.standing) else None,
        invites=category.invites,
        carries=draft.carries,
    )
    entries = (build_send_decision_entry(draft), handed) if handed else (build_send_decision_entry(draft),)
    return PlannedHandOver(row, renderer, category, Transition(move, entries), draft.processor, draft.wanted, rendered)


def plan_end_after_render_error(draft: RoutedDelivery, error: RenderError | HeaderRefused) -> PlannedDeliveryMove:
    """Returns the step of a delivery that fails or is diverted because a value of the recipient cannot be rendered."""
    change = find_transition(
        DeliveryState.CLAIMED, TransitionCause.RENDER_ERROR, "render_error", category=draft.send.category
    )
    return _plan_move_without_message(draft, change, error)


def plan_hold_without_visible_opt_out(draft: RoutedDelivery, error: NoVisibleWayToLeave) -> PlannedDeliveryMove:
    """Returns the step that holds a mail without a visible opt-out link for a person. It does not count as sent.

    Args:
        draft: of the mail that was rendered.
        error: says which part a reader would not see.
    """
    return _plan_move_without_message(draft, find_transition(DeliveryState.CLAIMED, TransitionCause.NO_WAY_OUT), error)


def _plan_move_without_message(draft: RoutedDelivery, change: StateChange, error: Exception) -> PlannedDeliveryMove:
    """Returns the step of a delivery of which no message could be made."""
    row, category = draft.row, draft.send.category
    outcome = build_delivery_entry(
        EntryKind.OUTCOME, row, draft.renderer, category, reason=change.entry_reason, reply=str(error)
    )
    # Checked like an intent: if an erasure has just deleted the values, the row is decided again instead of failing.
    move = _build_row_move(row, change, version=row.standing.version)
    return PlannedDeliveryMove(
        row, draft.renderer, category, Transition(move, (build_send_decision_entry(draft), outcome))
    )


def transition_after_outcome(
    step: PlannedHandOver, outcome: Outcome, now: datetime, *, doubted: bool = False, denied: bool = False
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
    change = (
        _ACCEPTED
        if outcome.result is OutcomeKind.ACCEPTED
        else _change_after_no_acceptance(step, outcome, now, doubted, denied)
    )
    move = _build_row_move(row, change, from_state=DeliveryState.INTENDED)
    entry = build_delivery_entry(
        EntryKind.OUTCOME,
        row,
        step.renderer,
        step.category,
        reason=change.entry_reason,
        rule=weakest_encryption_used(step.processor) if change.state is DeliveryState.HANDED_OVER else None,
        processor=step.processor.name,
        country=step.processor.country,
        contract=step.processor.contract,
        reply=reply_code_and_text(outcome),
        message_id=step.rendered.message_id,
    )
    return Transition(move, (entry,))


def _change_after_no_acceptance(
    step: PlannedHandOver, outcome: Outcome, now: datetime, doubted: bool, denied: bool
) -> StateChange:
    age = now - (step.row.tried_at or now)
    return find_transition(
        DeliveryState.INTENDED,
        _transition_cause_for_outcome(step.category, outcome.result, age, doubted, denied),
        outcome.status or str(outcome.code or outcome.result),
        result=outcome.result,
        category=step.category,
        at=now,
        age=age,
        spread=random.random(),  # noqa: S311 - jitter, not a secret
    )


def _transition_cause_for_outcome(
    category: Category, result: OutcomeKind, age: timedelta, doubted: bool, denied: bool
) -> TransitionCause:
    """Returns the cause that an outcome is, for mail of this category and age."""
    is_breach = category.lane is Lane.BREACH
    match result:
        case OutcomeKind.ACCEPTED:
            return TransitionCause.ACCEPTED
        case OutcomeKind.REFUSED if doubted:
            return TransitionCause.BREACH_REFUSAL_DOUBTED if is_breach else TransitionCause.QUARANTINED
        case OutcomeKind.REFUSED | OutcomeKind.BLOCKED:
            return TransitionCause.UNDELIVERABLE
        case OutcomeKind.SET_UP:
            # It is held until the set-up is repaired, but breach mail is deferred, and old optional mail is given up.
            waits_for_nobody = is_breach or (category.is_optional and age > category.max_age)
            return (
                TransitionCause.SET_UP_BROKEN_AND_WAITS_FOR_NOBODY
                if waits_for_nobody
                else TransitionCause.SET_UP_BROKEN
            )
        case OutcomeKind.IN_DOUBT:
            return TransitionCause.ANSWER_LOST
        case OutcomeKind.UNSENT if not denied:
            # It stays claimed, for another processor or a later try.
            return TransitionCause.UNSENT
        case OutcomeKind.DEFERRED | OutcomeKind.UNSENT:
            return TransitionCause.DEFERRED
        case _:
            assert_never(result)


def _build_row_move(
    row: DeliveryRow,
    change: StateChange,
    *,
    from_state: DeliveryState = DeliveryState.CLAIMED,
    version: int | None = None,
    copy_of: int | None = None,
) -> DeliveryMove:
    return DeliveryMove(
        row.mailing_id,
        row.recipient_id,
        row.attempt,
        from_state,
        change.state,
        change.reason,
        change.due_at,
        version,
        copy_of=copy_of,
    )
