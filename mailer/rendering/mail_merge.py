"""Form letters: what is the same for many recipients of a mailing is rendered once, with slots for what is theirs.

Rendering and encoding a message of 10 KB by Jinja2 and `binascii` costs 150 µs; filling a form that was rendered and
encoded before costs 10 µs. A form exists only where a template uses a person's values plainly: prints them as they are,
or asks whether there is one. Whatever does more with them, such as a filter, is rendered for each person.
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
"""What changes the text that is printed inside of it."""


def value_kind(value: object) -> object:
    """The part of a value that a form depends on: it is there or not, and it is a text or not."""
    return bool(value) if isinstance(value, str) else None if value is None else "no text"


@dataclass(frozen=True, slots=True)
class MergeField:
    """Where a person's own value stands."""

    name: str


Pieces = tuple[str | MergeField, ...]


@dataclass(frozen=True, slots=True)
class MergeForm:
    """A rendered template with its slots."""

    subject: Pieces
    html: Pieces
    text: Pieces


def transformed_names(tree: nodes.Template) -> frozenset[str]:
    """The names that a template does more with than to print them, or to ask whether they are there.

    A person's values under other names can be slots; `recipient` is among them if more than its name is used.
    """
    return frozenset(_transformed_names(tree, within=False))


def _transformed_names(node: nodes.Node, *, within: bool) -> Iterator[str]:
    """Walks the tree; `within`: what is printed here is changed before it is shown."""
    within = within or isinstance(node, _WRAPPERS)
    for child in node.iter_child_nodes():
        name = _plain_name(child)
        if name == "recipient":
            yield name
        elif name is None:
            yield from _transformed_names(child, within=within)
        elif within or not _is_plain(node, child):
            yield name


def _plain_name(node: nodes.Node) -> str | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="recipient"), attr="name"):
            return NAME
        case nodes.Name(name=str(name)):
            return name
        case _:
            return None


def _is_plain(parent: nodes.Node, child: nodes.Node) -> bool:
    """Whether a value is printed as it is, or only asked for."""
    match parent:
        case nodes.Output():
            return True
        case nodes.If(test=test):
            return test is child
        case _:
            return False


def values_with_marks(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with a mark in the place of each text; what is None or empty stays, since a template asks for it.

    Raises:
        ValueError: a value is no text, so it cannot be a slot.
    """
    if any(value is not None and not isinstance(value, str) for value in values.values()):
        raise ValueError("only a text can be a slot")
    return {name: f"{_OPEN}{name}{_CLOSE}" if value else value for name, value in values.items()}


def split_at_marks(text: str, names: Iterable[str]) -> Pieces | None:
    """A rendered text at its marks; None if it has something that looks like one and is none."""
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
    """The text with its slots filled."""
    return "".join([values[piece.name] if isinstance(piece, MergeField) else piece for piece in pieces])
