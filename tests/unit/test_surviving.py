"""HTML that survives mail programs which drop `<bdi>`, newer CSS, or what Word does not know."""

import re
from pathlib import Path

import pytest

from mailer.rendering.fallback_markup_for_mail_programs import add_fallback_markup_for_mail_programs
from mailer.rendering.template_library import RecipientNameAndLocale, Template, render_template_preview
from tests.factories import policies, templates
from tests.template_files import FILES, library, within

SHIPPED = [(template, locale) for template in templates() for locale in template.locales]
NAMES = [f"{template.brand}-{template.name}-{locale}" for template, locale in SHIPPED]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<bdi>{{ x }}</bdi>", '<span dir="auto">\u2068{{ x }}\u2069</span>'),
        ('<BDI class="a>b">x</BDI >', '<span dir="auto" class="a>b">\u2068x\u2069</span>'),
        ('<bdi dir="ltr">x</bdi>', '<span dir="ltr">\u2068x\u2069</span>'),
        ("<bdi\nlang='ar'>x</bdi>", "<span dir=\"auto\"\nlang='ar'>\u2068x\u2069</span>"),
        ("<bdo dir='rtl'>x</bdo>", "<bdo dir='rtl'>x</bdo>"),
        (
            "<style>.a { overflow-wrap: anywhere; }</style>",
            "<style>.a { word-wrap: break-word; overflow-wrap: anywhere; }</style>",
        ),
        ('<p style="overflow-wrap:break-word">', '<p style="word-wrap: break-word; overflow-wrap:break-word">'),
        ("<style>.a {display:none}</style>", "<style>.a {mso-hide: all; display:none}</style>"),
        (
            "<style>.a { display: none !important; }</style>",
            "<style>.a { mso-hide: all !important; display: none !important; }</style>",
        ),
        ("<p>display: none; overflow-wrap: anywhere</p>", "<p>display: none; overflow-wrap: anywhere</p>"),
        ("<style>.a { display: block; }</style>", "<style>.a { display: block; }</style>"),
    ],
)  # fmt: skip
def test_a_form_that_is_kept(written: str, kept: str) -> None:
    """Each form that some program drops has one beside it that all keep, and texts stay as they are."""
    assert add_fallback_markup_for_mail_programs(written) == kept


@pytest.mark.parametrize(("template", "locale"), SHIPPED, ids=NAMES)
def test_shipped_pages_survive(template: Template, locale: str) -> None:
    """No page relies on what Gmail, Outlook or Yahoo drop: `bdi`, `pre-line`, padding of links, hiding by CSS alone."""
    page = render_template_preview(template, locale).html
    assert "<bdi" not in page
    body = page.partition("<body")[2].partition(">")[2]  # Gmail drops html and body with their attributes
    direction = "rtl" if locale == "ar" else "ltr"
    assert re.search(rf'<table\b[^>]* dir="{direction}"', body[: body.index("<td")])
    assert page.count("\u2068") == page.count("\u2069") > 0
    assert not re.search(r"white-space:\s*pre", page)
    assert all("mso-hide: all" in style for style in re.findall(r'style="([^"]*display: none[^"]*)"', page))
    assert all("word-wrap: break-word" in style for style in re.findall(r'style="([^"]*overflow-wrap[^"]*)"', page))
    assert "mso-hide: all" in page
    assert "word-wrap: break-word" in page
    for link in re.finditer(r'<a\b[^>]*style="[^"]*padding: ([^;"]+)', page):
        cell = page[page.rindex("<td", 0, link.start()) : link.start()]
        assert re.fullmatch(rf'<td\b[^>]*style="[^"]*mso-padding-alt: {re.escape(link[1])}[^"]*">\s*', cell), cell


@pytest.mark.parametrize(("template", "locale"), SHIPPED, ids=NAMES)
def test_company_and_address_keep_their_direction(template: Template, locale: str) -> None:
    """Latin company names and addresses stand between isolating marks, in a page of any direction."""
    page = render_template_preview(template, locale).html
    controller = policies()[template.brand].controller
    for text in (controller.name, controller.postal_address):
        assert f"\u2068{text}\u2069" in page


def test_a_brands_own_pages_survive(tmp_path: Path) -> None:
    """Authors write `<bdi>`. The sent mail has the surviving form, even if many readers share a form letter."""
    files = within(FILES, "news/body.html.j2", "<p>{{ headline }}</p>", "<p><bdi>{{ headline }}</bdi></p>")
    template = library(tmp_path, files).find_template("paltalk-2006", "news")
    assert template
    values = {"headline": "One", "unsubscribe_url": "https://mail.example/u/sample"}
    kept = '<span dir="auto">\u2068One\u2069</span>'
    assert kept in template.render("en", values).html
    form = template.render_merge_form(
        "en", {**values, "recipient": RecipientNameAndLocale(None, "en")}, {"recipient.name": "Ada"}
    )
    assert form
    assert kept in "".join(map(str, form.html))


def test_lines_are_broken_as_the_text_is(tmp_path: Path) -> None:
    """A value of several lines breaks in both parts as it was written, and nothing in it is markup."""
    files = within(FILES, "news/body.html.j2", "{{ headline }}", "{{ note | lines }}")
    files = within(files, "news/body.txt.j2", "{{ headline }}", "{{ note | lines }}")
    files = within(files, "news/template.toml", 'headline = "One"', 'headline = "One"\nnote = "Two"')
    template = library(tmp_path, files).find_template("paltalk-2006", "news")
    assert template
    values = {"headline": "One", "note": "a <b>\nc\r\n\nd", "unsubscribe_url": "https://mail.example/u/sample"}
    rendered = template.render("en", values)
    plain = re.sub("[\u2068\u2069]", "", rendered.html)
    assert '<p style="color: red;">a &lt;b&gt;<br>\nc<br>\n<br>\nd</p>' in plain
    assert rendered.text.startswith("a <b>\nc\r\n\nd")
