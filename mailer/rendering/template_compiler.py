"""Compiles templates from their files, or from the source that a mailing keeps."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes

from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.switches import ServiceFooter
from mailer.rendering.allowed_markup import find_values_that_are_whole_links
from mailer.rendering.css_inlining import InliningError, inline_css
from mailer.rendering.fallback_markup_for_mail_programs import add_fallback_markup_for_mail_programs
from mailer.rendering.force_template_conditions import find_conditions_around_ways_to_leave
from mailer.rendering.jinja_environment import (
    TemplateSandbox,
    make_jinja_environment,
    parse_jinja_source,
    refused_construct_faults,
    syntax_and_construct_faults,
)
from mailer.rendering.literal_text import literal_text_with_value_and_branch_marks, names_by_line
from mailer.rendering.mail_merge import names_of_transformed_values
from mailer.rendering.names_used_by_templates import (
    TRACKED,
    Nodes,
    has_dates,
    has_filled_promotional_block,
    names_that_expressions_derive_from,
    names_whose_attributes_are_read,
    nodes_by_type,
    nodes_making_tracked_links,
    optional_names,
)
from mailer.rendering.template import (
    RESERVED,
    OrganizationIdAndName,
    Piece,
    Template,
    TemplateInLocale,
    service_footer_of_category,
)
from mailer.rendering.template_files import (
    TemplateError,
    TemplateFileFault,
    TemplateFiles,
    assemble_source,
    body_path,
    insert_policy_values,
)
from mailer.rendering.value_types import SingleType, ValueType
from mailer.rendering.values_in_urls_and_css import (
    ValuesInUrlsAndCss,
    ValueThatBeginsUrl,
    find_values_in_urls_and_css,
    wrap_unclear_urls_in_url_check_filter,
)


def compile_template(files: TemplateFiles) -> Template:
    """Compiles all locales of a template.

    Raises:
        TemplateError: a file does not parse, or its CSS cannot be inlined.
    """
    faults = [fault for file, source in _all_sources(files) for fault in syntax_and_construct_faults(source, file)]
    if faults:
        raise TemplateError(*faults)
    manifest = files.manifest
    sources = {locale: _assemble_source_by_piece(files, locale) for locale in manifest.subject}
    stated: dict[str, Any] = {"category": manifest.category, "purpose": manifest.purpose, "sources": sources}
    if manifest.answers:  # only if true, so that the versions of older templates stay the same
        stated["answers"] = True
    return _compile_whole_template(files.brand.policy, files.folder, json.dumps(stated), manifest.example, files.types)


def compile_stored_source(policy: Policy, name: str, source: str) -> Template:
    """Compiles the stored source of a template, so that a mailing keeps the version with which it began.

    Args:
        policy: the policy of the brand, for values that are not part of the source.
        name: the name of the template.
        source: the stored `Template.source`.

    Raises:
        TemplateError: the source no longer compiles.
    """
    return _compile_whole_template(policy, Path(policy.brand, name), source, {}, {})


def _compile_whole_template(
    policy: Policy, folder: Path, source: str, example: Mapping[str, Any], types: Mapping[str, ValueType]
) -> Template:
    stated = json.loads(source)
    sources: dict[str, dict[Piece, str]] = stated["sources"]
    category = CATEGORIES.get(stated["category"])
    footer = service_footer_of_category(category, policy.switches) if category else "none"
    values = _default_values_of_reserved_names(policy, footer)
    compiled = {
        locale: _compile_one_locale(body_path(folder, "html", ""), values, locale, pieces)
        for locale, pieces in sources.items()
    }
    return Template(
        brand=policy.brand,
        name=folder.name,
        category=stated["category"],
        purpose=stated["purpose"],
        answers=stated.get("answers", False),
        version=hashlib.sha256(source.encode()).hexdigest()[:16],
        locales=tuple(sources),
        default_locale=policy.default_locale,
        service_footer=footer,
        required=frozenset().union(*(one.required for one in compiled.values())) - RESERVED,
        optional=frozenset().union(*(one.optional for one in compiled.values())),
        uses=frozenset().union(*(names for one in compiled.values() for names in one.variant.names.values())),
        bent=frozenset().union(*(one.variant.bent for one in compiled.values())),
        opened=frozenset().union(*(one.variant.opened for one in compiled.values())),
        tracks=frozenset().union(*(one.tracks for one in compiled.values())),
        fetched=frozenset().union(*(one.placed.fetched for one in compiled.values())),
        leading=frozenset().union(
            *(_undeclared_values_that_begin_urls(one.placed, types) for one in compiled.values())
        ),
        linked=frozenset(
            (name, before)
            for one in compiled.values()
            for name, before in find_values_that_are_whole_links(one.variant.literal["html"])
            if name not in RESERVED and category is not None and category.is_forbidden_to_promote
        ),
        promotional=any(one.promotional for one in compiled.values()),
        types=types,
        example={name: value for name, value in example.items() if name != "profile"},
        profile=example.get("profile", {}),
        source=source,
        variants={locale: one.variant for locale, one in compiled.items()},
    )


@dataclass(frozen=True, slots=True)
class _CompiledLocale:
    variant: TemplateInLocale
    required: frozenset[str]
    tracks: frozenset[str]
    optional: frozenset[str]
    promotional: bool
    placed: ValuesInUrlsAndCss


def _undeclared_values_that_begin_urls(
    placed: ValuesInUrlsAndCss, types: Mapping[str, ValueType]
) -> frozenset[ValueThatBeginsUrl]:
    """Returns the values that begin an address, without those that are declared as addresses."""
    said = {name for name, kind in types.items() if isinstance(kind, SingleType) and kind.is_address}
    return frozenset(one for one in placed.leading if one.path not in said)


def inline_css_and_parse_piece(env: TemplateSandbox, source: str, piece: Piece) -> jinja2.nodes.Template:
    """Parses a piece; if it is HTML, its CSS is inlined first.

    Raises:
        InliningError, jinja2.TemplateSyntaxError: the piece cannot be inlined or parsed.
    """
    return parse_jinja_source(
        env, inline_css(add_fallback_markup_for_mail_programs(source)) if piece == "html" else source
    )


def _compile_one_locale(
    file: Path, values: Mapping[str, Any], locale: str, sources: Mapping[Piece, str]
) -> _CompiledLocale:
    pieces, trees, found, names, literals = {}, {}, {}, {}, {}
    placed = ValuesInUrlsAndCss()
    for piece, source in sources.items():
        env = make_jinja_environment(locale, escape=piece == "html")
        try:
            trees[piece] = tree = inline_css_and_parse_piece(env, source, piece)
            found[piece] = nodes_by_type(tree)
            _check_constructs_of_page(found[piece], file, locale)
            literals[piece] = literal_text_with_value_and_branch_marks(tree, html=piece == "html")
            if piece == "html":
                placed = find_values_in_urls_and_css(tree, literals[piece], found[piece], RESERVED)
                wrap_unclear_urls_in_url_check_filter(placed, found[piece], env)
            pieces[piece] = env.from_string(tree)
            # A plain dict is faster than the two chained ones that Jinja2 would use for each message.
            pieces[piece].globals = dict(values)
        except (InliningError, jinja2.TemplateSyntaxError) as error:
            raise TemplateError(TemplateFileFault(file, f"({locale}) {error}")) from error
        names[piece] = frozenset(env.undeclared | ({TRACKED} if nodes_making_tracked_links(found[piece]) else set()))
    tracks = frozenset().union(
        *(names_that_expressions_derive_from(nodes_making_tracked_links(nodes), nodes) for nodes in found.values())
    )
    optional = frozenset().union(*map(optional_names, found.values()))
    variant = TemplateInLocale(
        pieces,
        names,
        bent=frozenset().union(*map(names_of_transformed_values, trees.values())),
        opened=frozenset().union(*map(names_whose_attributes_are_read, found.values())),
        dated=any(map(has_dates, found.values())),
        lines={piece: names_by_line(tree) for piece, tree in trees.items()},
        literal=literals,
        conditions={
            piece: find_conditions_around_ways_to_leave(tree, str(values["postal_address"]))
            for piece, tree in trees.items()
        },
    )
    required = frozenset().union(*names.values()) - optional
    return _CompiledLocale(
        variant, required, tracks, optional, any(map(has_filled_promotional_block, found.values())), placed
    )


def _check_constructs_of_page(found: Nodes, file: Path, locale: str) -> None:
    """Checks a whole page for refused constructs, since parts of two files may form one together.

    Raises:
        TemplateError: the page has a refused construct.
    """
    faults = [TemplateFileFault(file, f"({locale}) {fault.problem}") for fault in refused_construct_faults(found, file)]
    if jinja2.nodes.Extends in found:
        faults.append(TemplateFileFault(file, f"({locale}) extends a layout further down; begin the file with it"))
    if faults:
        raise TemplateError(*faults)


def _assemble_source_by_piece(files: TemplateFiles, locale: str) -> dict[Piece, str]:
    policy = files.brand.policy
    return {
        "subject": insert_policy_values(files.manifest.subject[locale], policy, escape=False),
        "html": insert_policy_values(assemble_source(files, "html", locale), policy, escape=True),
        "text": insert_policy_values(assemble_source(files, "txt", locale), policy, escape=False),
    }


def _all_sources(files: TemplateFiles) -> list[tuple[Path, str]]:
    manifest, shared = files.folder / "template.toml", files.brand.folder / "_layout"
    tables = ((files.folder / "strings.toml", files.strings), (shared / "strings.toml", files.brand.strings))
    return [
        *((manifest, subject) for subject in files.manifest.subject.values()),
        *((shared / name, source) for name, source in files.brand.layouts.items()),
        *((body_path(files.folder, part, locale), body) for (locale, part), body in files.bodies.items()),
        *((file, text) for file, strings in tables for table in strings.values() for text in table.values()),
    ]


def _default_values_of_reserved_names(policy: Policy, footer: ServiceFooter) -> dict[str, Any]:
    """Returns the reserved values of the policy, and empty values for reserved names that a message may lack."""
    return {
        "brand": OrganizationIdAndName(policy.brand, policy.name),
        "controller": OrganizationIdAndName(policy.controller.id, policy.controller.name),
        "postal_address": policy.controller.postal_address,
        "service_footer": footer,
        "profile": {},
        "inviter": None,
        "leave_url": None,
        "partner": None,
        "pixel_url": None,
        "preferences_url": None,
        "reason": None,
        "report_url": None,
        TRACKED: None,
        "unsubscribe_all_url": None,
        "unsubscribe_url": None,
        "view_url": None,
    }
