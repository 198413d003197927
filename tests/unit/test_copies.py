"""Whose copy counts for several recipients with one address, and in which order they are decided on."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.pipeline.copies import resolved, windows
from mailer.policy.standing import Standing
from mailer.ports.deliveries import Row, State

MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
GOES_OUT = {State.INTENDED, State.HANDED_OVER, State.IN_DOUBT, State.DEFERRED}


def row(number: int, *before: tuple[int, State]) -> Row:
    """A delivery with those before it that have its address."""
    copy_of = before[0][0] if before else None
    standing = Standing(number, 1, "ada@people.example", copy_of=copy_of)
    return Row(MAILING, number, 1, standing, originals=before)


@pytest.mark.parametrize("state", State)
def test_it_is_a_copy_only_if_the_other_goes_out(state: State) -> None:
    """Whoever is suppressed keeps nobody from the mail; what is not decided yet is waited for."""
    standing = resolved(row(2, (1, state)), {}).standing
    if state in (State.QUEUED, State.CLAIMED, State.HELD):
        assert standing.copy_undecided
    else:
        assert standing.copy_of == (1 if state in GOES_OUT else None)


def test_one_copy_along_a_chain_is_enough() -> None:
    """Between the one who has it and the one who asks, there may be somebody who may not have it."""
    chained = row(3, (2, State.SUPPRESSED), (1, State.HANDED_OVER))
    assert resolved(chained, {}).standing.copy_of == 2


def test_what_was_just_done_is_newer_than_what_was_read() -> None:
    """The claim's own moves go over the states that it read."""
    fates = {(MAILING, 1): State.SUPPRESSED}
    assert resolved(row(2, (1, State.QUEUED)), fates).standing.copy_of is None


def test_who_has_another_address_by_now_is_nobodys_copy() -> None:
    """No row before it has its address any more."""
    moved = Row(MAILING, 2, 1, Standing(2, 1, "ada@people.example", copy_of=1))
    assert resolved(moved, {}).standing.copy_of is None


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 8))
def test_windows_keep_everyone_once_and_copies_behind(addresses: list[int], size: int) -> None:
    """Each row is in exactly one window, none is too large, and nobody shares one with somebody before it."""
    rows: list[Row] = []
    for number, address in enumerate(addresses):
        before = [(other, State.QUEUED) for other in range(number) if addresses[other] == address]
        rows.append(row(number, *reversed(before)))
    cut = list(windows(rows, size, {}))
    place = {one.recipient_id: index for index, window in enumerate(cut) for one in window}
    assert sorted(place) == list(range(len(addresses)))
    assert sum(map(len, cut)) == len(rows)
    assert all(0 < len(window) <= size for window in cut)
    assert all(place[other] < place[one.recipient_id] for one in rows for other, _ in one.originals)


def test_what_may_be_met_once_is_met_once_a_window() -> None:
    """Whoever is counted against a cap comes again in a later window."""
    rows = [row(1), row(2), row(3)]
    once = {(MAILING, 1): {"ada"}, (MAILING, 3): {"ada"}}
    assert [[one.recipient_id for one in window] for window in windows(rows, 10, once)] == [[1, 2], [3]]
