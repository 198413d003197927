"""The names that a template uses, and how it uses them, found in its syntax tree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from jinja2 import nodes

from mailer.rendering.literal_text import dotted_name

TRACKED: Final = "tracked"
"""The name of a filter for URLs in optional mail, and of its value: a function that makes tracked links, or None."""
WHEN: Final = "when"
"""The name of a filter that prints a date, or a time with an offset, in words of the reader's locale; times in UTC."""

_GUARDING_TESTS = {"defined", "undefined"}
_GUARDING_FILTERS = {"default", "d"}

Nodes = Mapping[type[nodes.Node], Sequence[Any]]
"""The nodes of a tree by their type, in the order of the source. The tree is walked once for all checks."""


def nodes_by_type(tree: nodes.Template) -> Nodes:
    """Returns all nodes of a tree by their type, several times as fast as `find_all`."""
    found: defaultdict[type[nodes.Node], list[nodes.Node]] = defaultdict(list)
    rest: list[nodes.Node] = [tree]
    while rest:
        node = rest.pop()
        found[type(node)].append(node)
        for name in reversed(node.fields):
            value = getattr(node, name)
            if isinstance(value, nodes.Node):
                rest.append(value)
            elif isinstance(value, list):
                rest.extend(inner for inner in reversed(value) if isinstance(inner, nodes.Node))
    return found


def optional_names(found: Nodes) -> set[str]:
    """Returns the names of values that may be missing, since the source tests for them or has a default.

    They include attributes, such as `items.url` if a loop over `items` tests for it.
    """
    guarded = [node.node for node in found.get(nodes.Test, ()) if node.name in _GUARDING_TESTS]
    guarded += [node.node for node in found.get(nodes.Filter, ()) if node.name in _GUARDING_FILTERS]
    loops = loop_iterable_by_variable_name(found) if guarded else {}
    return {name for node in guarded if node is not None and (name := dotted_name_without_loop_variables(node, loops))}


def loop_iterable_by_variable_name(found: Nodes) -> dict[str, nodes.Node]:
    """Returns the node that each loop iterates over, by the name of the loop's variable."""
    return {loop.target.name: loop.iter for loop in found.get(nodes.For, ()) if isinstance(loop.target, nodes.Name)}


def nodes_making_tracked_links(found: Nodes) -> list[nodes.Filter]:
    """Returns the nodes at which a source makes a tracked link."""
    return [node for node in found.get(nodes.Filter, ()) if node.name == TRACKED]


def names_that_expressions_derive_from(expressions: Iterable[nodes.Node], found: Nodes) -> set[str]:
    """Returns the names from which expressions get their values, also through `set`, `for` and `with`."""
    names = set[str]().union(*map(_names_in_node, expressions))
    bound = [(_names_in_node(target), _names_in_node(value)) for target, value in _bindings(found)] if names else []
    more = names
    while more:
        more = set[str]().union(*(values for targets, values in bound if targets & names)) - names
        names |= more
    return names


def _bindings(found: Nodes) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    """Yields each assignment of a template (`set`, `for`, `with`): its target and its value."""
    yield from ((node.target, node.node) for node in found.get(nodes.Assign, ()))
    yield from ((node.target, node.iter) for node in found.get(nodes.For, ()))
    for node in found.get(nodes.With, ()):
        yield from zip(node.targets, node.values, strict=True)


def _names_in_node(node: nodes.Node) -> set[str]:
    return {name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name)}


def dotted_name_without_loop_variables(node: nodes.Node, loops: Mapping[str, nodes.Node]) -> str | None:
    """Returns the dotted name of a value in the context: a loop's variable is replaced by the name of its list."""
    name = dotted_name(node)
    root, dot, rest = (name or "").partition(".")
    if not dot or root not in loops:
        return name
    source = loops[root]
    while isinstance(source, nodes.Filter) and source.node is not None:
        source = source.node
    outer = dotted_name_without_loop_variables(
        source, {target: over for target, over in loops.items() if target != root}
    )
    return f"{outer}.{rest}" if outer else None


def has_filled_promotional_block(found: Nodes) -> bool:
    """Tells whether a block named `promotional`, or `promotional_…`, has contents."""
    blocks = (block for block in found.get(nodes.Block, ()) if block.name.partition("_")[0] == "promotional")
    return any(_has_content(node) for block in blocks for node in block.body)


def _has_content(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Output):
        return True
    return any(not isinstance(child, nodes.TemplateData) or child.data.strip() for child in node.nodes)


def names_whose_attributes_are_read(found: Nodes) -> frozenset[str]:
    """Returns the names whose attributes a source reads, as in `order.id` or `order["id"]`."""
    looks = chain(found.get(nodes.Getattr, ()), found.get(nodes.Getitem, ()))
    return frozenset(look.node.name for look in looks if isinstance(look.node, nodes.Name))


def has_dates(found: Nodes) -> bool:
    """Tells whether a source prints dates in words of the reader's locale, with the filter or with `map("when")`."""
    filters = (node.name for node in found.get(nodes.Filter, ()))
    return WHEN in chain(filters, (node.value for node in found.get(nodes.Const, ())))
