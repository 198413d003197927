from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.ledger.chain import GENESIS, commit_to, link_all, link_hash
from mailer.ports.ids import uuid7
from mailer.ports.ledger import Entry, Kind

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
WRITER = UUID("0192f0c1-0000-7000-8000-000000000001")
ENTRY = Entry(
    Kind.HAND_OVER,
    "interpals",
    UUID("0192f0c1-0000-7000-8000-000000000002"),
    17,
    1,
    "newsletter",
    "send",
    "send",
    "2024",
    "relay",
    "DE",
    "DPA-7",
    "newsletter",
    ("email", "name"),
    None,
    "abc@interpals.example",
)
OTHER: dict[str, Any] = {
    "kind": Kind.OUTCOME,
    "mailing_id": UUID("0192f0c1-0000-7000-8000-000000000003"),
    "recipient_id": 18,
    "attempt": 2,
    "fields": ("email",),
}


def hashed(entry: Entry, **changes: Any) -> bytes:
    """Its hash in one place of a chain."""
    values: dict[str, Any] = {"key": b"k", "previous": GENESIS, "writer": WRITER, "n": 1, "at": AT, "commitment": None}
    return link_hash(entry=entry, **(values | changes))


@pytest.mark.parametrize("name", [field.name for field in fields(Entry) if field.name != "reply"])
def test_every_column_counts(name: str) -> None:
    """Changing any one column changes the hash; the reply's text counts by its commitment only."""
    changed = replace(ENTRY, **{name: OTHER.get(name, "something else")})
    assert hashed(changed) != hashed(ENTRY)
    assert hashed(replace(ENTRY, reply="x")) == hashed(ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        {"key": b"another"},
        {"previous": bytes(31) + b"\1"},
        {"writer": uuid7()},
        {"n": 2},
        {"at": AT + timedelta(microseconds=1)},
        {"commitment": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_its_place_counts(change: dict[str, Any]) -> None:
    """Key, writer, number, time to the microsecond, and the hash before are covered too."""
    assert hashed(ENTRY, **change) != hashed(ENTRY)


def test_a_value_cannot_move_to_the_next_column() -> None:
    """The canonical form keeps columns apart, and nothing apart from an empty text."""
    assert hashed(replace(ENTRY, reason="ab", rule="c")) != hashed(replace(ENTRY, reason="a", rule="bc"))
    assert hashed(replace(ENTRY, reason=None)) != hashed(replace(ENTRY, reason=""))
    assert hashed(replace(ENTRY, fields=("a,b",))) != hashed(replace(ENTRY, fields=("a", "b")))


def test_entries_are_linked() -> None:
    """Each entry's hash covers the one before; numbers go on from the first, and only replies are salted."""
    entries = [ENTRY, replace(ENTRY, reply="550 no such user"), ENTRY]
    links = link_all(b"k", GENESIS, WRITER, 5, AT, entries, bytes(range(48)))
    assert [link.n for link in links] == [5, 6, 7]
    assert [link.salt for link in links] == [None, bytes(range(16, 32)), None]
    previous = GENESIS
    for link in links:
        assert link.hash == link_hash(b"k", previous, WRITER, link.n, AT, link.entry, link.commitment)
        previous = link.hash
    assert links[1].commitment == commit_to(bytes(range(16, 32)), "550 no such user")


def test_one_text_has_many_commitments() -> None:
    """A commitment cannot be guessed from a likely text, since it is salted."""
    assert commit_to(b"1" * 16, "250 ok") != commit_to(b"2" * 16, "250 ok")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)))
def test_time_counts_to_the_microsecond(naive: datetime) -> None:
    """Two moments a microsecond apart never share a hash, so that no rounding hides a change."""
    at = naive.replace(tzinfo=UTC)
    assert hashed(ENTRY, at=at) != hashed(ENTRY, at=at + timedelta(microseconds=1))
