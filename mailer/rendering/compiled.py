"""One template, compiled: what it is, what it needs, and how it is rendered."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jinja2
import jinja2.nodes

from mailer.policy.category import CATEGORIES, Category
from mailer.policy.document import Policy
from mailer.policy.switches import ServiceFooter, Switches
from mailer.rendering.forms import NAME, Form, cut, has_dates, opened_names, personal_uses, slots_for
from mailer.rendering.headers import CONTROL
from mailer.rendering.inlining import InliningError, inline_css
from mailer.rendering.jinja import (
    TRACKED,
    environment,
    explain,
    has_promotion,
    parse,
    refused,
    syntax_faults,
    tracked_names,
    wanted_names,
)
from mailer.rendering.languages import locale_for, words_for
from mailer.rendering.literal import literal, names_by_line
from mailer.rendering.markup import linked_names
from mailer.rendering.sources import Fault, TemplateError, TemplateFiles, assemble, body_path, fold
from mailer.rendering.surviving import survive
from mailer.rendering.value_types import ValueType

RESERVED = frozenset(
    {
        "brand",
        "controller",
        "inviter",
        "leave_url",
        "partner",
        "pixel_url",
        "postal_address",
        "preferences_url",
        "profile",
        "reason",
        "recipient",
        "report_url",
        "service_footer",
        "strings",
        TRACKED,
        "unsubscribe_url",
    }
)
"""Names that the pipeline gives a template; a context with one of them is refused, but for a person's own `profile`."""

Piece = Literal["subject", "html", "text"]


class RenderError(ValueError):
    """A template cannot be rendered with these values; the message says which is missing or wrong, never what it is."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """The reserved value `recipient`."""

    name: str | None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The reserved values `brand`, `controller` and `partner`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template with its values. `locale` is the one that it was rendered in."""

    subject: str
    html: str
    text: str
    locale: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A template in one locale.

    Attributes:
        names: those that each piece uses.
        bent: those with which it does more than to print them as they are (see `forms`).
        opened: those into whose values it looks.
        dated: whether it writes dates, which are in the words of the reader's locale.
        lines: the values that each line of a piece uses, to name one that is null.
        literal: each piece with all its branches (see `literal`).
    """

    pieces: Mapping[Piece, jinja2.Template]
    names: Mapping[Piece, frozenset[str]]
    bent: frozenset[str]
    opened: frozenset[str] = frozenset()
    dated: bool = False
    lines: Mapping[Piece, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    literal: Mapping[Piece, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that has been checked.

    Attributes:
        brand, name: what events call it.
        category: the name of the one category that it may be sent as.
        purpose: one of the policy's purposes.
        version: a digest of all that it is made of; the mailing keeps it.
        locales: those that it speaks. default_locale: the one that all others fall back to.
        service_footer: what the footer offers to most of those who get it.
        required: the names that a context must have. uses: all names that it uses somewhere, reserved ones too.
        optional: those that a context may lack, and the attributes that a value of it may lack, as `.url`.
        linked: in mandatory mail, those that are a whole address, each with what stands before, such as `mailto:`.
        bent: those with which it does more than to print them as they are, in some locale.
        opened: those into whose values it looks, in some locale.
        tracks: those of which it makes the URLs of tracked links, in some locale.
        promotional: whether a promotional block says anything.
        types: those that the values of a context are declared to have; of mandatory mail each has one.
        example: a context to look at it with. profile: a person's, for the same.
        source: all that it is made of, as JSON; `restore` makes the same template of it.
    """

    brand: str
    name: str
    category: str
    purpose: str
    version: str
    locales: tuple[str, ...]
    default_locale: str
    service_footer: ServiceFooter
    required: frozenset[str]
    optional: frozenset[str]
    uses: frozenset[str]
    bent: frozenset[str]
    opened: frozenset[str]
    tracks: frozenset[str]
    linked: frozenset[tuple[str, str]]
    promotional: bool
    types: Mapping[str, ValueType]
    example: Mapping[str, Any]
    profile: Mapping[str, Any]
    source: str = field(repr=False)
    variants: Mapping[str, Variant] = field(repr=False)

    def choose(self, locale: str | None, spoken: tuple[str, ...] | None = None) -> str:
        """The locale that a person gets: theirs, one of their language, or the default.

        Args:
            locale: the person's, or None.
            spoken: those of its own that a mailing has texts in; None: all.
        """
        return locale_for(locale, self.locales if spoken is None else spoken) or self.default_locale

    def words_for(self, reader: str | None, chosen: str) -> str:
        """The locale of the dates that a person reads in one of its own locales."""
        return words_for(reader, chosen) if self.variants[chosen].dated else chosen

    def render(self, locale: str | None, values: Mapping[str, Any]) -> Rendered:
        """Subject and both parts for one person.

        Args:
            locale: the person's, or None.
            values: the event's context, the person's over it, and what is reserved for the pipeline: `recipient` (an
                `Addressee`), and the others, which are None or empty if left out.

        Raises:
            RenderError: a value is missing or does not fit.
        """
        return self._render(self.choose(locale), values)

    def form(self, locale: str, values: Mapping[str, Any], personal: Mapping[str, Any]) -> Form | None:
        """The template rendered once for all whose values are these, but for the texts that are personal.

        Args:
            locale: one of its own.
            values: as for `render`; of the `recipient` only the locale counts.
            personal: the values of one of them that others have otherwise, `recipient.name` among them. Those of the
                others are None, empty, or a text, just where these are.

        Returns:
            None where the template does more with one of them than to print it, or one is no text.

        Raises:
            RenderError: a value is missing or does not fit.
        """
        if not self.variants[locale].bent.isdisjoint((*personal, "recipient")):
            return None
        try:
            slots = slots_for(personal)
        except ValueError:
            return None
        recipient = Addressee(slots[NAME], values["recipient"].locale)
        rendered = self._render(locale, {**values, **slots, "recipient": recipient})
        subject, html, text = (cut(piece, slots) for piece in (rendered.subject, rendered.html, rendered.text))
        return Form(subject, html, text) if subject is not None and html is not None and text is not None else None

    def _render(self, chosen: str, values: Mapping[str, Any]) -> Rendered:
        variant = self.variants[chosen]
        pieces = variant.pieces
        piece: Piece = "subject"
        try:
            subject = pieces["subject"].render(values)
            piece = "html"
            html = pieces["html"].render(values)
            piece = "text"
            text = pieces["text"].render(values)
        except Exception as error:  # whatever a checked template raises, a value has caused
            why = explain(error, variant.lines.get(piece, {}), values)
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): {why}") from error
        if CONTROL.search(subject):
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): the subject has a line break or control character")
        return Rendered(subject, html, text, chosen)


def compile_template(files: TemplateFiles) -> Template:
    """Compiles all locales of a template.

    Raises:
        TemplateError: a file does not parse, or its CSS cannot be inlined.
    """
    faults = [fault for file, source in _every_source(files) for fault in syntax_faults(source, file)]
    if faults:
        raise TemplateError(*faults)
    manifest = files.manifest
    sources = {locale: _sources(files, locale) for locale in manifest.subject}
    stated = json.dumps({"category": manifest.category, "purpose": manifest.purpose, "sources": sources})
    return _compile_all(files.brand.policy, files.folder, stated, manifest.example, files.types)


def restore(policy: Policy, name: str, source: str) -> Template:
    """A template as it was, from its `source`: what a mailing has begun with, it ends with.

    Args:
        policy: the brand's, for what is not part of the source.
        name: the template's.
        source: what `Template.source` was.

    Raises:
        TemplateError: it no longer compiles.
    """
    return _compile_all(policy, Path(policy.brand, name), source, {}, {})


def _compile_all(
    policy: Policy, folder: Path, source: str, example: Mapping[str, Any], types: Mapping[str, ValueType]
) -> Template:
    stated = json.loads(source)
    sources: dict[str, dict[Piece, str]] = stated["sources"]
    category = CATEGORIES.get(stated["category"])
    footer = footer_for(category, policy.switches) if category else "none"
    values = _pipeline_values(policy, footer)
    compiled = {
        locale: _compile(body_path(folder, "html", ""), values, locale, pieces) for locale, pieces in sources.items()
    }
    return Template(
        brand=policy.brand,
        name=folder.name,
        category=stated["category"],
        purpose=stated["purpose"],
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
        linked=frozenset(
            (name, before)
            for one in compiled.values()
            for name, before in linked_names(one.variant.literal["html"])
            if name not in RESERVED and category is not None and category.mandatory
        ),
        promotional=any(one.promotional for one in compiled.values()),
        types=types,
        example={name: value for name, value in example.items() if name != "profile"},
        profile=example.get("profile", {}),
        source=source,
        variants={locale: one.variant for locale, one in compiled.items()},
    )


@dataclass(frozen=True, slots=True)
class _Compiled:
    variant: Variant
    required: frozenset[str]
    tracks: frozenset[str]
    optional: frozenset[str]
    promotional: bool


def _compile(file: Path, values: Mapping[str, Any], locale: str, sources: Mapping[Piece, str]) -> _Compiled:
    pieces, trees = {}, {}
    for piece, source in sources.items():
        env = environment(locale, escape=piece == "html")
        try:
            trees[piece] = tree = parse(env, inline_css(survive(source)) if piece == "html" else source)
            _refuse_glued(tree, file, locale)
            pieces[piece] = env.from_string(tree)
            # A plain dict; Jinja2 would look through a chain of two for each message.
            pieces[piece].globals = dict(values)
        except (InliningError, jinja2.TemplateSyntaxError) as error:
            raise TemplateError(Fault(file, f"({locale}) {error}")) from error
    wanted = {piece: wanted_names(tree) for piece, tree in trees.items()}
    names = {piece: frozenset(used) for piece, (used, _) in wanted.items()}
    optional = frozenset().union(*(guarded for _, guarded in wanted.values()))
    variant = Variant(
        pieces,
        names,
        bent=frozenset().union(*map(personal_uses, trees.values())),
        opened=frozenset().union(*map(opened_names, trees.values())),
        dated=any(map(has_dates, trees.values())),
        lines={piece: names_by_line(tree) for piece, tree in trees.items()},
        literal={piece: literal(tree, html=piece == "html") for piece, tree in trees.items()},
    )
    required = frozenset().union(*names.values()) - optional
    tracks = frozenset().union(*map(tracked_names, trees.values()))
    return _Compiled(variant, required, tracks, optional, any(map(has_promotion, trees.values())))


def _refuse_glued(tree: jinja2.nodes.Template, file: Path, locale: str) -> None:
    """Refuses in a whole page what is refused in its files: pieces of two may make a third thing.

    Raises:
        TemplateError: there is such a thing.
    """
    faults = [Fault(file, f"({locale}) {fault.problem}") for fault in refused(tree, file)]
    if tree.find(jinja2.nodes.Extends):
        faults.append(Fault(file, f"({locale}) extends a layout further down; begin the file with it"))
    if faults:
        raise TemplateError(*faults)


def _sources(files: TemplateFiles, locale: str) -> dict[Piece, str]:
    policy = files.brand.policy
    return {
        "subject": fold(files.manifest.subject[locale], policy, escape=False),
        "html": fold(assemble(files, "html", locale), policy, escape=True),
        "text": fold(assemble(files, "txt", locale), policy, escape=False),
    }


def _every_source(files: TemplateFiles) -> list[tuple[Path, str]]:
    manifest, shared = files.folder / "template.toml", files.brand.folder / "_layout"
    tables = ((files.folder / "strings.toml", files.strings), (shared / "strings.toml", files.brand.strings))
    return [
        *((manifest, subject) for subject in files.manifest.subject.values()),
        *((shared / name, source) for name, source in files.brand.layouts.items()),
        *((body_path(files.folder, part, locale), body) for (locale, part), body in files.bodies.items()),
        *((file, text) for file, strings in tables for table in strings.values() for text in table.values()),
    ]


def footer_for(category: Category, switches: Switches) -> ServiceFooter:
    """What the footer of a category offers instead of an unsubscribe link.

    Deactivating an account does not stop what outlives it, so such a footer must not offer that; a way to leave the
    service is offered in every mandatory message (paltalk02-09).
    """
    footer = switches.service_footer
    if category.optional or (category.outlives_account and footer == "deactivate"):
        return "none"
    return footer


def _pipeline_values(policy: Policy, footer: ServiceFooter) -> dict[str, Any]:
    """The reserved values that the policy gives, and nothing for those that a message may go without."""
    return {
        "brand": Identity(policy.brand, policy.name),
        "controller": Identity(policy.controller.id, policy.controller.name),
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
        "unsubscribe_url": None,
    }
