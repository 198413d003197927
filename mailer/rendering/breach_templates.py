"""Templates of breach notices: the texts of a phase in the brand's mandatory layout. Letters have the same content."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from mailer.policy.breach.draft import BreachPhaseDraft, NoticeText
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.rules import breach_rules_of_policy, required_parts
from mailer.policy.policy_file import Policy
from mailer.rendering.breach_content import checked_text, headings_of_language, notice_content
from mailer.rendering.breach_links import find_foreign_links
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks
from mailer.rendering.campaign_markup import url_mark
from mailer.rendering.campaign_templates import body_source, compile_checked, padding_after, without_isolation
from mailer.rendering.campaign_text_part import text_of_html
from mailer.rendering.languages import is_left_to_right
from mailer.rendering.letter_content import LetterContent
from mailer.rendering.letter_html import html_of_content
from mailer.rendering.template import Template
from mailer.rendering.template_files import (
    BrandFiles,
    Part,
    TemplateError,
    TemplateFileFault,
    TemplateFiles,
    TemplateManifest,
)

CATEGORY: Final = "breach"
PURPOSE: Final = "security_notice"
_LAYOUT: Final = "mandatory"


def name_of_breach_template(case_id: UUID, phase: int) -> str:
    """Returns the name of a phase's template, such as breach-0123456789ab-1."""
    return f"breach-{case_id.hex[:12]}-{phase}"


def compile_breach_template(
    brand_files: BrandFiles, name: str, draft: BreachPhaseDraft, variant: str, facts: BreachFacts
) -> Template:
    """Compiles one variant of a phase in all its languages, with the checks of templates from files.

    It has no pictures, no tracking, no links outside of the brand's domains. `check_breach_texts` says what it lacks.

    Args:
        brand_files: the brand's layout and texts.
        name: the name of the template; see `name_of_breach_template`.
        draft: the draft of the phase.
        variant: one of its variants.
        facts: of the case; with the policy's rules they may set headings.

    Raises:
        TemplateError: the variant cannot be sent; the error lists all faults. The file of a fault in a text is its
            locale.
    """
    policy, texts = brand_files.policy, draft.variants[variant].texts
    required = required_parts(facts, breach_rules_of_policy(policy), draft.variants[variant].places)
    faults = list(_draft_faults(texts, policy))
    written: dict[str, tuple[str, dict[Part, str]]] = {}
    for locale in texts:
        try:
            content = notice_content(draft, variant, locale, headings_of_language(required, locale))
            if foreign := next(iter(find_foreign_links(content, policy)), None):
                raise DraftTextRefused(f"has a link to {foreign}, and a notice only links to the brand's own pages")
            written[locale] = _write_sources(content, texts[locale].preheader, locale)
        except DraftTextRefused as error:
            faults.append(TemplateFileFault(Path(locale), str(error)))
    if faults:
        raise TemplateError(*faults)
    manifest = TemplateManifest(
        category=CATEGORY, purpose=PURPOSE, subject={locale: subject for locale, (subject, _) in written.items()}
    )
    bodies = {(locale, part): body for locale, (_, made) in written.items() for part, body in made.items()}
    return compile_checked(TemplateFiles(brand_files, Path(name), manifest, bodies, is_of_breach_case=True))


def _draft_faults(texts: dict[str, NoticeText], policy: Policy) -> Iterator[TemplateFileFault]:
    if CATEGORY not in policy.categories or PURPOSE not in policy.purposes:
        yield TemplateFileFault(Path(CATEGORY), f"the policy of {policy.brand} lacks {CATEGORY} mail or {PURPOSE}")
    if policy.default_locale not in texts:
        yield TemplateFileFault(Path(policy.default_locale), "has no text; it is the language of everybody else")
    for locale, text in texts.items():
        if not text.title.strip():
            yield TemplateFileFault(Path(locale), "title: is empty; write it")
        if not any(part.strip() for part in text.parts.values()):
            yield TemplateFileFault(Path(locale), "has no parts; write them")


def _write_sources(content: LetterContent, preheader: str, locale: str) -> tuple[str, dict[Part, str]]:
    """Returns the source of the subject and of both parts.

    Raises:
        DraftTextRefused: a link or the preheader cannot be sent.
    """
    marks = SourceMarks({}, tracks=False, is_left_to_right=is_left_to_right(locale))
    markup = html_of_content(content, lambda url: url_mark(url, marks))
    title, shown = html.escape(content.title), html.escape(checked_text(preheader))
    fillings = {
        "title": without_isolation(marks.html_source(title)),
        "preheader": marks.html_source(shown) + padding_after(shown),
        "heading": marks.html_source(title),
        "content": marks.html_source(markup),
    }
    plain = {
        "heading": marks.plain_source(content.title),
        "content": marks.plain_source(text_of_html(markup, marks)),
    }
    bodies: dict[Part, str] = {
        "html": body_source(f"{_LAYOUT}.html.j2", fillings),
        "txt": body_source(f"{_LAYOUT}.txt.j2", plain),
    }
    return marks.plain_source(content.title), bodies
