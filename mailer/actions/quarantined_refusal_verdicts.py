"""Applies a person's verdict on quarantined refusals."""

from datetime import UTC, datetime
from typing import Final

from mailer.actions.delivery_transitions import StateChange, TransitionCause, find_transition
from mailer.ports.deliveries import DeliveryMove, DeliveryState, DeliveryStore
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.refusal_quarantine import (
    QuarantinedRefusal,
    QuarantinedRefusalStore,
    RefusalSelection,
    RefusalVerdict,
)

_AT_ONCE: Final = 500
"""The maximum number of cases in one transaction, so that others wait only briefly for it."""


class RefusalVerdictRefused(ValueError):
    """A judgement that cannot be made. The message gives the reason."""


async def apply_verdict_on_quarantined_refusals(
    quarantine: QuarantinedRefusalStore,
    deliveries: DeliveryStore,
    selection: RefusalSelection,
    verdict: RefusalVerdict,
    by: str,
) -> int:
    """Applies a person's verdict. Believed: the addresses are dead. Dismissed: the deliveries are tried again.

    Returns:
        The number of judged cases. After an error, the remaining cases still wait.

    Raises:
        RefusalVerdictRefused: the person is not named, or the interval ends before it begins.
    """
    if not by.strip():
        raise RefusalVerdictRefused("refusals are judged by a person; name one")
    if selection.until < selection.since:
        raise RefusalVerdictRefused("the interval ends before it begins")
    judged = 0
    while cases := await quarantine.list_quarantined_refusals(selection, _AT_ONCE):
        if verdict is RefusalVerdict.BELIEVED:
            await quarantine.suppress_refused_addresses_if_owner_unchanged(cases, by)
        now = datetime.now(UTC)
        changes = [(case, _change_by_verdict(case, verdict, now)) for case in cases]
        moves = [move for case, change in changes if (move := _build_delivery_move_by_verdict(case, change))]
        # If one of them has changed its state meanwhile, all are read again.
        if not await deliveries.commit_moves_or_find_refused(
            None, moves, [_build_ledger_entry_of_verdict(case, change, by) for case, change in changes]
        ):
            await quarantine.record_verdict_and_reopen_mailings(cases, verdict, by)
            judged += len(cases)
    return judged


def _change_by_verdict(case: QuarantinedRefusal, verdict: RefusalVerdict, now: datetime) -> StateChange:
    """Returns the new state of the delivery. Where it was tried again since, only the reason of the entry counts."""
    cause = (
        TransitionCause.REFUSAL_BELIEVED if verdict is RefusalVerdict.BELIEVED else TransitionCause.REFUSAL_DISMISSED
    )
    return find_transition(case.state or DeliveryState.HELD, cause, case.status, result=verdict.value, at=now)


def _build_delivery_move_by_verdict(case: QuarantinedRefusal, change: StateChange) -> DeliveryMove | None:
    """Returns the move of the delivery, or None if it was tried again since, or has failed and stays so."""
    if case.state is None or case.state is change.state:
        return None
    return DeliveryMove(
        case.mailing_id,
        case.recipient_id,
        case.attempt,
        case.state,
        change.state,
        change.reason,
        change.due_at,
        from_reason=case.reason,
    )


def _build_ledger_entry_of_verdict(case: QuarantinedRefusal, change: StateChange, by: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.OUTCOME,
        case.brand,
        case.mailing_id,
        case.recipient_id,
        case.attempt,
        case.category,
        change.entry_reason,
        processor=case.processor,
        reply=by,
    )
