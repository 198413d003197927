"""The text of a template with all its branches, so that checks also see text behind a condition."""

from collections.abc import Iterator

from jinja2 import nodes
from markupsafe import escape

VALUE, END = "\x02", "\x03"
"""Marks around the name of a printed value. The name is empty if the value is another expression."""
OPEN, BRANCH, CLOSE = "\x04", "\x05", "\x06"
"""Marks of the beginning of a condition or loop, of its next branch, and of its end."""


def literal_text_with_value_and_branch_marks(tree: nodes.Template, *, html: bool) -> str:
    """Returns the text of all branches in order, with marks for values and branches, and constants of expressions."""
    return "".join(
        piece if isinstance(piece, str) else _marked_text_of_expression(piece, html)
        for piece in _printed_nodes_and_branch_marks(tree)
    )


def printed_expressions(tree: nodes.Template) -> list[nodes.Expr]:
    """Returns the expressions with marks in `literal_text_with_value_and_branch_marks`, in the same order."""
    return [
        piece
        for piece in _printed_nodes_and_branch_marks(tree)
        if not isinstance(piece, str | nodes.TemplateData | nodes.Const)
    ]


def dotted_name(node: nodes.Node) -> str | None:
    """Returns the name of a value as a template writes it, such as `item.url`, or None for any other expression."""
    match node:
        case nodes.Name(name=str(name)):
            return name
        case nodes.Getattr(node=inner, attr=str(attr)) | nodes.Getitem(node=inner, arg=nodes.Const(value=str(attr))):
            outer = dotted_name(inner)
            return f"{outer}.{attr}" if outer else None
        case _:
            return None


def names_by_line(tree: nodes.Template) -> dict[int, tuple[str, ...]]:
    """Returns the dotted names of the values that each line of a source uses."""
    found: dict[int, dict[str, None]] = {}
    for node in _outermost_named_nodes(tree):
        found.setdefault(node.lineno, {})[dotted_name(node) or ""] = None
    return {line: tuple(names) for line, names in found.items()}


def _outermost_named_nodes(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Name) and child.ctx == "store":
            continue
        if dotted_name(child):
            yield child
        else:
            yield from _outermost_named_nodes(child)


def _printed_nodes_and_branch_marks(node: nodes.Node) -> Iterator[str | nodes.Expr]:
    """Yields all printed expressions in order, with the marks of branches."""
    match node:
        case nodes.Output():
            yield from node.nodes
        case nodes.If():
            yield from _marked_branch_pieces([node.body, *(branch.body for branch in node.elif_), node.else_])
        case nodes.For():
            yield from _marked_branch_pieces([node.body, node.else_])
        case _:
            for inner in node.iter_child_nodes():
                yield from _printed_nodes_and_branch_marks(inner)


def _marked_branch_pieces(branches: list[list[nodes.Node]]) -> Iterator[str | nodes.Expr]:
    for number, branch in enumerate(branches):
        yield BRANCH if number else OPEN
        for node in branch:
            yield from _printed_nodes_and_branch_marks(node)
    yield CLOSE


def _marked_text_of_expression(node: nodes.Expr, html: bool) -> str:
    match node:
        case nodes.TemplateData():
            return node.data
        case nodes.Const():
            return str(escape(node.value)) if html else str(node.value)
        case nodes.Filter(name="tracked", node=nodes.Const(value=str(url))):  # a link that is written out
            return f"{VALUE}{END}{escape(url) if html else url}"
        case _:
            parts = [str(part.value) for part in node.find_all(nodes.Const)]
            said = f" {''.join(parts)} {' '.join(parts)} " if any(parts) else ""  # an expression joins or chooses texts
            return f"{VALUE}{dotted_name(node) or ''}{END}{escape(said) if html else said}"
