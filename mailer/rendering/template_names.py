"""The names that a source uses, and what it does with them, read from its tree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from jinja2 import nodes

from mailer.rendering.literal_text import dotted_name

TRACKED: Final = "tracked"
"""A filter for the URLs of optional mail, and the value that it looks for: what counts a click, None to count none."""
WHEN: Final = "when"
"""A filter: a date, or a time with its offset, in the words of the reader's locale; times in UTC."""

_GUARDING_TESTS = {"defined", "undefined"}
_GUARDING_FILTERS = {"default", "d"}

Nodes = Mapping[type[nodes.Node], Sequence[Any]]
"""The nodes of a tree by their type, in the order of the source: it is walked once for all that look at it."""


def nodes_by_type(tree: nodes.Template) -> Nodes:
    """All nodes of a tree, several times as fast as `find_all`."""
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
    """The names that a source can do without.

    An attribute that it can do without is among these, as `items.url` where a loop over `items` asks for it.
    """
    guarded = [node.node for node in found.get(nodes.Test, ()) if node.name in _GUARDING_TESTS]
    guarded += [node.node for node in found.get(nodes.Filter, ()) if node.name in _GUARDING_FILTERS]
    loops = loop_sources(found) if guarded else {}
    return {name for node in guarded if node is not None and (name := context_name(node, loops))}


def loop_sources(found: Nodes) -> dict[str, nodes.Node]:
    """The value that each loop goes over, by the loop's own name."""
    return {loop.target.name: loop.iter for loop in found.get(nodes.For, ()) if isinstance(loop.target, nodes.Name)}


def tracked_link_uses(found: Nodes) -> list[nodes.Filter]:
    """The places at which a source makes a tracked link."""
    return [node for node in found.get(nodes.Filter, ()) if node.name == TRACKED]


def origin_names(expressions: Iterable[nodes.Node], found: Nodes) -> set[str]:
    """The names that expressions get their values from, also by way of `set`, `for` and `with`."""
    names = set[str]().union(*map(_assigned_names, expressions))
    bound = (
        [(_assigned_names(target), _assigned_names(value)) for target, value in _bound_names(found)] if names else []
    )
    more = names
    while more:
        more = set[str]().union(*(values for targets, values in bound if targets & names)) - names
        names |= more
    return names


def _bound_names(found: Nodes) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    """Each name that a template gives to something itself, and what it is given to."""
    yield from ((node.target, node.node) for node in found.get(nodes.Assign, ()))
    yield from ((node.target, node.iter) for node in found.get(nodes.For, ()))
    for node in found.get(nodes.With, ()):
        yield from zip(node.targets, node.values, strict=True)


def _assigned_names(node: nodes.Node) -> set[str]:
    return {name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name)}


def context_name(node: nodes.Node, loops: Mapping[str, nodes.Node]) -> str | None:
    """The dotted name of a value, with what a loop goes over in the place of the loop's own name."""
    name = dotted_name(node)
    root, dot, rest = (name or "").partition(".")
    if not dot or root not in loops:
        return name
    source = loops[root]
    while isinstance(source, nodes.Filter) and source.node is not None:
        source = source.node
    outer = context_name(source, {target: over for target, over in loops.items() if target != root})
    return f"{outer}.{rest}" if outer else None


def has_promotion(found: Nodes) -> bool:
    """Tells whether a block named `promotional`, or `promotional_…`, says anything."""
    blocks = (block for block in found.get(nodes.Block, ()) if block.name.partition("_")[0] == "promotional")
    return any(_says_something(node) for block in blocks for node in block.body)


def _says_something(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Output):
        return True
    return any(not isinstance(child, nodes.TemplateData) or child.data.strip() for child in node.nodes)


def names_looked_into(found: Nodes) -> frozenset[str]:
    """The names into whose values a source looks, as in `order.id` or `order["id"]`."""
    looks = chain(found.get(nodes.Getattr, ()), found.get(nodes.Getitem, ()))
    return frozenset(look.node.name for look in looks if isinstance(look.node, nodes.Name))


def has_dates(found: Nodes) -> bool:
    """Tells whether a source writes dates, which are in the words of each reader's locale; also by `map("when")`."""
    filters = (node.name for node in found.get(nodes.Filter, ()))
    return WHEN in chain(filters, (node.value for node in found.get(nodes.Const, ())))
