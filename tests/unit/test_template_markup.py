"""Allowed parts of a page: the lists of elements, attributes, addresses and CSS, and everything on none of them."""

from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.allowed_markup import (
    ATTRIBUTES,
    ELEMENTS,
    OWN_ATTRIBUTES,
    find_values_that_are_whole_links,
    markup_faults,
)
from mailer.rendering.link_tokens import UnsubscribeToken
from mailer.rendering.signed_links import SignedLinks
from tests.template_files import FILES, MANDATORY, faults, library, within

PAGE = "news/body.html.j2"
OTHER_ELEMENTS = (
    "acronym applet area article-x aside audio base basefont bgsound blink button canvas data datalist details "
    "dialog dir embed fieldset form frame frameset iframe image input isindex keygen label legend link listing "
    "map marquee math menu menuitem meter multicol nav nextid nobr noembed noframes noscript object optgroup "
    "option output param picture plaintext portal progress rb rp rt rtc ruby script search select slot source "
    "spacer strike summary svg template textarea track video xmp v:rect v:fill v:image v:roundrect o:p "
    "w:anchorlock foreignobject use animate set"
)
"""The elements of HTML, present and past, and of VML and SVG, that are on no list."""
OTHER_ATTRIBUTES = (
    "accept accept-charset accesskey action allow archive async autofocus autoplay background cite classid "
    "code codebase contenteditable controls coords crossorigin data data-src data-background declare defer "
    "download draggable dynsrc enctype for form formaction formtarget fetchpriority frameborder http "
    "imagesizes imagesrcset integrity is ismap itemid itemprop lazy-src list loading longdesc loop lowsrc "
    "manifest max media method muted nonce object onabort onclick onerror onfocus onload onmouseover "
    "onpointerenter ontoggle part pattern ping popover poster preload profile referrerpolicy sandbox scoped "
    "slot sizes spellcheck srcdoc srclang srcset step tabindex target-x usemap v:src xlink:href xml:base "
    "xmlns:v"
)
"""The attributes of HTML, present and past, that are on no list."""


@pytest.mark.parametrize("mandatory", [True, False])
@pytest.mark.parametrize("element", OTHER_ELEMENTS.split())
def test_every_other_element_is_refused(element: str, mandatory: bool) -> None:
    """No mail has an element that is on no list, and mandatory mail no image that is fetched."""
    assert f"has <{element}>" in " ".join(markup_faults(f"<p>a</p><{element}>b</{element}>", mandatory=mandatory))


@pytest.mark.parametrize("mandatory", [True, False])
@pytest.mark.parametrize("attribute", OTHER_ATTRIBUTES.split())
def test_every_other_attribute_is_refused(attribute: str, mandatory: bool) -> None:
    """No element has an attribute that is on no list, nor one that is on the list of another element."""
    for element in ("p", "img", "a", "td", "body"):
        page = f'<{element} {attribute}="https://x.example/a">'
        assert f"has <{element} {attribute}>" in " ".join(markup_faults(page, mandatory=mandatory))


@given(st.from_regex(r"[a-z][a-z0-9:-]{0,12}", fullmatch=True), st.booleans())
def test_no_name_gets_by(name: str, mandatory: bool) -> None:
    """Any name at all is on the list, or refused, as an element and as an attribute."""
    element = markup_faults(f"<{name}>x</{name}>", mandatory=mandatory)
    attribute = markup_faults(f'<td {name}="x">', mandatory=mandatory)
    assert (name in ELEMENTS) == (not element)
    if name not in ("style", "href", "src"):
        assert (name in ATTRIBUTES or name.startswith("aria-")) == (not attribute)


@given(
    st.sampled_from(sorted(ELEMENTS)),
    st.sampled_from(sorted({"href", "src", "content", "xmlns", "name", "http-equiv"})),
)
def test_what_one_element_may_have_is_its_own(element: str, attribute: str) -> None:
    """An attribute that leads somewhere stands on the elements that are named, and on no other."""
    said = " ".join(markup_faults(f'<{element} {attribute}="cid:a">', mandatory=True))
    assert (f"has <{element} {attribute}>, an attribute" in said) == (attribute not in OWN_ATTRIBUTES.get(element, ()))


@pytest.mark.parametrize(
    "html",
    [
        '<img srcset="https://x.example/a 2x" alt="">',
        '<picture><source srcset="https://x.example/a"><img src="cid:a" alt=""></picture>',
        '<video poster="https://x.example/a"></video>',
        '<iframe src="https://x.example"></iframe>',
        '<object data="https://x.example/a"></object>',
        '<embed src="https://x.example/a">',
        '<script>fetch("https://x.example")</script>',
        '<link rel="stylesheet" href="https://x.example/a.css">',
        '<base href="https://x.example/">',
        '<meta http-equiv="refresh" content="0;url=https://x.example">',
        '<svg><image href="https://x.example/a"></image></svg>',
        '<img src="https://x.example/a.gif" alt="">',
        "<img src='//x.example/a.gif' alt=''>",
        '<img src="{{ headline }}" alt="">',
        '<img src="data:image/svg+xml;base64,PHN2Zz4=" alt="">',
        '<table background="https://x.example/a"><tbody><tr><td>x</td></tr></tbody></table>',
        '<a ping="https://x.example" href="https://y.example/">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="JaVa&#x09;Script:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<a href="vbscript:x">x</a>',
        '<a href="//x.example/">x</a>',
        '<a href="https://{{ headline }}/">x</a>',
        '<a href="{{ headline }}://x.example/">x</a>',
        '<a href="https://x.example@{{ headline }}">x</a>',
        "<a href=\"{{ headline | default('x') }}\">x</a>",
        '<a href="{{ headline.url }}">x</a>',
        '<a href="{% if headline %}https://x.example/{% endif %}">x</a>',
        '<p onclick="x()">x</p>',
        '<p title="{% if headline %}a" onclick="x(){% endif %}">x</p>',
        '<p style="background: url(https://x.example/a)">x</p>',
        '<p style="background: u\\72l(https://x.example/a)">x</p>',
        "<p style=\"background: image-set('https://x.example/a' 1x)\">x</p>",
        '<p style="behavior: url(a.htc)">x</p>',
        '<p style="width: expression(alert(1))">x</p>',
        "<!--[if mso]><img src='https://x.example/a.gif'><![endif]-->",
        "<!--[if mso]><v:fill src='https://x.example/a.gif'/><![endif]-->",
        '<form action="https://x.example"><input name="a"></form>',
        '<{{ headline }} src="https://x.example">',
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_mandatory_template_smuggles_nothing(tmp_path: Path, html: str, hidden: bool) -> None:
    """Elements that fetch, run or lead elsewhere are refused, in the open and in a branch that no example takes."""
    html = f"{{% if headline == 'never' %}}{html}{{% endif %}}" if hidden else html
    assert "news" in faults(
        tmp_path, within(MANDATORY, PAGE, "<p>{{ headline }}</p>", f"<p>{{{{ headline }}}}</p>{html}")
    )


@pytest.mark.parametrize(
    "css",
    [
        '@import "https://x.example/a.css";',
        "@import url(https://x.example/a.css);",
        "@font-face { font-family: a; src: url(https://x.example/a); }",
        "p { background: url('https://x.example/a'); }",
        "p { background: image-set('https://x.example/a' 1x); }",
        "p { background: -webkit-image-set('https://x.example/a' 1x); }",
        "p { background: cross-fade('https://x.example/a', red); }",
        "p { background: u\\72 l(https://x.example/a); }",
        "p { filter: progid:DXImageTransform.Microsoft.AlphaImageLoader(src='https://x.example/a'); }",
        "p { width: exp/**/ression(alert(1)); }",
        "p { -moz-binding: url(a); }",
        "p:after { content: 'SALE'; }",
        "@namespace 'https://x.example/';",
        "</style x><img src='https://x.example/a'>",
    ],
)
def test_css_of_mandatory_mail_fetches_nothing(css: str) -> None:
    """Neither a function nor an @-rule of CSS fetches anything, however it is written."""
    assert markup_faults(f"<style>{css}</style>", mandatory=True)


@pytest.mark.parametrize("mandatory", [True, False])
@pytest.mark.parametrize("name", ["href", "src"])
@pytest.mark.parametrize(
    "address",
    [
        "//x.example/a",
        "\\\\x.example\\a",
        "https:\\\\x.example\\a",
        "https:x.example",
        "https:/x.example",
        "https:///x.example",
        "https://",
        "https://?a",
        "https://y.example@x.example/",
        "https://y.example:a@x.example/",
        "https://%78.example/",
        "https://y.example%2f.x.example/",
        "ht&Tab;tps://x.example/",
        "https://x.exam\tple/",
        "https://x.exam\nple/",
        "https://x.example/a b",
        "https://x.exam\u200bple/",
        "https://x.example/\u202egpj.a",
        "https://x\u2028.example/",
        "file://x.example/a",
        "ftp://x.example/a",
        "javascript:alert(1)",
        "java&Tab;script:alert(1)",
        "&#1;javascript:alert(1)",
        "javascript&colon;alert(1)",
        "data:text/html;base64,YQ==",
        "data:image/svg+xml;base64,YQ==",
        "blob:https://x.example/a",
        "view-source:https://x.example",
        "ms-word:ofe|u|https://x.example/a",
    ],
)
def test_an_address_is_read_by_all_programs_alike(name: str, address: str, mandatory: bool) -> None:
    """An address that leads to different hosts, to a share of Windows or to a program is refused in any mail."""
    page = f'<{"a" if name == "href" else "img"} {name}="{address}">x'
    assert markup_faults(page, mandatory=mandatory)


HIDING = ("{}", "\\{:x} ", "\\{:06x}", "/**/{}", "{}/*'*/", '/*"*/{}')
AROUND = ("p{a:@x)}", "p{a:'/*';b:@x);c:'*/'}", "/*'*/p{a:@x)}", 'p{a:"\\"/*";b:@x)}')


@given(
    st.one_of(
        st.tuples(st.sampled_from(["url(", "image-set(", "expression(", "src("]), st.lists(st.sampled_from(HIDING))),
        st.tuples(st.just("@import "), st.lists(st.sampled_from(HIDING[:3]))),  # no comment stands within a name
    ),
    st.sampled_from(AROUND),
)
def test_css_that_fetches_is_found_in_any_writing(written: tuple[str, list[str]], around: str) -> None:
    """Escapes, comments and strings with marks of comments hide nothing from the check of mandatory mail."""
    said, hiding = written
    letters = zip_longest(said, hiding[: len(said)], fillvalue="{}")
    hidden = "".join(way.format(ord(char) if "x" in way else char) if char.isalpha() else char for char, way in letters)
    assert markup_faults(f"<style>{around.replace('@', hidden)}</style>", mandatory=True)


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="utf-7">',
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-7">',
        '<meta http-equiv="content-type" content="text/html;charset=iso-2022-jp">',
    ],
)
def test_a_page_is_in_the_charset_of_its_mail(meta: str) -> None:
    """A page with another charset would read other characters in text that was escaped in UTF-8."""
    assert markup_faults(meta, mandatory=False)
    for good in ('<meta charset="utf-8">', '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">'):
        assert not markup_faults(good, mandatory=True)


def test_what_a_page_needs_may_stand(tmp_path: Path) -> None:
    """Links of the web, mailboxes and telephones, tables, colours and gradients are all there is to a plain mail."""
    body = """<table role="presentation" width="100%" cellpadding="0" bgcolor="#ffffff" aria-hidden="true"><tbody><tr>
<td align="left" valign="top" dir="ltr" lang="en" style="background: linear-gradient(90deg, rgb(1,2,3) 0, #fff 100%)">
<a href="{{ page }}">a</a> <a href="mailto:{{ contact }}">b</a> <a href="https://x.example/?a={{ contact }}#c">c</a>
<a href="tel:+4912345">d</a> <a href="mailto:a@b.example">e</a> <img src="cid:logo" alt="x" width="1" height="1"></td>
</tr></tbody></table><!--[if mso]><p class="a">x</p><![endif]-->"""
    files = within(MANDATORY, PAGE, "<p>{{ headline }}</p>", body)
    files = within(
        files,
        "news/template.toml",
        'headline = "One"',
        'headline = "One"\npage = "https://x.example"\ncontact = "a@b.example"',
    )
    files = within(files, "news/template.toml", "[example]", 'page = "url anywhere"\ncontact = "mailbox"\n[example]')
    (template,) = library(tmp_path, files)
    assert template.linked == {("page", ""), ("contact", "mailto:")}


def test_optional_mail_may_show_images(tmp_path: Path) -> None:
    """An image of the web, a value of the context among them, may stand in mail that can be left."""
    images = '<img src="https://x.example/a.gif" alt=""><img src="{{ picture }}" alt=""><p style="background: url(https://x.example/b)">x</p>'
    files = within(FILES, PAGE, "<p>{{ headline }}</p>", images)
    files = within(
        files, "news/template.toml", 'headline = "One"', 'headline = "One"\npicture = "https://x.example/c.gif"'
    )
    assert len(library(tmp_path, files)) == 1


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        '<p onclick="x">x</p>',
        '<a href="javascript:x">x</a>',
        '<iframe src="https://x.example"></iframe>',
    ],
)
def test_no_mail_is_active(tmp_path: Path, html: str) -> None:
    """Optional mail runs nothing either."""
    assert "news" in faults(tmp_path, within(FILES, PAGE, "<p>{{ headline }}</p>", f"<p>{{{{ headline }}}}</p>{html}"))


def test_only_whole_addresses_are_links_of_values() -> None:
    """A value within an address whose host is written out is no link of its own."""
    page = (
        '<a href="\x02url\x03">a</a><a href="mailto:\x02contact\x03">b</a><a href="https://x.example/\x02id\x03">c</a>'
    )
    assert find_values_that_are_whole_links(page) == {("url", ""), ("contact", "mailto:")}


def test_links_of_ours_are_allowed() -> None:
    """Links that the pipeline makes are addresses of mandatory mail."""
    link = SignedLinks("https://mail.example", ["key"]).unsubscribe_link(UnsubscribeToken("interpals", 1, "service"))
    assert not markup_faults(f'<a href="{link}">x</a>', mandatory=True)
