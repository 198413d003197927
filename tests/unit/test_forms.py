"""Form letters: a text that is filled in many times reads as if it had been rendered for each person."""

import email.policy
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from quopri import decodestring
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.standing import Standing
from mailer.ports.deliveries import DeliveryRow
from mailer.rendering.headers import check_and_encode_addr_spec
from mailer.rendering.jinja_environment import make_jinja_environment
from mailer.rendering.mail_merge import (
    NAME,
    MergeField,
    MergeForm,
    names_of_transformed_values,
    split_text_at_slot_marks,
)
from mailer.rendering.mailing_renderer import MailingRenderer
from mailer.rendering.message import MailingHeaders, StaticMessageParts
from mailer.rendering.renderer_cache import MailingRendererCache
from mailer.rendering.signed_links import SignedLinks
from mailer.rendering.template_library import Template
from mailer.rendering.transfer_encoding import encode_piece_as_quoted_printable, quoted_printable
from tests.factories import KEY, policies, templates
from tests.renderers import facts_of, renderer_of

NOW = 1_790_000_000
LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120)
ODD = st.one_of(
    LINE,
    st.sampled_from(["", ".", "..", "From me", "=3D", "=?utf-8?q?x?=", "a" * 300, " ", "<b>&</b>", "\U0001f600" * 40]),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ue000\ue001"), max_size=600)
CATEGORIES = ("newsletter", "promotional", "service", "breach")


def read(content: bytes) -> EmailMessage:
    """A message as Python reads it, once its form has been looked at."""
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(content)


def parts(content: bytes) -> tuple[str, dict[str, Any]]:
    """The subject and the texts of a message."""
    message = read(content)
    return str(message["Subject"]), {
        part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()
    }


def one_by_one(renderer: MailingRenderer, row: DeliveryRow) -> bytes:
    """The same message with no form: rendered for this person alone."""
    variants = {
        locale: replace(variant, bent=variant.bent | {NAME}) for locale, variant in renderer.template.variants.items()
    }
    plain = Template(**{name: getattr(renderer.template, name) for name in Template.__slots__} | {"variants": variants})
    return (
        MailingRenderer(renderer.facts, renderer.policy, plain, renderer._links, {})
        .render_message(row, renderer.category, NOW)
        .outgoing.content
    )


@pytest.mark.parametrize("category", CATEGORIES)
@given(
    names=st.lists(st.none() | ODD, min_size=2, max_size=3),
    locale=st.sampled_from(["en", "en-GB", "de-AT", "ar", None]),
)
def test_a_form_reads_as_if_it_were_rendered(category: str, names: list[str | None], locale: str | None) -> None:
    """A recipient filled into a form gets the same parts as one for whom the template is rendered."""
    renderer = renderer_of(category)
    for number, name in enumerate(names):
        row = DeliveryRow(renderer.facts.id, number, 1, Standing(number, 1, f"u{number}@people.example"), name, locale)
        assert parts(renderer.render_message(row, renderer.category, NOW).outgoing.content) == parts(
            one_by_one(renderer, row)
        )


def test_a_form_is_made_once() -> None:
    """The template is rendered once for many, and again where a value is missing or the locale is another one."""
    renderer = renderer_of()
    people: list[tuple[str | None, str]] = [("Ada", "en"), ("Bob", "en"), (None, "en"), ("Cem", "de"), ("Dan", "de")]
    for number, (name, locale) in enumerate(people):
        row = DeliveryRow(renderer.facts.id, number, 1, Standing(number, 1, f"u{number}@people.example"), name, locale)
        renderer.render_message(row, renderer.category, NOW)
    assert len(renderer._blanks) == 3


def test_small_mailings_share_a_form() -> None:
    """Mailings of few that differ in plain texts share one form, and no text or link of one gets into another's."""
    renderers = MailingRendererCache(policies(), templates(), SignedLinks("https://mail.example", (KEY,)), None)
    shown = []
    for number, reason in enumerate(["You asked for it.", "A <b>reason</b>", "Another one"]):
        facts = facts_of("breach", audience_size=1, reason=reason)
        renderer = renderers.make_and_cache_renderer(facts, None)
        row = DeliveryRow(facts.id, number, 1, Standing(number, 1, f"u{number}@people.example"), "Ada", "en")
        content = renderer.render_message(row, renderer.category, NOW).outgoing.content
        assert parts(content) == parts(one_by_one(renderer, row))
        shown.append(parts(content)[1]["text/html"])
    assert len(renderers._shared) == 1
    assert len(set(shown)) == 3


def test_what_a_template_works_with_is_not_filled_in() -> None:
    """A value with which a template does more than to print it tells the forms of mailings apart."""
    renderers = MailingRendererCache(policies(), templates(), SignedLinks("https://mail.example", (KEY,)), None)
    subjects = set()
    for day in ("01", "02", "02"):
        context = {"starts": f"2026-12-{day}T01:00Z", "ends": "2026-12-03T01:00Z"}
        renderer = renderers.make_and_cache_renderer(facts_of("service", audience_size=1, context=context), None)
        row = DeliveryRow(
            renderer.facts.id, 1, 1, Standing(1, 1, "u1@people.example", products=frozenset({"*"})), "Ada", "en"
        )
        subjects.add(parts(renderer.render_message(row, renderer.category, NOW).outgoing.content)[0])
    assert (len(renderers._shared), len(subjects)) == (2, 2)


@pytest.mark.parametrize(
    ("source", "bent"),
    [
        ("{{ recipient.name }} {% if recipient.name %}x{% endif %} {{ a }}", set()),
        ("{{ recipient.name | upper }}", {NAME}),
        ("{{ recipient.locale }}", {"recipient"}),
        ("{{ recipient }}", {"recipient"}),
        ("{% set x = recipient.name %}{{ x }}", {NAME, "x"}),
        ("{% if recipient.name == 'Ada' %}x{% endif %}", {NAME}),
        ("{{ 'Dear ' ~ a }}", {"a"}),
        ("{% for x in a %}{{ b }}{% endfor %}", {"a", "x"}),
        ("{% filter upper %}{{ a }}{% endfilter %}", {"a"}),
        ("{% set x %}{{ a }}{% endset %}", {"a", "x"}),
        ("{% if a %}{{ a }}{% elif b %}{{ b | length }}{% endif %}", {"b"}),
        ("{{ a if b else c }}", {"a", "b", "c"}),
        ("{{ a.b }}{{ c[d] }}", {"a", "c", "d"}),
    ],
)
def test_what_a_template_does_with_a_value(source: str, bent: set[str]) -> None:
    """Only a value that is printed as it is, or asked for, can be filled in later."""
    assert names_of_transformed_values(make_jinja_environment("en", escape=True).parse(source)) == bent


@pytest.mark.parametrize("text", ["\ue000", "\ue001", "\ue000x\ue001", "\ue000name", "a\ue000name\ue001\ue001"])
def test_a_text_with_marks_of_its_own_is_no_form(text: str) -> None:
    """A text with marks that look like a slot has no form. The template is rendered for each person."""
    assert split_text_at_slot_marks(text, ["name"]) is None


def test_cutting() -> None:
    """A rendered text is cut at its slots."""
    assert split_text_at_slot_marks("a\ue000name\ue001b\ue000url\ue001", ["name", "url"]) == (
        "a",
        MergeField("name"),
        "b",
        MergeField("url"),
    )


@given(st.lists(st.tuples(st.booleans(), TEXT), max_size=6), st.booleans())
def test_pieces_read_back(pieces: list[tuple[bool, str]], optional: bool) -> None:
    """Python's parser reads the text that the pieces and the slots make together, for any of them."""
    values = {str(number): text for number, (is_slot, text) in enumerate(pieces) if is_slot}
    body = tuple(MergeField(str(number)) if is_slot else text for number, (is_slot, text) in enumerate(pieces))
    category = policies()["interpals"].categories["newsletter" if optional else "service"]
    skeleton = StaticMessageParts(
        MailingHeaders("Letters <l@mail.interpals.example>", "interpals", "interpals.example", category)
    )
    content = skeleton.compile_merge_form(MergeForm(("Hello",), body, body)).fill_message(
        to=check_and_encode_addr_spec("ada@people.example", "To"),
        name="Ada",
        message_id="<1@interpals.example>",
        date=NOW,
        unsubscribe_url="https://mail.example/u/x" if optional else None,
        values=values,
    )
    whole = "".join(_lines(text) for _, text in pieces)
    shown = "".join(_lines(_escaped(text) if is_slot else text) for is_slot, text in pieces)
    assert _ended(parts(content)[1]["text/plain"]) == _ended(whole)
    assert _ended(parts(content)[1]["text/html"]) == _ended(shown)
    assert all(len(line) <= 76 for line in content.partition(b"\r\n\r\n")[2].split(b"\r\n") if b"charset" not in line)


@given(st.binary(max_size=400).filter(lambda data: b"\r" not in data and b"\n" not in data))
def test_quoted_printable_reads_back(data: bytes) -> None:
    """Each encoding decodes to the original, in lines of at most 76 octets, with no white space at their ends."""
    for encoded in (quoted_printable(data), encode_piece_as_quoted_printable(data)):
        assert decodestring(encoded) == data
        assert all(len(line) <= 76 and not line.endswith((b" ", b"\t")) for line in encoded.split(b"\r\n"))
    assert decodestring(encode_piece_as_quoted_printable(data) + encode_piece_as_quoted_printable(data)) == data * 2


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _ended(text: str) -> str:
    return _lines(text).rstrip("\n")


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&#34;")
    )
