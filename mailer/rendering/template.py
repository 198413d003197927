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
from mailer.rendering.jinja_environment import explain_render_error
from mailer.rendering.languages import best_locale_in_same_language, date_locale_for_reader
from mailer.rendering.mail_merge import NAME, MergeForm, replace_values_by_slot_marks, split_text_at_slot_marks
from mailer.rendering.names_used_by_templates import TRACKED
from mailer.rendering.value_types import ValueType
from mailer.rendering.values_in_urls_and_css import ValueThatBeginsUrl

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
        "unsubscribe_all_url",
        "unsubscribe_url",
        "view_url",
    }
)
"""Names of the pipeline's own values. A context with one of them is refused, except a person's own `profile`."""

PERSONAL = frozenset(
    {
        "recipient",
        "profile",
        "pixel_url",
        "unsubscribe_all_url",
        "unsubscribe_url",
        "leave_url",
        "report_url",
        "preferences_url",
        "view_url",
    }
)
"""Reserved names whose values differ by person."""

Piece = Literal["subject", "html", "text"]


class RenderError(ValueError):
    """A template cannot be rendered with these values.

    The message names the missing or wrong value, never its contents.
    """


@dataclass(frozen=True, slots=True)
class RecipientNameAndLocale:
    """The reserved value `recipient`."""

    name: str | None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class OrganizationIdAndName:
    """The reserved values `brand`, `controller` and `partner`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RenderedTemplate:
    """A rendered template, and the locale in which it was rendered."""

    subject: str
    html: str
    text: str
    locale: str


@dataclass(frozen=True, slots=True)
class TemplateInLocale:
    """A template in one locale.

    Attributes:
        names: the names that each piece uses.
        bent: the names of values that it changes, rather than prints as they are (see `mail_merge`).
        opened: the names of values whose attributes it reads.
        dated: whether it prints dates, which are in the words of the reader's locale.
        lines: the names that each line of a piece uses, to name a value that is null.
        literal: the text of each piece with all its branches (see `literal_text_with_value_and_branch_marks`).
        conditions: the conditions of each piece around the ways out of a mail (see `force_template_conditions`).
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
        brand, name: its names in events.
        category: the name of the one category that it may be sent as.
        purpose: one of the policy's purposes.
        answers: it answers inquiries.
        version: a digest of its source; the mailing keeps it.
        locales: the locales in which it exists. default_locale: the fallback of all other locales.
        service_footer: the footer for most recipients.
        required: the names that a context must have. uses: all names that it uses somewhere, reserved ones too.
        optional: the names that a context may lack, and the attributes that a value may lack, such as `items.url`.
        linked: in plain mail, the names of values that are a whole address, each with a prefix such as `mailto:`.
        bent: the names of values that it changes, rather than prints as they are, in some locale.
        opened: the names of values whose attributes it reads, in some locale.
        tracks: the names from which it makes the URLs of tracked links, in some locale.
        fetched: the names that decide what a mail program fetches, in some locale.
        leading: the values with which an address begins, in some locale.
        promotional: whether it has a promotional block with contents.
        types: the declared types of the values of a context; in plain mail each value has one.
        example: a context for checks and previews. profile: a person's profile for the same.
        source: all its sources, as JSON; `compile_stored_source` makes the same template from it.
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
    leading: frozenset[ValueThatBeginsUrl]
    linked: frozenset[tuple[str, str]]
    promotional: bool
    types: Mapping[str, ValueType]
    example: Mapping[str, Any]
    profile: Mapping[str, Any]
    source: str = field(repr=False)
    variants: Mapping[str, TemplateInLocale] = field(repr=False)

    def jinja_sources_in_locale(self, locale: str) -> Mapping[Piece, str]:
        """Returns the whole Jinja2 source of each piece in one of its own locales."""
        pieces: dict[Piece, str] = json.loads(self.source)["sources"][locale]
        return pieces

    def choose_locale(self, locale: str | None, spoken: tuple[str, ...] | None = None) -> str:
        """Returns the locale of a person's mail: their own, another of their language, or the default.

        Args:
            locale: the person's, or None.
            spoken: the locales of the template for which the mailing has texts; None: all.
        """
        return best_locale_in_same_language(locale, self.locales if spoken is None else spoken) or self.default_locale

    def date_locale_for(self, reader: str | None, chosen: str) -> str:
        """Returns the locale for the dates in a person's mail. `chosen` is the locale of the mail."""
        return date_locale_for_reader(reader, chosen) if self.variants[chosen].dated else chosen

    def render(self, locale: str | None, values: Mapping[str, Any]) -> RenderedTemplate:
        """Renders subject and both parts for one person.

        Args:
            locale: the person's, or None.
            values: the event's context, overridden by the person's own, and the reserved values: `recipient` (a
                `RecipientNameAndLocale`), and the others, which are None or empty if left out.

        Raises:
            RenderError: a value is missing or does not fit.
        """
        return self._render_in_locale(self.choose_locale(locale), values)

    def render_merge_form(
        self, locale: str, values: Mapping[str, Any], personal: Mapping[str, Any]
    ) -> MergeForm | None:
        """Renders the template once, as a form for all people who differ only in their personal texts.

        Args:
            locale: one of its own.
            values: as for `render`; of `recipient` only the locale counts.
            personal: one person's personal values, with `recipient.name`. A value that is None, empty or a text here is
                the same for everyone who shares the form.

        Returns:
            None if the template changes a personal value, rather than prints it, or a personal value is no text.

        Raises:
            RenderError: a value is missing or does not fit.
        """
        if not self.variants[locale].bent.isdisjoint((*personal, "recipient")):
            return None
        try:
            slots = replace_values_by_slot_marks(personal)
        except ValueError:
            return None
        recipient = RecipientNameAndLocale(slots[NAME], values["recipient"].locale)
        rendered = self._render_in_locale(locale, {**values, **slots, "recipient": recipient})
        subject, html, text = (
            split_text_at_slot_marks(piece, slots) for piece in (rendered.subject, rendered.html, rendered.text)
        )
        return MergeForm(subject, html, text) if subject is not None and html is not None and text is not None else None

    def _render_in_locale(self, chosen: str, values: Mapping[str, Any]) -> RenderedTemplate:
        variant = self.variants[chosen]
        pieces = variant.pieces
        piece: Piece = "subject"
        try:
            subject = pieces["subject"].render(values)
            piece = "html"
            html = pieces["html"].render(values)
            piece = "text"
            text = pieces["text"].render(values)
        except Exception as error:  # a checked template raises errors only because of values
            why = explain_render_error(error, variant.lines.get(piece, {}), values)
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): {why}") from error
        if CONTROL.search(subject):
            raise RenderError(f"{self.brand}/{self.name} ({chosen}): the subject has a line break or control character")
        return RenderedTemplate(subject, html, text, chosen)


def service_footer_of_category(category: Category, switches: Switches) -> ServiceFooter:
    """Returns the kind of footer that a category has instead of an unsubscribe link.

    Deactivating an account does not stop mail that outlives the account, so the footer of such mail does not offer it.
    If the policy wants a link to leave the service, every mandatory message has it (paltalk02-09).
    """
    footer = switches.service_footer
    if category.is_optional or (category.outlives_account and footer == "deactivate"):
        return "none"
    return footer
