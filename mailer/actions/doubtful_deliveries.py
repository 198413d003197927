"""Ending mandatory mail that may have arrived, as a person decides."""

from typing import Final
from uuid import UUID

from mailer.policy.category import CATEGORIES
from mailer.policy.standing import WRITTEN
from mailer.ports.deliveries import IN_DOUBT, Deliveries, Move, State
from mailer.ports.held_deliveries import Doubted, Held
from mailer.ports.ledger_entry import Entry, Kind

_AT_ONCE: Final = 1000


async def end_doubted(held: Held, deliveries: Deliveries, mailing_id: UUID, by: str) -> int:
    """Ends the deliveries of a mailing that are held for their doubt: no further copy is sent.

    A notice that everyone must get is written instead, since nobody knows that it arrived.

    Returns:
        How many ended.
    """
    ended = 0
    while some := await held.doubted(mailing_id, _AT_ONCE):
        # Where one has just changed its state, all are read again.
        if not await deliveries.move(None, [_move(one) for one in some], [_entry(one, by) for one in some]):
            ended += len(some)
    return ended


def _fate(one: Doubted) -> tuple[State, str]:
    category = CATEGORIES.get(one.category)
    if category is None or category.written_fallback:  # what is unknown counts as the strictest
        return State.DIVERTED, WRITTEN
    return State.FAILED, IN_DOUBT


def _move(one: Doubted) -> Move:
    state, reason = _fate(one)
    return Move(one.mailing_id, one.recipient_id, one.attempt, State.HELD, state, reason, from_reason=IN_DOUBT)


def _entry(one: Doubted, by: str) -> Entry:
    state, _ = _fate(one)
    return Entry(
        Kind.OUTCOME,
        one.brand,
        one.mailing_id,
        one.recipient_id,
        one.attempt,
        one.category,
        f"{state.value} {IN_DOUBT}",
        rule=f"action:{by}",
    )
