"""The figures of an audience that may be shown, tried on any audiences, against readers who know the rules."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.policy.advertiser_figures import (
    OTHER,
    count_people_by_cell_pair,
    find_values_to_hide,
    may_subtraction_reveal_small_group,
    publishable_cells,
)

MINIMUM = 5

CELLS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 3 * MINIMUM))
GROUPS = st.dictionaries(
    st.tuples(st.sampled_from("ABC?"), st.sampled_from("XYZ?")), st.integers(1, 2 * MINIMUM), min_size=1, max_size=9
)
"""Numbers of people with one value in a first breakdown and one in a second; `?` is missing from a breakdown."""


@given(CELLS)
def test_no_small_cell_is_published(cells: Mapping[str, int]) -> None:
    """Each figure is about the minimum or more; those that are shown as they are, are right; together they are all."""
    shown = publishable_cells(cells, MINIMUM)
    assert all(people >= MINIMUM for people in shown.values())
    assert all(shown[value] == cells[value] for value in shown.keys() - {OTHER})
    assert not shown or sum(shown.values()) == sum(cells.values())


@given(CELLS)
def test_nothing_hidden_is_derived(cells: Mapping[str, int]) -> None:
    """The total less what is shown is no figure of one hidden cell, and of no fewer people than the minimum."""
    shown = publishable_cells(cells, MINIMUM)
    unseen = cells.keys() - shown.keys()
    if shown and unseen:
        assert len(unseen) > 1
        assert sum(cells.values()) - sum(shown.get(value, 0) for value in cells) >= MINIMUM


@given(CELLS.filter(lambda cells: len(cells) > 1))
@example({"A": MINIMUM - 1, "B": 2 * MINIMUM, "C": 2 * MINIMUM})
@example({"A": MINIMUM - 1, "B": MINIMUM - 1, "C": MINIMUM})
@example({"A": 1, "B": MINIMUM, "C": MINIMUM})
@example({"A": 3, "B": 4, "C": 4, "D": 4, "E": 4, "F": 4, "G": 5})
@example({"A": 4, "B": 4, "C": 4, "D": 4, "E": 4, "F": 4, "G": 5})
@example({"A": 2, "B": 4, "C": 4, "D": 4, "E": 4, "F": 4, "G": 5})
@example({"A": 4, "B": 4, "C": 4, "D": 4, "E": 4, "G": 5})
def test_who_knows_the_rule_learns_no_small_cell(cells: Mapping[str, int]) -> None:
    """Audiences that would be shown in the same way differ in the figure of each hidden cell, and in all figures.

    The reader knows the rule and which cells are hidden, and not the lot that was drawn. Where hardly more people are
    hidden than cells, nothing helps: who knows that there is somebody in each has counted them.
    """
    shown = publishable_cells(cells, MINIMUM)
    unseen = sorted(find_values_to_hide(cells, MINIMUM))
    if not shown or not unseen or shown[OTHER] <= len(unseen) + 1:
        return
    seen = {value: people for value, people in shown.items() if value != OTHER}
    possible = [
        candidate
        for candidate in compositions(shown[OTHER], len(unseen))
        if looks_the_same(dict(zip(unseen, candidate, strict=True)), seen)
    ]
    assert tuple(cells[value] for value in unseen) in possible
    assert len({tuple(sorted(candidate)) for candidate in possible}) > 1
    for position in range(len(unseen)):
        assert len({candidate[position] for candidate in possible}) > 1


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways for so many cells, of one person or more, to have so many people."""
    for cuts in combinations(range(1, total), parts - 1):
        yield tuple(end - start for start, end in zip((0, *cuts), (*cuts, total), strict=True))


def looks_the_same(unseen: Mapping[str, int], seen: Mapping[str, int]) -> bool:
    """True if some random order hides just these cells."""
    lots = [{value: people} for value, people in unseen.items() if people >= MINIMUM] or [{}]
    return any(find_values_to_hide({**lot, **unseen, **seen}, MINIMUM) == unseen.keys() for lot in lots)


def test_the_next_smallest_would_have_told() -> None:
    """The random order, not the size, chooses the large cell that is hidden along with a small one."""
    assert find_values_to_hide({"FR": 30, "IT": 19, "DE": 90}, 20) == {"FR", "IT"}
    assert find_values_to_hide({"DE": 90, "IT": 19, "FR": 30}, 20) == {"DE", "IT"}


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ({}, {}),
        ({"DE": 19}, {}),
        ({"DE": 20}, {"DE": 20}),
        ({"DE": 20, "FR": 40}, {"FR": 40, "DE": 20}),
        ({"DE": 19, "FR": 19}, {}),
        ({"DE": 20, "FR": 1}, {}),
        ({"DE": 30, "FR": 10, "IT": 10}, {"DE": 30, OTHER: 20}),
        ({"DE": 30, "FR": 10, "IT": 9, "ES": 40}, {"ES": 40, OTHER: 49}),
    ],
)
def test_what_is_published(cells: Mapping[str, int], shown: Mapping[str, int]) -> None:
    """Small cells together, with a large one if need be; nothing where that would leave only the total."""
    assert list(publishable_cells(cells, 20).items()) == list(shown.items())


def shared(groups: Mapping[tuple[str, str], int]) -> dict[tuple[str | None, str | None], int]:
    """The same, as `subtractable` takes it."""
    known = {"?": None}
    return {
        (known.get(first, first), known.get(second, second)): people
        for (first, second), people in groups.items()
        if (first, second) != ("?", "?")
    }


def unions(values: set[str | None]) -> list[set[str | None]]:
    """All sums of cells, that of none included."""
    cells = sorted(value for value in values if value)
    return [set(some) for size in range(len(cells) + 1) for some in combinations(cells, size)]


def differences(groups: Mapping[tuple[str | None, str | None], int]) -> Iterator[int]:
    """The people behind each difference of a sum of figures of one breakdown and a sum of figures of the other."""
    for one in unions({first for first, _ in groups}):
        for other in unions({second for _, second in groups}):
            yield sum(people for (first, second), people in groups.items() if (first in one) != (second in other))


@given(GROUPS.map(shared))
def test_nothing_small_is_left_by_subtraction(groups: dict[tuple[str | None, str | None], int]) -> None:
    """No difference of sums is about a few people, if two breakdowns may both be shown."""
    if not may_subtraction_reveal_small_group(groups, MINIMUM):
        assert all(people == 0 or people >= MINIMUM for people in differences(groups))


@given(GROUPS.map(shared))
def test_audiences_differ_by_many_or_by_nobody(groups: dict[tuple[str | None, str | None], int]) -> None:
    """The people who are in only one of the two audiences are nobody, or at least the minimum."""
    gone = sum(people for (_, second), people in groups.items() if second is None)
    come = sum(people for (first, _), people in groups.items() if first is None)
    if not may_subtraction_reveal_small_group(groups, MINIMUM):
        assert all(people == 0 or people >= MINIMUM for people in (gone, come))


@given(GROUPS.map(lambda groups: {pair: people + MINIMUM for pair, people in groups.items()}).map(shared))
def test_what_is_far_apart_is_shown(groups: dict[tuple[str | None, str | None], int]) -> None:
    """Breakdowns whose every part is large are not kept apart."""
    assert not may_subtraction_reveal_small_group(groups, MINIMUM)


@given(
    CELLS.map(lambda cells: publishable_cells(cells, MINIMUM)),
    CELLS.map(lambda cells: publishable_cells(cells, MINIMUM)),
)
def test_the_same_again_and_something_else_are_shown(first: dict[str, int], second: dict[str, int]) -> None:
    """The same people in the same cells tell nothing new, and of people who were in no report nothing is subtracted."""
    assert not may_subtraction_reveal_small_group(
        count_people_by_cell_pair(first, first, {(value, value): people for value, people in first.items()}), MINIMUM
    )
    assert not may_subtraction_reveal_small_group(count_people_by_cell_pair(first, second, {}), MINIMUM)


@given(st.lists(st.tuples(st.sampled_from("ABC?"), st.sampled_from("XYZ?")).filter(lambda pair: pair != ("?", "?"))))
def test_the_overlap_has_everybody_once(people: list[tuple[str, str]]) -> None:
    """The figures of two breakdowns and of their overlap count everybody once, in the right pair of cells."""
    first = Counter(one for one, _ in people if one != "?")
    second = Counter(other for _, other in people if other != "?")
    common = Counter((one, other) for one, other in people if "?" not in (one, other))
    expected = shared(Counter(people))
    assert {pair: n for pair, n in count_people_by_cell_pair(first, second, common).items() if n} == expected


ATTACKS: dict[str, Callable[[], Mapping[tuple[str | None, str | None], int]]] = {
    "one more": lambda: {("all", "all"): 100, (None, "all"): 1},
    "one less": lambda: {("all", "all"): 100, ("all", None): 1},
    "one for another hundred": lambda: {("all", "all"): 100, ("all", None): 1, (None, "all"): 100},
    "a total less two cells": lambda: {("DE", "all"): 30, ("FR", "all"): 30, ("IT", "all"): 1, ("IT", None): 30},
    "one has moved": lambda: {("DE", "DE"): 40, ("DE", "FR"): 1, ("FR", "FR"): 40},
    "a language and a country": lambda: {("DE", "de"): 40, ("AT", "de"): 1, ("AT", "fr"): 39},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_known_attacks(attack: str) -> None:
    """The ways by which one person could be found from two reports are closed."""
    assert may_subtraction_reveal_small_group(ATTACKS[attack](), 20)
