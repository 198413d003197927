"""The text of a dead letter as a page shows it."""

import json

import pytest

from mailer.web.console.dead_letter_text import MAX_SHOWN, mask_addresses, masked_body, whole_body

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
    assert whole_body(b"x" * (MAX_SHOWN + 5)).endswith("… (5 characters more)")
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
