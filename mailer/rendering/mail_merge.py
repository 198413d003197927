"""Form letters: the text that many recipients of a mailing share is rendered once, with slots for personal values.

Rendering and encoding a message of 10 KB by Jinja2 and `binascii` costs 150 µs; filling a form that was rendered and
encoded before costs 10 µs. A form exists only if the template prints a person's values as they are, or tests whether
they are there. A template that does more with them, such as apply a filter, is rendered for each person.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes

from mailer.text_checks import SLOT_MARKS

NAME: Final = "recipient.name"
"""The one value of a template that is addressed by an attribute."""
_OPEN, _CLOSE = SLOT_MARKS
_WRAPPERS = (nodes.FilterBlock, nodes.AssignBlock, nodes.CallBlock, nodes.ScopedEvalContextModifier)
"""Nodes that change the text that is printed inside of them."""


def merge_form_key_of_value(value: object) -> object:
    """Returns the part of a value that a form depends on: whether the value is there, and whether it is a text."""
    return bool(value) if isinstance(value, str) else None if value is None else "no text"


@dataclass(frozen=True, slots=True)
class MergeField:
    """The slot of a person's own value, by the value's name."""

    name: str


Pieces = tuple[str | MergeField, ...]


@dataclass(frozen=True, slots=True)
class MergeForm:
    """A rendered template: subject and both parts, each as literal texts and slots in their order."""

    subject: Pieces
    html: Pieces
    text: Pieces


def names_of_transformed_values(tree: nodes.Template) -> frozenset[str]:
    """Returns the names of values that a template changes, rather than prints as they are or tests for presence.

    A person's values under other names can be slots. `recipient` is returned if the template uses more than its name.
    """
    return frozenset(_walk_names_of_transformed_values(tree, within=False))


def _walk_names_of_transformed_values(node: nodes.Node, *, within: bool) -> Iterator[str]:
    """Walks the tree. `within`: an outer node changes the text that is printed here."""
    within = within or isinstance(node, _WRAPPERS)
    for child in node.iter_child_nodes():
        name = _slot_name_of_node(child)
        if name == "recipient":
            yield name
        elif name is None:
            yield from _walk_names_of_transformed_values(child, within=within)
        elif within or not _is_printed_or_tested(node, child):
            yield name


def _slot_name_of_node(node: nodes.Node) -> str | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="recipient"), attr="name"):
            return NAME
        case nodes.Name(name=str(name)):
            return name
        case _:
            return None


def _is_printed_or_tested(parent: nodes.Node, child: nodes.Node) -> bool:
    """Tells whether a node prints a value as it is, or only tests whether it is there."""
    match parent:
        case nodes.Output():
            return True
        case nodes.If(test=test):
            return test is child
        case _:
            return False


def replace_values_by_slot_marks(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values with a mark in the place of each text. None and empty texts stay: a template may test them.

    Raises:
        ValueError: a value is no text, so it cannot be a slot.
    """
    if any(value is not None and not isinstance(value, str) for value in values.values()):
        raise ValueError("only a text can be a slot")
    return {name: f"{_OPEN}{name}{_CLOSE}" if value else value for name, value in values.items()}


def split_text_at_slot_marks(text: str, names: Iterable[str]) -> Pieces | None:
    """Splits a rendered text at its marks. Returns None if the text has a character of a mark elsewhere."""
    known = frozenset(names)
    pieces: list[str | MergeField] = []
    for index, part in enumerate(text.split(_OPEN)):
        if index == 0:
            literal = part
        else:
            name, closed, literal = part.partition(_CLOSE)
            if not closed or name not in known:
                return None
            pieces.append(MergeField(name))
        if _CLOSE in literal:
            return None
        if literal:
            pieces.append(literal)
    return tuple(pieces)


def fill_pieces(pieces: Pieces, values: Mapping[str, str]) -> str:
    """Returns the text with its slots filled."""
    return "".join([values[piece.name] if isinstance(piece, MergeField) else piece for piece in pieces])
