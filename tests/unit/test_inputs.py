"""The types of all input from outside, at their borders."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mailer.account_event_types import validate_account
from mailer.actions.suppression_and_consent_import import SuppressionLine
from mailer.events import Person, validate_event
from mailer.input_types import (
    EARLIEST,
    LATEST,
    MAX_ID,
    MAX_LOCAL,
    Address,
    Id,
    Moment,
    Name,
    Words,
    limited_problems,
    parse_day,
    parse_json_with_unique_keys,
    parse_moment,
)

FORM = "is no time; write it as"
OUTSIDE = "is not between the years 1970 and 2200"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-24T09:30:00Z", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24t09:30:00z", datetime(2026, 12, 24, 9, 30, tzinfo=UTC)),
        ("2026-12-24 09:30+05:30", datetime(2026, 12, 24, 4, tzinfo=UTC)),
        ("2026-12-24T09:30:00.123456789-00:00", datetime(2026, 12, 24, 9, 30, 0, 123456, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", EARLIEST),
        ("1969-12-31T12:00:00-12:00", EARLIEST),
        ("2200-01-01T00:00:00+00:01", LATEST - timedelta(minutes=1)),
        ("2024-02-29T23:59:59+23:59", datetime(2024, 2, 29, 0, 0, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_is_kept_in_utc(text: str, at: datetime) -> None:
    """RFC 3339 with its zone becomes the same moment in UTC."""
    assert parse_moment(text) == at
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2020", FORM),
        ("20261224", FORM),
        ("1735032600", FORM),
        ("2026-12-24", FORM),
        ("2026-W52-4T09:30:00Z", FORM),
        ("20261224T093000Z", FORM),
        ("2026-12-24T09:30:00+0100", FORM),
        ("2026-12-24T09:30:00+24:00", FORM),
        ("2026-12-24T09:30:00+01:60", FORM),
        ("2026-12-24T09:30:00 Z", FORM),
        ("2026-12-24T09:30:00Z\n", FORM),
        ("\uff12026-12-24T09:30:00Z", FORM),
        ("\u0662026-12-24T09:30:00Z", FORM),
        ("+12026-12-24T09:30:00Z", FORM),
        ("-2026-12-24T09:30:00Z", FORM),
        ("", FORM),
        ("2026-12-24T09:30:00", "has no time zone"),
        ("2026-12-31T23:59:60Z", "is no time: second"),
        ("2026-12-24T24:00:00Z", "is no time: hour"),
        ("2026-02-29T00:00:00Z", "is no time: day"),
        ("0000-01-01T00:00:00Z", "is no time: year"),
        ("0001-01-01T00:00:00+14:00", OUTSIDE),
        ("0001-01-01T00:00:00Z", OUTSIDE),
        ("1969-12-31T23:59:59Z", OUTSIDE),
        ("1970-01-01T00:00:00+00:01", OUTSIDE),
        ("2200-01-01T00:00:00Z", OUTSIDE),
        ("9999-12-31T23:59:59-05:00", OUTSIDE),
        ("9999-12-31T23:59:59-14:00", OUTSIDE),
    ],
)
def test_what_is_no_moment(text: str, message: str) -> None:
    """Digits alone, other forms, days that do not exist, and moments out of range are refused in words."""
    with pytest.raises(ValueError, match=f"^{message}"):
        parse_moment(text)


@pytest.mark.parametrize("value", [0, 1735032600, 1e400, True, None, [], b"2026-12-24T09:30:00Z", datetime(2026, 1, 1)])
def test_only_a_text_or_an_aware_time_is_a_moment(value: Any) -> None:
    """A number of seconds is no time: nobody says in what it counts."""
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(value)


def test_pythons_own_times_are_moments_too() -> None:
    """An aware time of Python's is moved to UTC, and its range is checked before it is moved."""
    reader = TypeAdapter(Moment)
    east = timezone(timedelta(hours=14))
    assert reader.validate_python(datetime(2026, 1, 1, 14, tzinfo=east)) == datetime(2026, 1, 1, tzinfo=UTC)
    for at in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))):
        with pytest.raises(ValidationError, match="between the years"):
            reader.validate_python(at)
    assert reader.dump_json(EARLIEST) == b'"1970-01-01T00:00:00Z"'


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_is_one_or_is_refused(at: datetime) -> None:
    """Each time with a zone that Python can write is kept as it is, or refused with a reason."""
    fixed = datetime.fromisoformat(at.isoformat())  # other zones' times may be none, or two
    offset = fixed.utcoffset()
    assert offset is not None
    try:
        found = parse_moment(at.isoformat())
    except ValueError:
        assert offset % timedelta(minutes=1) or not EARLIEST <= fixed < LATEST
    else:
        assert found == fixed


@pytest.mark.parametrize("text", ["20261224", "2026-W52-4", "2026-02-29", "1969-12-31", "2200-01-01", "soon", ""])
def test_what_is_no_day(text: str) -> None:
    """A day has one form, and lies in the same years as a moment."""
    with pytest.raises(ValueError, match=r"^(is|day)"):
        parse_day(text)


@pytest.mark.parametrize(
    "char", [*"\0\t\n\r\x1b\x7f\x85\x9f\u2028\u2029\u202a\u202e\u2066\u2069\ud800\udfff\ue000\ue001"]
)
def test_a_name_reads_as_it_is_stored(char: str) -> None:
    """No control character, nothing that turns the direction of text, no half pair, no mark of our renderer's."""
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(f"a{char}b")


@pytest.mark.parametrize(
    "text", ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "שלום\u200f", "é", "e\u0301", "a\U0010ffff", "\U0001f44d"]
)
def test_other_characters_name_something(text: str) -> None:
    """Emoji with their joiners, marks of right-to-left script, both normal forms, and every plane."""
    assert TypeAdapter(Name).validate_python(text) == text


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b", "\u2060", "\ufeff", "\u3164", "\u2800", "\u00ad", "\u0301"])
@pytest.mark.parametrize("kind", [Name, Id])
def test_a_blank_names_nothing(kind: Any, blank: str) -> None:
    """Spaces, and characters that look like one or like nothing, are no name, and stand around none."""
    reader = TypeAdapter(kind)
    for text in (blank, blank * 3, f" {blank}"):
        with pytest.raises(ValidationError, match="is blank: it has not a"):
            reader.validate_python(text)
    if blank != "\u0301":
        for text in (f"ada{blank}", f"{blank}ada", f"{blank}\u00e9"):
            with pytest.raises(ValidationError, match="begins or ends with a blank"):
                reader.validate_python(text)


@pytest.mark.parametrize("text", ["-", "...", "?", "+", "\u2014", "_"])
def test_signs_are_an_id_and_no_name(text: str) -> None:
    """A name has a letter, a digit or a pictogram; an id may be of signs alone."""
    assert TypeAdapter(Id).validate_python(text) == text
    with pytest.raises(ValidationError, match="has not a letter, a digit or a pictogram"):
        TypeAdapter(Name).validate_python(text)


def test_words_have_lines() -> None:
    """Free words may have line breaks, and keep them; U+0000 and half a pair they cannot have."""
    reader = TypeAdapter(Words)
    assert reader.validate_python("a\r\n\tb\u2028c") == "a\r\n\tb\u2028c"
    for text in ("a\0", "\ud83d", "\ue000", ""):
        with pytest.raises(ValidationError):
            reader.validate_python(text)


@pytest.mark.parametrize("char", ["x", "\u00fc", "\u304a", "\U0001f600"])
def test_an_id_is_measured_in_octets(char: str) -> None:
    """An id of 255 octets in UTF-8 is accepted, of any characters. One more is not."""
    reader, size = TypeAdapter(Id), len(char.encode())
    longest = char * (MAX_ID // size) + "x" * (MAX_ID % size)
    assert len(reader.validate_python(longest).encode()) == MAX_ID
    with pytest.raises(ValidationError, match="255"):
        reader.validate_python(longest + "x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"a": 1}'.encode("utf-16"), "not JSON: it is not in UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON: "),
        ('{"a": 1}'.encode("utf-32"), "not JSON: it is not in UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not JSON: it is not in UTF-8"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "not JSON: an object has the key 'c' twice"),
        (b'{"a": 1, "\\u0061": 2}', "not JSON: an object has the key 'a' twice"),
        (b"[" * 100_000, "not JSON that can be read: it is nested too deep"),
        (b"9" * 5_000, "not JSON: Exceeds the limit"),
    ],
)
def test_what_is_no_json_of_ours(body: bytes, message: str) -> None:
    """UTF-8 only, each key of an object once, and nothing that takes long to read."""
    with pytest.raises(ValueError, match=f"^{message}"):
        parse_json_with_unique_keys(body)


def test_a_mark_of_byte_order_is_passed_over() -> None:
    """A byte order mark is passed over, as RFC 8259 8.1 allows. Some editors write one."""
    assert (
        parse_json_with_unique_keys(b'\xef\xbb\xbf{"a": 1}')
        == parse_json_with_unique_keys('\ufeff{"a": 1}')
        == {"a": 1}
    )


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda leaves: st.lists(leaves) | st.dictionaries(st.text(), leaves),
        max_leaves=10,
    )
)
def test_all_other_json_is_read_as_it_is(value: Any) -> None:
    """JSON without a repeated key comes back as it was."""
    assert parse_json_with_unique_keys(json.dumps(value).encode("utf-8", "surrogatepass")) == value


def test_a_domain_is_looked_at_once() -> None:
    """Ten thousand people at one international domain need its conversion once, and come out as one by one."""
    reader = TypeAdapter(Address)
    assert reader.validate_python("Ann@BÜCHER.example") == "Ann@bücher.example"
    assert reader.validate_python("bob@xn--bcher-kva.example") == "bob@bücher.example"
    with pytest.raises(ValidationError, match="not an e-mail address"):
        reader.validate_python("bob@-bücher.example")


@pytest.mark.parametrize("domain", ["people.example", "B\u00dcCHER.example"])
@pytest.mark.parametrize(
    ("local", "octets"), [("a" * 64, 64), ("a" * 65, 65), ("\u00fc" * 32, 64), ("\u00fc" * 33, 66)]
)
def test_a_local_part_has_64_octets_at_every_door(local: str, octets: int, domain: str) -> None:
    """A local part has at most 64 octets at every door: events, Reply-To, account events and lists."""
    email = f"{local}@{domain}"
    account = {"v": 1, "id": "1", "brand": "b", "ref": "u1", "account": "rectify", "email": email}
    event = {"v": 1, "id": "1", "brand": "b", "category": "service", "template": "t", "to": {"refs": ["u1"]}}
    for door in (
        lambda: Person(ref="u1", email=email),
        lambda: validate_event({**event, "reply_to": email}),
        lambda: validate_account(account),
        lambda: SuppressionLine(email=email),
    ):
        if octets <= MAX_LOCAL:
            door()
        else:
            with pytest.raises(ValueError, match=f"{octets} octets stand before its @; at most 64 may"):
                door()


def test_problems_can_be_answered() -> None:
    """Refusals that quote an input are printable, and few enough."""
    told = limited_problems([f"a\0{number}\ud800" for number in range(30)])
    assert told[0] == "a\ufffd0\ufffd"
    assert (len(told), told[-1]) == (21, "and 10 more")
