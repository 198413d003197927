"""Templates to try things with: a folder's files as a mapping, good as they are, to be broken by a test."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from mailer.bundled_files import read_texts_of_toml_files
from mailer.policy.jurisdiction import parse_law_by_country
from mailer.policy.policy_file import Policy
from mailer.policy.policy_library import parse_policies_in_force
from mailer.rendering.template_library import TemplateError, TemplateLibrary

ROOT = Path(__file__).parents[1]
LAW = parse_law_by_country(read_texts_of_toml_files("jurisdictions"))
POLICIES = parse_policies_in_force(read_texts_of_toml_files("policies"), date(2026, 6, 1), LAW)

LAYOUT = """<!doctype html><html lang="{{ strings.lang }}" dir="{{ strings.dir }}"><head><title>t</title>
<style>p { color: red; }</style></head><body>{% block content %}{% endblock %}
{% block footer %}{{ brand.name }}, {{ controller.name }}, {{ postal_address }}
<a href="{{ unsubscribe_url }}">{{ strings.leave }}</a>{% endblock %}</body>
</html>"""
FILES = {
    "_layout/layout.html.j2": LAYOUT,
    "_layout/layout.txt.j2": "{% block content %}{% endblock %}\n{{ brand.name }}, {{ controller.name }}, "
    "{{ postal_address }}\n\nLeave: {{ unsubscribe_url }}",
    "_layout/strings.toml": '[en]\nleave = "Leave & go"\n[de]\nleave = "Abmelden"\n',
    "news/template.toml": (
        'category = "newsletter"\npurpose = "newsletter"\n[subject]\nen = "News: {{ headline }}"\n'
        'de = "Neues: {{ headline }}"\n[example]\nheadline = "One"\n'
    ),
    "news/body.html.j2": '{% extends "layout.html.j2" %}{% block content %}<p>{{ headline }}</p>{% endblock %}',
    "news/body.txt.j2": '{% extends "layout.txt.j2" %}{% block content %}{{ headline }}{% endblock %}',
}
MANDATORY = {
    **FILES,
    "_layout/layout.html.j2": LAYOUT.replace(
        '<a href="{{ unsubscribe_url }}">{{ strings.leave }}</a>',
        '{% if service_footer == "deactivate" %}Close your account{% endif %}',
    ),
    "_layout/layout.txt.j2": "{% block content %}{% endblock %}\n{{ brand.name }}, {{ controller.name }}"
    '{% if service_footer == "deactivate" %}\nClose your account{% endif %}',
    "news/template.toml": FILES["news/template.toml"]
    .replace('"newsletter"', '"service"', 1)
    .replace('"newsletter"', '"service_notice"')
    .replace("[example]", '[values]\nheadline = "text 200"\n[example]'),
}


def library(
    folder: Path, files: Mapping[str, str], brand: str = "paltalk-2006", policies: Mapping[str, Policy] = POLICIES
) -> TemplateLibrary:
    """A library of one brand's files."""
    for name, content in files.items():
        file = folder / brand / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    return TemplateLibrary.load_library(folder, policies)


def faults(
    folder: Path, files: Mapping[str, str], brand: str = "paltalk-2006", policies: Mapping[str, Policy] = POLICIES
) -> str:
    """The faults of these files, as the loader words them."""
    with pytest.raises(TemplateError) as caught:
        library(folder, files, brand, policies)
    return str(caught.value)


def within(files: Mapping[str, str], file: str, old: str, new: str) -> dict[str, str]:
    """The files with one piece of one of them replaced."""
    assert old in files[file], f"{file} has no {old}"
    return {**files, file: files[file].replace(old, new)}
