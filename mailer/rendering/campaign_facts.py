"""The facts from which a campaign is checked before it is sent, and the pages that they hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from mailer.policy.campaign_draft import CampaignDraft, VariantName
from mailer.policy.category import CATEGORIES
from mailer.policy.policy_file import Policy
from mailer.policy.text_folding_for_comparison import UNSEEN
from mailer.rendering.allowed_markup import Tag, list_tags_and_their_attributes
from mailer.rendering.campaign_fields import texts_in
from mailer.rendering.campaign_findings import Place
from mailer.rendering.template import RenderedTemplate, Template, service_footer_of_category
from mailer.rendering.template_samples import LEAVE, LINK, CategoryWithFooter
from mailer.rendering.visible_text import TextRun, VisibleTextAndLinks, text_runs, visible_text

MOST_LINKS = 300
"""The most links of a mail that are checked."""
SAMPLE_ORIGIN = "https://mail.example"
"""The origin of the links that samples have in the place of the signed ones."""


@dataclass(frozen=True, slots=True)
class RenderedTexts:
    """The mail of one variant in one locale, as a sample person gets it. Its links are not tracked ones.

    Attributes:
        variant, locale: of the draft.
        subject: the subject. html, text: both parts. preheader: the words that an inbox shows beside the subject.
    """

    variant: VariantName
    locale: str
    subject: str
    html: str
    text: str
    preheader: str


class PictureFileSizeAndWidth(Protocol):
    """The facts of an uploaded picture that the checks look at."""

    @property
    def size(self) -> int:
        """The bytes of its file."""

    @property
    def width(self) -> int:
        """Its width in pixels."""


@dataclass(frozen=True)
class CampaignFacts:
    """All that the checks of a campaign look at. Pure values; nothing of it names a person.

    Attributes:
        policy: of the brand.
        category, purpose: of the draft, as written.
        rendered: the mail by variant and locale.
        draft: the draft; None: the texts are those of a template from files.
        leave_link: the link in the rendered mail that leaves it; None: it has none.
        public_url: the address under which recipients reach us, such as `https://mail.example`.
        pictures: the uploaded pictures of the draft by their id.
        people: how many the audience has; 0: it was not counted.
        people_by_locale: how many of them read each locale; the key "" is for people without one.
        people_without: how many of them have no value for a field, by its name.
    """

    policy: Policy
    category: str
    purpose: str
    rendered: tuple[RenderedTexts, ...]
    draft: CampaignDraft | None = None
    leave_link: str | None = LINK
    public_url: str = SAMPLE_ORIGIN
    pictures: Mapping[str, PictureFileSizeAndWidth] = field(default_factory=dict)
    people: int = 0
    people_by_locale: Mapping[str, int] = field(default_factory=dict)
    people_without: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def pages(self) -> "tuple[PageUnderCheck, ...]":
        """The rendered mails with what the checks read from them."""
        return tuple(PageUnderCheck(self, texts) for texts in self.rendered)

    @property
    def own_domains(self) -> tuple[str, ...]:
        """The domains of the brand."""
        return (self.policy.domain, *self.policy.reply_domains)

    def is_own_link(self, url: str) -> bool:
        """Tells whether an address is ours: a sample of a signed link, or a picture that we serve."""
        return url.startswith((f"{SAMPLE_ORIGIN}/", f"{self.public_url}/m/"))


class PageLink(NamedTuple):
    """A link of a page, with the words that a reader sees (empty: a picture, or nothing)."""

    url: str
    words: str


@dataclass(frozen=True)
class PageUnderCheck:
    """One rendered mail, with what the checks read from it."""

    facts: CampaignFacts
    texts: RenderedTexts

    @cached_property
    def shown(self) -> VisibleTextAndLinks:
        """The text and links of the HTML that a reader sees."""
        return visible_text(self.texts.html)

    @cached_property
    def runs(self) -> tuple[TextRun, ...]:
        """The texts of the HTML with their styles."""
        return tuple(text_runs(self.texts.html))

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """The elements of the HTML with their attributes."""
        return tuple(list_tags_and_their_attributes(self.texts.html))

    @cached_property
    def links(self) -> tuple[PageLink, ...]:
        """The first `MOST_LINKS` links of the HTML that are not our own, each address once."""
        words: dict[str, str] = {}
        for run in self.runs:
            if run.link is not None and run.styles[""] is not None:
                words[run.link.strip()] = words.get(run.link.strip(), "") + run.words
        return tuple(PageLink(url, " ".join(words.get(url, "").split())) for url in self.link_urls[:MOST_LINKS])

    @cached_property
    def link_urls(self) -> tuple[str, ...]:
        """The addresses of all links of the HTML that are not our own, each once."""
        found = (dict(attributes).get("href") for tag, attributes in self.tags if tag == "a")
        urls = dict.fromkeys(url.strip() for url in found if url is not None)
        return tuple(url for url in urls if not self.facts.is_own_link(url))

    @property
    def place(self) -> Place:
        """The place of a finding about the whole mail."""
        return Place(self.texts.variant, self.texts.locale)

    def place_of(self, words: str) -> Place:
        """Returns the place of words or an address: the first block of the draft that has them."""
        found = (number for number, said in enumerate(self._texts_of_blocks, 1) if words and words in said)
        return self.place._replace(block=next(found, None))

    @cached_property
    def _texts_of_blocks(self) -> tuple[str, ...]:
        """All texts of each block of the draft."""
        draft = self.facts.draft
        own = draft.variants.get(self.texts.variant, {}).get(self.texts.locale) if draft else None
        return tuple("\n".join(texts_in(block.model_dump())) for block in own.blocks) if own else ()


def preheader_of_page(html: str) -> str:
    """Returns the hidden text at a page's beginning: an inbox shows it beside the subject."""
    said: list[str] = []
    for run in text_runs(html):
        if not run.words.strip():
            continue
        style = run.styles[""]
        if style is not None and style.is_legible:
            break
        said.append(run.words)
    return " ".join(UNSEEN.sub("", " ".join(said)).split())


def render_texts_for_check(template: Template, variant: VariantName, locale: str) -> RenderedTexts:
    """Renders a template with its example, without tracked links and pixel, so that its own links can be read.

    Raises:
        RenderError: the example lacks a value.
    """
    category = CATEGORIES[template.category]
    sample = CategoryWithFooter(category, template.service_footer).sample_values(template, locale)
    rendered: RenderedTemplate = template.render(locale, sample | {"tracked": None, "pixel_url": None})
    return RenderedTexts(
        variant, locale, rendered.subject, rendered.html, rendered.text, preheader_of_page(rendered.html)
    )


def build_campaign_facts(
    policy: Policy,
    draft: CampaignDraft,
    templates: Mapping[VariantName, Template],
    pictures: Mapping[str, PictureFileSizeAndWidth],
    public_url: str,
) -> CampaignFacts:
    """Builds the facts of a draft. Counts of the audience are put in by `dataclasses.replace` once they are known.

    Args:
        policy: of the brand.
        draft: the draft.
        templates: its compiled templates by variant.
        pictures: its uploaded pictures by their id.
        public_url: the address under which recipients reach us; without a path.

    Raises:
        RenderError: a template cannot be rendered with its example.
    """
    rendered = tuple(
        render_texts_for_check(template, variant, locale)
        for variant, template in sorted(templates.items())
        for locale in template.locales
    )
    return CampaignFacts(
        policy,
        draft.category,
        draft.purpose,
        rendered,
        draft,
        _leave_link(policy, draft.category),
        public_url.rstrip("/"),
        pictures,
    )


def build_template_facts(policy: Policy, template: Template) -> CampaignFacts:
    """Builds the facts of a template from files, in all its locales.

    Raises:
        RenderError: it cannot be rendered with its example.
    """
    rendered = tuple(render_texts_for_check(template, "a", locale) for locale in template.locales)
    leave = _leave_link(policy, template.category)
    return CampaignFacts(policy, template.category, template.purpose, rendered, leave_link=leave)


def _leave_link(policy: Policy, category: str) -> str | None:
    """Returns the sample link by which mail of a category is left; None: it cannot be left."""
    traits = CATEGORIES.get(category)
    if traits is None:
        return None
    if traits.is_optional:
        return LINK
    return LEAVE if service_footer_of_category(traits, policy.switches) == "leave" else None
