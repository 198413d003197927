"""Two recipients with one address get one copy: whose it is depends on what became of the first of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from mailer.ports.deliveries import Row, State

Key = tuple[UUID, int]

_COPIED = frozenset({State.INTENDED, State.HANDED_OVER, State.IN_DOUBT, State.DEFERRED})
_OPEN = frozenset({State.QUEUED, State.CLAIMED, State.HELD})


def resolved(row: Row, fates: Mapping[Key, State]) -> Row:
    """The row as it is decided on: it is a copy only if another one with its address goes out (invariant 1).

    Args:
        row: as it was claimed.
        fates: what this claim has already done, which is newer than what it read.
    """
    if row.standing.copy_of is None:
        return row
    states = {fates.get((row.mailing_id, recipient_id), state) for recipient_id, state in row.originals}
    if states & _COPIED:
        return row
    if states & _OPEN:
        return replace(row, standing=replace(row.standing, copy_undecided=True))
    return replace(row, standing=replace(row.standing, copy_of=None))


def windows(rows: Sequence[Row], size: int, once: Mapping[Key, Collection[object]]) -> Iterator[Sequence[Row]]:
    """The rows in their order, a window at a time; whoever depends on another one comes in a later window.

    A copy is decided on when the first one has been. What stands under `once` may occur a single time in a window: the
    next finds that its standing has another version by then, and is read again.

    Args:
        rows: those of a claim.
        size: of a window.
        once: by row, what is to be met once a window.
    """
    waiting, undone = rows, {(row.mailing_id, row.recipient_id) for row in rows}
    if not once and not any(row.originals for row in rows):
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
        return
    while waiting:
        window: list[Row] = []
        later: list[Row] = []
        met: set[object] = set()
        for row in waiting:
            key = row.mailing_id, row.recipient_id
            things = once.get(key, ())
            depends = any((row.mailing_id, recipient_id) in undone for recipient_id, _ in row.originals)
            if depends or len(window) == size or not met.isdisjoint(things):
                later.append(row)
            else:
                window.append(row)
                met.update(things)
        yield window
        undone -= {(row.mailing_id, row.recipient_id) for row in window}
        waiting = later
