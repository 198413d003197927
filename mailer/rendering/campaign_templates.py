"""Templates of campaigns: what people write becomes a template of the same engine, inside of the brand's own layout.

The result has passed the checks of templates from files. The sources exist in memory only: a mailing keeps them.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailer.policy.campaign_draft import Block, CampaignDraft, HeadingBlock, LocalizedDraft, VariantName
from mailer.policy.category import CATEGORIES, Category
from mailer.policy.policy_file import Policy
from mailer.policy.recipient_attributes import AttributeType, attribute_types_of_policy
from mailer.ports.pictures import PictureFacts
from mailer.rendering.campaign_blocks import PicturesOfCampaign, block_html
from mailer.rendering.campaign_fields import SourceMarks, UnfitText, fields_used, uses_a_name
from mailer.rendering.campaign_reasons import REASONS
from mailer.rendering.campaign_text_part import text_of_html
from mailer.rendering.languages import has_same_language_and_script, is_left_to_right, locale_and_fallbacks
from mailer.rendering.template import Template
from mailer.rendering.template_checks import find_template_faults
from mailer.rendering.template_compiler import compile_template
from mailer.rendering.template_files import (
    BrandFiles,
    Part,
    TemplateError,
    TemplateFileFault,
    TemplateFiles,
    TemplateManifest,
)

_PREVIEW_CHARACTERS: Final = 110
"""The characters of a preheader that lists of mails show. Blanks follow a shorter one, so that no greeting does."""
_GREETING: Final = "{% block greeting %}"
_SAMPLES: Final[Mapping[AttributeType, object]] = {
    AttributeType.TEXT: "Sample",
    AttributeType.NUMBER: 12,
    AttributeType.DATE: "2026-04-12",
    AttributeType.TIME_ZONE: "Europe/Berlin",
    AttributeType.REGION: "US-CA",
}


def compile_campaign_template(
    brand_files: BrandFiles,
    name: str,
    draft: CampaignDraft,
    variant: VariantName,
    pictures: Mapping[str, PictureFacts],
    public_url: str,
) -> Template:
    """Compiles one variant of a campaign, with the checks of templates from files.

    Args:
        brand_files: the brand's layout and texts.
        name: the name of the template, such as campaign-0123456789ab.
        draft: the draft.
        variant: one of its variants.
        pictures: the brand's pictures that it may show, by id.
        public_url: the beginning of the addresses of pictures.

    Raises:
        TemplateError: the variant cannot be sent; the error lists all faults. The file of a fault in a text is its
            locale.
    """
    policy, texts = brand_files.policy, draft.variants[variant]
    faults = list(_draft_faults(draft, variant, policy))
    if faults:
        raise TemplateError(*faults)
    category = policy.get_category(draft.category)
    domains = tuple(one.lower() for one in (policy.domain, *policy.reply_domains))
    shown = PicturesOfCampaign(pictures, public_url.rstrip("/"), domains, category.is_optional)
    layout = _choose_layout(brand_files, category)
    sources: dict[str, _LocalizedSources] = {}
    for locale, text in texts.items():
        types = attribute_types_of_policy(policy.attributes)
        marks = SourceMarks(types, tracks=category.is_optional, is_left_to_right=is_left_to_right(locale))
        made = _LocaleWriter(locale, text, marks, shown, category, layout)
        sources[locale] = made.write_sources()
        faults += made.faults
    faults += _missing_reason_faults(brand_files, category, texts)
    if faults:
        raise TemplateError(*faults)
    return compile_checked(_template_files(brand_files, name, draft, sources))


@dataclass(frozen=True, slots=True)
class _LocalizedSources:
    """The sources of one variant in one language."""

    subject: str
    bodies: Mapping[Part, str]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of a category: its name without `.html.j2`, and whether a campaign may leave its greeting out."""

    name: str
    has_greeting: bool


class _LocaleWriter:
    """Writes the sources of one variant in one language, and collects the faults of its texts."""

    def __init__(
        self,
        locale: str,
        texts: LocalizedDraft,
        marks: SourceMarks,
        pictures: PicturesOfCampaign,
        category: Category,
        layout: _Layout,
    ) -> None:
        self.faults: list[TemplateFileFault] = []
        self._locale = locale
        self._texts = texts
        self._marks = marks
        self._pictures = pictures
        self._category = category
        self._layout = layout

    def write_sources(self) -> _LocalizedSources:
        """Returns the sources. They are of no use if there are faults."""
        subject = self._marked_line("subject", self._texts.subject)
        preheader = self._marked_line("preheader", self._texts.preheader)
        heading, blocks = _split_heading(self._texts)
        title = self._marked_line("block 1 (heading)", heading.text) if heading else subject
        first = 2 if heading else 1
        markup = "\n".join(self._block_html(number, block) for number, block in enumerate(blocks, first))
        text = text_of_html(markup, self._marks)
        marks = self._marks
        fillings = {
            "title": without_isolation(marks.html_source(html.escape(subject))),
            "preheader": marks.html_source(html.escape(preheader)) + padding_after(preheader),
            "heading": marks.html_source(html.escape(title)),
            "content": self._content(marks.html_source(markup)),
        }
        plain = {"heading": marks.plain_source(title), "content": self._content(marks.plain_source(text))}
        if self._layout.has_greeting and uses_a_name(blocks):
            fillings["greeting"] = plain["greeting"] = ""
        bodies: dict[Part, str] = {
            "html": body_source(f"{self._layout.name}.html.j2", fillings),
            "txt": body_source(f"{self._layout.name}.txt.j2", plain),
        }
        return _LocalizedSources(marks.plain_source(subject), bodies)

    def _content(self, source: str) -> str:
        return f"{{% block promotional %}}\n{source}\n{{% endblock %}}" if self._category.promotes else source

    def _marked_line(self, place: str, text: str) -> str:
        try:
            return self._marks.mark_fields(text)
        except UnfitText as error:
            self._add_fault(place, error)
            return ""

    def _block_html(self, number: int, block: Block) -> str:
        try:
            return block_html(block, self._marks, self._pictures)
        except UnfitText as error:
            self._add_fault(f"block {number} ({block.type})", error)
            return ""

    def _add_fault(self, place: str, error: UnfitText) -> None:
        self.faults.append(TemplateFileFault(Path(self._locale), f"{place}: {error}"))


def _split_heading(texts: LocalizedDraft) -> tuple[HeadingBlock | None, tuple[Block, ...]]:
    """Returns the block that is the page's heading, if the first one is a heading, and the other blocks."""
    first = texts.blocks[0] if texts.blocks else None
    return (first, texts.blocks[1:]) if isinstance(first, HeadingBlock) else (None, texts.blocks)


def padding_after(preheader: str) -> str:
    """Returns blanks that do not collapse, up to the length of a preview; none if there is no preheader."""
    return " &#847;" * (_PREVIEW_CHARACTERS - len(preheader)) if preheader.strip() else ""


def without_isolation(source: str) -> str:
    """Returns the source of a title, which has no elements. Those of texts are escaped."""
    return source.replace("<bdi>", "").replace("</bdi>", "")


def body_source(layout: str, fillings: Mapping[str, str]) -> str:
    """Returns the source of a body that fills the blocks of a layout."""
    blocks = (f"{{% block {name} %}}\n{source}\n{{% endblock %}}" for name, source in fillings.items())
    return "\n".join((f'{{% extends "{layout}" %}}', *blocks))


def _draft_faults(draft: CampaignDraft, variant: VariantName, policy: Policy) -> Iterator[TemplateFileFault]:
    """Yields the faults of what a draft says beside its texts."""
    category = CATEGORIES.get(draft.category) if draft.category in policy.categories else None
    if category is None or not _may_be_campaign(category):
        known = ", ".join(name for name, one in policy.categories.items() if _may_be_campaign(one))
        yield TemplateFileFault(
            Path("category"), f"{draft.category} is not for campaigns of {policy.brand}; take {known}"
        )
    if draft.purpose not in policy.purposes:
        known = ", ".join(policy.purposes)
        yield TemplateFileFault(Path("purpose"), f"{draft.purpose} is none of the policy's; take {known}")
    texts = draft.variants[variant]
    if policy.default_locale not in texts:
        yield TemplateFileFault(Path(policy.default_locale), "has no texts; it is the language of everybody else")
    for locale, text in texts.items():
        if not text.subject.strip():
            yield TemplateFileFault(Path(locale), "subject: is empty; write it")
        if not text.blocks:
            yield TemplateFileFault(Path(locale), "has no contents; add a block")


def _may_be_campaign(category: Category) -> bool:
    """Tells whether campaigns may be of a category: an optional one for everybody, or service mail."""
    return bool(category.without_product) or (category.is_optional and not (category.invites or category.partners))


def _choose_layout(files: BrandFiles, category: Category) -> _Layout:
    name = "optional" if category.is_optional else "mandatory"
    if (category.mandatory or category.stands_in) and "service.html.j2" in files.layouts:
        name = "service"
    return _Layout(name, any(_GREETING in source for source in files.layouts.values()))


def _reason_source(files: BrandFiles, category: Category, locale: str) -> str | None:
    """Returns the sentence that says why somebody gets the mail: the brand's own `why_CATEGORY`, or a general one."""
    for code in locale_and_fallbacks(locale, files.policy.default_locale):
        if not has_same_language_and_script(code, locale):
            continue
        own = files.strings.get(code, {}).get(f"why_{category.name}")
        if own or (own := REASONS.get(category.name, {}).get(code)):
            return own
    return None


def _missing_reason_faults(
    files: BrandFiles, category: Category, locales: Mapping[str, LocalizedDraft]
) -> Iterator[TemplateFileFault]:
    for locale in locales:
        if category.is_optional and _reason_source(files, category, locale) is None:
            path = files.folder / "_layout" / "strings.toml"
            yield TemplateFileFault(path, f"lacks why_{category.name} for {locale}; say why people get such mail")


def _template_files(
    files: BrandFiles, name: str, draft: CampaignDraft, sources: Mapping[str, _LocalizedSources]
) -> TemplateFiles:
    category, types = files.policy.get_category(draft.category), attribute_types_of_policy(files.policy.attributes)
    samples = {field: _SAMPLES[types[field]] for field in sorted(fields_used(draft)) if types.get(field) in _SAMPLES}
    manifest = TemplateManifest(
        category=draft.category,
        purpose=draft.purpose,
        subject={locale: one.subject for locale, one in sources.items()},
        example={"profile": samples} if samples else {},
    )
    bodies = {(locale, part): body for locale, one in sources.items() for part, body in one.bodies.items()}
    reasons = {locale: _reason_source(files, category, locale) for locale in sources}
    strings = {locale: {"why": reason} for locale, reason in reasons.items() if reason}
    return TemplateFiles(files, Path(name), manifest, bodies, strings)


def compile_checked(files: TemplateFiles) -> Template:
    """Compiles a template whose sources were made of a draft.

    Raises:
        TemplateError: it has faults, by the checks of templates from files.
    """
    template = compile_template(files)
    if faults := tuple(find_template_faults(template, files)):
        raise TemplateError(*faults)
    return template
