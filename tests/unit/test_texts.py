"""Texts by language within one event: each mail has those of one language."""

import email.policy
import re
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import EventRefused
from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.rendering.localized_texts import (
    context_in_locale,
    describe_missing_languages_of_context,
    find_texts_given_by_language,
    locales_with_all_texts,
)
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.template_library import render_template_preview
from tests.factories import make_event, policies, templates
from tests.renderers import renderer_of
from tests.template_files import FILES, faults, library

TEXTS = {
    "en": "Spring is here",
    "de": "Der Fr\u00fchling ist da",
    "ar": "\u0648\u0635\u0644 \u0627\u0644\u0631\u0628\u064a\u0639",
}
WEEKLY = templates().find_template("interpals", "weekly")
READERS = [None, "en", "en-GB", "de", "de-AT", "ar", "ar-EG", "fr", "zh-TW"]


def read(renderer: MailingRenderer, locale: str | None, **context: Any) -> tuple[str, str, str]:
    """Subject, text and HTML of the mail that somebody gets."""
    standing = Standing(7, 1, "ada@people.example", country="US")
    row = DeliveryRow(renderer.facts.id, 7, 1, standing, "Ada", locale, context)
    made = renderer.render_message(row, renderer.category, 1_790_000_000).outgoing.content
    message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(made)
    text, html = (message.get_body((subtype,)) for subtype in ("plain", "html"))
    assert text
    assert html
    return str(message["Subject"]), text.get_content(), html.get_content()


def weekly(headline: Any, **values: Any) -> dict[str, Any]:
    """A context of the weekly newsletter."""
    assert WEEKLY
    return {**WEEKLY.example, "headline": headline, **values}


@given(
    st.sets(st.sampled_from(["de", "ar"])),
    st.sampled_from([str.lower, str.upper, lambda code: f"{code}_{'EG' if code == 'ar' else 'AT'}"]),
    st.sampled_from([1, 1000]),
    st.permutations(READERS),
)
def test_no_mail_mixes_two_languages(others: set[str], spell: Any, size: int, readers: list[str | None]) -> None:
    """The text, the frame and the direction of a mail are in one language, for any languages and spellings."""
    given = {"en": TEXTS["en"], **{spell(code): TEXTS[code] for code in others}}
    renderer = renderer_of(context=weekly(given), audience_size=size)
    for reader in readers:
        own = (reader or "en")[:2]
        language = own if own in {"en", *others} else "en"
        subject, text, html = read(renderer, reader)
        for part in (subject, text, html):
            assert [code for code, said in TEXTS.items() if said in part] == [language]
        assert f'lang="{language}"' in html
        assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in html


def test_a_persons_own_value_goes_over_the_text() -> None:
    """A text that the event has for one person takes the place of the text for all."""
    subject, _, _ = read(renderer_of(context=weekly(TEXTS)), "ar", headline="Hello Ada")
    assert "Hello Ada" in subject


def test_texts_together_are_of_one_language() -> None:
    """Readers get both of two texts in the default where one lacks their language."""
    item = {"title": "One", "text": "First", "url": "https://interpals.example/"}
    context = weekly(TEXTS, items={"en": [item], "de": [{**item, "title": "Eins"}]})
    assert WEEKLY
    for reader, headline, title in (("ar", TEXTS["en"], "One"), ("de", TEXTS["de"], "Eins")):
        _, text, _ = read(renderer_of(context=context), reader)
        assert headline in text
        assert f"* {title}" in text
    assert list(describe_missing_languages_of_context(WEEKLY, context)) == [
        "context.items lacks ar: who reads that gets the whole mail in en"
    ]
    assert (
        list(describe_missing_languages_of_context(WEEKLY, weekly(TEXTS)))
        == list(describe_missing_languages_of_context(WEEKLY, weekly("plain")))
        == []
    )


@pytest.mark.parametrize(
    ("headline", "problem"),
    [
        ({"de": "x", "ar": "y"}, "context.headline: lacks en, the brand's default, which is for all who read none"),
        ({"en": None, "de": "x"}, "context.headline: lacks en, the brand's default"),
        ({"en": "x", "de_AT": "y", "de-at": "z"}, "context.headline: has a language twice; write each once"),
        ({"en": "x", "ar": "y\r\nBcc: somebody"}, "(ar): the subject has a line break"),
    ],
)
def test_what_lacks_the_default_is_refused(headline: Any, problem: str) -> None:
    """Everybody has to get something, each language once, and each language is tried."""
    with pytest.raises(EventRefused, match=re.escape(problem)):
        check_event_and_get_template(make_event({"refs": ["u1"]}, context=weekly(headline)), policies(), templates())


def test_texts_of_a_person_are_in_their_language() -> None:
    """The text of a person's own context must be in that person's language, not one for each language."""
    people = [{"ref": "u1", "email": "a@people.example", "context": {"headline": TEXTS}}]
    with pytest.raises(EventRefused, match=r"to\.people\.0\.context: headline is by language; write the text"):
        check_event_and_get_template(make_event(people, context=weekly("x")), policies(), templates())


@pytest.mark.parametrize(
    ("order", "body", "shown"),
    [
        ({"id": "7", "no": "8"}, "{{ order.id }}", "7"),
        ({"id": "7", "no": "8"}, '{{ order["no"] }}', "8"),
        ({"en": "7", "de": "8"}, "{{ order }}", "7"),
        ({"en": ["a", "b"], "de": ["c"]}, "{% for one in order %}{{ one }}{% endfor %}", "ab"),
        ({"en": "7", "total": "8"}, "{{ order.total }}", "8"),
        ({}, "{{ order | length }}", "0"),
    ],
)
def test_an_object_is_no_text(tmp_path: Path, order: Any, body: str, shown: str) -> None:
    """A value that templates look into is an object, even with codes as keys: `id` is Indonesian, `no` Norwegian."""
    files = {**FILES, "news/body.txt.j2": FILES["news/body.txt.j2"].replace("{{ headline }}", body)}
    said = (
        '{"en" = "1", "de" = "2"}' if body == "{{ order }}" else '{"en" = "1", "id" = "1", "no" = "2", "total" = "3"}'
    )
    files["news/template.toml"] += f"order = {said}\n"
    template = library(tmp_path, files).find_template("paltalk-2006", "news")
    assert template
    context = {"headline": "x", "order": order}
    texts = find_texts_given_by_language(context, template)
    assert "en" in locales_with_all_texts(template, texts)
    values = {"unsubscribe_url": "https://mail.example/u/x", **context_in_locale(context, texts, "en")}
    assert template.render("en", values).text.startswith(shown)


def test_an_example_may_be_by_language(tmp_path: Path) -> None:
    """A template is checked and looked at with the example's text in each of its languages, none of which may lack."""
    manifest = FILES["news/template.toml"].replace('headline = "One"', 'headline = {en = "One", DE = "Eins"}')
    template = library(tmp_path / "a", {**FILES, "news/template.toml": manifest}).find_template("paltalk-2006", "news")
    assert template
    assert [render_template_preview(template, locale).subject for locale in (None, "de-AT")] == [
        "News: One",
        "Neues: Eins",
    ]
    lacks = manifest.replace(', DE = "Eins"', "")
    assert "example: headline is missing in de" in faults(tmp_path / "b", {**FILES, "news/template.toml": lacks})
