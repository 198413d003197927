import re

import css_inline
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template as JinjaTemplate

from mailer.rendering.css_inlining import InliningError, inline_css


def squeezed(page: str) -> str:
    """A page without white space and an order of attributes that mean nothing."""
    page = re.sub(r"\s+", " ", page).replace("> <", "><")
    attributes = re.compile(r"(?: [a-z-]+=\"[^\"]*\")+")
    return attributes.sub(lambda found: "".join(sorted(re.findall(r" [a-z-]+=\"[^\"]*\"", found[0]))), page)


INLINING: list[tuple[str, str]] = [
    ("<style>p { color: {{ x }}; }</style><p>x</p>", "within <style>"),
    ("<style>@media print { p { color: red } }</style><p>x</p>", "@-rule"),
    ("<style>p:first-child { color: red }</style><p>x</p>", "by position"),
    ("<style>p + p { color: red }</style><p>x</p>", "by position"),
    ("<p {% if x %}hidden{% endif %}>x</p>", "outside of a quoted value"),
    ('<p class="a {{ x }}">x</p>', "in a class attribute"),
    ('<p style="color: {{ x }}">x</p>', "in a style attribute"),
    ("<table>{% for x in y %}<tr><td>x</td></tr>{% endfor %}</table>", "not well nested"),
    ("{% if x %}<div>{% else %}<p>{% endif %}x</div>", "not well nested"),
    ("<div><p>{{ x }}</div>", "not well nested"),
]


@pytest.mark.parametrize(("source", "said"), INLINING)
def test_what_cannot_be_inlined_is_refused(source: str, said: str) -> None:
    """The author is told what to change, if inlining once might differ from inlining each message."""
    page = f"<!doctype html><html><head><title>t</title></head><body>{source}</body></html>"
    page = re.sub(r"(<title>.*?</head>)(<body>)(<style>.*?</style>)", r"\3\1\2", page)
    with pytest.raises(InliningError, match=re.escape(said)):
        inline_css(page)


@given(st.lists(st.sampled_from(["<b>&", "plain", "ünï"]), max_size=4), st.booleans())
def test_loops_and_branches_inline_alike(items: list[str], shown: bool) -> None:
    """Inlining before or after rendering gives the same, for any number of loops and any branch."""
    page = (
        "<!doctype html><html><head><title>{{ shown }}</title>"
        "<style>td { color: red } .a td { margin: 0 }</style></head>"
        '<body>{# note #}<table><tbody>{% for item in items %}<tr class="a">'
        '<td title="{{ item|e }}">{{ item|e }}</td></tr>'
        "{% else %}<tr><td>none</td></tr>{% endfor %}</tbody></table>"
        "{% if shown %}<p>{{ shown }}</p>{% endif %}</body></html>"
    )
    context = {"items": items, "shown": shown}
    normal = css_inline.CSSInliner(inline_style_tags=False, load_remote_stylesheets=False)
    after = css_inline.CSSInliner(load_remote_stylesheets=False).inline(str(JinjaTemplate(page).render(context)))
    assert squeezed(normal.inline(str(JinjaTemplate(inline_css(page)).render(context)))) == squeezed(after)
