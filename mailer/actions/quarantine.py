"""A person judges the refusals that were not believed."""

from datetime import UTC, datetime
from typing import Final

from mailer.ports.deliveries import DeliveryMove, DeliveryState, DeliveryStore
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.quarantine import QuarantineStore, RefusalCase, RefusalSelection, RefusalVerdict

DISMISSED: Final = "dismissed"
"""The reason of a delivery that is made again, since a person did not believe its refusal."""
_AT_ONCE: Final = 500
"""Cases judged by one transaction: nothing waits for it for long."""


class JudgementRefused(ValueError):
    """A judgement that cannot be made; the message says why."""


async def settle_refusals(
    quarantine: QuarantineStore,
    deliveries: DeliveryStore,
    selection: RefusalSelection,
    verdict: RefusalVerdict,
    by: str,
) -> int:
    """A person judges refusals. Believed: the addresses are dead. Dismissed: the deliveries are made once more.

    Returns:
        How many were judged. After an error, what is left waits as before.

    Raises:
        JudgementRefused: nobody is named, or the interval ends before it begins.
    """
    if not by.strip():
        raise JudgementRefused("refusals are judged by a person; name one")
    if selection.until < selection.since:
        raise JudgementRefused("the interval ends before it begins")
    judged = 0
    while cases := await quarantine.list_cases(selection, _AT_ONCE):
        if verdict is RefusalVerdict.BELIEVED:
            await quarantine.believe_cases(cases, by)
        now = datetime.now(UTC)
        moves = [move for case in cases if (move := _verdict_move(case, verdict, now))]
        # Where one has just changed its state, all are read again.
        if not await deliveries.commit_moves(None, moves, [_verdict_entry(case, verdict, by) for case in cases]):
            await quarantine.close_cases(cases, verdict, by)
            judged += len(cases)
    return judged


def _verdict_move(case: RefusalCase, verdict: RefusalVerdict, now: datetime) -> DeliveryMove | None:
    """What becomes of the delivery; nothing, if it has been tried again since, or has failed and stays so."""
    if case.state is None or (verdict is RefusalVerdict.BELIEVED and case.state is DeliveryState.FAILED):
        return None
    again = verdict is RefusalVerdict.DISMISSED
    return DeliveryMove(
        case.mailing_id,
        case.recipient_id,
        case.attempt,
        case.state,
        DeliveryState.DEFERRED if again else DeliveryState.FAILED,
        DISMISSED if again else case.status,
        now if again else None,
        from_reason=case.reason,
    )


def _verdict_entry(case: RefusalCase, verdict: RefusalVerdict, by: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.OUTCOME,
        case.brand,
        case.mailing_id,
        case.recipient_id,
        case.attempt,
        case.category,
        f"{verdict.value} {case.status}",
        processor=case.processor,
        reply=by,
    )
