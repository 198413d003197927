"""Hostile texts in notices: nothing is syntax for the template engine, nothing is HTML, nothing turns directions."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailer.policy.breach.draft import ELSEWHERE, NoticePart, NoticeText
from mailer.rendering.breach_content import blocks_of_markdown, notice_content, telephone_script, text_of_content
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks
from mailer.rendering.letter_content import BulletList, LetterContent, LetterSection, Paragraph, TextRun
from mailer.rendering.letter_html import html_of_content
from mailer.rendering.template_compiler import compile_stored_source
from mailer.rendering.template_files import TemplateError
from tests.breach_texts import TODAY, compiled, names, notice, policy_of
from tests.unit.test_campaign_injection import HOSTILE, assert_only_our_tags

P = NoticePart
SYNTAX = (
    *("{{ 1234*5678 }}", "{% raw %}", "{# x #}", "{{ name or 'friend' }}", "{{ unsubscribe_url }}", "{{", "}}"),
    *("{% endblock %}", "{{ strings.why }}", "&#123;&#123; 1234*5678 }}", "&lbrace;&lbrace; 1234*5678 }}"),
    *("q0jinja0q", "{{\n1234*5678 }}", "{ { 1234*5678 } }", "&#xE000;0&#xE001;", "&#57344;0&#57345;"),
)
HTML = (
    *("<script>alert(1)</script>", "<img src=https://x.example/p.gif onerror=x>", "</title><b>x", "<!--", "<style>p{"),
    *("<p onclick=x>", "]]>", "</td></tr></table><h1>x", "<svg/onload=x>"),
)
UNFIT = (
    *("\u202ereversed", "\u2066isolated", "\x07bell", "\x1b[31m", "\ufffe", "\ue000", "a" + "\u0301" * 40),
    *("\u2028line", "\x7f"),
)


def rendered(draft_text: dict[P, str], **lines: str) -> tuple[str, str, str]:
    """Subject and both parts of the mail that a text makes."""
    template = compiled(notice(draft_text, **lines))
    stored = compile_stored_source(policy_of(), template.name, template.source)
    mail = stored.render("en", {"recipient": {"name": "Ada"}, "reason": None, "report_url": None, "leave_url": None})
    return mail.subject, mail.html, mail.text


@pytest.mark.parametrize("hostile", SYNTAX)
def test_no_field_reaches_the_engine(hostile: str) -> None:
    """Braces in the title, the preheader and a part are refused or shown as they are."""
    for changed, lines in (
        ({}, {"title": f"Notice {hostile}".replace("\n", " ")}),
        ({}, {"preheader": f"Read {hostile}".replace("\n", " ")}),
        ({P.WHAT_WE_DO: f"We told the authorities {hostile} today"}, {}),
        ({P.WHAT_WE_DO: f"- We told **{hostile}** today"}, {}),
    ):
        try:
            said = "".join(rendered(changed, **lines))
        except TemplateError:
            continue
        assert str(1234 * 5678) not in said
        assert "Ada, " not in said.partition("What Happened")[2]


@pytest.mark.parametrize("hostile", HTML)
def test_no_html_of_a_writer_is_markup(hostile: str) -> None:
    """Tags are shown as text, in title, preheader and parts."""
    subject, html, text = rendered({P.WHAT_WE_DO: f"We told them {hostile} today"}, preheader=f"Read {hostile}")
    assert hostile.split("://")[0][:4] in text
    assert not re.search(r"<(?:script|svg|img|b>|h1>x)|onclick=x>", html)
    assert subject == "Notice of Data Breach"


@pytest.mark.parametrize("hostile", UNFIT)
def test_characters_that_deceive_are_refused(hostile: str) -> None:
    """Characters that turn text around, and those that no mail can show, are refused by name."""
    for draft in (notice({P.WHAT_WE_DO: f"We told them {hostile} today"}), notice(preheader=f"Notice {hostile}")):
        with pytest.raises(TemplateError, match=r"character|marks|pair|line break"):
            compiled(draft)


def test_numbers_of_characters_are_read_where_markdown_reads_them() -> None:
    """A part that writes a character by its number is refused as the character; a title shows the number as it is."""
    with pytest.raises(TemplateError, match="turns the direction"):
        compiled(notice({P.WHAT_WE_DO: "We told them &#8238;reversed today"}))
    assert "Read &amp;#8238;this" in rendered({}, preheader="Read &#8238;this")[1]


@pytest.mark.parametrize("hostile", ["javascript:alert(1)", "data:text/html,x", "//x.example", "file:///etc/passwd"])
def test_other_schemes_are_no_links(hostile: str) -> None:
    """Addresses that are no page, mailbox or telephone are text or refused, also in the web notice."""
    draft = notice({P.WHAT_WE_DO: f"See [this]({hostile}) of ours"})
    try:
        sources = compiled(draft).source
    except TemplateError:
        assert "breach-link-foreign" in names(draft)
        return
    assert f'href=\\"{hostile}' not in sources
    assert f"[this]({hostile})" in sources


def test_deep_nesting_ends_nothing() -> None:
    """Sixteen thousand signs of nesting are read in no time, and refused or flat."""
    for sign in ("> ", "- ", "*", "[", "**", "1. "):
        text = sign * 16_000 if len(sign) == 1 else sign * 8_000
        try:
            blocks = blocks_of_markdown(f"{text}x")
        except DraftTextRefused:
            continue
        assert len(blocks) < 16_000


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_markdown_becomes_plain_runs(text: str) -> None:
    """Whatever is written, the blocks have no field, and their HTML has our tags only."""
    try:
        blocks = blocks_of_markdown(text)
    except DraftTextRefused:
        return
    marks = SourceMarks({}, tracks=False)
    content = LetterContent("x", (LetterSection("y", blocks),))
    try:
        source = marks.html_source(html_of_content(content, lambda url: "x"))
    except DraftTextRefused:
        return
    assert_only_our_tags(f"<html><head></head><body>{source}</body></html>")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80).filter(lambda text: "\0" not in text))
def test_any_text_is_shown_or_refused(text: str) -> None:
    """No text that can be stored makes the content fail in another way than by a refusal that names the part."""
    draft = notice()
    whole = draft.variants[ELSEWHERE].texts["en"]
    try:
        draft.variants[ELSEWHERE].texts["en"] = NoticeText(title="x", parts={**whole.parts, P.WHAT_WE_DO: f"x{text}"})
    except ValidationError:
        assert "\0" in text
        return
    try:
        said = text_of_content(notice_content(draft, ELSEWHERE, "en"))
    except DraftTextRefused as fault:
        said = str(fault)
    if said.startswith("what_we_do: "):
        return
    assert said.startswith("x\n\nWhat Happened")
    assert telephone_script(draft, ELSEWHERE, "en", TODAY).endswith("one working day.")


def test_markdown_of_a_notice() -> None:
    """Strong words, links, lists and numbers come out as values; emphasis is plain."""
    blocks = blocks_of_markdown(
        "One **two** *three*  \nfour\n\n- a\n- [b](https://x.example/)\n  - c\n\n3. d\n4. e\n\n   f"
    )
    assert blocks == (
        Paragraph((TextRun("One "), TextRun("two", True), TextRun(" three\nfour"))),
        BulletList(
            (
                Paragraph((TextRun("a"),)),
                Paragraph((TextRun("b", False, "https://x.example/"),)),
                Paragraph((TextRun("c"),)),
            )
        ),
        Paragraph((TextRun("3. "), TextRun("d"))),
        Paragraph((TextRun("4. "), TextRun("e"), TextRun("\n"), TextRun("f"))),
    )


@pytest.mark.parametrize(
    "refused",
    [
        "# x",
        "> x",
        "    x",
        "```\nx\n```",
        "`x`",
        "a|b\n-|-\nc|d",
        "x\n\n---\n\ny",
        "![x](https://x.example/)",
        "~~x~~",
    ],
)
def test_markup_that_no_letter_has_is_refused(refused: str) -> None:
    """The refusal says what it is and what to write."""
    with pytest.raises(DraftTextRefused, match=r"^has "):
        blocks_of_markdown(refused)
