"""Content that a reader must see is shown. A comment, the head of a page or hiding CSS is no place for it."""

from pathlib import Path

import pytest

from mailer.rendering.template_samples import LINK
from mailer.rendering.visible_text import visible_text
from tests.template_files import FILES, faults, library, within

HTML = "_layout/layout.html.j2"
WAY_OUT = '<a href="{{ unsubscribe_url }}">{{ strings.leave }}</a>'
ADDRESS = "{{ brand.name }}, {{ controller.name }}, {{ postal_address }}"

HIDDEN = (
    "<!-- {} -->",
    "<!--[if mso]><p>{}</p><![endif]-->",
    "<div hidden>{}</div>",
    '<div style="display: none">{}</div>',
    '<div style="DISPLAY:none !important">{}</div>',
    '<div style="dis/**/play: n\\6f ne">{}</div>',
    '<div style="display: n\\6f ne">{}</div>',
    '<div style="display: /* block */ none">{}</div>',
    '<div style="visibility: hidden"><p>{}</p></div>',
    '<div style="opacity: 0.0">{}</div>',
    '<div style="max-height: 0; overflow: hidden">{}</div>',
    '<div style="font-size: 0px"><p>{}</p></div>',
    '<div style="font-size: .0em; line-height: 20px">{}</div>',
    '<div style="color: transparent">{}</div>',
    '<div style="text-indent: -9999px">{}</div>',
    '<div style="color: #fff">{}</div>',
    '<div style="color: #fefefe">{}</div>',
    '<div style="color: rgba(0, 0, 0, .01)">{}</div>',
    '<div style="color: hsl(0, 0%, 99%)">{}</div>',
    '<div style="background: #123456"><div style="color: #123457">{}</div></div>',
    '<table bgcolor="#000000"><tbody><tr><td style="color: black">{}</td></tr></tbody></table>',
    '<font color="white">{}</font>',
    '<div style="background-image: linear-gradient(#fff, #eee); color: #f4f4f4">{}</div>',
    '<div style="background: url(https://x.example/paper.png)">{}</div>',
    '<div style="color: var(--paper)">{}</div>',
    '<div style="color: white; background: #fff !important; background: #000">{}</div>',
    '<div style="font-size: 1px">{}</div>',
    '<div style="font: 1px/1 Arial">{}</div>',
    '<div style="font-size: 10%">{}</div>',
    '<div style="font-size: calc(0px)">{}</div>',
    "<small><small><small><small><small>{}</small></small></small></small></small>",
    '<div style="opacity: .05">{}</div>',
    '<div style="opacity: 5"><div style="opacity: .05">{}</div></div>',
    '<div style="opacity: 500%"><div style="opacity: 10%">{}</div></div>',
    '<div style="opacity: nan">{}</div>',
    '<div style="opacity: .5"><div style="opacity: .5">{}</div></div>',
    '<div style="position: absolute; left: -9999px">{}</div>',
    '<div style="margin-left: -500em">{}</div>',
    '<div style="padding-top: 9000px">{}</div>',
    '<div style="clip-path: inset(100%)">{}</div>',
    '<div style="transform: scale(0)">{}</div>',
    '<div style="height: 1px; overflow: hidden">{}</div>',
    '<div style="max-width: 0">{}</div>',
    '<div style="line-height: 0">{}</div>',
    '<div style="letter-spacing: -1em">{}</div>',
    '<div style="mso-hide: all">{}</div>',
    '<div style="pointer-events: none">{}</div>',
    '<div style="display: none; display: flexible">{}</div>',
    '<div style="color: red"><div style="display:none"><p style="display: block">{}</p></div></div>',
)
SHOWN = (
    '<div style="color: #999999; font-size: 11px; line-height: 1.4">{}</div>',
    '<div style="background: #111827"><div style="color: #9ca3af"><span style="color: #ffffff">{}</span></div></div>',
    '<div style="color: white"><div style="color: #333">{}</div></div>',
    '<div style="margin: 0 auto; padding: 32px 12px; max-width: 600px; width: 100%; height: auto">{}</div>',
    '<div style="background: url(https://x.example/p.png)"><div style="background-color: #ffffff">{}</div></div>',
    '<font color="#336699" size="2">{}</font>',
    "<div>{}</div>",
    '<div style="font-size: 0"><p style="font-size: 14px">{}</p></div>',
    '<div style="visibility: hidden"><p style="visibility: visible">{}</p></div>',
    '<div style="font-size: 0.8em; opacity: 0.5; max-height: 1em; color: #000000">{}</div>',
    '<div style="background-color: transparent; border-color: transparent">{}</div>',
    '<span style="display: none">preheader</span><br><img src="cid:a" alt=""><p>{}</p>',
)


@pytest.mark.parametrize("around", HIDDEN)
def test_a_way_out_that_is_hidden_is_none(tmp_path: Path, around: str) -> None:
    """Optional mail is refused whose link to leave, or whose company and address, no reader sees."""
    hidden = around.replace("dis/**/play", "display")
    link = faults(tmp_path / "link", within(FILES, HTML, WAY_OUT, hidden.format(WAY_OUT)))
    assert "the HTML part has no unsubscribe_url that is shown" in link or "does not say what" in link
    company = faults(tmp_path / "company", within(FILES, HTML, ADDRESS, hidden.format(ADDRESS)))
    for missing in ("postal_address that is shown", "controller.name", "brand.name"):
        assert f"the HTML part has no {missing}" in company


@pytest.mark.parametrize("around", SHOWN)
def test_a_way_out_that_is_shown_is_one(tmp_path: Path, around: str) -> None:
    """A part that CSS hides first and shows again within is seen, and so is one that only looks hidden."""
    files = within(FILES, HTML, WAY_OUT, around.format(WAY_OUT))
    files = within(files, HTML, ADDRESS, around.format(ADDRESS))
    assert len(library(tmp_path, files)) == 1


@pytest.mark.parametrize(
    "css",
    [
        ".foot { display: none }",
        "td.x .foot, .y { display: none !important }",
        "@media (max-width: 600px) { .foot { opacity: 0 } }",
        "div { display: none }",
        "#out { max-height: 0 }",
        ".foot { d\\69splay: none }",
        "* { display: none }",
        ".foot:not(.x) { visibility: hidden }",
        ".foot { color: #fff !important } a { color: #fff !important }",
        "@media (prefers-color-scheme: dark) { body { background: #000 } .foot, a { color: #000 !important } }",
        ".foot { font-size: 1px !important }",
    ],
)
def test_css_that_is_kept_may_hide_too(tmp_path: Path, css: str) -> None:
    """A rule that stays in the page and hides the place of the link is found, on phones alone too."""
    style = f'<style data-css-inline="keep">{css}</style></head>'
    files = within(FILES, HTML, "</head>", style)
    files = within(files, HTML, WAY_OUT, f'<div class="foot" id="out">{WAY_OUT}</div>')
    said = faults(tmp_path / "bad", files)
    assert "the HTML part has no unsubscribe_url that is shown" in said or "the HTML part does not say what" in said
    other = within(files, HTML, css, ".other { display: none } .foot { color: red }")
    assert len(library(tmp_path / "good", other)) == 1


def test_the_words_of_a_page_are_read_as_they_are_shown() -> None:
    """Words and links are those of the body, with character references resolved and nested elements closed."""
    page = visible_text(
        f'<html><head><title>t</title><style>p {{}}</style></head><body><p title="<b>">a &amp; b<br>c</p>'
        f'<a href="{LINK}?a&amp;b"><b>Leave</b> &lt;now&gt;</a><div hidden="">x<a href="y">z</a></div>d</body></html>'
    )
    assert page.text == "a & bcLeave <now>d"
    assert page.links == {f"{LINK}?a&b": "Leave <now>"}


@pytest.mark.parametrize("css", ["position:absolute", "POSITION : fixed", "posi/**/tion: absolute", "position: sticky"])
def test_nothing_covers_other_parts(tmp_path: Path, css: str) -> None:
    """A block that is lifted out of the page could lie over the way out: no template has one."""
    covered = within(FILES, HTML, WAY_OUT, f'{WAY_OUT}<div style="{css};top:0;background:#fff">x</div>')
    assert "has CSS with position: absolute" in faults(tmp_path, covered)


def test_a_name_at_the_head_is_none_in_the_footer(tmp_path: Path) -> None:
    """A brand's name far above the controller's leaves the footer without it."""
    headed = within(
        FILES, HTML, "{% block content %}", "<h1>{{ brand.name }}</h1><p>{{ 'lorem ' * 30 }}</p>{% block content %}"
    )
    nameless = within(headed, HTML, ADDRESS, ADDRESS.removeprefix("{{ brand.name }}, "))
    assert len(library(tmp_path / "good", headed)) == 1
    assert "the HTML part has no brand.name beside controller.name" in faults(tmp_path / "bad", nameless)
