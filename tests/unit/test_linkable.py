"""Texts in which a mail program makes a link."""

import string
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import EventRefused, validate_event
from mailer.rendering.autolinks import has_autolink, texts_and_keys_in_json
from mailer.rendering.event_checks import check_event_and_get_template
from tests.factories import templates
from tests.template_files import POLICIES

LINKS = (
    "\u202egro.lave",
    "see \u202dx\u202c \u202egro.lave\u202c now",
    "\u202ea/gro.lave//:sptth",
    "\u202egro.lave@a",
    "http://evil.example",
    "HTTPS://EVIL",
    "https:evil",
    "hxxp://evil",
    "ftp:evil",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "vbscript:x",
    "mailto:a",
    "data:text/html,x",
    "data:;base64,eA==",
    "file:///etc/passwd",
    "tel:+4930123",
    "sms:123",
    "whatsapp://send",
    r"http:\\evil",
    r"\\evil\share",
    "//evil.example/x",
    "www.evil",
    "WWW.Evil",
    "www2.evil.zz",
    "evil.com",
    "evil.com.",
    "evil.com,",
    "evil.com's",
    "evil.com-now",
    "evil.com_",
    "EVIL.COM",
    "Paltalk.Com",
    "a.b.c.net",
    "evil.zip",
    "bit.ly",
    "t.me/x",
    "t.co/x",
    "x.co?a=1",
    "done.It",
    "evil.unheard/path",
    "evil.unheard:8080",
    "evil.unheard?q=1",
    "evil.unheard#top",
    "1.2.3.4/login",
    "127.0.0.1:80",
    "user@evil.unheard",
    "user@[evil.com]",
    "https://1.2.3.4",
    "пример.рф",
    "موقع.شبكة",
    "例え.中国",
    "xn--e1afmkfd.xn--p1ai",
    "bücher.xn--vermgensberatung-pwb",
    "evil\uff0ecom",
    "evil。com",
    "evil｡com",
    "evil\u2024com",
    "\uff48\uff54\uff54\uff50\uff1a\uff0f\uff0f\uff45\uff56\uff49\uff4c",
    "\uff45\uff56\uff49\uff4c\uff0e\uff43\uff4f\uff4d",
    "www\u200b.evil",
    "ev\u00adil.c\u00adom",
    "evil.com\u200bfoo",
    "ev\u200bil.c\u00adom\u200bfoo",
    "evil\u2060.\ufeffcom",
    "h\u200dt\u200ct\u2062p://x",
    "java\u00adscript:alert(1)",
    "evil.c\U000e0061om",
    "evil.\x01com",
    "(evil.com)",
    "<evil.com>",
    '"https://evil"',
    "see:evil.com",
    "a,evil.com",
    "Sam\nhttps://evil",
    "Sam\u2028evil.com",
    "Sam\u00a0evil.com",
)
PLAIN = (
    "gro.lave",
    "\u202egro lave",
    "",
    "Sam",
    "J. Li",
    "J.Li",
    "St. John-Smith",
    "Dr. h.c. Eva Müller-Lüdenscheidt",
    "z.B. am 5.4.2026 um 14:05 Uhr",
    "e.g. at 8:30 p.m., i.e. soon",
    "PT-20260412-0042",
    "2026-04-12T02:00:00.000Z",
    "$59.95",
    "1.234,56 €",
    "1.2.3.4",
    "Version 5.0.1",
    "Note: read this; it is short... and/or clear",
    "data: names, mails",
    "Tel: 030 123",
    "Hotel: two nights",
    "@river_song wrote",
    "5 @ $1.00",
    "Your account olive_tree was erased on 3 April 2026.",
    "Wir haben dein Kon\u00adto ge\u00adlöscht.",
    "تم حذف حسابك في 3 نيسان 2026.",
    "\u200fتم: olive_tree\u200f.",
    "完了しました。次のお知らせをお待ちください。",
    "我们已删除您的帐户。谢谢。",
    "10:00/11:00",
    "1/2",
)
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u2060\u2063\ufeff\u061c\ufe0f\U000e0020"
WORDS = st.text(string.ascii_letters + string.digits + " ,;!?'\"()\n", max_size=30)


@pytest.mark.parametrize("text", LINKS, ids=ascii)
def test_what_a_mail_program_makes_a_link_of(text: str) -> None:
    """Addresses, domains, mailboxes and shares are found in any spelling, and among other words."""
    assert has_autolink(text)
    assert has_autolink(f"Dear Sam, look: {text} and so on")


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_words_are_no_links(text: str) -> None:
    """Names, dates, times, amounts, numbers and sentences in several scripts are texts."""
    assert not has_autolink(text)


@given(
    st.sampled_from(["http://{}.xy", "https:{}", "www.{}", "{}.com", "{}.org/", "x@{}.net", "mailto:{}"]),
    st.text(string.ascii_lowercase, min_size=2, max_size=10),
    st.data(),
)
def test_a_link_is_found_in_any_disguise(form: str, name: str, data: st.DataObject) -> None:
    """Case, full-width letters, ideographic dots and characters that show nothing hide no link, wherever they are."""
    disguised = ""
    for sign in form.format(name):
        written = [sign, sign.upper(), chr(ord(sign) + 0xFEE0), *("。｡\uff0e\u2024" if sign == "." else "")]
        disguised += data.draw(st.sampled_from(written)) + data.draw(st.text(UNSEEN, max_size=2))
    before, behind = data.draw(WORDS), data.draw(WORDS)
    assert has_autolink(disguised)
    assert has_autolink(f"{before} {disguised} {behind}")


@given(st.text(string.ascii_letters + string.digits + " ,;!?'\"()_-+*%$€äöüßاحсы\n" + UNSEEN))
def test_a_text_without_signs_of_an_address_has_none(text: str) -> None:
    """A text without a dot, a colon, an @ or a backslash has no link."""
    assert not has_autolink(text)


@given(st.text())
def test_the_form_of_a_text_does_not_matter(text: str) -> None:
    """A text and its compatibility form get the same answer."""
    assert has_autolink(text) == has_autolink(unicodedata.normalize("NFKC", text))


@pytest.mark.parametrize("piece", ["a", "a.", "a@", "data:", "www", "xn--", "a.xn--", "\\", ":/", "1.", "\u00ad", "。"])
def test_a_long_text_takes_time_by_its_length(piece: str) -> None:
    """No piece that is repeated makes the search go back and forth: 250,000 of them are looked through."""
    assert has_autolink(piece * 250_000 + " https://evil")


NESTED = st.recursive(
    st.just(None) | st.integers() | st.text(string.ascii_letters, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters), inner, max_size=3),
)


def put(value: Any, text: str, data: st.DataObject) -> Any:
    """The value with a text somewhere in it."""
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], put(value[place], text, data), *value[place + 1 :]]
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: put(value[name], text, data)}
    return data.draw(st.sampled_from([text, [value, text], {text: value}, {"en": text}]))


@given(NESTED, st.data())
def test_texts_are_found_at_any_depth(value: Any, data: st.DataObject) -> None:
    """A text within lists and objects, or as a key of one, is seen."""
    assert "www.evil" in set(texts_and_keys_in_json(put(value, "www.evil", data)))


TEMPLATES = templates()
SAM: dict[str, Any] = {"ref": "user-17", "email": "sam@example.org", "name": "Sam"}
HOLDS = "holds an address, of which mail programs make a link"


def refusals(name: str, context: dict[str, Any], brand: str = "paltalk-2006", **changes: Any) -> list[str]:
    """Returns what is wrong with an event of a template, its example changed."""
    template = TEMPLATES.find_template(brand, name)
    assert template
    event = {"v": 1, "id": "1", "brand": brand, "category": template.category, "template": name}
    event |= {"to": {"people": [SAM]}, "reason": "Because", "context": {**template.example, **context}, **changes}
    try:
        check_event_and_get_template(validate_event(event), POLICIES, TEMPLATES)
    except EventRefused as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("text", LINKS, ids=ascii)
def test_mandatory_mail_carries_no_link_of_the_caller(text: str) -> None:
    """A text with an address is refused by its name, and the answer repeats none of it."""
    for said in (text, {"en": text, "de": "Gut", "ar": text}):
        told = refusals("rights-answer", {"message": said})
        assert [problem for problem in told if problem.startswith(f"context: message {HOLDS}")]
        assert not any("evil" in problem.lower() for problem in told)


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("order-confirmation", {"items": [{"title": "A", "price": "1"}, {"title": "evil.com", "price": "1"}]}),
        ("order-confirmation", {"items": [{"title": "A", "price": "1", "deep": [{"x": "evil.com"}]}]}),
        ("order-confirmation", {"order": "evil.com"}),
        ("order-confirmation", {"total": "Pay at https://evil"}),
        ("breach-notice", {"happened_on": "https://evil"}),
        ("maintenance", {"starts": "www.evil.com"}),
    ],
)
def test_each_text_that_mandatory_mail_shows_is_looked_at(name: str, context: dict[str, Any]) -> None:
    """A link is found in lists and objects, in each value but those of which the template makes a link itself."""
    (named,) = context
    assert any(problem.startswith(f"context: {named} {HOLDS}") for problem in refusals(name, context))


def test_a_persons_own_values_are_looked_at() -> None:
    """Each person's context and name, and the event's reason, are the caller's words too."""
    bad: dict[str, Any] = {**SAM, "ref": "2", "context": {"message": "evil.com"}}
    (problem,) = refusals("rights-answer", {}, to={"people": [SAM, bad]})
    assert problem.startswith(f"to.people.1.context: message {HOLDS}")
    (problem,) = refusals("rights-answer", {}, to={"people": [SAM, {**SAM, "ref": "2", "name": "Win: evil.com"}]})
    assert problem == "to.people.1.name: holds an address; write the name without"
    (problem,) = refusals("rights-answer", {}, reason="See evil.com")
    assert problem == "reason: holds an address; write it without"


def test_links_that_a_template_makes_are_taken() -> None:
    """A value that the template makes a link of is an address. A value that the template does not use shows nothing."""
    assert refusals("welcome", {"verify_url": "https://paltalk.example/verify/1", "unused": "evil.com"}) == []
    assert refusals("breach-notice", {"contact": "dpo@paltalk.example"}) == []


def test_optional_mail_may_name_addresses() -> None:
    """Mail that can be left may say where to read on."""
    assert refusals("weekly", {"headline": "Meet us at www.paltalk.example"}, reason=None) == []
