"""Recipients who share an address get one copy of a text. If the first delivery of it fails, another one sends it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mailer.policy.required_frequency_counts import is_category_counted_for_somebody
from mailer.ports.deliveries import IN_DOUBT, DeliveryRow, DeliveryState, LastDeliveryOfTextToSharedAddress
from mailer.rendering.mailbox_spellings import canonical_mailbox, mailboxes_perhaps_of_same_owner
from mailer.rendering.mailing_renderer import MailingRenderer

Key = tuple[UUID, int]

_COPIED = frozenset({DeliveryState.INTENDED, DeliveryState.HANDED_OVER, DeliveryState.IN_DOUBT, DeliveryState.DEFERRED})


def mark_row_as_copy_or_none(
    row: DeliveryRow,
    carrier: LastDeliveryOfTextToSharedAddress,
    own_states: Mapping[Key, DeliveryState],
    now: datetime,
    *,
    each_told: bool,
) -> DeliveryRow | None:
    """Returns the row marked as a copy of the carrier's mail, or None if it may send the text itself.

    Args:
        row: as it was claimed.
        carrier: the last delivery that sent this text to this address.
        own_states: newer states of deliveries, changed by this claim.
        now: the present time.
        each_told: each person has to be told, so a copy counts only once it was handed over (invariant 3). If False,
            a copy counts as soon as it may arrive, and still counts if its result is never known.
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
    """Yields the rows in their order, one window at a time.

    A key in `alone` occurs at most once in a window. A second row with it would find a newer version of the standing,
    and would have to be read again.

    Args:
        rows: of a claim.
        size: of a window.
        alone: by row, the keys that a window may contain only once.
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


def keys_allowed_once_per_window(
    rows: Sequence[DeliveryRow], renderers: Mapping[UUID, MailingRenderer]
) -> Mapping[Key, set[object]]:
    """Returns, by row, the keys that a window may contain only once: recipients under a cap, and invited addresses.

    Mailings that were claimed together may invite one address twice; neither intent would commit (`use_addresses`).
    """
    counted = {
        id_
        for id_, renderer in renderers.items()
        if is_category_counted_for_somebody(renderer.policy, renderer.category)
    }
    invites = {id_ for id_, renderer in renderers.items() if renderer.category.invites}
    found: dict[Key, set[object]] = {}
    for row in rows:
        is_counted = row.mailing_id in counted or row.standing.own_cap is not None
        things: set[object] = {row.recipient_id} if is_counted else set()
        if row.mailing_id in invites and row.standing.address:
            things.update(
                (canonical_mailbox(row.standing.address), *mailboxes_perhaps_of_same_owner(row.standing.address))
            )
        if things:
            found[row.key] = things
    return found
