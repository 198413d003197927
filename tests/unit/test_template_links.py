"""A link ends where it should: in the rendered example, in every branch, in every language."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.template_samples import LINK
from mailer.rendering.text_glued_to_links import (
    faults_of_links_glued_to_text,
    faults_of_links_glued_to_text_in_branches,
)
from tests.template_files import FILES, MANDATORY, faults, library, within

TEXT, HTML, BODY, PAGE = "_layout/layout.txt.j2", "_layout/layout.html.j2", "news/body.txt.j2", "news/body.html.j2"
MANIFEST, STRINGS = "news/template.toml", "_layout/strings.toml"
DEAD = "something right behind unsubscribe_url"


@pytest.mark.parametrize(
    "behind",
    [
        "{% block after %}{% endblock %}\nHarbor Books Ltd",
        "{% if headline %}\n{% endif %}\nHarbor Books Ltd",
        "Harbor",
        ".",
        ")",
        "{{ headline }}",
        "{{ strings.leave }}",
        "{% if headline %} x{% else %}x{% endif %}",
        "{% if headline == 'never' %}x{% endif %} y",
        "{% if headline == 'a' %}{% elif headline == 'b' %}{% if headline %}.{% endif %}{% endif %}\n",
        "{#\n#}x",
        "{%- if headline %}{% endif -%}\n\nx",
        "/",
    ],
)
def test_a_link_ends_at_white_space(tmp_path: Path, behind: str) -> None:
    """A text without white space right behind a link is refused, even in a branch that no example takes."""
    said = faults(tmp_path, within(FILES, TEXT, "{{ unsubscribe_url }}", "{{ unsubscribe_url }}" + behind))
    assert f"the text part has {DEAD}" in said


@pytest.mark.parametrize(
    "before",
    [
        "Harbor{% if headline %}\n{% endif %}\n",
        "Leave",
        "Leave.",
        "Leave/",
        "https://x.example/?to=",
        "{{ headline }}",
        "{% if headline == 'never' %}x{% endif %}",
        "x{% if headline == 'never' %} {% endif %}",
        "{% if headline == 'a' %} {% elif headline == 'b' %}{% if headline %}x{% endif %}{% else %} {% endif %}",
        "{% for x in [headline] %}{{ x }}{% else %} {% endfor %}",
        "Leave {#\n#}x",
        "Leave\n\n{{ headline -}}\n",
    ],
)
def test_a_link_begins_behind_white_space(tmp_path: Path, before: str) -> None:
    """A word, a value or another address right before the link, in any branch, would make one word of both."""
    said = faults(tmp_path, within(FILES, TEXT, "Leave: {{ unsubscribe_url }}", before + "{{ unsubscribe_url }}"))
    assert "something right before unsubscribe_url" in said


@pytest.mark.parametrize(
    "before", ["Leave: ", "Leave:\n", "Leave here:", "\u2192", "{% if headline %}Leave {% endif %}"]
)
def test_a_link_may_begin_behind_these(tmp_path: Path, before: str) -> None:
    """White space and a colon end the word before, in each branch."""
    files = within(FILES, TEXT, "Leave: {{ unsubscribe_url }}", f"Leave here\n{before}{{{{ unsubscribe_url }}}}")
    assert len(library(tmp_path, files)) == 1


def test_a_block_that_swallows_the_line_break_is_named(tmp_path: Path) -> None:
    """The fault says that a line break right behind a block tag is removed, and a blank line mends it."""
    cut = "{% block link %}Leave: {{ unsubscribe_url }}{% endblock %}\nHarbor Books Ltd"
    said = faults(tmp_path / "bad", within(FILES, TEXT, "Leave: {{ unsubscribe_url }}", cut))
    assert "a line break right behind {% … %} is removed" in said
    assert "(en, de)" in said
    mended = within(FILES, TEXT, "Leave: {{ unsubscribe_url }}", cut.replace("endblock %}\n", "endblock %}\n\n"))
    (template,) = library(tmp_path / "good", mended)
    assert f"{LINK}\nHarbor" in template.render("de", {"unsubscribe_url": LINK, "headline": "x"}).text


def test_each_language_is_looked_at(tmp_path: Path) -> None:
    """A link that is dead in one language only is found, and the language named."""
    files = within(FILES, TEXT, "{{ unsubscribe_url }}", "{{ unsubscribe_url }}{{ strings.behind }}")
    files = within(files, STRINGS, "[en]\n", '[en]\nbehind = ""\n')
    files = within(files, STRINGS, "[de]\n", '[de]\nbehind = "!"\n')
    said = faults(tmp_path, files)
    assert f"(de) the text part has {DEAD}" in said


@pytest.mark.parametrize("name", ["preferences_url", "report_url", "view_url"])
def test_every_link_of_ours_ends(tmp_path: Path, name: str) -> None:
    """Links to the preferences, to why somebody got this, and to the web copy end as the unsubscribe link does."""
    said = faults(tmp_path, within(FILES, BODY, "{{ headline }}", f"{{{{ {name} }}}}."))
    assert f"right behind {name}" in said


def test_a_link_in_html_is_whole(tmp_path: Path) -> None:
    """Nothing is added to a link of ours in an attribute."""
    said = faults(tmp_path, within(FILES, HTML, '"{{ unsubscribe_url }}"', '"{{ unsubscribe_url }}?x=1"'))
    assert f"the HTML part has {DEAD}" in said


@pytest.mark.parametrize(
    ("behind", "good"), [("/more", True), ("?a=b", True), ("\nx", True), (" x", True), ("x", False), (".", False)]
)
def test_a_link_of_a_context_may_get_a_path(tmp_path: Path, behind: str, good: bool) -> None:
    """A template may add a path or query to a URL of a context, and no text."""
    files = within(MANDATORY, BODY, "{{ headline }}", "{{ shop_url }}" + behind)
    files = within(
        files, MANIFEST, "[example]", 'shop_url = "url anywhere"\n[example]\nshop_url = "https://shop.example"'
    )
    if good:
        assert len(library(tmp_path, files)) == 1
    else:
        assert "right behind shop_url" in faults(tmp_path, files)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
def test_a_rendered_link_ends(behind: str) -> None:
    """A rendered link ends with white space, or there is a fault."""
    found = list(faults_of_links_glued_to_text(f"Leave: {LINK}{behind}", "", {"unsubscribe_url": LINK}))
    assert (not found) == (not behind or behind[0].isspace())


def test_the_longest_link_counts() -> None:
    """A URL that another one begins with is not taken for a cut one."""
    values = {"url": "https://shop.example", "items": [{"url": "https://shop.example/a"}]}
    assert not list(faults_of_links_glued_to_text("https://shop.example/a b", "", values))


def test_branches_are_followed() -> None:
    """The text behind a link is looked for in each branch, behind it, and in no other branch of its own."""

    def said(text: str) -> list[str]:
        return list(faults_of_links_glued_to_text_in_branches(text, ""))

    link = "\x02unsubscribe_url\x03"
    assert not said(f"\x04{link}\x05none\x06\nx")
    assert said(f"\x04{link}\x05none\x06x")
    assert said(f"\x04\x04{link}\x05\x06\x05y\x06x")
    assert not said(f"{link}\x04 a\x05\nb\x06c")
    assert said(f"{link}\x04 a\x05\x06c")
    assert not said(f"{link}\x04 a\x05\x06")
