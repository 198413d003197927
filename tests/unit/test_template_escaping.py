"""Nothing in a template switches escaping off."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.filters import FILTERS as OF_JINJA

from mailer.rendering.jinja_environment import FILTERS, make_jinja_environment
from tests.template_files import FILES, faults, library, within

TEXT, PAGE = "news/body.txt.j2", "news/body.html.j2"
TAG = "<img src=x>"


@pytest.mark.parametrize("file", [TEXT, PAGE])
@pytest.mark.parametrize("name", sorted(set(OF_JINJA) - FILTERS))
def test_filters_that_mark_are_refused(tmp_path: Path, name: str, file: str) -> None:
    """Each filter of Jinja2 that is not on our list is refused in either part, also where no example comes."""
    use = f"{{% if headline == 'never' %}}{{{{ headline | {name} }}}}{{% endif %}}"
    said = faults(tmp_path, within(FILES, file, "{{ headline }}", "{{ headline }}" + use))
    assert f"uses the filter {name}" in said


TRICKS = [
    "{% autoescape false %}{{ headline }}{% endautoescape %}",
    "{% autoescape headline %}{{ headline }}{% endautoescape %}",
    "{% set x %}{{ headline }}{% endset %}{{ x }}",
    "{% set x | upper %}{{ headline }}{% endset %}{{ x }}",
    "{% filter upper %}{{ headline }}{% endfilter %}",
    "{% macro x() %}{{ headline }}{% endmacro %}{{ x() }}",
    "{% call x() %}{{ headline }}{% endcall %}",
    "{{ headline | safe }}",
    "{{ [headline] | map('safe') | join }}",
    "{{ (headline | e).translate({38: '<'}) }}",
    "{{ headline | default(headline | safe) }}",
    "{% for x in [1] recursive %}{{ headline }}{% endfor %}",
    "{{ self.content() }}",
    "{{ super() }}",
    "{{ Markup(headline) }}",
    "{{ headline | tojson }}",
    "{{ {'onclick': headline} | xmlattr }}",
    "{{ headline | forceescape | safe }}",
    "{{ headline.__html__() }}",
    "{{ headline.__class__.__html__ }}",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", [TEXT, PAGE, "news/template.toml", "_layout/strings.toml"])
def test_nothing_switches_escaping_off(tmp_path: Path, trick: str, place: str) -> None:
    """Code that marks text as HTML, or captures marked text, is refused in a body, a subject and a string."""
    old = {"news/template.toml": "News: {{ headline }}", "_layout/strings.toml": "Leave & go"}.get(
        place, "{{ headline }}"
    )
    trick = trick.replace('"', "'")
    assert "paltalk-2006" in faults(tmp_path, within(FILES, place, old, trick if place == PAGE else f"{old}{trick}"))


def test_pieces_of_two_files_make_no_third_thing(tmp_path: Path) -> None:
    """Pieces that are text in the body and in a string, and an expression once they are joined, are refused."""
    files = within(FILES, "_layout/strings.toml", "[en]\n", '[en]\ncut = "{"\n')
    files = within(files, "_layout/strings.toml", "[de]\n", '[de]\ncut = "{"\n')
    said = faults(
        tmp_path, within(files, PAGE, "{{ headline }}", "{{ headline }}{{ strings.cut }}{ headline | safe }}")
    )
    assert "uses the filter safe" in said


ARGUMENTS: dict[str, str] = {
    "batch": "(2)",
    "center": "(40)",
    "default": "(headline)",
    "format": "(headline)",
    "groupby": "('x')",
    "join": "(headline)",
    "map": "('upper')",
    "reject": "('none')",
    "rejectattr": "('x', 'none')",
    "replace": "('a', headline)",
    "select": "('string')",
    "selectattr": "('x', 'defined')",
    "slice": "(2)",
}


@pytest.mark.parametrize("name", sorted(FILTERS - {"when", "tracked"}))
@given(value=st.sampled_from([TAG, [TAG], {"x": TAG}, [{"x": TAG}], [[TAG]], f"a{TAG}%s", "&lt;img src=x&gt;"]))
def test_no_filter_that_may_stand_unescapes(name: str, value: Any) -> None:
    """A filter of the list takes any value and writes no tag, for all that it writes or refuses."""
    use = f"headline | {name}{ARGUMENTS.get(name, '')}"
    written = ""
    with suppress(Exception):  # a filter may refuse a value, in whichever way
        written = make_jinja_environment("en", escape=True).from_string(f"{{{{ {use} }}}}").render(headline=value)
    with suppress(Exception):
        written += (
            make_jinja_environment("en", escape=True).from_string(f"{{{{ {use} | join }}}}").render(headline=value)
        )
    with suppress(Exception):
        use = use.replace("headline |", "headline | lines |", 1)
        written += make_jinja_environment("en", escape=True).from_string(f"{{{{ {use} }}}}").render(headline=value)
    assert "<" not in written.replace("<br>", "")


@pytest.mark.parametrize(
    "trick", ["translate({97: '<'})", "replace('a', '<b>')", "join(['<b>'])", "unescape()", "strip()"]
)
def test_no_method_of_html_is_called(tmp_path: Path, trick: str) -> None:
    """The filter of lines makes HTML, which is only printed."""
    said = faults(tmp_path, within(FILES, PAGE, "{{ headline }}", f"{{{{ (headline | lines).{trick} }}}}"))
    assert "example: paltalk-2006/news" in said
    with_lines = within(FILES, PAGE, "{{ headline }}", "{{ headline | lines }}")
    assert len(library(tmp_path / "good", with_lines)) == 1


def test_plain_sets_and_loops_stay(tmp_path: Path) -> None:
    """A name for a value, a loop with its counter, and a filter of the list are taken."""
    loop = "{% for part in [x, x] %}<p>{{ loop.index }} {{ part | truncate(3) }}</p>{% endfor %}"
    body = "{% set x = headline | upper %}" + loop
    (template,) = library(tmp_path, within(FILES, PAGE, "<p>{{ headline }}</p>", body))
    assert template.required == {"headline"}
