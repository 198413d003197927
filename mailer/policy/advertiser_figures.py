"""The figures about an audience that an advertiser may see. They are about groups, and reveal no single person."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mailer.policy.rule_registry import rule

OTHER = "other"
"""The cell for everybody whose own cell is hidden."""

Shared = Mapping[tuple[str | None, str | None], int]
"""The number of people by pair of cells, one cell of each of two breakdowns. None: in no cell of that breakdown."""


@rule("aggregates", "interpals-14, paltalk06-11, paltalk02-03", idle=frozenset())
def find_values_to_hide(cells: Mapping[str, int], minimum: int) -> frozenset[str]:
    """A cell of fewer people than the minimum is not shown, nor can it be computed from what is.

    Small cells are hidden. Where they have fewer than the minimum together, the total less what is shown would tell, so
    one more is hidden with them: the first that is large enough, in the order of `cells`, which is to be drawn by lot.
    Were it the next smallest, who knows this rule could tell more: of 19, 30 and 30 people, "30, other 49" would leave
    nothing but 19 for the hidden cell. Where more cells than the minimum are small, and nearly all as large as a small
    one can be, their total would tell their figures, whichever is hidden with them: nothing is shown.

    Args:
        cells: people by value, each counted in one cell.
        minimum: the least people that a figure may be about.

    Returns:
        The values not to be shown, all of them where everybody together is too few.
    """
    small = {value for value, people in cells.items() if people < minimum}
    together = sum(cells[value] for value in small)
    if len(small) > minimum and together >= len(small) * (minimum - 1) - 1:
        return frozenset(cells)
    if small and together < minimum:
        joins = next((value for value in cells if value not in small), None)
        return frozenset(cells if joins is None else small | {joins})
    return frozenset(small)


def publishable_cells(cells: Mapping[str, int], minimum: int) -> dict[str, int]:
    """Returns the cells that may be shown: the largest first, `OTHER` last. They add up to the total.

    Returns no cells if only `OTHER` would be left, or if the total is too small.
    """
    unseen = find_values_to_hide(cells, minimum)
    shown = {value: cells[value] for value in sorted(cells, key=lambda value: (-cells[value], value))}
    shown = {value: people for value, people in shown.items() if value not in unseen}
    rest = sum(cells[value] for value in unseen)
    return shown | ({OTHER: rest} if rest else {}) if shown else {}


@rule("figures-of-many", "paltalk06-18; invariant 6", idle=lambda n, minimum, finished: n)
def hidden_or_rounded_figure(n: int, minimum: int, finished: bool) -> int | None:
    """A mailing's opens or clicks are shown from the minimum cell on, and in whole cells while the mailing runs.

    Else somebody who is handed the mail late would be seen to open it: the figure of the others is known by then.

    Args:
        n: fetches that were counted.
        minimum: the least that is shown.
        finished: nobody is handed the mailing any more.

    Returns:
        None where the figure is not shown.
    """
    if n < minimum:
        return None
    return n if finished else n - n % minimum


def count_people_by_cell_pair(
    first: Mapping[str, int], second: Mapping[str, int], common: Mapping[tuple[str, str], int]
) -> Shared:
    """Counts the people by pair of cells of two breakdowns, with the people who are in only one of them.

    Args:
        first: its cells, people by value.
        second: its cells.
        common: how many people are in a cell of both, without pairs that have none.
    """
    shared: Counter[tuple[str | None, str | None]] = Counter(common)
    shared.update({(value, None): people for value, people in first.items()})
    shared.update({(None, value): people for value, people in second.items()})
    for (one, other), people in common.items():
        shared[one, None] -= people
        shared[None, other] -= people
    return shared


@rule("no-subtraction", "interpals-14, paltalk06-11, paltalk02-03", idle=False)
def may_subtraction_reveal_small_group(shared: Shared, minimum: int) -> bool:
    """Two breakdowns are not both shown where figures of one less figures of the other are about too few people.

    Take everybody as a line between their cell in one and their cell in the other, or the outside. The sum of any cells
    of one, less the sum of any cells of the other, is about those people whose line is cut between what is in a sum and
    what is not. So no way to cut the drawing may cut more than nobody and fewer than the minimum. Cells with enough
    lines between them cannot be cut apart, and are joined; where in the end nothing is left to cut, both can be shown.
    Lines that are left could be cut (rarely, only others with them: then the breakdowns are kept apart in vain).

    The audiences as a whole may not differ by too few in either direction, whoever else is new or gone.

    Args:
        shared: everybody who is in one of them.
        minimum: the least people that a figure may be about.
    """
    only_first = sum(people for (_, second), people in shared.items() if second is None)
    only_second = sum(people for (first, _), people in shared.items() if first is None)
    if 0 < only_first < minimum or 0 < only_second < minimum:
        return True
    joined = _UnionFind()
    while lines := _count_people_by_unjoined_cell_pair(shared, joined):
        thick = [ends for ends, people in lines.items() if people >= minimum]
        if not thick:
            return True
        joined.join_cells_of_each_pair(thick)
    return False


_Node = tuple[int, str] | None
"""A cell: the number of its breakdown (0 or 1), and its value. None is the outside."""


class _UnionFind:
    """A union-find over cells. Joined cells count as one cell from then on."""

    def __init__(self) -> None:
        self._above: dict[_Node, _Node] = {}

    def root_of(self, node: _Node) -> _Node:
        """Returns the cell that represents the group to which a cell belongs."""
        while node in self._above:
            node = self._above[node]
        return node

    def join_cells_of_each_pair(self, lines: Iterable[frozenset[_Node]]) -> None:
        """Joins the ends of each line."""
        for first, second in lines:
            if (one := self.root_of(first)) != (other := self.root_of(second)):
                self._above[one] = other


def _count_people_by_unjoined_cell_pair(shared: Shared, joined: _UnionFind) -> Counter[frozenset[_Node]]:
    """Counts the people between any two cells that are not joined yet."""
    lines: Counter[frozenset[_Node]] = Counter()
    for (first, second), people in shared.items():
        one = joined.root_of(None if first is None else (0, first))
        other = joined.root_of(None if second is None else (1, second))
        if one != other and people:
            lines[frozenset((one, other))] += people
    return lines
