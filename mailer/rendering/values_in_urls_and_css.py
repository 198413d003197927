"""Finds the values in the addresses and the CSS of a page: they decide where links lead, and what is fetched."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from jinja2 import Environment, nodes

from mailer.rendering.allowed_markup import list_tags_and_their_attributes
from mailer.rendering.literal_text import END, VALUE, dotted_name, printed_expressions
from mailer.rendering.names_used_by_templates import (
    TRACKED,
    Nodes,
    dotted_name_without_loop_variables,
    loop_iterable_by_variable_name,
    names_that_expressions_derive_from,
)
from mailer.rendering.text_glued_to_links import OWN_LINKS

ADDRESSED = "addressed"
"""The name of a filter around expressions that begin an address and can be checked only while rendering."""

_MARK = re.compile(f"{VALUE}[^{END}]*{END}")
_NUMBER = re.compile(rf"{VALUE}(\d+){END}")
_ATTRIBUTE = re.compile(rf'(?<=\s)(?P<name>href|src|style)="(?P<value>[^"]*{VALUE}[^"]*)"')
_COMMENT = re.compile(rf"<!--((?:(?!-->).)*{VALUE}.*?)-->", re.DOTALL)
_LEADING = re.compile(rf"\s*(?P<before>(?:mailto:|tel:)?){VALUE}(?P<number>\d+){END}", re.IGNORECASE)


class ValueThatBeginsUrl(NamedTuple):
    """A value at the beginning of an address.

    Attributes:
        attribute: `href` or `src`. before: `mailto:`, `tel:` or an empty text.
        path: the dotted name of the value in the context, such as `items.url`; `items` may be a list.
    """

    attribute: str
    before: str
    path: str


@dataclass(frozen=True, slots=True)
class ValuesInUrlsAndCss:
    """The values of a page that are in addresses and CSS.

    Attributes:
        fetched: the names that decide what is fetched: those in the addresses of images, and in CSS. CSS has values
            only in comments for Outlook (see `css_inlining`).
        leading: the values that begin an address. unclear: other expressions that do, each with its attribute and
            prefix.
    """

    fetched: frozenset[str] = frozenset()
    leading: frozenset[ValueThatBeginsUrl] = frozenset()
    unclear: tuple[tuple[nodes.Expr, str, str], ...] = ()


def find_values_in_urls_and_css(
    tree: nodes.Template, page: str, found: Nodes, reserved: Set[str]
) -> ValuesInUrlsAndCss:
    """Returns the values of a page that are in addresses and CSS.

    Args:
        tree: the tree of the page.
        page: the result of `literal_text_with_value_and_branch_marks` for it.
        found: the nodes of the tree.
        reserved: names of values that are not from a context. Our own links among them need no check.
    """
    values, loops = printed_expressions(tree), loop_iterable_by_variable_name(found)
    other = reserved | {name.name for name in found.get(nodes.Name, ()) if name.ctx == "store"}
    fetched = list[nodes.Node]()
    leading, unclear = set[ValueThatBeginsUrl](), list[tuple[nodes.Expr, str, str]]()
    for attribute, value in _attributes_with_printed_values(page):
        inside = [values[int(number)] for number in _NUMBER.findall(value)]
        if attribute == "style" or (attribute == "src" and not _is_only_pixel_url(value, inside)):
            fetched += inside
        begins = None if attribute == "style" else _LEADING.match(value)
        if begins is None:
            continue
        expression, before = values[int(begins["number"])], begins["before"].lower()
        path = dotted_name_without_loop_variables(expression, loops)
        if path in OWN_LINKS or _is_tracked_filter(expression):  # the filter accepts web URLs only
            continue
        if path is None or path.partition(".")[0] in other:
            unclear.append((expression, attribute, before))
        else:
            leading.add(ValueThatBeginsUrl(attribute, before, path))
    return ValuesInUrlsAndCss(_names_behind_expressions(fetched, found), frozenset(leading), tuple(unclear))


def wrap_unclear_urls_in_url_check_filter(placed: ValuesInUrlsAndCss, found: Nodes, env: Environment) -> None:
    """Puts the filter around unclear expressions that begin an address, so that they are checked while rendering."""
    unclear = {id(expression): (expression, attribute, before) for expression, attribute, before in placed.unclear}
    for output in found.get(nodes.Output, ()) if unclear else ():
        output.nodes = [
            _wrap_in_filter(env, *unclear[id(node)]) if id(node) in unclear else node for node in output.nodes
        ]


def _wrap_in_filter(env: Environment, expression: nodes.Expr, attribute: str, before: str) -> nodes.Filter:
    line = expression.lineno
    told = [nodes.Const(attribute, lineno=line), nodes.Const(before, lineno=line)]
    made = nodes.Filter(expression, ADDRESSED, told, [], None, None, lineno=line)
    made.set_environment(env)
    return made


def _attributes_with_printed_values(page: str) -> Iterator[tuple[str, str]]:
    """Yields the attributes that have values, with the numbers of the values; also in comments, which Outlook reads."""
    numbers = count()
    numbered = _MARK.sub(lambda _: f"{VALUE}{next(numbers)}{END}", page)
    yield from ((found["name"], found["value"]) for found in _ATTRIBUTE.finditer(numbered))
    for comment in _COMMENT.findall(numbered):
        for _, attributes in list_tags_and_their_attributes(comment):
            yield from ((name, value) for name, value in attributes if name in ("href", "src", "style"))


def _is_only_pixel_url(value: str, inside: list[nodes.Expr]) -> bool:
    """Tells whether an address is the pixel's URL and nothing else."""
    return _NUMBER.fullmatch(value) is not None and dotted_name(inside[0]) == "pixel_url"


def _is_tracked_filter(expression: nodes.Node) -> bool:
    return isinstance(expression, nodes.Filter) and expression.name == TRACKED


def _names_behind_expressions(expressions: list[nodes.Node], found: Nodes) -> frozenset[str]:
    """Returns the names from which expressions get their values, and `tracked` if they use that filter."""
    if not expressions:
        return frozenset()
    tracked = any(
        _is_tracked_filter(one) or any(map(_is_tracked_filter, one.find_all(nodes.Filter))) for one in expressions
    )
    return frozenset(names_that_expressions_derive_from(expressions, found) | ({TRACKED} if tracked else set()))
