"""Moves of deliveries without sending: it moves those that are unchanged, and holds deliveries that met a bug."""

from collections.abc import Sequence
from uuid import UUID

from mailer.actions.delivery_transitions import StateChange, TransitionCause, find_transition
from mailer.metrics_and_logger import HELD_BY_BUGS, log
from mailer.pipeline.planned_delivery_moves import PlannedDeliveryMove
from mailer.pipeline.shared_address_copies import Key
from mailer.pipeline.transitions import transition_holding_for_bug
from mailer.policy.category import CATEGORIES
from mailer.ports.deliveries import Claim, DeliveryMove, DeliveryRow, DeliveryStore
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.mailings import MailingFacts
from mailer.ports.timekeeping import OpenDelivery, OrphanedDelivery, QueuedDelivery, TimekeeperStore
from mailer.runtime.error_kinds import error_type_and_place


async def commit_delivery_moves_and_count_refused(
    deliveries: DeliveryStore, claim: UUID | None, changes: Sequence[tuple[DeliveryMove, Sequence[LedgerEntry]]]
) -> int:
    """Moves the deliveries that have not changed meanwhile, and writes their entries. Returns the number of others."""
    held = list(changes)
    while refused := await deliveries.commit_moves_or_find_refused(
        claim, [move for move, _ in held], [entry for _, entries in held for entry in entries]
    ):
        held = [(move, entries) for move, entries in held if move.delivery_key not in refused]
    return len(changes) - len(held)


async def hold_rows_for_bug(
    deliveries: DeliveryStore, claim: Claim, rows: Sequence[DeliveryRow], facts: MailingFacts, error: Exception
) -> None:
    """Holds rows of a mailing whose messages cannot be made because of a bug, until a person releases them."""
    place = error_type_and_place(error)
    late = await commit_delivery_moves_and_count_refused(
        deliveries, claim.token, [transition_holding_for_bug(row, facts, place) for row in rows]
    )
    log_deliveries_held_by_bug(facts.id, facts.category, place, len(rows) - late)


async def hold_batch_deliveries_for_bug(
    deliveries: DeliveryStore, upkeep: TimekeeperStore, batch: int, reason: str
) -> None:
    """Holds the queued deliveries of a batch that cannot be claimed, so that it is not published again for ever.

    Args:
        deliveries: stores the moves.
        upkeep: finds the queued deliveries.
        batch: the id of the batch.
        reason: the error's type and place.
    """
    queued = await upkeep.queued_deliveries_of_batch(batch)
    if not queued:
        return
    changes = [
        move_of_unclaimed_delivery(
            item, item.mailing_id, item.brand, find_transition(item.state, TransitionCause.BUG, reason)
        )
        for item in queued
    ]
    late = await commit_delivery_moves_and_count_refused(deliveries, None, changes)
    await upkeep.delete_empty_batches_of_mailing(queued[0].mailing_id)
    log_deliveries_held_by_bug(queued[0].mailing_id, queued[0].category, reason, len(queued) - late)


def move_of_unclaimed_delivery(
    item: QueuedDelivery | OrphanedDelivery | OpenDelivery,
    mailing_id: UUID,
    brand: str,
    change: StateChange,
    from_reason: str | None = None,
) -> tuple[DeliveryMove, tuple[LedgerEntry]]:
    """Returns the move of a delivery that no worker has claimed, with its ledger entry. Pure.

    Args:
        item: as it was read.
        mailing_id: of its mailing.
        brand: of its mailing.
        change: the new state, as the table has it.
        from_reason: the move is refused unless this is the old reason; None: the reason that was read.
    """
    reason_before = item.reason if from_reason is None else from_reason
    move = DeliveryMove(
        mailing_id,
        item.recipient_id,
        item.attempt,
        item.state,
        change.state,
        change.reason,
        change.due_at,
        from_reason=reason_before,
    )
    entry = LedgerEntry(
        EntryKind.OUTCOME,
        brand,
        mailing_id=mailing_id,
        recipient_id=item.recipient_id,
        attempt=item.attempt,
        category=item.category,
        reason=change.entry_reason,
    )
    return move, (entry,)


def log_deliveries_held_by_bug(mailing_id: UUID, category: str, place: str, deliveries: int) -> None:
    """Logs and counts deliveries that are held by a bug. An unknown category counts as mandatory."""
    if deliveries:
        kind = "optional" if category in CATEGORIES and CATEGORIES[category].is_optional else "mandatory"
        HELD_BY_BUGS.labels(kind).inc(deliveries)
        log.error(
            "deliveries are held by a bug; once it is mended, `mailer mailing resume` has them tried again",
            mailing=str(mailing_id),
            kind=kind,
            deliveries=deliveries,
            place=place,
        )


def log_late_outcomes(late: int) -> None:
    """Logs the number of outcomes that came after the lease. The ledger already has another end of the deliveries."""
    if late:
        log.warning("outcomes came too late", deliveries=late)


def separate_refused_planned_moves(
    steps: Sequence[PlannedDeliveryMove], refused: frozenset[Key]
) -> tuple[list[PlannedDeliveryMove], list[PlannedDeliveryMove]]:
    """Returns the steps that were not refused, and the refused ones."""
    good = [step for step in steps if step.change.move.delivery_key not in refused]
    return good, [step for step in steps if step.change.move.delivery_key in refused]
