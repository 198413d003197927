"""The shipped templates: their contents, and that inlining their CSS once is right."""

import re
from inspect import unwrap
from typing import Any

import css_inline
import pytest

from mailer.policy.publisher_rights import ACKNOWLEDGEMENT
from mailer.rendering import template_compiler
from mailer.rendering import template_library as loading
from mailer.rendering.mentioned_members import context_with_sample_members
from mailer.rendering.template_library import (
    SAMPLE,
    RecipientNameAndLocale,
    Template,
    TemplateLibrary,
    render_template_preview,
)
from tests.factories import templates
from tests.template_files import POLICIES, ROOT

SHIPPED = templates()
EVERY = [(template, locale) for template in SHIPPED for locale in template.locales]
NAMES = [f"{template.brand}-{template.name}-{locale}" for template, locale in EVERY]


def values(**context: Any) -> dict[str, Any]:
    """A context with what the pipeline adds."""
    return {**SAMPLE, **context}


def languages_of(template: Template) -> set[str]:
    """The languages of a shipped template: the answer to a letter has all in which letters are read."""
    return {"en", "de", "ar", *(("es", "fr", "ja") if template.name == ACKNOWLEDGEMENT else ())}


def test_every_category_of_every_brand_is_shipped() -> None:
    """Each brand has a template of each category that it sends by itself, each in its languages."""
    for brand, policy in POLICIES.items():
        mine = [template for template in SHIPPED if template.brand == brand]
        own = {category.name for category in policy.categories.values() if not category.stands_in}
        assert {template.category for template in mine} == own
        assert all(set(template.locales) == languages_of(template) for template in mine)
        assert SHIPPED.template_names_of_brand(brand) == sorted(template.name for template in mine)
    weekly = SHIPPED.find_template("paltalk-2006", "weekly")
    assert weekly is not None
    assert weekly.required == {"headline"}
    assert SHIPPED.find_template("paltalk-2006", "yearly") is None


@pytest.mark.parametrize(("template", "locale"), EVERY, ids=NAMES)
def test_inlined_once_is_what_inlining_each_message_gives(
    template: Template, locale: str, uninlined: TemplateLibrary
) -> None:
    """Rendering the inlined source equals inlining the rendered page, with and without what is optional."""
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
    normal = css_inline.CSSInliner(inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False)
    raw = uninlined.find_template(template.brand, template.name)
    assert raw
    example = context_with_sample_members(template.example)
    least = {name: example[name] for name in template.required}
    for context in (values(**example), {**values(**least), "recipient": RecipientNameAndLocale(None), "reason": None}):
        page = raw.render(locale, context).html.replace("\n\n", "\n")
        ours = template.render(locale, context).html
        wanted = inliner.inline(page).replace(' data-css-inline="keep"', "")
        assert squeezed(normal.inline(ours)) == squeezed(wanted)
        assert "@media (prefers-color-scheme: dark)" in ours
        assert "@media (max-width: 480px)" in ours


@pytest.fixture(scope="module")
def uninlined() -> TemplateLibrary:
    """The shipped templates as written, with their CSS in `<style>`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_compiler, "inline_css", lambda source: source)
        patch.setattr(
            loading, "_load_template", unwrap(loading._load_template)
        )  # the tests' own remembers what was inlined
        return TemplateLibrary.load_library(ROOT / "templates", POLICIES)


def squeezed(page: str) -> str:
    """A page without white space and an order of attributes that mean nothing."""
    page = re.sub(r"\s+", " ", page).replace("> <", "><")
    attributes = re.compile(r"(?: [a-z-]+=\"[^\"]*\")+")
    return attributes.sub(lambda found: "".join(sorted(re.findall(r" [a-z-]+=\"[^\"]*\"", found[0]))), page)


@pytest.mark.parametrize(("template", "locale"), EVERY, ids=NAMES)
def test_shipped_pages_are_accessible(template: Template, locale: str) -> None:
    """Language and direction are declared, tables are for layout, images have an alt; one h1, no remote file."""
    page = render_template_preview(template, locale).html
    direction = "rtl" if locale == "ar" else "ltr"
    assert f'<html lang="{locale}" dir="{direction}">' in page
    assert page.count("<table") == len(re.findall(r'<table[^>]*role="presentation"', page))
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", page))
    assert page.count("<h1") == 1
    assert re.search(r"<title>[^<]+</title>", page)
    assert 'class="preheader"' in page
    assert not re.search(r"url\(|<link|<script|@import", page)
    pixels = re.findall(r"<img[^>]*src=\"([^\"]*)\"", page)
    optional = POLICIES[template.brand].categories[template.category].is_optional
    assert pixels == ([SAMPLE["pixel_url"]] if optional else [])


@pytest.mark.parametrize("template", list(SHIPPED), ids=lambda template: f"{template.brand}-{template.name}")
def test_languages_are_really_translated(template: Template) -> None:
    """No two languages share a subject or a text, and the Arabic one is in Arabic letters."""
    rendered = [render_template_preview(template, locale) for locale in template.locales]
    assert len({one.subject for one in rendered}) == len(languages_of(template))
    assert len({one.text for one in rendered}) == len(languages_of(template))
    arabic = render_template_preview(template, "ar").text
    assert len(re.findall(r"[\u0600-\u06ff]", arabic)) > 150


def test_no_pixel_without_its_address() -> None:
    """The page has no pixel if the pipeline gives none."""
    weekly = SHIPPED.find_template("paltalk-2006", "weekly")
    assert weekly
    assert "<img" not in weekly.render("en", values(headline="x", pixel_url=None)).html


@pytest.mark.parametrize("brand", list(POLICIES))
def test_breach_notices_have_title_and_five_headings(brand: str) -> None:
    """Title and headings of California's law are there in its order, and the consequences of GDPR Art. 34."""
    template = SHIPPED.find_template(brand, "breach-notice")
    assert template
    page = render_template_preview(template, "en").html
    headings = re.findall(r"<h[12][^>]*>([^<]*)</h[12]>", page)
    assert headings == [
        "Notice of data breach",
        "What happened",
        "What information was involved",
        "What this may mean for you",
        "What we are doing",
        "What you can do",
        "For more information",
    ]
    for locale in template.locales:
        assert len(re.findall(r"<h2", render_template_preview(template, locale).html)) == 6


def test_service_footer_says_how_to_deactivate() -> None:
    """Service mail of that brand names the way out of service mail. It does not lead out of breach notices."""
    way_out = {"en": "deactivate your account", "de": "dein Konto deaktivierst", "ar": "تعطيل حسابك"}
    for locale, words in way_out.items():
        for brand, name, said in (
            ("paltalk-2006", "maintenance", True),
            ("paltalk-2006", "breach-notice", False),
            ("interpals", "maintenance", False),
        ):
            template = SHIPPED.find_template(brand, name)
            assert template
            rendered = render_template_preview(template, locale)
            assert [words in rendered.text, words in rendered.html] == [said, said]


@pytest.mark.parametrize("template", list(SHIPPED), ids=lambda template: f"{template.brand}-{template.name}")
def test_why_is_asked_in_every_mail(template: Template) -> None:
    """Each mail has the link of "why do I get this", and optional mail that of the preferences, in both parts."""
    rendered = render_template_preview(template)
    links = [SAMPLE["report_url"]]
    if POLICIES[template.brand].categories[template.category].is_optional:
        links.append(SAMPLE["preferences_url"])
    assert [link in part for link in links for part in (rendered.text, rendered.html)] == [True, True] * len(links)
