"""The Jinja2 that templates get: sandboxed, strict about what is missing, and small."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from jinja2 import (
    StrictUndefined,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    meta,
    nodes,
    pass_context,
    pass_eval_context,
)
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from mailer.rendering.forms import WHEN
from mailer.rendering.languages import fallbacks, words_for
from mailer.rendering.links import is_web_url
from mailer.rendering.sources import Fault
from mailer.rendering.surviving import END, FIRST_STRONG

TRACKED = "tracked"
"""A filter for the URLs of optional mail, and the value that it looks for: what counts a click, None to count none."""

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
}
_GUARDING_TESTS = {"defined", "undefined"}
_GUARDING_FILTERS = {"default", "d"}


class WrongValue(ValueError):
    """A value that a filter cannot take; the message does not repeat it."""


class _Missing(StrictUndefined):
    @property
    def _undefined_message(self) -> str:
        name, parent = self._undefined_name, self._undefined_obj
        if parent is missing:
            return f"{name} is missing"
        where = f"an object that has {', '.join(map(str, parent)) or 'nothing'}" if isinstance(parent, dict) else "it"
        return f"{name} is missing in {where if isinstance(parent, dict) else f'a {type(parent).__name__}'}"


def environment(locale: str, *, escape: bool) -> ImmutableSandboxedEnvironment:
    """The environment of one part in one locale; `escape` for HTML."""
    env = ImmutableSandboxedEnvironment(
        autoescape=escape,
        undefined=_Missing,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=0,
    )
    env.globals.clear()
    env.filters[WHEN] = _when_in(locale)
    env.filters[TRACKED] = _tracked
    env.filters["lines"] = _lines
    return env


def explain(error: Exception) -> str:
    """What went wrong while rendering, without any value, since values may be personal."""
    match error:
        case UndefinedError() | TypeError() | WrongValue():
            return str(error)
        case _:
            return f"a value does not fit ({type(error).__name__})"


@lru_cache(maxsize=1000)
def syntax_faults(source: str, file: Path) -> tuple[Fault, ...]:
    """What a file has that Jinja2 or we do not take. A layout is read once, however many templates it has."""
    try:
        tree = environment("en", escape=False).parse(source)
    except TemplateSyntaxError as error:
        return (Fault(file, error.message or "not Jinja2", error.lineno),)
    return tuple(_refused(tree, file))


def _refused(tree: nodes.Template, file: Path) -> Iterator[Fault]:
    for node in tree.find_all(tuple(_REFUSED)):
        word = _REFUSED[type(node)]
        yield Fault(file, f"uses {word}; CSS is inlined a page, so put shared parts in the layout", node.lineno)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "super":
            yield Fault(file, "uses super(); split the layout's block in two instead", call.lineno)


def wanted_names(tree: nodes.Template) -> tuple[set[str], set[str]]:
    """The top-level names that a source uses, among them `tracked` for its filter, and those that it can do without."""
    optional = {
        node.node.name
        for node in tree.find_all((nodes.Test, nodes.Filter))
        if isinstance(node, nodes.Test | nodes.Filter)
        and node.name in (_GUARDING_TESTS if isinstance(node, nodes.Test) else _GUARDING_FILTERS)
        and isinstance(node.node, nodes.Name)
    }
    tracked = {TRACKED for node in tree.find_all(nodes.Filter) if node.name == TRACKED}
    return meta.find_undeclared_variables(tree) | tracked, optional


def tracked_names(tree: nodes.Template) -> set[str]:
    """The names whose values can stand in a tracked URL, also by way of `set`, `for` and `with`."""
    found = set[str]()
    for node in tree.find_all((nodes.Filter, nodes.FilterBlock)):
        applied = node.filter if isinstance(node, nodes.FilterBlock) else node
        if isinstance(applied, nodes.Filter) and applied.name == TRACKED:
            found |= _named(node)
    bound = [(_named(target), set[str]().union(*map(_named, values))) for target, values in _bindings(tree)]
    more = found
    while more:
        more = set[str]().union(*(values for targets, values in bound if targets & found)) - found
        found |= more
    return found


def _bindings(tree: nodes.Template) -> Iterator[tuple[nodes.Node, Iterable[nodes.Node]]]:
    """Each name that a template gives to something itself, and what it is given to."""
    for node in tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With)):
        match node:
            case nodes.Assign():
                yield node.target, [node.node]
            case nodes.AssignBlock():
                yield node.target, node.body
            case nodes.For():
                yield node.target, [node.iter]
            case nodes.With():
                yield from ((target, [value]) for target, value in zip(node.targets, node.values, strict=True))
            case _:
                pass


def _named(node: nodes.Node) -> set[str]:
    return {name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name)}


def has_promotion(tree: nodes.Template) -> bool:
    """Whether a block named `promotional`, or `promotional_…`, says anything."""
    blocks = (block for block in tree.find_all(nodes.Block) if block.name.partition("_")[0] == "promotional")
    return any(_says_something(node) for block in blocks for node in block.body)


def _says_something(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Output):
        return True
    return any(not isinstance(child, nodes.TemplateData) or child.data.strip() for child in node.nodes)


def _finalize(value: Any) -> Any:
    if value is None:
        raise WrongValue("a value is null where text is wanted")
    return value


def _when_in(locale: str) -> Callable[[Context, Any], str]:
    """The filter of a text in a locale."""

    @pass_context
    def when(context: Context, value: Any) -> str:
        if not isinstance(value, str):
            raise WrongValue(f"when: wants ISO 8601 text, not a {type(value).__name__}")
        return _in_words(value, words_for(getattr(context.get("recipient"), "locale", None), locale))

    return when


@pass_eval_context
def _lines(context: EvalContext, value: Any) -> str:
    """A filter: a text of several lines, which HTML breaks where the text does; Outlook does not know `pre-line`."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    if not isinstance(value, str):
        raise WrongValue(f"lines: wants a text, not a {type(value).__name__}")
    if not context.autoescape:
        return value
    # Where lines break, an isolate ends.
    return Markup("<br>\n").join(f"{FIRST_STRONG}{line}{END}" if line else "" for line in value.splitlines())


@pass_context
def _tracked(context: Context, value: Any) -> str:
    """A filter: the URL itself, or one that counts the click and leads on, where the recipient may be counted."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    if not isinstance(value, str) or not is_web_url(value):
        raise WrongValue("tracked: wants an https or http URL")
    track = context.get(TRACKED)
    return value if track is None else str(track(value))


@lru_cache(maxsize=1000)
def _in_words(value: str, locale: str) -> str:
    words = _babel(locale)
    try:
        if len(value) == len("2006-12-28"):
            return format_date(date.fromisoformat(value), "long", locale=words)
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise WrongValue("when: not a date or time in ISO 8601, such as 2006-12-28") from error
    if time.tzinfo is None:
        raise WrongValue("when: a time needs its offset, such as 2006-12-28T14:00Z")
    utc = time.astimezone(UTC)
    day, hour = format_date(utc, "long", locale=words), format_time(utc, "HH:mm", locale=words)
    joined = str(get_datetime_format("medium", locale=words)).replace("'", "")
    return f"{joined.replace('{1}', day).replace('{0}', hour)} UTC"


def _babel(locale: str) -> Locale:
    for code in fallbacks(locale, "en"):
        try:
            return Locale.parse(code, sep="-")
        except UnknownLocaleError:
            continue
    raise AssertionError("Babel knows English")
