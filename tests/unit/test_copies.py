"""The copy that counts for several recipients with one address, and the order in which rows are decided on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.pipeline.shared_address_copies import (
    keys_allowed_once_per_window,
    mark_row_as_copy_or_none,
    split_into_windows,
)
from mailer.policy.standing import Standing
from mailer.ports.deliveries import IN_DOUBT, DeliveryRow, DeliveryState, LastDeliveryOfTextToSharedAddress
from tests.renderers import renderer_of

MAILING = UUID("0192f0c1-0000-7000-8000-000000000001")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
GOES_OUT = {DeliveryState.INTENDED, DeliveryState.HANDED_OVER, DeliveryState.IN_DOUBT, DeliveryState.DEFERRED}


def row(number: int) -> DeliveryRow:
    """A delivery to an address that several share."""
    return DeliveryRow(MAILING, number, 1, Standing(number, 1, "ada@people.example"), shared=b"ada")


@pytest.mark.parametrize("state", DeliveryState)
def test_it_is_a_copy_only_if_the_other_goes_out(state: DeliveryState) -> None:
    """A delivery counts as a copy only if the first one goes out."""
    found = mark_row_as_copy_or_none(
        row(2), LastDeliveryOfTextToSharedAddress(1, 1, state, None, ""), {}, NOW, each_told=False
    )
    assert (found.standing.copy_of if found else None) == (1 if state in GOES_OUT else None)
    assert found is None or found.standing.copy_known_at is None


@pytest.mark.parametrize("state", sorted(GOES_OUT))
def test_where_each_is_told_a_copy_counts_once_it_was_handed_over(state: DeliveryState) -> None:
    """A copy counts once the other was handed over, if each recipient is told. Until then it is looked at again."""
    later = NOW + timedelta(hours=1)
    for due_at in (None, later):
        found = mark_row_as_copy_or_none(
            row(2), LastDeliveryOfTextToSharedAddress(1, 1, state, due_at, ""), {}, NOW, each_told=True
        )
        assert found is not None
        assert found.standing.copy_known_at == (None if state is DeliveryState.HANDED_OVER else due_at or NOW)


@pytest.mark.parametrize("each_told", [False, True])
def test_what_may_have_arrived_for_ever_is_a_copy_where_not_each_is_told(each_told: bool) -> None:
    """Optional mail that ended in doubt may lie in the mailbox already; in mandatory mail the other gets theirs."""
    found = mark_row_as_copy_or_none(
        row(2),
        LastDeliveryOfTextToSharedAddress(1, 1, DeliveryState.FAILED, None, IN_DOUBT),
        {},
        NOW,
        each_told=each_told,
    )
    assert (found is None) == each_told


def test_what_was_just_done_is_newer_than_what_was_read() -> None:
    """The claim's own moves go over the states that it read."""
    fates = {(MAILING, 1): DeliveryState.CLAIMED}
    assert (
        mark_row_as_copy_or_none(
            row(2),
            LastDeliveryOfTextToSharedAddress(1, 1, DeliveryState.INTENDED, None, ""),
            fates,
            NOW,
            each_told=False,
        )
        is None
    )


def test_nobody_is_a_copy_of_their_own() -> None:
    """A recipient who carried the text before carries it again. Nobody is a copy of themselves."""
    assert (
        mark_row_as_copy_or_none(
            row(1), LastDeliveryOfTextToSharedAddress(1, 1, DeliveryState.DEFERRED, None, ""), {}, NOW, each_told=False
        )
        is None
    )


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 8))
def test_windows_keep_everyone_once(people: list[int], size: int) -> None:
    """Each row is in exactly one window, none is too large, and nobody is met twice in one."""
    rows = [row(number) for number in range(len(people))]
    cut = list(split_into_windows(rows, size, {(MAILING, number): {person} for number, person in enumerate(people)}))
    assert sorted(one.recipient_id for window in cut for one in window) == list(range(len(people)))
    for window in cut:
        met = [people[one.recipient_id] for one in window]
        assert 0 < len(met) == len(set(met)) <= size


def test_what_may_be_met_once_is_met_once_a_window() -> None:
    """A person who is counted against a cap comes again in a later window."""
    rows = [row(1), row(2), row(3)]
    once = {(MAILING, 1): {"ada"}, (MAILING, 3): {"ada"}}
    assert [[one.recipient_id for one in window] for window in split_into_windows(rows, 10, once)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jos\u00e9@people.example", "jose\u0301@people.example", True),
        ("ada@m\u00fcnchen.example", "Ada@xn--mnchen-3ya.example", True),
        ("stra\u00dfe@people.example", "strasse@people.example", False),
    ],
)
def test_an_address_that_is_invited_has_one_form(one: str, other: str, same: bool) -> None:
    """Two spellings of a mailbox, its domain as A-labels too, are invited a single time in a window."""
    renderer = renderer_of("invitation", inviter="member-1")
    id_ = renderer.facts.id
    rows = [DeliveryRow(id_, number, 1, Standing(number, 1, address)) for number, address in enumerate((one, other))]
    first, second = keys_allowed_once_per_window(rows, {id_: renderer}).values()
    assert (first.isdisjoint(second)) is not same
