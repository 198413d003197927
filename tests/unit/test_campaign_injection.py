"""Hostile texts in campaigns: no text is syntax for the template engine, and HTML has only what is allowed."""

import re
from html import escape as html_escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailer.policy.campaign_draft import (
    HeadingBlock,
    HtmlBlock,
    TextBlock,
)
from mailer.policy.recipient_attributes import AttributeType
from mailer.rendering.campaign_fields import DraftTextRefused, SourceMarks, parse_field
from mailer.rendering.campaign_markup import (
    ATTRIBUTES,
    HTML_ELEMENTS,
    PictureSources,
    clean_html_and_mark_links,
    html_of_markdown,
)
from mailer.rendering.campaign_text_part import text_of_html
from mailer.rendering.css_inlining import inline_css
from mailer.rendering.template_files import TAG, TemplateError
from tests.composed import TYPES, compiled, mail_of

WORDS = st.text(max_size=60)
SNIPPETS = st.sampled_from(
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "{", "}", "{{ 1234*5678 }}",
        "{% raw %}", "{% endblock %}", "{% block content %}",
        "{{ unsubscribe_url }}", "{{ name or 'friend' }}", "{{ first_name or '}}{{ 1234*5678' }}",
        "&#123;&#123; 1234*5678 }}",
        "&lbrace;&lbrace; 1234*5678 }}", "&#x7b;% if x %}", "q0jinja0q", "<!--q0jinja1q-->", "q0jinja",
        "{{ strings.why }}",
        "{{ brand.name }}", "\\x7b\\x7b", "'", '"', "`", "\\", "</p>", "<b>", "</title>", "<!--", "-->", "\n\n", "* ",
        "[a](", "https://x.example/{{7*7}}", ")", "<https://x.example>", "|", "&amp;#123;{", "\u2028", "{{\n}}", "{-",
        "{{-", "{%-",
    ]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(SNIPPETS, WORDS), max_size=12).map("".join)
OUR_TAG = re.compile(
    r"\{\{ (?:'\{'|'j'|recipient\.name|'[^']*' \| tracked|profile\.\w+ (?:\| default\('[^']*', true\)"
    r"|(?:\| when )?if profile\.\w+ is (?:number|string) else '[^']*')) \}\}"
    r"|\{%\+ (?:if recipient\.name|else|endif) \+%\}"
)


def marks() -> SourceMarks:
    """Marks for the declared attributes, with counted links."""
    return SourceMarks({"first_name": AttributeType.TEXT, **TYPES}, tracks=True)


def rest_after_our_tags(source: str) -> str:
    """A source without the tags that this program writes."""
    return OUR_TAG.sub("", source)


@settings(max_examples=400, deadline=None)
@given(HOSTILE)
def test_no_text_of_a_line_reaches_the_engine_as_syntax(text: str) -> None:
    """All tags of a line's sources are ours, in both parts and after the inlining of CSS."""
    one = marks()
    try:
        marked = one.replace_fields_by_marks(text)
    except DraftTextRefused:
        return
    assert "{" not in rest_after_our_tags(one.plain_source(marked))
    page = f"<html><head><title>x</title></head><body><p>{one.html_source(html_escape(marked))}</p></body></html>"
    assert_only_our_tags(page)


@pytest.mark.parametrize("kind", ["text", "html"])
@pytest.mark.parametrize("number", ["0", "7", "9" * 5000])
@pytest.mark.parametrize(
    "written", ["&#xE000;{}&#xE001;", "&#57344{}&#57345;", "{{{{ name or '&#xE000;{}&#xE001;' }}}}"]
)
def test_no_reference_to_a_character_makes_a_mark(written: str, number: str, kind: str) -> None:
    """A mark that a text writes by numbers of characters would print another field, or end the page with an error."""
    text = written.format(number)
    with pytest.raises(TemplateError, match=r"U\+E00|no character"):
        compiled(TextBlock(markdown=text) if kind == "text" else HtmlBlock(html=text))


@settings(max_examples=400, deadline=None)
@given(HOSTILE, st.sampled_from(["text", "html"]))
def test_no_text_of_a_block_reaches_the_engine_as_syntax(text: str, kind: str) -> None:
    """The same holds for Markdown and HTML, and for the text part that is made of them."""
    one = marks()
    try:
        marked = one.replace_fields_by_marks(text)
        made = html_of_markdown(marked, one) if kind == "text" else clean_html_and_mark_links(marked, one, None)
    except DraftTextRefused:
        return
    assert "{" not in rest_after_our_tags(one.plain_source(text_of_html(made, one)))
    assert_only_our_tags(f"<html><head></head><body><div>{one.html_source(made)}</div></body></html>")


def assert_only_our_tags(page: str) -> None:
    """Asserts that a page has our tags only, also after the inlining of CSS, which reads and writes it again."""
    assert "{" not in rest_after_our_tags(page)
    assert "q0jinja" not in page
    inlined = inline_css(page)
    assert sorted(TAG.findall(page)) == sorted(TAG.findall(inlined))
    assert "{" not in rest_after_our_tags(inlined)


@settings(max_examples=15, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_texts_are_shown_as_they_are_written(line: str, markdown: str, markup: str) -> None:
    """A whole campaign of hostile texts is refused, or its mail has no result of an expression."""
    line = "".join(char for char in line if char.isprintable())[:100]
    try:
        blocks = (HeadingBlock(text=line or "x"), TextBlock(markdown=markdown), HtmlBlock(html=markup))
    except ValidationError:
        assert "\0" in markdown + markup
        return
    try:
        template = compiled(*blocks, subject=line or "x")
    except TemplateError:
        return
    said = "".join(mail_of(template))
    assert str(1234 * 5678) not in said


class AllowedOnly(HTMLParser):
    """A reader that notes each element and attribute that a writer must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what is not on the lists."""
        if tag not in HTML_ELEMENTS:
            self.refused.append(tag)
        self.refused += [name for name, _ in attrs if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set())]


TAGS = st.sampled_from(
    [
        "<script>", "</script>", "<svg>", "<math>", "<mtext>", "<style>", "</style>", "<p onclick=x>", "<img src=x>",
        "<img src=x onerror=y>", "<a href=javascript:x>", "<noscript>", "<template>", "<table>", "<td>", "</table>",
        "<!--", "-->", "<![CDATA[", "]]>", "<mglyph>", "<form>", "<form id=x>", "<input>",
        "<annotation-xml encoding=text/html>",
        '<p title="</style><img src=x onerror=y>">', "<xmp>", "<plaintext>", "<object data=x>",
        "<b style=color:red>", "<li>",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TAGS, WORDS), max_size=12).map("".join))
def test_html_has_only_what_is_allowed(markup: str) -> None:
    """Whatever a writer types, the result has allowed elements and attributes only, also when it is read again."""
    one = marks()
    try:
        made = clean_html_and_mark_links(one.replace_fields_by_marks(markup), one, PictureSources(frozenset(), ()))
    except DraftTextRefused:
        return
    reader = AllowedOnly()
    reader.feed(made)
    reader.close()
    assert reader.refused == []
    assert clean_html_and_mark_links(made, marks(), PictureSources(frozenset(), ())) == made or "\ue000" in made


def test_a_number_of_a_character_is_not_read_without_end() -> None:
    """Python refuses to read a number of 5,000 digits, which would end each page that lists a draft's fields."""
    assert parse_field("name or '&#" + "9" * 5000 + ";'") is None
    with pytest.raises(TemplateError, match=r"U\+E000"):
        compiled(TextBlock(markdown="&#x00E000;0&#x00E001;"))


@pytest.mark.parametrize("tag", ["<b>", "<div>", "<table><tr><td>", "<ul><li>", "<b><i><u><s>"])
def test_deep_nesting_is_refused_before_it_ends_the_process(tag: str) -> None:
    """The CSS inliner overflows the stack of the process at some thousands of elements within one another."""
    for times in (70, 40_000 // len(tag)):
        with pytest.raises(TemplateError, match=r"deep|tags"):
            compiled(HtmlBlock(html=tag * times + "x"))
    with pytest.raises(TemplateError, match="deep"):
        compiled(TextBlock(markdown="*a **b " * 1400 + "x" + " b** a*" * 1400))


def test_usual_nesting_is_taken() -> None:
    """Tables within tables of a bought layout, and many elements side by side, are no fault."""
    nested = "<table><tbody><tr><td>" * 8 + "x" + "</td></tr></tbody></table>" * 8
    assert compiled(HtmlBlock(html=nested + '<p title="a > b">x<br></p>' * 500)).source
