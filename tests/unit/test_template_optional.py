"""Values that a mail may go without: a template that cannot is refused before a mailing is."""

from pathlib import Path
from typing import Any

import pytest

from mailer.rendering.template_library import SAMPLE, RecipientNameAndLocale, RenderError
from mailer.rendering.template_samples import CategoryWithFooter, variants_without_optional_values
from tests.factories import templates
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

BODY, MANIFEST = "news/body.txt.j2", "news/template.toml"


@pytest.mark.parametrize(
    ("used", "example", "lacks"),
    [
        ("Dear {{ recipient.name }}", "", "recipient.name"),
        ("{{ recipient.name | upper }}", "", "recipient.name"),
        ("{{ 'Dear ' ~ recipient.name ~ ',' }}", "", "recipient.name"),
        ("{{ 'Why: ' ~ reason }}", "", "reason"),
        ("{{ reason }}", "", "reason"),
        ("{{ extra | default('') }}{{ extra }}", 'extra = "x"', "extra"),
        ("{% if extra is defined %}a{% endif %}{{ extra | upper }}", 'extra = "x"', "extra"),
        (
            "{% for x in list | default([]) %}{{ x.url | default('') }}{{ x.url }}{% endfor %}",
            "list = [{url = 'u'}]",
            "list.url",
        ),
        ("{{ one.two | default('') }}{{ one.two }}", 'one = {two = "x"}', "one.two"),
        ("{% if one is defined %}{{ two }}{% endif %}{{ two | default('') }}", 'one = "x"\ntwo = "y"', "two"),
    ],
)
def test_what_may_be_missing_is_tried(tmp_path: Path, used: str, example: str, lacks: str) -> None:
    """Each value that may be missing is left out alone, and the fault names it."""
    files = within(FILES, BODY, "{{ headline }}", "{{ headline }} " + used)
    files = within(files, MANIFEST, 'headline = "One"', f'headline = "One"\n{example}')
    assert f"cannot be rendered without {lacks}: paltalk-2006/news" in faults(tmp_path, files)


def test_two_that_lean_on_one_another_are_found(tmp_path: Path) -> None:
    """A template that is right without either and wrong without both is refused."""
    used = "{{ one | default('') }}{{ two | default('') }}"
    used += "{% if one is not defined and two is not defined %}{{ recipient.nothing }}{% endif %}"
    files = within(FILES, BODY, "{{ headline }}", "{{ headline }} " + used)
    said = faults(tmp_path, within(files, MANIFEST, 'headline = "One"', 'headline = "One"\none = "x"\ntwo = "y"'))
    assert "cannot be rendered without all that is optional" in said


def test_a_profile_is_tried_piece_by_piece(tmp_path: Path) -> None:
    """Knowing somebody's city is not knowing their street."""
    used = "{% if profile.city is defined %}{{ profile.city }} {{ profile.street }}{% endif %}"
    files = within(FILES, BODY, "{{ headline }}", used)
    files = {**files, MANIFEST: files[MANIFEST] + '[example.profile]\ncity = "Porto"\nstreet = "Rua"\n'}
    assert "cannot be rendered without profile.street" in faults(tmp_path, files)


@pytest.mark.parametrize(
    ("source", "values", "said"),
    [
        ("a\nb {{ headline }}", {"headline": None}, "headline is null"),
        ("{% if recipient.name %}x{% endif %}\n{{ headline }}", {"headline": None}, "headline is null"),
        ("{{ headline | when }}", {"headline": None}, "headline is null"),
        ("{% for x in headline %}{{ x }}{% endfor %}", {"headline": None}, "headline is null"),
        ("{{ headline.a.b }}", {"headline": {"a": None}}, "headline.a is null"),
        (
            "{{ recipient.name }}",
            {"headline": "x", "recipient": RecipientNameAndLocale(None)},
            "recipient.name is null",
        ),
    ],
)
def test_the_message_names_what_is_null(tmp_path: Path, source: str, values: dict[str, Any], said: str) -> None:
    """A value that is null where text is wanted is named, the one on that line, and nothing that it may be."""
    example = 'headline = "2026-01-01"' if "a.b" not in source else 'headline = {a = {b = "x"}}'
    subject = within(FILES, MANIFEST, '"News: {{ headline }}"', '"News"')
    subject = within(subject, MANIFEST, '"Neues: {{ headline }}"', '"Neues"')
    page = within(subject, "news/body.html.j2", "{{ headline }}", "x")
    guarded = source if "recipient.name }}" not in source else "{% if guarded is defined %}" + source + "{% endif %}"
    (template,) = library(
        tmp_path, within(within(page, BODY, "{{ headline }}", guarded), MANIFEST, 'headline = "One"', example)
    )
    with pytest.raises(RenderError, match=said):
        template.render("en", {**SAMPLE, "guarded": 1, **values})


@pytest.mark.parametrize("template", list(templates()), ids=lambda template: f"{template.brand}-{template.name}")
def test_shipped_templates_go_without_what_they_may(template: Any) -> None:
    """Each shipped template is tried without something, and says something all the same."""
    policy = POLICIES[template.brand]
    face = CategoryWithFooter(policy.categories[template.category], template.service_footer)
    tried = dict(variants_without_optional_values(template, face.sample_values(template)))
    assert "recipient.name" in tried
    for values in tried.values():
        assert template.render("ar", values).text


def test_a_reason_may_be_missing_in_mandatory_mail(tmp_path: Path) -> None:
    """Mail without a reason is rendered where a policy asks for none."""
    said = faults(tmp_path, within(MANDATORY, BODY, "{{ headline }}", "Why: {{ reason }}"))
    assert "cannot be rendered without reason" in said
    assert "reason is null" in said
