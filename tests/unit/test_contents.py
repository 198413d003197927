"""Digests of events: the same for equal events, different for all others, and useless without the key."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mailer.account_event_types import AccountEvent, parse_any_event
from mailer.event_digests import (
    EventDigester,
    EventIdTakenByDifferentEvent,
    canonical_text_of_value,
    names_of_fields_with_differing_digests,
)
from mailer.events import MessageEvent, Person

CONTENTS = EventDigester("an address key of the tests, long enough")
ADA = {"ref": "ada", "email": "Ada@people.example", "name": "Ada", "context": {"b": [1, {"y": 2, "x": None}], "a": "1"}}
BOB = {"ref": "bob", "email": "bob@people.example"}
MESSAGE: dict[str, Any] = {
    "v": 1,
    "id": "order-1",
    "brand": "interpals",
    "category": "service",
    "template": "maintenance",
    "to": {"people": [ADA, BOB]},
    "context": {"starts": "1", "ends": "2"},
    "send_at": "2026-12-24T09:30:00Z",
}
OTHER: dict[str, Any] = {
    "category": "breach",
    "template": "breach-notice",
    "to": {"people": [ADA]},
    "product": "voice",
    "topic": "chess",
    "campaign": "spring",
    "reason": "it is down",
    "inviter": "ada",
    "partner": "acme",
    "context": {"starts": "1", "ends": "3"},
    "reply_to": "desk@people.example",
    "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": "YQ=="}],
    "send_at": "2026-12-24T09:31:00Z",
    "expires_at": "2026-12-25T00:00:00Z",
}
"""Another value of each field of a message event."""
CONSENT = {
    "scope": "newsletter",
    "version": "2024",
    "words": "Yes, write to me.",
    "at": "2026-01-01T00:00:00Z",
    "proof": "form 1",
}
SAID: dict[str, dict[str, Any]] = {
    "erase": {},
    "rectify": {"email": "ada@people.example", "name": "Ada", "locale": "en", "country": "GB"},
    "paid": {"product": "voice"},
    "channel": {"channel": "sms"},
    "postal": {"address": ["1 Mill Lane", "Ely"]},
    "tracking": {"allowed": False},
    "consent": CONSENT,
    "opt_out": {"scope": "newsletter"},
    "pause": {"days": 30},
    "own_cap": {"at_most": "weekly"},
}
"""An event of each form, with all that it can say."""
SAID_OTHERWISE: dict[str, Any] = {
    "ref": "user-2",
    "email": "bob@people.example",
    "name": "Bob",
    "locale": "de",
    "country": "DE",
    "product": "video",
    "channel": "letter",
    "address": ["2 Mill Lane", "Ely"],
    "allowed": True,
    "scope": "promotional",
    "version": "2025",
    "words": "No.",
    "at": "2026-01-02T00:00:00Z",
    "proof": "form 2",
    "days": 90,
    "at_most": "monthly",
}


def account(kind: str, **values: Any) -> dict[str, Any]:
    """An account event."""
    return {"v": 1, "id": "said-1", "brand": "interpals", "ref": "user-1", "account": kind, **SAID[kind], **values}


def content(value: dict[str, Any], contents: EventDigester = CONTENTS) -> bytes:
    """The digest of an event, as it is read from JSON."""
    return contents.digest_of(parse_any_event(json.dumps(value)))


def told(first: dict[str, Any], again: dict[str, Any]) -> tuple[str, ...]:
    """The fields in which two events differ."""
    return names_of_fields_with_differing_digests(content(first), content(again))


SAME: dict[str, dict[str, Any]] = {
    "keys in another order": dict(reversed(MESSAGE.items())),
    "defaults that are written out": {**MESSAGE, "topic": None, "attachments": [], "reply_to": None},
    "another zone": {**MESSAGE, "send_at": "2026-12-24T10:30:00.000+01:00"},
    "without the seconds": {**MESSAGE, "send_at": "2026-12-24T09:30z"},
    "a context in another order": {**MESSAGE, "context": {"ends": "2", "starts": "1"}},
    "people in another order": {**MESSAGE, "to": {"people": [BOB, ADA]}},
    "a context within in another order": {
        **MESSAGE,
        "to": {"people": [{**ADA, "context": {"a": "1", "b": [1.0, {"x": None, "y": 2}]}}, BOB]},
    },
    "a domain in another spelling": {**MESSAGE, "to": {"people": [{**ADA, "email": "Ada@PEOPLE.example"}, BOB]}},
    "what is left out of a person": {**MESSAGE, "to": {"people": [ADA, {**BOB, "locale": None, "context": {}}]}},
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_equal_in_meaning_is_the_same(name: str) -> None:
    """However the JSON was written, the digest is the first one's, octet by octet."""
    assert content(SAME[name]) == content(MESSAGE)


def test_refs_are_a_set() -> None:
    """Neither the order of refs nor a repeated ref makes another audience."""
    first, again = ({**MESSAGE, "to": {"refs": refs}} for refs in (["a", "b", "c"], ["c", "a", "b", "a"]))
    assert content(first) == content(again)


def test_every_field_of_a_message_event_is_in_it() -> None:
    """The difference is named, alone, whether it was changed, added or left out."""
    assert {*OTHER} == {*MessageEvent.model_fields} - {"v", "id", "brand"}
    for name, value in OTHER.items():
        changed = {**MESSAGE, name: value}
        assert told(MESSAGE, changed) == (name,)
        assert told(changed, MESSAGE) == (name,)


@pytest.mark.parametrize("kind", SAID)
def test_every_field_of_an_account_event_is_in_it(kind: str) -> None:
    """The difference is named, alone."""
    for name in account(kind).keys() - {"v", "id", "brand", "account"}:
        assert told(account(kind), account(kind, **{name: SAID_OTHERWISE[name]})) == (name,)


def test_no_form_of_account_event_is_left_out() -> None:
    """The tables above have all fields of all forms."""
    models: tuple[type[BaseModel], ...] = get_args(AccountEvent)
    tried = {frozenset(account(kind)) for kind in SAID}
    assert tried == {frozenset(model.model_fields) for model in models}


def test_every_pair_of_kinds_differs() -> None:
    """An id of one kind never stands for another one; the answer names at least what is asked for."""
    kinds = [account(kind) for kind in SAID]
    kinds += [{**account("erase"), "account": kind} for kind in ("object", "deactivate", "reactivate", "under_13")]
    for first in kinds:
        for again in kinds:
            assert ("account" in told(first, again)) is (first is not again)


def test_every_field_of_a_person_is_in_it() -> None:
    """Another value of any of them, or one more, makes another audience."""
    values: dict[str, Any] = {
        "ref": "bo",
        "email": "bo@people.example",
        "name": "",
        "locale": "de",
        "country": "DE",
        "source": "sign-up",
        "collected_at": "2026-01-01T00:00:00Z",
        "policy_version": "2024",
        "purpose": "a draw",
        "context": {"a": "b"},
    }
    assert values.keys() == Person.model_fields.keys()
    for name, value in values.items():
        assert told(MESSAGE, {**MESSAGE, "to": {"people": [ADA, {**BOB, name: value}]}}) == ("to",)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Numbers and texts that look like the marks between them.
    | st.text('ab1:=;{}[]@#"\\,', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:{", max_size=3), inner, max_size=3),
    max_leaves=6,
)


def plain(value: Any) -> Any:
    """A value of JSON, so that `==` tells apart what differs: True is not 1 then, and 1.0 is."""
    match value:
        case bool():
            return ("bool", value)
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case _:
            return value


@given(st.dictionaries(st.text("ab:{", max_size=3), JSON, max_size=3), st.data())
def test_contexts_are_written_alike_if_they_are_equal(first: dict[str, Any], data: st.DataObject) -> None:
    """Contexts have the same text if, and only if, they are equal. Order does not count."""
    other = data.draw(
        st.dictionaries(st.text("ab:{", max_size=3), JSON, max_size=3)
        | st.permutations(list(first.items())).map(dict)
        | JSON.map(lambda value: {**first, "a": value})
    )
    assert (canonical_text_of_value(first) == canonical_text_of_value(other)) is (plain(first) == plain(other))


def test_without_the_key_nothing_can_be_tested_against_it() -> None:
    """Another key makes another digest; the same personal values under another id, or brand, do too."""
    other = content(MESSAGE, EventDigester("another address key"))
    assert names_of_fields_with_differing_digests(content(MESSAGE), other) == ()
    parts = {content(MESSAGE)[at : at + 6] for at in range(len(content(MESSAGE)))}
    assert parts.isdisjoint(other[at : at + 6] for at in range(4, len(other) - 5))
    first, again = content({**MESSAGE, "id": "order-2"}), content(MESSAGE)
    start = 5 + first[4]
    assert first[:start] == again[:start]
    changed = [at for at in range(start, len(first), 8) if first[at + 2 : at + 8] != again[at + 2 : at + 8]]
    assert len(changed) == 3  # to, context and send_at


def test_what_an_erasure_has_taken_is_not_compared() -> None:
    """An erasure takes fields away. Each open field that is left still tells another event."""
    whole = content(MESSAGE)
    left = whole[: 5 + whole[4]]
    assert len(left) < len(whole)
    for name, value in OTHER.items():
        told = names_of_fields_with_differing_digests(left, content({**MESSAGE, name: value}))
        assert told == ((name,) if name in ("category", "template", "product", "topic", "campaign", "partner") else ())


def test_what_nobody_can_tell_is_taken_for_the_same() -> None:
    """Rows from before there were digests have none."""
    assert names_of_fields_with_differing_digests(None, content(MESSAGE)) == ()


def test_the_refusal_names_fields_and_no_values() -> None:
    """The refusal names fields and no values, and says what to do."""
    assert str(EventIdTakenByDifferentEvent(("send_at", "to"))) == (
        "id: it stands for another event already, from which this one differs in send_at, to;"
        " say it under an id of its own, or publish the first one as it was"
    )
