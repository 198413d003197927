import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.events import (
    MAX_ATTACHMENTS_BYTES,
    MAX_EVENT_BYTES,
    EventRefused,
    MessageEvent,
    Person,
    Refs,
    parse_event,
    validate_event,
)

GOOD: dict[str, Any] = {
    "v": 1,
    "id": "e-1",
    "brand": "interpals",
    "category": "newsletter",
    "template": "weekly",
    "to": {"people": [{"ref": "u1", "email": "ada@people.example"}]},
}
FULL: dict[str, Any] = GOOD | {
    "topic": "chat-rooms",
    "campaign": "spring",
    "reason": "because",
    "inviter": "Grace",
    "partner": "acme",
    "to": {
        "people": [
            {
                "ref": "u1",
                "email": "ada@people.example",
                "name": "Ada",
                "locale": "zh-Hant-TW",
                "country": "GB",
                "source": "sign-up",
                "collected_at": "2026-01-01T00:00:00Z",
                "policy_version": "2024",
                "context": {"n": 1},
            }
        ]
    },
    "context": {"headline": "x", "deep": [{"a": None}]},
    "reply_to": "desk@people.example",
    "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": base64.b64encode(b"hi").decode()}],
    "send_at": "2026-01-01T00:00:00+02:00",
    "expires_at": "2026-01-02T00:00:00Z",
}
TEXTS = [
    ("id",),
    ("brand",),
    ("category",),
    ("template",),
    ("topic",),
    ("campaign",),
    ("reason",),
    ("inviter",),
    ("partner",),
    ("reply_to",),
    *(
        ("to", "people", 0, field)
        for field in ("ref", "email", "name", "locale", "country", "source", "policy_version")
    ),
    ("attachments", 0, "filename"),
    ("attachments", 0, "content_type"),
]


def problems(value: Any) -> tuple[str, ...]:
    """The problems for which a value is refused."""
    with pytest.raises(EventRefused) as refused:
        validate_event(value)
    return refused.value.problems


def put(path: tuple[Any, ...], text: str) -> dict[str, Any]:
    """The full event with one text in its place."""
    event: Any = json.loads(json.dumps(FULL))
    place = event
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = text
    assert isinstance(event, dict)
    return event


def nested(depth: int) -> Any:
    """A text so many lists deep."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_a_full_event_travels() -> None:
    """An event arrives as it was published, with each field."""
    event = validate_event(FULL)
    assert parse_event(event.to_json()) == event
    assert event.attachments[0].content == b"hi"
    assert event.routing_key == "interpals.newsletter"


def test_python_need_not_say_the_version() -> None:
    """An event built in Python need not name the version. The version always stands on the wire."""
    event = MessageEvent(id="1", brand="b", category="service", template="t", to=Refs(refs=("u1",)))
    assert parse_event(event.to_json()) == event
    assert json.loads(event.to_json())["v"] == 1
    assert "v" in MessageEvent.model_json_schema()["required"]


def test_empty_values_in_a_context_travel() -> None:
    """A null that a template was given is still there after the journey."""
    event = validate_event(GOOD | {"context": {"a": None, "b": {"c": None}}})
    assert parse_event(event.to_json()).context == {"a": None, "b": {"c": None}}


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("the wrong version", {"v": 2}, "v: Input should be 1"),
    ("a version as text", {"v": "1"}, "v: Input should be 1"),
    ("an unknown field", {"colour": "red"}, "colour: is not a field of an event; remove it (what a template needs"),
    ("an empty id", {"id": ""}, "id: is empty"),
    ("a number as id", {"id": 5}, "id: Input should be a valid string"),
    ("a long id", {"id": "x" * 256}, "id: String should have at most 255 characters"),
    ("an id of many octets", {"id": "\u00fc" * 128}, "id: has 256 octets in UTF-8; at most 255"),
    ("a brand in capitals", {"brand": "InterPals"}, "brand: String should match pattern"),
    ("a category with a space", {"category": "news letter"}, "category: String should match pattern"),
    ("a template with a path", {"template": "../weekly"}, "template: String should match pattern"),
    ("a line break in a slug", {"brand": "interpals\n"}, "brand: String should match pattern"),
    ("no audience", {"to": {}}, 'to: takes exactly one of "refs", "people" or "audience"'),
    ("two audiences", {"to": {"refs": ["a"], "audience": "b"}}, 'to: takes exactly one of "refs", "people" or'),
    ("a list as audience", {"to": ["a"]}, 'to: takes exactly one of "refs", "people" or "audience"'),
    ("nobody", {"to": {"refs": []}}, "to.refs: is empty; name at least one"),
    ("no people", {"to": {"people": []}}, "to.people: is empty; name at least one"),
    ("a bad audience name", {"to": {"audience": "All Of Them"}}, "to.audience: String should match pattern"),
    ("a ref as number", {"to": {"refs": [1]}}, "to.refs.0: Input should be a valid string"),
    (
        "one ref twice",
        {"to": {"people": [{"ref": "u", "email": "a@x.example"}] * 2}},
        "to.people: has the ref 'u' twice",
    ),
    ("no address", {"to": {"people": [{"ref": "u"}]}}, "to.people.0.email: is required"),
    (
        "a malformed address",
        {"to": {"people": [{"ref": "u", "email": "ada"}]}},
        "to.people.0.email: not an e-mail address",
    ),
    (
        "a display name",
        {"to": {"people": [{"ref": "u", "email": "Ada <a@x.example>"}]}},
        "to.people.0.email: not an e-mail address",
    ),
    (
        "a header in an address",
        {"to": {"people": [{"ref": "u", "email": "a@x.example\r\nBcc: b@x.example"}]}},
        "to.people.0.email: has a line break or control character; write it on one line",
    ),
    (
        "a header in the reply address",
        {"reply_to": "a@x.example\r\nBcc: b@x.example"},
        "reply_to: has a line break or control character; write it on one line",
    ),
    (
        "a bad locale",
        {"to": {"people": [{"ref": "u", "email": "a@x.example", "locale": "english"}]}},
        "to.people.0.locale:",
    ),
    (
        "a bad country",
        {"to": {"people": [{"ref": "u", "email": "a@x.example", "country": "EU"}]}},
        "to.people.0.country:",
    ),
    (
        "a naive send_at",
        {"send_at": "2026-01-01T00:00:00"},
        "send_at: has no time zone; write one, such as Z or +01:00",
    ),
    (
        "a naive collected_at",
        {"to": {"people": [{"ref": "u", "email": "a@x.example", "collected_at": "2026-01-01T00:00:00"}]}},
        "to.people.0.collected_at: has no time zone; write one",
    ),
    ("no time", {"expires_at": "soon"}, "expires_at: is no time; write it as 2026-12-24T09:30:00Z"),
    (
        "times in the wrong order",
        {"send_at": "2026-01-02T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"},
        "event: expires_at must be after send_at",
    ),
    (
        "a large context",
        {"context": {"a": "x" * 65_536}},
        "context: is 65,545 bytes; at most 65,536: put long texts in",
    ),
    (
        "a person's large context",
        {"to": {"people": [{"ref": "u", "email": "a@x.example", "context": {"a": "x" * 65_536}}]}},
        "to.people.0.context: is 65,545 bytes; at most 65,536",
    ),
    ("deep nesting", {"context": {"a": nested(20)}}, "context: is nested more than 20 levels deep; make it flatter"),
    ("very deep nesting", {"context": {"a": nested(900)}}, "context: is nested more than 20 levels deep"),
    ("NaN", {"context": {"a": float("nan")}}, "context: has NaN or an infinite number, which JSON has not; write null"),
    ("infinity", {"context": {"a": [{"b": float("-inf")}]}}, "context: has NaN or an infinite number"),
    ("U+0000 in a context", {"context": {"a": ["x\0y"]}}, "context: has the character U+0000; remove it"),
    ("U+0000 in a key", {"context": {"a\0": 1}}, "context: has the character U+0000; remove it"),
    ("half a pair in a context", {"context": {"a": "\ud83d"}}, "context: has half of a surrogate pair; write it whole"),
    ("half a pair in a key", {"context": {"\udc00": 1}}, "context: has half of a surrogate pair"),
    (
        "a date in Python",
        {"context": {"at": datetime(2026, 1, 1, tzinfo=UTC)}},
        "context: has a value of the type datetime",
    ),
    ("a list as context", {"context": []}, "context: Input should be a valid dictionary"),
    (
        "six attachments",
        {"attachments": [{"filename": "a", "content_type": "text/plain", "content": "aGk="}] * 6},
        "attachments: has 6 items; at most 5",
    ),
    (
        "large attachments",
        {
            "attachments": [
                {"filename": "a", "content_type": "text/plain", "content": base64.b64encode(bytes(600_000)).decode()}
            ]
            * 2
        },
        f"attachments: are 1,200,000 bytes together; at most {MAX_ATTACHMENTS_BYTES:,}: link to larger files",
    ),
    (
        "an attachment that is not base64",
        {"attachments": [{"filename": "a", "content_type": "text/plain", "content": "hello!"}]},
        "attachments.0.content: is not base64",
    ),
    (
        "a header in a content type",
        {"attachments": [{"filename": "a", "content_type": "text/plain\r\nX: y", "content": "aGk="}]},
        "attachments.0.content_type: String should match pattern",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_refused_with_what_to_mend(change: dict[str, Any], message: str) -> None:
    """Each bad value is refused by one problem, which names the field and says what is wrong with it."""
    [problem] = problems(GOOD | change)
    assert problem.startswith(message)


@pytest.mark.parametrize("name", ["v", "id", "brand", "category", "template", "to"])
def test_what_is_required(name: str) -> None:
    """Each of the six fields is asked for by name, the version too."""
    [problem] = problems({key: value for key, value in GOOD.items() if key != name})
    assert problem.startswith(f"{name}: is required")


def test_every_problem_is_told_at_once() -> None:
    """All problems of an event are told at once, so that nobody has to publish it once a mistake."""
    told = problems({"id": "", "brand": "X", "category": "newsletter", "template": "weekly", "to": {"refs": ["", "a"]}})
    assert [problem.partition(":")[0] for problem in told] == ["v", "id", "brand", "to.refs.0"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: ".".join(str(part) for part in path))
@pytest.mark.parametrize("char", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\ud800"])
def test_no_text_has_a_control_character(path: tuple[Any, ...], char: str) -> None:
    """No field takes a line break, a control character or half a surrogate pair, at either end."""
    for text in (f"ab{char}c", f"abc{char}", f"{char}abc"):
        [problem] = problems(put(path, text))
        assert problem.startswith(".".join(str(part) for part in path) + ": ")
        assert problem.isprintable()


@pytest.mark.parametrize("value", [[], None, "event", 1])
def test_what_is_not_an_object(value: Any) -> None:
    """JSON that is no object is refused as a whole."""
    [problem] = problems(value)
    assert problem.startswith("event: Input should be a valid dictionary")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"{", "not JSON: Expecting property name"),
        (b"\xff\xfe\xfd", "not JSON: "),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"context": ' + b"[" * 200_000, "not JSON that can be read: it is nested too deep; make it flatter"),
        (
            b"x" * (MAX_EVENT_BYTES + 1),
            f"the event is {MAX_EVENT_BYTES + 1:,} bytes; at most {MAX_EVENT_BYTES:,}: shorten",
        ),
        (json.dumps(GOOD | {"context": {"a": "x" * 10_000_000}}).encode(), "the event is 10,000,"),
        (json.dumps(GOOD | {"context": {"a": float("nan")}}).encode(), "context: has NaN"),
        (json.dumps(GOOD).encode()[:-1] + b', "context": {"a": 1e999}}', "context: has NaN or an infinite number"),
        (json.dumps(GOOD).encode()[:-1] + b', "context": {"a": "\\u0000"}}', "context: has the character U+0000"),
    ],
)
def test_what_is_not_an_event_in_json(body: bytes, message: str) -> None:
    """A body that is no JSON, or too much of it, is refused. Nothing else is raised."""
    with pytest.raises(EventRefused, match=f"^{re.escape(message)}"):
        parse_event(body)


def test_a_refusal_can_be_stored_and_sent() -> None:
    """A refusal quotes no control character, and stays short for an event that is wrong in ten thousand places."""
    many = {"people": [{"ref": f"u{n}", "email": "x"} for n in range(10_000)]}
    told = problems({**GOOD, "to": many, "a\0\nb" + "x" * 10_000: 1})
    assert len(told) == 21
    assert told[-1] == "and 9,981 more"
    assert all(problem.isprintable() and len(problem) <= 500 for problem in told)


def test_one_address_has_one_form() -> None:
    """A domain in Unicode and as A-labels, and a local part in either normal form, are one address."""
    people = [
        Person(ref="1", email="jo\u0308rg@b\u00fccher.example"),
        Person(ref="2", email="j\u00f6rg@xn--bcher-kva.example"),
    ]
    assert people[0].email == people[1].email == "j\u00f6rg@b\u00fccher.example"


@settings(deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=8)
    | st.binary()
)
def test_nothing_but_a_refusal_comes_out(value: Any) -> None:
    """Any value in an event's place, or in its context, is an event or a refusal."""
    for candidate in (value, GOOD | {"context": {"a": value}}, GOOD | {"to": value}, GOOD | {"id": value}):
        try:
            event = validate_event(candidate)
        except EventRefused:
            continue
        assert parse_event(event.to_json()) == event
