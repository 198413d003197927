"""The Jinja2 environment of templates: sandboxed, with few filters, and an error for each missing value."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from jinja2 import (
    StrictUndefined,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
    pass_context,
    pass_eval_context,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from mailer.rendering.allowed_markup import link_or_image_url_fault
from mailer.rendering.fallback_markup_for_mail_programs import END, FIRST_STRONG
from mailer.rendering.languages import date_locale_for_reader, locale_and_fallbacks
from mailer.rendering.names_used_by_templates import TRACKED, WHEN, Nodes, nodes_by_type
from mailer.rendering.signed_links import is_web_url
from mailer.rendering.template_files import TemplateFileFault
from mailer.rendering.values_in_urls_and_css import ADDRESSED

_SHARED = "CSS is inlined a page, so put shared parts in the layout"
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Include: f"include; {_SHARED}",
    nodes.Import: f"import; {_SHARED}",
    nodes.FromImport: f"import; {_SHARED}",
    nodes.Macro: f"macro; {_SHARED}",
    nodes.CallBlock: f"call; {_SHARED}",
    nodes.ScopedEvalContextModifier: "autoescape; HTML is always escaped, text never: remove it",
    nodes.AssignBlock: "a set block, which marks what it holds as HTML; write that where it is shown",
    nodes.FilterBlock: "a filter block, which marks what it holds as HTML; filter each value",
}
_LOOKED_AT: tuple[type[nodes.Node], ...] = (*_REFUSED, nodes.Call, nodes.Filter, nodes.Name, nodes.For)
_FILTERS = (
    "abs batch capitalize center count d default dictsort filesizeformat first float format groupby int "
    "items join last length lines list lower map max min reject rejectattr replace round select selectattr "
    "slice sort string striptags sum title trim truncate unique upper urlencode when wordcount wordwrap tracked"
)
FILTERS = frozenset(_FILTERS.split())
"""The filters that a template may use. None of them marks its result as HTML, as `safe` and `xmlattr` of Jinja2 do."""
_OF_TEXT = "capitalize center lower replace string striptags title trim truncate upper urlencode wordwrap"
_TEXT_FILTERS = _OF_TEXT.split()
"""Filters that would write "None" for a null."""


class WrongValue(ValueError):
    """A value that a filter cannot take; the message does not repeat it."""


class _StrictUndefined(StrictUndefined):
    @property
    def _undefined_message(self) -> str:
        name, parent = self._undefined_name, self._undefined_obj
        if parent is missing:
            return f"{name} is missing"
        where = f"an object that has {', '.join(map(str, parent)) or 'nothing'}" if isinstance(parent, dict) else "it"
        return f"{name} is missing in {where if isinstance(parent, dict) else f'a {type(parent).__name__}'}"


class _NameCollectingGenerator(CodeGenerator):
    """Compiles a tree and collects the names that it reads from the context. `jinja2.meta` would compile it again."""

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        if isinstance(self.environment, TemplateSandbox):
            self.environment.undeclared.update(
                name for action, name in frame.symbols.loads.values() if action == VAR_LOAD_RESOLVE and name
            )


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment of one part.

    Attributes:
        undeclared: the top-level names that the compiled templates read from the context.
    """

    code_generator_class = _NameCollectingGenerator

    def __init__(self, **options: Any) -> None:
        """Takes the options of Jinja2's own environment."""
        super().__init__(**options)
        self.undeclared: set[str] = set()

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuses all attributes of `Markup`: some of its methods add text to HTML without escaping it."""
        return not isinstance(obj, Markup) and super().is_safe_attribute(obj, attr, value)


def make_jinja_environment(locale: str, *, escape: bool) -> TemplateSandbox:
    """Makes the environment of one part in one locale. `escape`: escape values for HTML."""
    env = TemplateSandbox(
        autoescape=escape,
        undefined=_StrictUndefined,
        finalize=_require_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=0,
    )
    env.globals.clear()
    env.filters = {name: apply for name, apply in env.filters.items() if name in FILTERS}
    env.filters |= {name: _refuse_null_in_filter(env.filters[name]) for name in _TEXT_FILTERS}
    env.filters |= {
        WHEN: _make_date_filter(locale),
        TRACKED: _tracked_link_filter,
        "lines": _line_breaks_to_html_filter,
        ADDRESSED: _checked_url_filter,
    }
    return env


def parse_jinja_source(env: ImmutableSandboxedEnvironment, source: str) -> nodes.Template:
    """Parses a source. In its tree `~` refuses a null, as printing does; Jinja2 alone would write "None".

    Raises:
        TemplateSyntaxError: it is not Jinja2.
    """
    tree = env.parse(source)
    for joined in tree.find_all(nodes.Concat) if "~" in source else ():
        joined.nodes = [nodes.Filter(part, "string", [], [], None, None, lineno=part.lineno) for part in joined.nodes]
        joined.set_environment(env)
    return tree


def explain_render_error(error: Exception, names: Mapping[int, Iterable[str]], values: Mapping[str, Any]) -> str:
    """Explains an error of rendering. The text contains no values, since they may be personal.

    Args:
        error: the error that Jinja2 raised.
        names: the names of the values that each line of the source uses.
        values: the values of the rendering.
    """
    if "NoneType" in str(error) and (
        nulls := sorted(set(_null_names(names.get(_error_line_or_zero(error), ()), values)))
    ):
        return f"{' or '.join(nulls)} is null; give it a value, or test it first: {{% if {nulls[0]} %}}"
    match error:
        case UndefinedError() | TypeError() | WrongValue():
            return str(error)
        case _:
            return f"a value does not fit ({type(error).__name__})"


def _error_line_or_zero(error: Exception) -> int:
    """Returns the line of the template on which an error was raised, or 0 if it is unknown."""
    line, place = 0, error.__traceback__
    while place is not None:
        line = place.tb_lineno if place.tb_frame.f_code.co_filename == "<template>" else line
        place = place.tb_next
    return line


def _null_names(names: Iterable[str], values: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names whose value is null, or the first part of a dotted name that is null."""
    for name in names:
        found: Any = values
        path = name.split(".")
        for depth, attribute in enumerate(path):
            found = found.get(attribute, missing) if isinstance(found, Mapping) else getattr(found, attribute, missing)
            if found is None:
                yield ".".join(path[: depth + 1])
                break


@lru_cache(maxsize=1)
def _parser_environment() -> TemplateSandbox:
    return make_jinja_environment("en", escape=False)


@lru_cache(maxsize=1000)
def syntax_and_construct_faults(source: str, file: Path) -> tuple[TemplateFileFault, ...]:
    """Returns the syntax errors and the refused constructs of a file. A layout is parsed once for all its templates."""
    if "{" not in source:  # most strings
        return ()
    try:
        tree = _parser_environment().parse(source)
    except TemplateSyntaxError as error:
        return (TemplateFileFault(file, error.message or "not Jinja2", error.lineno),)
    return tuple(refused_construct_faults(nodes_by_type(tree), file))


def refused_construct_faults(found: Nodes, file: Path) -> Iterator[TemplateFileFault]:
    """Yields a fault for each construct that Jinja2 allows and mailer refuses."""
    for node in (node for kind in _LOOKED_AT for node in found.get(kind, ())):
        if why := _refusal_reason(node):
            yield TemplateFileFault(file, f"uses {why}", node.lineno)


def _refusal_reason(node: nodes.Node) -> str | None:
    match node:
        case nodes.Call(node=nodes.Name(name="super")):
            return "super(); split the layout's block in two instead"
        case nodes.Filter(name=name) if name not in FILTERS:
            return f"the filter {name}; HTML is always escaped, text never, and there are: {', '.join(sorted(FILTERS))}"
        case nodes.Name(name="self"):
            return "self; write the block where it is shown"
        case nodes.For(recursive=True):
            return "a recursive loop; write a loop within the loop"
        case _:
            return _REFUSED.get(type(node))


def _require_printable(value: Any) -> Any:
    """Returns a value that can be printed.

    Raises `WrongValue` for null, and for a list or object, which would show as code.
    """
    if isinstance(value, dict | list | tuple):
        raise WrongValue(f"a value is a list or an object where text is wanted, a {type(value).__name__}")
    return _require_not_null(value)


def _require_not_null(value: Any) -> Any:
    if value is None:
        raise WrongValue("a value is null where text is wanted, a NoneType")
    return value


def _refuse_null_in_filter(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a filter, so that it refuses a null, as printing does."""
    place = 1 if hasattr(apply, "jinja_pass_arg") else 0

    @wraps(apply)
    def checked(*given: Any, **named: Any) -> Any:
        _require_not_null(given[place])
        return apply(*given, **named)

    return checked


def _make_date_filter(locale: str) -> Callable[[Context, Any], str]:
    """Makes the date filter of a text in a locale."""

    @pass_context
    def when(context: Context, value: Any) -> str:
        if not isinstance(value, str):
            raise WrongValue(f"when: wants ISO 8601 text, not a {type(value).__name__}")
        return date_in_words(value, date_locale_for_reader(getattr(context.get("recipient"), "locale", None), locale))

    return when


@pass_eval_context
def _line_breaks_to_html_filter(context: EvalContext, value: Any) -> str:
    """A filter: in HTML, a text's line breaks become `<br>`. Outlook does not support `white-space: pre-line`."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    if not isinstance(value, str):
        raise WrongValue(f"lines: wants a text, not a {type(value).__name__}")
    if not context.autoescape:
        return value
    # A line break ends an isolate, so each line has its own.
    return Markup("<br>\n").join(f"{FIRST_STRONG}{line}{END}" if line else "" for line in value.splitlines())


@pass_context
def _tracked_link_filter(context: Context, value: Any) -> str:
    """A filter: a link that counts the click, if the recipient may be counted; otherwise the URL itself."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    if not isinstance(value, str) or not is_web_url(value):
        raise WrongValue("tracked: wants an https or http URL")
    track = context.get(TRACKED)
    return value if track is None else str(track(value))


def _checked_url_filter(value: Any, attribute: str, before: str) -> Any:
    """A filter: returns the value if an address may begin with it.

    Raises `WrongValue` otherwise. An empty value passes.
    """
    text = str(_require_printable(value))
    if text and (fault := link_or_image_url_fault(attribute, before + text)):
        raise WrongValue(fault)
    return value


@lru_cache(maxsize=1000)
def date_in_words(value: str, locale: str) -> str:
    """Returns a day or an instant of ISO 8601 in the words of a locale. Raises WrongValue."""
    words = babel_locale(locale)
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


def babel_locale(locale: str) -> Locale:
    """Returns the locale data of a code, or of its nearest fallback."""
    for code in locale_and_fallbacks(locale, "en"):
        try:
            return Locale.parse(code, sep="-")
        except UnknownLocaleError:
            continue
    raise AssertionError("Babel knows English")
