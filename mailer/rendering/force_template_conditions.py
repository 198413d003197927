"""Forces the conditions of templates to true or false, to check the ways out of a mail in many combinations."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final

from jinja2 import nodes

LEADING_OUT: Final = frozenset({"unsubscribe_url", "leave_url", "service_footer", "postal_address"})
"""The values of ways out. Conditions on these values alone are not forced, since the pipeline sets the values."""
_MOST = 5
"""Up to this number of conditions, all combinations are tried. Of more, each one differs from all the others once."""

Truths = Mapping[str, bool]


def find_conditions_around_ways_to_leave(tree: nodes.Template, address: str) -> tuple[str, ...]:
    """Returns the conditions around a template's ways out, as keys for `force_conditions_in_place`.

    Args:
        tree: the tree of one part.
        address: the postal address, which is literal text in the tree.
    """
    around = (
        node for node in tree.find_all((nodes.If, nodes.For, nodes.CondExpr)) if _contains_way_to_leave(node, address)
    )
    return tuple(
        dict.fromkeys(
            str(leaf)
            for node in around
            for test in _condition_expressions_of_node(node)
            for leaf in _split_test_into_single_conditions(test)
        )
    )


def truth_combinations(names: tuple[str, ...]) -> Iterator[Truths]:
    """Yields the combinations of true and false that are tried for conditions."""
    if len(names) <= _MOST:
        yield from (dict(zip(names, truths, strict=True)) for truths in product((True, False), repeat=len(names)))
        return
    for usual in (True, False):
        yield dict.fromkeys(names, usual)
        yield from (dict.fromkeys(names, usual) | {name: not usual} for name in names)


def force_conditions_in_place(tree: nodes.Template, truths: Truths) -> nodes.Template:
    """Replaces conditions of a tree by true or false, in place, and returns the tree."""
    for node in list(tree.find_all((nodes.If, nodes.For, nodes.CondExpr))):
        if isinstance(node, nodes.For):
            if truths.get(str(node.iter)) is False:
                node.iter = _copy_jinja_environment_to_new_node(nodes.List([], lineno=node.lineno), node)
            if node.test is not None:
                node.test = _replace_conditions_by_truths(node.test, truths)
        elif isinstance(node, nodes.If | nodes.CondExpr):
            node.test = _replace_conditions_by_truths(node.test, truths)
    return tree


def _contains_way_to_leave(node: nodes.Node, address: str) -> bool:
    names = (name.name for name in node.find_all(nodes.Name))
    return not LEADING_OUT.isdisjoint(names) or any(address in said.data for said in node.find_all(nodes.TemplateData))


def _condition_expressions_of_node(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.For():
            yield node.iter
            if node.test is not None:
                yield node.test
        case nodes.If() | nodes.CondExpr():
            yield node.test
        case _:
            pass


def _split_test_into_single_conditions(test: nodes.Node) -> Iterable[nodes.Node]:
    """Returns the single conditions of a test, without those that are about ways out alone."""
    if isinstance(test, nodes.And | nodes.Or | nodes.Not):
        return (leaf for part in test.iter_child_nodes() for leaf in _split_test_into_single_conditions(part))
    names = {name.name for name in (test, *test.find_all(nodes.Name)) if isinstance(name, nodes.Name)}
    return () if names and names <= LEADING_OUT else (test,)


def _replace_conditions_by_truths(test: nodes.Node, truths: Truths) -> Any:
    match test:
        case nodes.And() | nodes.Or():
            test.left, test.right = (
                _replace_conditions_by_truths(test.left, truths),
                _replace_conditions_by_truths(test.right, truths),
            )
        case nodes.Not():
            test.node = _replace_conditions_by_truths(test.node, truths)
        case _ if (truth := truths.get(str(test))) is not None:
            return _copy_jinja_environment_to_new_node(nodes.Const(truth, lineno=test.lineno), test)
        case _:
            pass
    return test


def _copy_jinja_environment_to_new_node(node: nodes.Node, place: nodes.Node) -> Any:
    """Returns a new node, with the environment of the node that it replaces."""
    if place.environment is not None:
        node.set_environment(place.environment)
    return node
