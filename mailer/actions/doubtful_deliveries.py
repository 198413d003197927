"""Ends deliveries of mandatory mail that are in doubt, when a person decides so."""

from typing import Final
from uuid import UUID

from mailer.actions.delivery_transitions import StateChange, TransitionCause, find_transition
from mailer.policy.category import CATEGORIES
from mailer.ports.deliveries import IN_DOUBT, DeliveryMove, DeliveryState, DeliveryStore
from mailer.ports.held_deliveries import HeldDeliveryStore, HeldDoubtfulDelivery
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_AT_ONCE: Final = 1000


async def end_doubtful_deliveries_of_mailing(
    held: HeldDeliveryStore, deliveries: DeliveryStore, mailing_id: UUID, by: str
) -> int:
    """Ends the deliveries of a mailing that are held because they are in doubt. No further copy is sent.

    A notice that everybody must get is diverted to a written notice, as nobody knows that the mail arrived.

    Returns:
        The number of deliveries that ended.
    """
    ended = 0
    while some := await held.list_held_doubtful_deliveries_of_mailing(mailing_id, _AT_ONCE):
        changes = [(one, _change_that_fails_or_diverts_doubtful_delivery(one)) for one in some]
        # If one of them has changed its state meanwhile, all are read again.
        if not await deliveries.commit_moves_or_find_refused(
            None,
            [_build_move_that_ends_delivery(*each) for each in changes],
            [_build_ledger_entry_of_ended_delivery(*each, by) for each in changes],
        ):
            ended += len(some)
    return ended


def _change_that_fails_or_diverts_doubtful_delivery(one: HeldDoubtfulDelivery) -> StateChange:
    return find_transition(
        DeliveryState.HELD,
        TransitionCause.DOUBT_ENDED_BY_PERSON,
        IN_DOUBT,
        category=CATEGORIES.get(one.category),
    )


def _build_move_that_ends_delivery(one: HeldDoubtfulDelivery, change: StateChange) -> DeliveryMove:
    return DeliveryMove(
        one.mailing_id,
        one.recipient_id,
        one.attempt,
        DeliveryState.HELD,
        change.state,
        change.reason,
        from_reason=IN_DOUBT,
    )


def _build_ledger_entry_of_ended_delivery(one: HeldDoubtfulDelivery, change: StateChange, by: str) -> LedgerEntry:
    return LedgerEntry(
        EntryKind.OUTCOME,
        one.brand,
        one.mailing_id,
        one.recipient_id,
        one.attempt,
        one.category,
        change.entry_reason,
        rule=f"action:{by}",
    )
