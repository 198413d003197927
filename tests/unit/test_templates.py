import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.template_library import (
    SAMPLE,
    RecipientNameAndLocale,
    RenderError,
    Template,
    render_template_preview,
)
from tests.factories import templates
from tests.template_files import FILES, LAYOUT, MANDATORY, faults, library

SHIPPED = templates()


def news(folder: Path, **changes: str) -> Template:
    """The template `news`, with some files' contents changed."""
    template = library(folder, {**FILES, **changes}).find_template("paltalk-2006", "news")
    assert template
    return template


def dated_news(folder: Path, date: str) -> Template:
    """The template `news` with a date in its text."""
    body = FILES["news/body.txt.j2"].replace("{{ headline }}", date)
    manifest = FILES["news/template.toml"] + 'day = "2007-01-08"\n'
    return news(folder, **{"news/body.txt.j2": body, "news/template.toml": manifest})


def values(**context: Any) -> dict[str, Any]:
    """A context with what the pipeline adds."""
    return {**SAMPLE, **context}


@given(st.text(max_size=50))
def test_html_is_escaped_and_text_is_not(headline: str) -> None:
    """A value can bring no markup into the page, and stands as it is in the text."""
    weekly = SHIPPED.find_template("paltalk-2006", "weekly")
    assert weekly
    headline = "<b>&\"'" + "".join(char for char in headline if char.isprintable())
    rendered = weekly.render("en", values(headline=headline))
    assert "<b>" not in rendered.html
    assert headline in rendered.text
    assert headline in rendered.subject


def test_locale_falls_back(tmp_path: Path) -> None:
    """A person gets their locale, then their language, then the brand's default."""
    template = news(tmp_path)
    assert [template.choose_locale(locale) for locale in ("de", "de-AT", "en-GB", "fr", "zh-Hant-TW", None)] == [
        "de",
        "de",
        "en",
        "en",
        "en",
        "en",
    ]
    rendered = template.render("de-AT", values(headline="x"))
    assert (rendered.subject, rendered.locale) == ("Neues: x", "de")
    assert "Abmelden" in rendered.html
    assert 'lang="de"' in rendered.html


def test_bodies_of_a_locale_and_of_a_region(tmp_path: Path) -> None:
    """A locale may have bodies of its own; a region uses its language's where it has none."""
    german = {
        "news/body.de.html.j2": FILES["news/body.html.j2"].replace("<p>", "<p>Hallo "),
        "news/body.de.txt.j2": FILES["news/body.txt.j2"].replace("{{ headline }}", "Hallo {{ headline }}"),
        "news/template.toml": FILES["news/template.toml"].replace(
            "[example]", 'de-AT = "Servus {{ headline }}"\n[example]'
        ),
    }
    template = news(tmp_path, **german)
    austrian = template.render("de-AT", values(headline="x"))
    assert austrian.subject == "Servus x"
    assert austrian.text.startswith("Hallo x")
    assert "Abmelden" in austrian.html
    assert template.render("en", values(headline="x")).text.startswith("x")


def test_dates_are_in_the_readers_words(tmp_path: Path) -> None:
    """A region writes dates in its own way within the text of its language, and nobody reads two languages in one."""
    template = dated_news(tmp_path, "{{ day | when }}")

    def dated(reader: str | None) -> str:
        shared = values(headline="x", day="2007-01-08", recipient=RecipientNameAndLocale(None, reader))
        return template.render(reader, shared).text.partition("Paltalk")[0]

    assert [dated(reader) for reader in (None, "en", "en-US", "en-GB", "de", "de-AT", "fr-CA")] == [
        *("January 8, 2007",) * 3,
        "8 January 2007",
        "8. Januar 2007",
        "8. Jänner 2007",
        "January 8, 2007",
    ]


@pytest.mark.parametrize("date", ["{{ day | when }}", "{{ [day] | map('when') | first }}"])
def test_a_form_is_for_readers_of_one_kind_of_dates(tmp_path: Path, date: str) -> None:
    """Two readers of two regions share no form of a date, in any way that a template can write it."""
    template = dated_news(tmp_path, date)
    assert [template.date_locale_for(reader, "en") for reader in ("en-GB", "en-AU", "en")] == ["en-GB", "en-AU", "en"]
    assert {news(tmp_path / "plain").date_locale_for(reader, "en") for reader in ("en-GB", "en-AU")} == {"en"}


def test_a_preview_is_in_the_words_of_its_locale() -> None:
    """A preview for a region has that region's dates."""
    change = SHIPPED.find_template("interpals", "policy-change")
    assert change
    assert render_template_preview(change, "en-GB").subject != render_template_preview(change, "en").subject


def test_strings_of_a_likely_script_serve_a_region(tmp_path: Path) -> None:
    """Taiwan's locale takes the strings of traditional characters, and none of the simplified ones."""
    files = {
        "news/template.toml": FILES["news/template.toml"].replace("[example]", 'zh-TW = "{{ headline }}"\n[example]'),
        "_layout/strings.toml": FILES["_layout/strings.toml"]
        + '["zh-Hant"]\nleave = "取消訂閱"\n[zh]\nleave = "退订"\n',
    }
    assert "取消訂閱" in news(tmp_path / "a", **files).render("zh-TW", values(headline="x")).html
    simplified = files["_layout/strings.toml"].replace('"zh-Hant"', '"zh-Hans"')
    assert "needs strings.leave for zh-TW" in faults(
        tmp_path / "b", {**FILES, **files, "_layout/strings.toml": simplified}
    )


def test_files_of_a_template_write_tags_in_any_form(tmp_path: Path) -> None:
    """The locales of subjects, strings and bodies are the same ones, however their tags are spelled."""
    files = {
        "news/template.toml": FILES["news/template.toml"].replace("[example]", 'PT_br = "{{ headline }}"\n[example]'),
        "_layout/strings.toml": FILES["_layout/strings.toml"] + '["pt-BR"]\nleave = "Sair"\n',
        "news/body.pt_BR.html.j2": FILES["news/body.html.j2"],
        "news/body.pt_BR.txt.j2": FILES["news/body.txt.j2"].replace("{{ headline }}", "Oi"),
    }
    rendered = news(tmp_path, **files).render("pt", values(headline="x"))
    assert (rendered.locale, rendered.text.partition("Paltalk")[0]) == ("pt-BR", "Oi")
    assert 'lang="pt-BR"' in rendered.html


def test_rendering_names_what_is_missing() -> None:
    """A missing value is named, on top or further in, and values are never repeated."""
    weekly = SHIPPED.find_template("paltalk-2006", "weekly")
    assert weekly
    with pytest.raises(RenderError, match="headline is missing"):
        weekly.render("en", values())
    with pytest.raises(RenderError, match="url is missing in an object that has title, text"):
        weekly.render("en", values(headline="x", items=[{"title": "secret", "text": "t"}]))
    with pytest.raises(RenderError, match="null"):
        weekly.render("en", values(headline=None))
    offer = SHIPPED.find_template("paltalk-2006", "spring-offer")
    assert offer
    for until, complaint in (("secret", "ISO 8601"), (5, "wants ISO 8601 text"), ("2026-01-01T10:00", "offset")):
        with pytest.raises(RenderError, match=complaint) as caught:
            offer.render("en", values(**{**offer.example, "until": until}))
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("headline", ["a\nb", "a\r\nBcc: x@y.example", "a\0", "a\u2028b"])
def test_a_subject_is_one_line(headline: str) -> None:
    """A value with a line break cannot get into a header."""
    weekly = SHIPPED.find_template("paltalk-2006", "weekly")
    assert weekly
    with pytest.raises(RenderError, match="line break"):
        weekly.render("en", values(headline=headline))


@pytest.mark.parametrize(
    "source",
    [
        "{{ headline.__class__.__mro__ }}",
        "{{ [].append(1) }}",
        "{{ headline.format.__globals__ }}",
        "{{ ''.__class__.__subclasses__() }}",
    ],
)
def test_the_sandbox_holds(tmp_path: Path, source: str) -> None:
    """A template reaches neither Python's inner parts nor changes its values."""
    body = FILES["news/body.txt.j2"].replace("{{ headline }}", source)
    assert "example: paltalk-2006/news" in faults(tmp_path, {**FILES, "news/body.txt.j2": body})


def test_version_is_a_digest_of_all_it_uses(tmp_path: Path) -> None:
    """The version changes with the body, the layout and the strings, and with nothing else."""
    first = news(tmp_path / "a").version
    assert news(tmp_path / "b").version == first
    changed = (
        {"news/body.txt.j2": FILES["news/body.txt.j2"].replace("{{ headline }}", "{{ headline }}!")},
        {"_layout/layout.html.j2": LAYOUT.replace("red", "blue")},
        {"_layout/strings.toml": FILES["_layout/strings.toml"].replace("Abmelden", "Weg")},
        {"news/template.toml": FILES["news/template.toml"].replace("Neues", "Neu")},
    )
    versions = {news(tmp_path / str(number), **change).version for number, change in enumerate(changed)}
    assert len(versions | {first}) == 5


def test_guarded_names_are_not_required(tmp_path: Path) -> None:
    """A name that a template tests for, or has a default for, need not be in a context."""
    body = FILES["news/body.txt.j2"].replace(
        "{{ headline }}", "{{ headline }}{% if extra is defined %}{{ extra }}{% endif %}{{ other | default('') }}"
    )
    assert news(tmp_path, **{"news/body.txt.j2": body}).required == {"headline"}


def test_strings_are_escaped_in_html_only(tmp_path: Path) -> None:
    """A string is text: its ampersand is written as one in HTML."""
    assert ">Leave &amp; go</a>" in news(tmp_path).render("en", values(headline="x")).html


FAULTS: list[tuple[str, dict[str, str], list[str]]] = [
    ("no manifest", {"extra/body.txt.j2": "x"}, ["extra/template.toml: is missing"]),
    ("not TOML", {"news/template.toml": "category ="}, ["news/template.toml: not TOML"]),
    ("unknown field", {"news/template.toml": FILES["news/template.toml"] + "\n[other]\n"}, ["template.toml: other"]),
    (
        "unknown category",
        {"news/template.toml": FILES["news/template.toml"].replace('"newsletter"', '"invitation"', 1)},
        ["category: the policy of paltalk-2006 has no invitation; it has account, service, breach"],
    ),
    (
        "purpose not promised",
        {"news/template.toml": FILES["news/template.toml"].replace('purpose = "newsletter"', 'purpose = "profiling"')},
        ["purpose: profiling is not in the policy's closed list: service_notice"],
    ),
    ("syntax", {"news/body.txt.j2": "\n{% if %}"}, ["news/body.txt.j2:2: "]),
    ("syntax in layout", {"_layout/layout.txt.j2": "\n\n{{ }}"}, ["_layout/layout.txt.j2:3: "]),
    ("syntax in a string", {"_layout/strings.toml": '[en]\nleave = "{{ x"\n'}, ["_layout/strings.toml:1: "]),
    ("include", {"news/body.txt.j2": "{% include 'x' %}"}, ["body.txt.j2:1: uses include"]),
    ("macro", {"news/body.html.j2": "{% macro x() %}{% endmacro %}"}, ["body.html.j2:1: uses macro"]),
    (
        "super",
        {"news/body.txt.j2": FILES["news/body.txt.j2"].replace("{{ headline }}", "{{ super() }}")},
        ["uses super(); split"],
    ),
    ("no layout", {"news/body.txt.j2": '{% extends "other.txt.j2" %}'}, ["not a layout", "layout.txt.j2"]),
    (
        "no block",
        {"news/body.txt.j2": '{% extends "layout.txt.j2" %}{% block x %}{% endblock %}'},
        ["fills x, which layout.txt.j2 does not have"],
    ),
    ("one part", {"news/body.de.txt.j2": "x"}, ["body.de.html.j2: is missing", "txt is there"]),
    (
        "no subject",
        {"news/body.fr.txt.j2": "x", "news/body.fr.html.j2": "<p>x</p>"},
        ["subject: lacks fr"],
    ),
    (
        "no default",
        {"news/template.toml": FILES["news/template.toml"].replace("en =", "fr =")},
        ["subject: lacks en, the brand's default_locale"],
    ),
    (
        "no locale",
        {"news/template.toml": FILES["news/template.toml"].replace("de =", "xx =")},
        ["subject: xx is not a locale"],
    ),
    (
        "no string",
        {"_layout/strings.toml": '[en]\nleave = "Leave"\n'},
        ["needs strings.leave for de; add"],
    ),
    ("strings no tables", {"_layout/strings.toml": 'leave = "Leave"\n'}, ["strings.toml: leave: write a table"]),
    (
        "reserved",
        {"news/template.toml": FILES["news/template.toml"] + 'brand = "x"\n'},
        ["example: brand is reserved"],
    ),
    (
        "example lacks",
        {"news/template.toml": FILES["news/template.toml"].replace('headline = "One"', "")},
        ["example: paltalk-2006/news (en): headline is missing", "(de)"],
    ),
    (
        "no link",
        {"_layout/layout.txt.j2": FILES["_layout/layout.txt.j2"].replace("{{ unsubscribe_url }}", "")},
        ["(en, de) the text part has no unsubscribe_url"],
    ),
    (
        "no address",
        {"_layout/layout.html.j2": LAYOUT.replace("{{ postal_address }}", "")},
        ["the HTML part has no postal_address"],
    ),
    (
        "promotion in a newsletter",
        {
            "news/body.txt.j2": FILES["news/body.txt.j2"].replace(
                "{{ headline }}", "{% block promotional %}Buy{% endblock %}"
            )
        },
        ["a promotional block makes it promotional, not newsletter"],
    ),
]


@pytest.mark.parametrize(("files", "said"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_faults_are_named(tmp_path: Path, files: dict[str, str], said: list[str]) -> None:
    """Each fault is reported with its file and what to do."""
    report = faults(tmp_path, {**FILES, **files})
    assert [words for words in said if words not in report] == [], report


def test_an_empty_promotional_block_says_nothing(tmp_path: Path) -> None:
    """A layout may offer the block to those templates that may fill it."""
    layout = MANDATORY["_layout/layout.txt.j2"] + "{% block promotional %} {% endblock %}"
    template = library(tmp_path, {**MANDATORY, "_layout/layout.txt.j2": layout}).find_template("paltalk-2006", "news")
    assert template
    assert not template.promotional
    offer = SHIPPED.find_template("interpals", "spring-offer")
    assert offer
    assert offer.promotional


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    """One load names every fault of every template, and each once."""
    broken = {**FILES, "news/body.txt.j2": "{% if %}", "other/template.toml": "", "_layout/strings.toml": "x"}
    assert "strings.toml" in faults(tmp_path / "a", broken)
    del broken["_layout/strings.toml"]
    (tmp_path / "b" / "unknown-brand").mkdir(parents=True)
    report = faults(tmp_path / "b", {**broken, "_layout/strings.toml": FILES["_layout/strings.toml"]}).splitlines()
    assert len(report) == len(set(report))
    for words in (
        "news/body.txt.j2:1",
        "other/template.toml: category",
        "unknown-brand: no policy",
        "other/template.toml: subject",
    ):
        assert any(words in line for line in report), report


def test_templates_are_values(tmp_path: Path) -> None:
    """A template cannot be changed after it was checked, and its example is JSON like any context."""
    template = news(tmp_path)
    assert replace(template) == template
    with pytest.raises(AttributeError):
        template.category = "service"  # type: ignore[misc]  # that it cannot be done is the point
    assert json.loads(json.dumps(template.example)) == {"headline": "One"}
