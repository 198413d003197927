"""Checks the ways out of a template's mails, for other texts and for combinations of conditions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mailer.rendering.force_template_conditions import force_conditions_in_place, truth_combinations
from mailer.rendering.jinja_environment import make_jinja_environment
from mailer.rendering.mail_merge import NAME
from mailer.rendering.template import Piece, Template
from mailer.rendering.template_compiler import inline_css_and_parse_piece
from mailer.rendering.template_samples import LEAVE, LINK
from mailer.rendering.way_to_leave_faults import (
    RenderedParts,
    missing_link_or_postal_address_faults,
    parts_with_only_links_filled_in,
    service_footer_faults,
)

if TYPE_CHECKING:  # for annotations; `template_checks` imports this module
    from mailer.rendering.template_checks import RenderedTemplateUnderCheck

Values = Mapping[str, Any]
Print = Callable[[Template, str, Values], Iterable[RenderedParts | None]]
"""A function that prints a template in one of its locales, in one way or several."""
_OWN = {"unsubscribe_url": LINK, "leave_url": LEAVE}


def way_to_leave_faults_for_any_values_or_branches(page: "RenderedTemplateUnderCheck") -> Iterator[str]:
    """Yields the faults of the ways out, for any texts and any branches of a mail."""
    usual = set(way_to_leave_faults_when_rendered(page, render_with_given_values, page.values))
    yield from usual
    for said, ways in (
        ("with other texts", _render_as_filled_merge_form),
        ("where its conditions come out otherwise", _render_with_each_condition_combination),
    ):
        yield from (
            f"{said}, {fault}" for fault in {*way_to_leave_faults_when_rendered(page, ways, page.values)} - usual
        )


def way_to_leave_faults_when_rendered(page: "RenderedTemplateUnderCheck", ways: Print, values: Values) -> Iterator[str]:
    """Yields the faults of a template's ways out, for one way to print it.

    Raises:
        RenderError: the template cannot be printed with these values.
    """
    face, locale = page.face, page.rendered.locale
    sheets = list(ways(page.template, locale, values))
    silent = list[RenderedParts | None]([None] * len(sheets))
    if face.footer == "deactivate":
        silent = [*ways(page.template, locale, {**values, "service_footer": "none"})]
    for sheet, without in zip(sheets, silent, strict=True):
        if sheet is None:
            continue
        yield from missing_link_or_postal_address_faults(
            sheet, face.category, LINK, page.policy.controller.postal_address
        )
        yield from service_footer_faults(sheet, without, face.footer, LEAVE)


def render_with_given_values(template: Template, locale: str, values: Values) -> Iterator[RenderedParts]:
    """Prints the mail with exactly these values.

    Raises:
        RenderError: the template cannot be printed with these values.
    """
    rendered = template.render(locale, values)
    yield RenderedParts(rendered.text, rendered.html)


def _render_as_filled_merge_form(template: Template, locale: str, values: Values) -> Iterator[RenderedParts]:
    """Prints the form of a small mailing, in which each text of a context is replaced."""
    bent = template.variants[locale].bent
    texts = {name: value for name, value in values.items() if isinstance(value, str) and name in template.example}
    own = {name: values[name] for name in _OWN if values.get(name)}
    plain = {name: value for name, value in {**texts, **own}.items() if name not in bent}
    form = template.render_merge_form(locale, values, {NAME: values["recipient"].name, **plain})
    if form is not None:
        yield parts_with_only_links_filled_in(form, own)


def _render_with_each_condition_combination(
    template: Template, locale: str, values: Values
) -> Iterator[RenderedParts | None]:
    """Prints each part with combinations of the conditions around its ways out (see `truth_combinations`).

    Yields None for a combination that the values do not allow.
    """
    variant = template.variants[locale]
    parts: tuple[Piece, ...] = ("text", "html")
    for part in parts:
        if not variant.conditions.get(part):
            continue
        usual = template.render(locale, values)
        for truths in truth_combinations(variant.conditions[part]):
            env = make_jinja_environment(locale, escape=part == "html")
            tree = force_conditions_in_place(
                inline_css_and_parse_piece(env, template.jinja_sources_in_locale(locale)[part], part), truths
            )
            made = env.from_string(tree)
            made.globals = variant.pieces[part].globals
            try:
                said = made.render(values)
            except Exception:  # a condition guards its contents: such a mail cannot exist
                yield None
                continue
            yield RenderedParts(said, usual.html) if part == "text" else RenderedParts(usual.text, said)
