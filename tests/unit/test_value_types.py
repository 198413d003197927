"""Types of the values that a template takes, and the templates that declare them."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import bundled_files
from mailer.events import EventRefused, validate_event
from mailer.rendering.autolinks import has_autolink
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.template_library import TemplateError, TemplateLibrary
from mailer.rendering.value_types import FORMS, parse_value_types, value_type_mismatch
from tests.template_files import FILES, MANDATORY, POLICIES, faults, library, within

PAGE, BODY, MANIFEST = "news/body.html.j2", "news/body.txt.j2", "news/template.toml"
DOMAIN = "paltalk.example"
FITTING: dict[str, tuple[Any, ...]] = {
    "text 5": ("", "12345", "a\nb", "تم", "🙂" * 5),
    "slug": ("a", "PT-20260412-0042", "a_b", "x" * 100),
    "date": ("2026-04-12", "2024-02-29"),
    "moment": ("2026-04-12T02:00Z", "2026-04-12T02:00:01.5+05:30", "2026-04-12T02:00-03:00"),
    "number": (0, -1, 2.5, 10**12),
    "money": ("$59.95", "1.234,56 €", "EUR 10", "10 EUR", "12", "₹1,00,000", "59 zł", "-5 €"),
    "url": ("https://paltalk.example", "https://app.paltalk.example/a?b#c", "https://PALTALK.example.:8443/%20\u00e4"),
    "url anywhere": (
        "https://x.example/1",
        "http://localhost:8000/u/x",
        "http://[::1]:80/",
        "http://mailer_web:8000/u/x",
        "https://b\u00fccher.example/",
    ),
    "mailbox": ("dpo@paltalk.example", "a.b+c@x.example"),
    "telephone": ("+49 (30) 123-45", "110"),
}
UNFIT: dict[str, tuple[Any, ...]] = {
    "text 5": ("123456", 5, True, ["a"], {"a": "b"}),
    "slug": ("", "a b", "a.b", "ä", "x" * 101, "a\n", "\u0430", 5, "a/b", "\u0661"),
    "date": (
        "2026-02-30",
        "2026-4-1",
        "20260412",
        "2026-04-12T02:00Z",
        "2026-W15-1",
        "today",
        "2026-04-12\n",
        20260412,
    ),
    "moment": ("2026-04-12", "2026-04-12T02:00", "2026-04-12 02:00Z", "2026-04-12T25:00Z", "2026-04-12T02:00Z see x"),
    "number": ("5", True, [5], {}),
    "money": ("", "free", "$", "5 evil.com", "$5 off", "a5b", "5 dollars", "5.com", "5@b", "https://5", 5, "5\n5 at x"),
    "url": ("https://x.example", "javascript:alert(1)", "paltalk.example", "https://paltalk.example@x.example", 5),
    "url anywhere": ("ftp://x.example", "//x.example", "https://", "x", "https://x.example/ and more", 5),
    "mailbox": ("a", "a@b?bcc=c@d", "a@b, c@d", "A <a@b>", 5, "a@b", "a@x.example%0abcc=b", "a%40y.example@x.example"),
    "telephone": ("12", "call me", "123;phone-context=x", 110, "   ", "(((", "- - -", "\u0661\u0661\u0662"),
}


@pytest.mark.parametrize(("written", "value"), [(form, value) for form, values in FITTING.items() for value in values])
def test_values_of_each_type_are_taken(written: str, value: object) -> None:
    """Each type takes what it is for, by itself, in lists and in fields; null is for the template to judge."""
    kinds = parse_value_types({"a": written, "b": [written], "c": {"d": [{"e": written}]}}, DOMAIN)
    assert value_type_mismatch(kinds["a"], value, "a") is None
    assert value_type_mismatch(kinds["b"], [value, value, None], "b") is None
    assert value_type_mismatch(kinds["c"], {"d": [{"e": value}, {}], "more": 5}, "c") is None
    assert value_type_mismatch(kinds["a"], None, "a") is None


@pytest.mark.parametrize(("written", "value"), [(form, value) for form, values in UNFIT.items() for value in values])
def test_values_of_another_type_are_refused(written: str, value: object) -> None:
    """The answer names the value with its fields, and says what it should be."""
    kinds = parse_value_types({"a": written, "b": [written], "c": {"d": [{"e": written}]}}, DOMAIN)
    assert str(value_type_mismatch(kinds["a"], value, "a")).startswith("a is no ")
    assert str(value_type_mismatch(kinds["b"], [FITTING[written][0], value], "b")).startswith("b is no ")
    assert str(value_type_mismatch(kinds["c"], {"d": [{"e": value}]}, "c")).startswith("c.d.e is no ")


@pytest.mark.parametrize("odd", ["%2f", "%23", "%40", "%00", "\u2044", ";", "&", ",", "!", "..", "$", "'", "*", "~"])
def test_a_host_ends_for_all_programs_at_the_same_place(odd: str) -> None:
    """Characters and codes at which some programs end a host make no URL of the brand's domain."""
    for form in ("url", "url anywhere"):
        assert value_type_mismatch(
            parse_value_types({"a": form}, DOMAIN)["a"], f"https://x.example{odd}.{DOMAIN}/", "a"
        )


@pytest.mark.parametrize("odd", ["\u0430", "\u00e0", "a\u0300", "%61", "\u0251"])
def test_a_host_that_looks_like_the_brands_is_another(odd: str) -> None:
    """A letter of another script, with an accent or as a code is no part of the brand's domain."""
    assert value_type_mismatch(parse_value_types({"a": "url"}, DOMAIN)["a"], f"https://p{odd}ltalk.example/", "a")


@pytest.mark.parametrize(
    "url",
    [
        *("https:x.example", "https:///x", "https://u@x.example", "https://x.example:y", "https://x.example:99999"),
        *("https://x%2eexample", "https://x.exam\u200bple", "https://x.example/\u202egpj.a", "https://-x.example"),
    ],
)
def test_a_url_that_reads_otherwise_than_it_leads_is_none(url: str) -> None:
    """A user, a port that does not exist, codes in the host and characters that turn or hide text make no URL."""
    assert (
        value_type_mismatch(parse_value_types({"a": "url anywhere"}, DOMAIN)["a"], url, "a")
        == "a is no https or http URL"
    )


@pytest.mark.parametrize("box", ["a@x\u202e.example", "a@x.example/b", "a\u200b@x.example", "a'(b)@x.example"])
def test_a_mailbox_is_an_address_of_ours(box: str) -> None:
    """An address that no event could bring is no value of a link either."""
    assert value_type_mismatch(parse_value_types({"a": "mailbox"}, DOMAIN)["a"], box, "a") == "a is no e-mail address"


@pytest.mark.parametrize(("written", "value"), [(["slug"], "a"), (["slug"], {"a": "b"}), ({"a": "slug"}, ["a"])])
def test_lists_and_fields_are_what_they_are(written: object, value: object) -> None:
    """A list is no object, and neither is a text."""
    assert value_type_mismatch(parse_value_types({"x": written}, DOMAIN)["x"], value, "x") in (
        "x is no list",
        "x is no object",
    )


@pytest.mark.parametrize(
    "written", ["", "text", "text 0", "text x", "string", "URL", 5, [], ["slug", "date"], {}, None]
)
def test_what_is_no_type_is_named(written: object) -> None:
    """The message says where it stands and which there are."""
    for table, place in (({"a": written}, "a"), ({"a": {"b": [written]}}, "a.b")):
        with pytest.raises(ValueError, match=rf"^values\.{place} is no type; write one of {FORMS}"):
            parse_value_types(table, DOMAIN)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.sampled_from(["slug", "date", "number", "money", "moment"]), JSON)
def test_no_narrow_type_lets_a_link_through(written: str, value: Any) -> None:
    """A value of a type that is no text and no address holds no link."""
    if value_type_mismatch(parse_value_types({"a": written}, DOMAIN)["a"], value, "a") is None:
        assert not (isinstance(value, str) and has_autolink(value))


@given(st.dates(), st.integers(), st.floats(allow_nan=False), st.datetimes())
def test_what_programs_write_is_taken(day: Any, whole: int, part: float, moment: Any) -> None:
    """Dates and times in ISO 8601 and numbers of JSON fit their types."""
    kinds = parse_value_types({"date": "date", "number": "number", "moment": "moment"}, DOMAIN)
    assert value_type_mismatch(kinds["date"], day.isoformat(), "a") is None
    assert value_type_mismatch(kinds["number"], whole, "a") is None
    assert value_type_mismatch(kinds["number"], json.loads(json.dumps(part)), "a") is None or math.isinf(part)
    assert value_type_mismatch(kinds["moment"], f"{moment.isoformat()}Z", "a") is None


def test_a_mandatory_template_declares_each_value(tmp_path: Path) -> None:
    """One that does not is refused with what to write; optional mail need not declare any."""
    said = faults(tmp_path / "none", within(MANDATORY, MANIFEST, '[values]\nheadline = "text 200"\n', ""))
    assert 'values: headline has no type, as each value of service mail; write headline = "…" below [values]' in said
    assert library(tmp_path / "optional", FILES).find_template("paltalk-2006", "news")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"text 200"', '"text"', "template.toml: values.headline is no type; write one of text 200, slug"),
        ('"text 200"', '"text 2"', "example: headline is no text of at most 2 characters"),
        ('"text 200"', '"date"', "example: headline is no date such as 2026-04-12"),
        ('"text 200"', '["slug"]', "example: headline is no list"),
        ('"text 200"\n', '"text 200"\nother = "slug"\n', "values: other is not used by the template; remove it"),
    ],
)
def test_a_declaration_is_checked(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A bad type, an unused type, and a type that the example lacks are faults of the template."""
    assert said in faults(tmp_path, within(MANDATORY, MANIFEST, old, new))


def test_what_becomes_a_link_is_declared_as_one(tmp_path: Path) -> None:
    """A text can be no address of mandatory mail."""
    files = within(MANDATORY, PAGE, "<p>{{ headline }}</p>", '<p><a href="{{ headline }}">x</a></p>')
    assert "values: headline is made a link of; declare it as url" in faults(tmp_path, files)


def refusals(files: dict[str, str], folder: Path, context: dict[str, Any], category: str = "service") -> list[str]:
    """The problems for which a mail with a context is refused."""
    event = {"v": 1, "id": "1", "brand": "paltalk-2006", "category": category, "template": "news", "context": context}
    event |= {"to": {"refs": ["a"]}, "reason": "Because"}
    try:
        check_event_and_get_template(validate_event(event), POLICIES, library(folder, files))
    except EventRefused as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("context", [{"headline": "b" * 201}, {"headline": {"en": "Good", "de": "b" * 201}}])
def test_an_event_keeps_to_the_types(tmp_path: Path, context: dict[str, Any]) -> None:
    """A value of another type is refused, also in one of its languages, and the answer repeats none of it."""
    (problem,) = refusals(MANDATORY, tmp_path, context)
    assert problem == "context: headline is no text of at most 200 characters; template news declares its type"


def test_texts_by_language_keep_to_their_type(tmp_path: Path) -> None:
    """A declared text may be given by language."""
    assert refusals(MANDATORY, tmp_path, {"headline": {"en": "Good", "de": "Gut"}}) == []


def test_optional_mail_may_declare_types(tmp_path: Path) -> None:
    """The types that an optional template declares hold, too; its texts may name addresses."""
    files = within(FILES, MANIFEST, "[example]", '[values]\nheadline = "text 20"\n[example]')
    assert refusals(files, tmp_path, {"headline": "See www.x.example"}, "newsletter") == []
    (problem,) = refusals(files, tmp_path, {"headline": "x" * 21}, "newsletter")
    assert problem.startswith("context: headline is no text of at most 20 characters")


def test_declared_addresses_may_be_shown_anywhere(tmp_path: Path) -> None:
    """A URL in a field of a table is taken where it is declared, and no link is taken beside it."""
    files = within(MANDATORY, BODY, "{{ headline }}", "{{ page.title }} {{ page.url }} {{ headline }}")
    types = 'page = {title = "text 50", url = "url"}\n[example]\npage = {title = "", url = "https://paltalk.example/"}'
    files = within(files, MANIFEST, "[example]", types)
    good = {"title": "One", "url": "https://paltalk.example/1"}
    assert refusals(files, tmp_path, {"headline": "x", "page": good}) == []
    (problem,) = refusals(files, tmp_path, {"headline": "x", "page": {**good, "url": "https://x.example"}})
    assert problem.startswith("context: page.url is no https or http URL of paltalk.example")
    (problem,) = refusals(files, tmp_path, {"headline": "x", "page": {**good, "title": "evil.com"}})
    assert problem.startswith("context: page holds an address")
    (problem,) = refusals(files, tmp_path, {"headline": "x", "page": {**good, "more": "evil.com"}})
    assert problem.startswith("context: page holds an address")


STORIES = {
    'items = [{title = "text 80", url = "url"}]': "values: items.url leads to a page for each of a list",
    'items = [{title = "text 80", text = "text 9"}]': "values: items.text, items.title are 2 texts for each of a list",
    'items = ["url anywhere"]': "values: items leads to a page for each of a list",
    'items = {one = "url", two = "url"}': "values: items.one, items.two lead to 2 pages",
    'items = {lists = [{a = "text 1", b = "text 2"}]}': "values: items.lists.a, items.lists.b are 2 texts for each",
}
"""Values of which a letter is made, and the refusal of each."""


@pytest.mark.promise("paltalk06-05", "paltalk06-04")
@pytest.mark.parametrize(("types", "said"), STORIES.items())
@pytest.mark.parametrize(
    ("category", "purpose"), [("service", "service_notice"), ("account", "service_notice"), ("rights", "rights")]
)
def test_a_letter_is_no_notice(tmp_path: Path, types: str, said: str, category: str, purpose: str) -> None:
    """The values of an editorial letter are refused in mail that nobody can leave, under any name."""
    files = within(MANDATORY, MANIFEST, "[example]", f"{types}\n[example]")
    files = within(files, BODY, "{{ headline }}", "{{ items }} {{ headline }}")
    files = within(files, MANIFEST, '"service"', f'"{category}"')
    files = within(files, MANIFEST, '"service_notice"', f'"{purpose}"')
    refused = faults(tmp_path, files)
    assert f"{said}" in refused
    assert f"{category} mail is about one thing; send several as a newsletter" in refused


@pytest.mark.promise("paltalk06-05")
def test_a_weekly_letter_is_no_notice_by_its_name(tmp_path: Path) -> None:
    """The shipped weekly letter in the mandatory layout, as service mail with a type for each value, does not load."""
    shipped = bundled_files.bundled_folder("templates") / "paltalk-2006"
    shutil.copytree(shipped / "_layout", tmp_path / "paltalk-2006" / "_layout")
    shutil.copytree(shipped / "weekly", tmp_path / "paltalk-2006" / "weekly")
    for file in (tmp_path / "paltalk-2006" / "weekly").iterdir():
        text = file.read_text("utf-8").replace("optional.", "mandatory.").replace("newsletter", "service", 1)
        text = text.replace("newsletter", "service_notice")
        types = (
            '[values]\nheadline = "text 200"\nitems = [{title = "text 200", text = "text 500", url = "url"}]\n[example]'
        )
        file.write_text(text.replace("[example]", types, 1).replace(" | tracked", ""), "utf-8")
    with pytest.raises(TemplateError, match=r"values: items\.url leads to a page for each of a list"):
        TemplateLibrary.load_library(tmp_path, POLICIES)


def test_a_receipt_lists_what_was_bought(tmp_path: Path) -> None:
    """A list with one text and figures, and a page beside it, make no letter."""
    types = 'items = [{title = "text 80", price = "money", n = "number"}]\nurl = "url"\n[example]\nitems = []'
    files = within(MANDATORY, MANIFEST, "[example]", f'{types}\nurl = "https://paltalk.example/"')
    loop = "{% for one in items %}{{ one.n }} {{ one.title }} {{ one.price }}{% endfor %} {{ url }} {{ headline }}"
    files = within(files, BODY, "{{ headline }}", loop)
    assert refusals(files, tmp_path, {"headline": "x", "items": [], "url": "https://paltalk.example/1"}) == []
