"""Recipients with one address get one copy of one text: whose it is depends on what became of the first of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mailer.policy.frequency_counts import may_count
from mailer.ports.deliveries import IN_DOUBT, DeliveryRow, DeliveryState, TextCarrier
from mailer.rendering.mailboxes import canonical_mailbox, owner_mailboxes
from mailer.rendering.mailing import MailingRenderer

Key = tuple[UUID, int]

_COPIED = frozenset({DeliveryState.INTENDED, DeliveryState.HANDED_OVER, DeliveryState.IN_DOUBT, DeliveryState.DEFERRED})


def row_as_duplicate(
    row: DeliveryRow, carrier: TextCarrier, own_states: Mapping[Key, DeliveryState], now: datetime, *, each_told: bool
) -> DeliveryRow | None:
    """The row as it is decided on where another recipient carries its text; None: it may carry the text itself.

    Args:
        row: as it was claimed.
        carrier: the last that carried its text to its address.
        own_states: what this claim has already done, which is newer than what it read.
        now: the time.
        each_told: each person has to be told, so a copy counts only once it was handed over (invariant 3). Else it
            counts as soon as it may arrive, and for good if nobody ever knows.
    """
    state = own_states.get((row.mailing_id, carrier.recipient_id), carrier.state)
    if not each_told and (state, carrier.reason) == (DeliveryState.FAILED, IN_DOUBT):
        state = DeliveryState.IN_DOUBT
    if state not in _COPIED or carrier.recipient_id == row.recipient_id:
        return None
    known_at = (carrier.due_at or now) if each_told and state is not DeliveryState.HANDED_OVER else None
    return replace(row, standing=replace(row.standing, copy_of=carrier.recipient_id, copy_known_at=known_at))


def split_into_windows(
    rows: Sequence[DeliveryRow], size: int, alone: Mapping[Key, Collection[object]]
) -> Iterator[Sequence[DeliveryRow]]:
    """The rows in their order, a window at a time.

    What stands under `alone` may occur a single time in a window: the next finds that its standing has another version
    by then, and is read again.

    Args:
        rows: those of a claim.
        size: of a window.
        alone: by row, what is to be met once a window.
    """
    if not alone:
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
        return
    waiting = rows
    while waiting:
        window: list[DeliveryRow] = []
        later: list[DeliveryRow] = []
        met: set[object] = set()
        for row in waiting:
            things = alone.get(row.key, ())
            if len(window) == size or not met.isdisjoint(things):
                later.append(row)
            else:
                window.append(row)
                met.update(things)
        yield window
        waiting = later


def single_use_keys(
    rows: Sequence[DeliveryRow], renderers: Mapping[UUID, MailingRenderer]
) -> Mapping[Key, set[object]]:
    """Keys that may be met a single time in a window: who is counted against a cap, and an address that is invited.

    Of the latter there may be several in mailings that were taken together; none of them would begin (`use_addresses`).
    """
    counted = {id_ for id_, renderer in renderers.items() if may_count(renderer.policy, renderer.category)}
    invites = {id_ for id_, renderer in renderers.items() if renderer.category.invites}
    found: dict[Key, set[object]] = {}
    for row in rows if counted or invites else ():
        things: set[object] = {row.recipient_id} if row.mailing_id in counted else set()
        if row.mailing_id in invites and row.standing.address:
            things.update((canonical_mailbox(row.standing.address), *owner_mailboxes(row.standing.address)))
        if things:
            found[row.key] = things
    return found
