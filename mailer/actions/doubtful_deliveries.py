"""Ends deliveries of mandatory mail that are in doubt, when a person decides so."""

from typing import Final
from uuid import UUID

from mailer.policy.category import CATEGORIES
from mailer.policy.standing import WRITTEN
from mailer.ports.deliveries import IN_DOUBT, DeliveryMove, DeliveryState, DeliveryStore
from mailer.ports.held_deliveries import HeldDeliveries, HeldDoubtfulDelivery
from mailer.ports.ledger_entry import EntryKind, LedgerEntry

_AT_ONCE: Final = 1000


async def end_doubtful_deliveries_of_mailing(
    held: HeldDeliveries, deliveries: DeliveryStore, mailing_id: UUID, by: str
) -> int:
    """Ends the deliveries of a mailing that are held because they are in doubt. No further copy is sent.

    A notice that everybody must get is diverted to a written notice, as nobody knows that the mail arrived.

    Returns:
        The number of deliveries that ended.
    """
    ended = 0
    while some := await held.list_held_doubtful_of_mailing(mailing_id, _AT_ONCE):
        # If one of them has changed its state meanwhile, all are read again.
        if not await deliveries.commit_moves_or_find_refused(
            None, [_build_ending_move(one) for one in some], [_build_ending_entry(one, by) for one in some]
        ):
            ended += len(some)
    return ended


def _final_state_and_reason(one: HeldDoubtfulDelivery) -> tuple[DeliveryState, str]:
    category = CATEGORIES.get(one.category)
    if category is None or category.written_fallback:  # an unknown category gets the strictest treatment
        return DeliveryState.DIVERTED, WRITTEN
    return DeliveryState.FAILED, IN_DOUBT


def _build_ending_move(one: HeldDoubtfulDelivery) -> DeliveryMove:
    state, reason = _final_state_and_reason(one)
    return DeliveryMove(
        one.mailing_id, one.recipient_id, one.attempt, DeliveryState.HELD, state, reason, from_reason=IN_DOUBT
    )


def _build_ending_entry(one: HeldDoubtfulDelivery, by: str) -> LedgerEntry:
    state, _ = _final_state_and_reason(one)
    return LedgerEntry(
        EntryKind.OUTCOME,
        one.brand,
        one.mailing_id,
        one.recipient_id,
        one.attempt,
        one.category,
        f"{state.value} {IN_DOUBT}",
        rule=f"action:{by}",
    )
