"""One template, compiled: its locales and needs, and its rendering."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jinja2
import jinja2.nodes

from mailer.policy.category import Category
from mailer.policy.switches import ServiceFooter, Switches
from mailer.rendering.headers import CONTROL
from mailer.rendering.jinja_environment import explain_error
from mailer.rendering.languages import best_locale, date_locale
from mailer.rendering.mail_merge import NAME, MergeForm, split_at_marks, values_with_marks
from mailer.rendering.template_names import TRACKED
from mailer.rendering.value_places import LeadingValue
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

PERSONAL = frozenset(
    {"recipient", "profile", "pixel_url", "unsubscribe_url", "leave_url", "report_url", "preferences_url"}
)
"""Reserved names of what is a person's own."""

Piece = Literal["subject", "html", "text"]


class RenderError(ValueError):
    """A template cannot be rendered with these values; the message says which is missing or wrong, never what it is."""


@dataclass(frozen=True, slots=True)
class RecipientValues:
    """The reserved value `recipient`."""

    name: str | None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class SenderValues:
    """The reserved values `brand`, `controller` and `partner`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RenderedTemplate:
    """A template with its values. `locale` is the one that it was rendered in."""

    subject: str
    html: str
    text: str
    locale: str


@dataclass(frozen=True, slots=True)
class TemplateVariant:
    """A template in one locale.

    Attributes:
        names: those that each piece uses.
        bent: those with which it does more than to print them as they are (see `forms`).
        opened: those into whose values it looks.
        dated: whether it writes dates, which are in the words of the reader's locale.
        lines: the values that each line of a piece uses, to name one that is null.
        literal: each piece with all its branches (see `literal`).
        conditions: those of each piece around the ways out of a mail (see `forcing`).
    """

    pieces: Mapping[Piece, jinja2.Template]
    names: Mapping[Piece, frozenset[str]]
    bent: frozenset[str]
    opened: frozenset[str] = frozenset()
    dated: bool = False
    lines: Mapping[Piece, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    literal: Mapping[Piece, str] = field(default_factory=dict, repr=False)
    conditions: Mapping[Piece, tuple[str, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that has been checked.

    Attributes:
        brand, name: what events call it.
        category: the name of the one category that it may be sent as.
        purpose: one of the policy's purposes.
        answers: it answers inquiries.
        version: a digest of all that it is made of; the mailing keeps it.
        locales: those that it speaks. default_locale: the one that all others fall back to.
        service_footer: what the footer offers to most of those who get it.
        required: the names that a context must have. uses: all names that it uses somewhere, reserved ones too.
        optional: those that a context may lack, and the attributes that a value of it may lack, as `.url`.
        linked: in mandatory mail, those that are a whole address, each with what stands before, such as `mailto:`.
        bent: those with which it does more than to print them as they are, in some locale.
        opened: those into whose values it looks, in some locale.
        tracks: those of which it makes the URLs of tracked links, in some locale.
        fetched: those that decide what a mail program fetches, in some locale.
        leading: those with which an address begins, in some locale.
        promotional: whether a promotional block says anything.
        types: those that the values of a context are declared to have; of mandatory mail each has one.
        example: a context to look at it with. profile: a person's, for the same.
        source: all that it is made of, as JSON; `restore` makes the same template of it.
    """

    brand: str
    name: str
    category: str
    purpose: str
    answers: bool
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
    fetched: frozenset[str]
    leading: frozenset[LeadingValue]
    linked: frozenset[tuple[str, str]]
    promotional: bool
    types: Mapping[str, ValueType]
    example: Mapping[str, Any]
    profile: Mapping[str, Any]
    source: str = field(repr=False)
    variants: Mapping[str, TemplateVariant] = field(repr=False)

    def jinja_sources(self, locale: str) -> Mapping[Piece, str]:
        """The whole Jinja2 source of each piece in one of its own locales."""
        pieces: dict[Piece, str] = json.loads(self.source)["sources"][locale]
        return pieces

    def choose_locale(self, locale: str | None, spoken: tuple[str, ...] | None = None) -> str:
        """The locale that a person gets: theirs, one of their language, or the default.

        Args:
            locale: the person's, or None.
            spoken: those of its own that a mailing has texts in; None: all.
        """
        return best_locale(locale, self.locales if spoken is None else spoken) or self.default_locale

    def date_locale_for(self, reader: str | None, chosen: str) -> str:
        """The locale of the dates that a person reads in one of its own locales."""
        return date_locale(reader, chosen) if self.variants[chosen].dated else chosen

    def render(self, locale: str | None, values: Mapping[str, Any]) -> RenderedTemplate:
        """Subject and both parts for one person.

        Args:
            locale: the person's, or None.
            values: the event's context, the person's over it, and what is reserved for the pipeline: `recipient` (an
                `RecipientValues`), and the others, which are None or empty if left out.

        Raises:
            RenderError: a value is missing or does not fit.
        """
        return self._render(self.choose_locale(locale), values)

    def render_form(self, locale: str, values: Mapping[str, Any], personal: Mapping[str, Any]) -> MergeForm | None:
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
            slots = values_with_marks(personal)
        except ValueError:
            return None
        recipient = RecipientValues(slots[NAME], values["recipient"].locale)
        rendered = self._render(locale, {**values, **slots, "recipient": recipient})
        subject, html, text = (
            split_at_marks(piece, slots) for piece in (rendered.subject, rendered.html, rendered.text)
        )
        return MergeForm(subject, html, text) if subject is not None and html is not None and text is not None else None

    def _render(self, chosen: str, values: Mapping[str, Any]) -> RenderedTemplate:
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
            why = explain_error(error, variant.lines.get(piece, {}), values)
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): {why}") from error
        if CONTROL.search(subject):
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): the subject has a line break or control character")
        return RenderedTemplate(subject, html, text, chosen)


def service_footer_for(category: Category, switches: Switches) -> ServiceFooter:
    """What the footer of a category offers instead of an unsubscribe link.

    Deactivating an account does not stop what outlives it, so such a footer must not offer that; a way to leave the
    service is offered in every mandatory message (paltalk02-09).
    """
    footer = switches.service_footer
    if category.is_optional or (category.outlives_account and footer == "deactivate"):
        return "none"
    return footer
