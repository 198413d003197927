"""The text of a dead letter as a page shows it."""

import json
import time
from typing import Any

import pytest

from mailer.events import EventRefused, parse_event
from mailer.rendering.event_checks import check_event_and_get_template
from mailer.web.console.dead_letter_text import MAX_SHOWN, mask_addresses, masked_body, masked_reason, unmasked_body
from tests.factories import person, plain_event, policies, templates

EVENT = {
    "v": 1,
    "id": "ada@people.example-17",
    "brand": "interpals",
    "category": "newsletter",
    "to": {"people": [{"ref": "user-17", "email": "ada@people.example", "name": "Ada Lovelace", "locale": "en-GB"}]},
    "context": {"headline": {"en": "Dear Ada"}, "age": 36, "Ada Lovelace": True, "nested": [["0049 30 1234"]]},
    "campaign": "ada-17",
    "topic": "Ada",
}
NAMESAKE = person(17, ref="ada-17")
SECRETS = ("ada", "Ada", "Lovelace", "user-17", "36", "1234", "people.example")


def test_only_fields_that_name_nobody_are_shown() -> None:
    """JSON is shown with its shape, and with the values of fields that are about no person."""
    shown = masked_body(json.dumps(EVENT).encode())
    assert not any(secret in shown for secret in SECRETS)
    for plain in (
        '"brand": "interpals"',
        '"category": "newsletter"',
        '"locale": "… (5 characters)"',
        '"v": 1',
        '"email"',
    ):
        assert plain in shown
    assert '"name": "… (12 characters)"' in shown


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(EVENT).encode()[:-1],
        b"[" * 100_000 + b"ada@people.example",
        b"\xff\xfe Ada Lovelace user-17",
        "Ada Lovelace, 36, ada@people.example".encode("utf-16"),
        b"",
        json.dumps({**EVENT, "campaign": "x" * 70_000}).encode(),
    ],
    ids=["broken", "deep", "bytes", "utf-16", "empty", "large"],
)
def test_what_is_no_json_shows_no_word_but_names_of_fields(body: bytes) -> None:
    """Broken, deep, in another encoding, empty, or too large to be read."""
    shown = masked_body(body)
    assert not any(secret in shown for secret in SECRETS)
    assert len(shown) < MAX_SHOWN + 100


def test_a_plain_field_with_an_address_is_masked_too() -> None:
    """A publisher may write anything anywhere."""
    assert "ada@" not in masked_body(b'{"campaign": "to ada@people.example", "template": ["bob@people.example"]}')


def test_long_texts_are_cut() -> None:
    """A cut text says how much is missing."""
    assert unmasked_body(b"x" * (MAX_SHOWN + 5)).endswith("… (5 characters more)")
    assert "ada@" not in mask_addresses("to.people.0.email: <ada@people.example> is none; mailto:ada@people.example")


def test_no_name_and_no_value_below_the_envelope_is_shown() -> None:
    """A free part may use the names of the envelope's fields, and may have a person's name as the name of a field."""
    free = {
        **dict.fromkeys(("product", "topic", "action", "campaign", "source", "audience", "partner"), "Ada Lovelace"),
        **{"brand": "ada", "category": "breach", "template": "ada", "account": "erase", "v": 36, "allowed": True},
        **{"anna_smith": 1, "to": {"people": [{"anna_smith": "36"}]}},
    }
    person = {"ref": "user-17", "source": "Ada", "purpose": "Ada", "country": "AT", "context": free, "anna_smith": 36}
    places = [
        {"context": free},
        {"context": {"deeper": [[free]]}},
        {"to": {"people": [person]}},
        {"to": free},
        {"attachments": [free]},
        {"brand": free, "category": [free], "reason": free, "headers": free, "v": free},
        {"brand": "Ada Lovelace", "category": "ada", "template": "Ada", "v": 1815, "account": "ada", "send_at": "Ada"},
        [free],
    ]
    for place in places:
        shown = masked_body(json.dumps(place).encode())
        for secret in (*SECRETS, "anna_smith", '"breach"', "erase", "AT", "1815", "true"):
            assert secret not in shown, (place, shown)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"to": {"people": [NAMESAKE, NAMESAKE]}}, "to.people: has the ref … twice; name each person once"),
        ({"to": {"people": [{**NAMESAKE, "Ada M. Lovelace": 1}]}}, "to.people.0.…: is not a field of an event"),
        ({"Ada Lovelace": 1, "id": ""}, "id: is empty; …: is not a field of an event"),
        ({"to": {"people": [{**NAMESAKE, "source": "Ada Lovelace"}]}}, "source: there is no …; there are"),
        ({"to": {"people": [{**NAMESAKE, "source": 'it\'s "Ada Lovelace"'}]}}, "source: there is no …; there are"),
        ({"context": {"headline": "News", "items": [{"Ada Lovelace": 1}]}}, "title is missing in an object that has …"),
        ({"to": {"audience": "ada lovelace"}, "context": {"Ada Lovelace": {"en": "a", "en-GB": "b"}}}, "audience"),
    ],
)
def test_a_reason_quotes_nothing_that_a_publisher_wrote(event: dict[str, Any], shown: str) -> None:
    """A ref, a value, the name of a field: the same is hidden in the reason as in the text."""
    body = plain_event([person(1)]) | event
    with pytest.raises(EventRefused) as refused:
        check_event_and_get_template(parse_event(json.dumps(body)), policies(), templates())
    assert shown in masked_reason(str(refused.value))
    assert not any(secret in masked_reason(str(refused.value)) for secret in ("Lovelace", "lovelace", "ada-17"))


@pytest.mark.parametrize(
    "text",
    ["'" + "\\a" * 5000, " 'a" * 5000, "a" * 10000, "context." * 1200, "context: " * 1200, "@" * 10000, "a@" * 5000],
    ids=lambda text: text[:10],
)
def test_no_text_of_a_publisher_takes_long(text: str) -> None:
    """A name that somebody made up to keep a page busy: tens of milliseconds at the most problems of an event."""
    for made in (text, f"{text}: is not a field of an event"):
        began = time.process_time()
        masked_reason(made)
        assert time.process_time() - began < 2


def test_a_reason_stays_readable() -> None:
    """Mailer's own words are not hidden, with the names of the fields of events, and its apostrophes."""
    for text in (
        "the outbox could not publish it: the broker's queue is full; it isn't lost",
        'to: breach mail reaches all accounts; write {"audience": "everyone"}'.replace('"everyone"', '"refs"'),
        "context: headline is missing; template weekly needs it",
        "to.people.0.email: is required; v: is required; this is version 1",
    ):
        assert masked_reason(text) == text
    assert (
        masked_reason("not JSON: an object has the key 'Ada Lovelace' twice")
        == "not JSON: an object has the key … twice"
    )
    assert masked_reason("'Ada \\' Lovelace' and 'Bob'") == "… and …"
