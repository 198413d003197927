"""Names that a source uses, and what is walked for them: once, with the same answers as Jinja2's own functions."""

from collections import Counter

import pytest
from jinja2 import meta, nodes

from mailer.rendering.jinja_environment import make_jinja_environment, parse_jinja_source
from mailer.rendering.names_used_by_templates import (
    names_that_expressions_derive_from,
    nodes_by_type,
    nodes_making_tracked_links,
)

SOURCES = (
    "a",
    "{{ a }}{{ a.b }}{{ a['c'] }}{{ d | default('e') }}{{ f ~ 'g' ~ h }}",
    "{% if a is defined and b > 1 %}{{ c }}{% elif d %}{{ e }}{% else %}{{ f }}{% endif %}",
    "{% for i in items if i.x %}{{ i.x }}{{ loop.index }}{{ z }}{% else %}{{ none }}{% endfor %}{{ i }}",
    "{% set x = a + b %}{% with y = x, z = c %}{{ y ~ z ~ d }}{% endwith %}{{ y }}",
    "{% block content %}{{ a }}{% block inner scoped %}{{ b | join(c) }}{% endblock %}{% endblock %}",
    "{{ {'a': b, 'c': [d, (e, f)]} }}{{ a(b=c, *d, **e) }}{{ x[1:n] }}{{ 'u' if v else w }}",
)


@pytest.mark.parametrize("source", SOURCES)
def test_compiling_a_source_tells_the_names_that_it_asks_for(source: str) -> None:
    """The environment that compiles a source notes the same names as `jinja2.meta`, which would compile it again."""
    env = make_jinja_environment("en", escape=True)
    env.from_string(parse_jinja_source(env, source))
    assert env.undeclared == meta.find_undeclared_variables(make_jinja_environment("en", escape=True).parse(source))


@pytest.mark.parametrize("source", SOURCES)
def test_a_walk_finds_every_node(source: str) -> None:
    """A tree that is walked once has each of its nodes, in the order of the source within a type."""
    tree = make_jinja_environment("en", escape=True).parse(source)
    found = nodes_by_type(tree)
    every = [tree, *tree.find_all(nodes.Node)]
    assert {kind: len(there) for kind, there in found.items()} == Counter(map(type, every))
    assert [node.name for node in found.get(nodes.Name, ())] == [node.name for node in tree.find_all(nodes.Name)]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{{ a | tracked }}", {"a"}),
        ("{% set x = a ~ b %}{{ x | tracked }}{{ c }}", {"x", "a", "b"}),
        ("{% for i in items %}{% with u = i.url %}{{ u | tracked }}{% endwith %}{% endfor %}", {"u", "i", "items"}),
        ("{{ a }}", set()),
    ],
)
def test_a_value_is_followed_to_where_it_comes_from(source: str, names: set[str]) -> None:
    """The names of a tracked link are followed through `set`, `for` and `with`."""
    found = nodes_by_type(make_jinja_environment("en", escape=True).parse(source))
    assert names_that_expressions_derive_from(nodes_making_tracked_links(found), found) == names
