"""The way out of a template's mails, in each way in which they may be printed that is known before there is one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mailer.rendering.forced_conditions import combinations, force
from mailer.rendering.jinja_environment import environment
from mailer.rendering.mail_merge import NAME
from mailer.rendering.template import Piece, Template
from mailer.rendering.template_compiler import tree_of
from mailer.rendering.template_samples import LEAVE, LINK
from mailer.rendering.way_out import Sheet, service_footer, sheet_of, way_out

if TYPE_CHECKING:  # a page is looked at by many checks, of which this is one
    from mailer.rendering.template_checks import Page

Values = Mapping[str, Any]
Print = Callable[[Template, str, Values], Iterable[Sheet]]
"""Prints a template in one of its locales, in one way or more."""
_OWN = {"unsubscribe_url": LINK, "leave_url": LEAVE}


def leavable(page: "Page") -> Iterator[str]:
    """Finds what is lacking of the way out, whatever texts a mail has, and whichever of its branches is printed."""
    usual = set(leaving_faults(page, as_usual, page.values))
    yield from usual
    for said, ways in (("with other texts", _as_form), ("where its conditions come out otherwise", _either_way)):
        yield from (f"{said}, {fault}" for fault in {*leaving_faults(page, ways, page.values)} - usual)


def leaving_faults(page: "Page", ways: Print, values: Values) -> Iterator[str]:
    """The faults of a template's ways out, as it is printed.

    Raises:
        RenderError: it cannot be printed with these values.
    """
    face, locale = page.face, page.rendered.locale
    sheets = list(ways(page.template, locale, values))
    silent = list[Sheet | None]([None] * len(sheets))
    if face.footer == "deactivate":
        silent = [*ways(page.template, locale, {**values, "service_footer": "none"})]
    for sheet, without in zip(sheets, silent, strict=False):
        yield from way_out(sheet, face.category, LINK, page.policy.controller.postal_address)
        yield from service_footer(sheet, without, face.footer, LEAVE)


def as_usual(template: Template, locale: str, values: Values) -> Iterator[Sheet]:
    """The mail with just these values.

    Raises:
        RenderError: it cannot be printed with these values.
    """
    rendered = template.render(locale, values)
    yield Sheet(rendered.text, rendered.html)


def _as_form(template: Template, locale: str, values: Values) -> Iterator[Sheet]:
    """The form of a small mailing, in which each text of a context can be any."""
    bent = template.variants[locale].bent
    texts = {name: value for name, value in values.items() if isinstance(value, str) and name in template.example}
    own = {name: values[name] for name in _OWN if values.get(name)}
    plain = {name: value for name, value in {**texts, **own}.items() if name not in bent}
    form = template.form(locale, values, {NAME: values["recipient"].name, **plain})
    if form is not None:
        yield sheet_of(form, own)


def _either_way(template: Template, locale: str, values: Values) -> Iterator[Sheet]:
    """Prints each part with the conditions decided both ways that its ways out depend on, beside the other part."""
    variant = template.variants[locale]
    parts: tuple[Piece, ...] = ("text", "html")
    for part in parts:
        if not variant.conditions.get(part):
            continue
        usual = template.render(locale, values)
        for truths in combinations(variant.conditions[part]):
            env = environment(locale, escape=part == "html")
            tree = force(tree_of(env, template.sources(locale)[part], part), truths)
            made = env.from_string(tree)
            made.globals = variant.pieces[part].globals
            try:
                said = made.render(values)
            except Exception:  # noqa: S112 - a condition guards what is within: without it, there is no such mail
                continue
            yield Sheet(said, usual.html) if part == "text" else Sheet(usual.text, said)
