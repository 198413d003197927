import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.keyed_hash import KeyedHash
from mailer.ledger.chain import GENESIS, entry_hash, link_entries, text_commitment
from mailer.ports.ledger_entry import EntryKind, LedgerEntry
from mailer.ports.time_ordered_uuids import uuid7

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
WRITER = UUID("0192f0c1-0000-7000-8000-000000000001")
ENTRY = LedgerEntry(
    EntryKind.HAND_OVER,
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
    "kind": EntryKind.OUTCOME,
    "mailing_id": UUID("0192f0c1-0000-7000-8000-000000000003"),
    "recipient_id": 18,
    "attempt": 2,
    "fields": ("email",),
}


def hashed(entry: LedgerEntry, **changes: Any) -> bytes:
    """The entry's hash in one place of a chain."""
    values: dict[str, Any] = {
        "mac": KeyedHash(b"k"),
        "previous": GENESIS,
        "writer": WRITER,
        "n": 1,
        "at": AT,
        "commitment": None,
    }
    return entry_hash(entry=entry, **(values | changes))


@pytest.mark.parametrize("name", [name for name in LedgerEntry._fields if name != "reply"])
def test_every_column_counts(name: str) -> None:
    """Changing any one column changes the hash; the reply's text counts by its commitment only."""
    changed = ENTRY._replace(**{name: OTHER.get(name, "something else")})
    assert hashed(changed) != hashed(ENTRY)
    assert hashed(ENTRY._replace(reply="x")) == hashed(ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        {"mac": KeyedHash(b"another")},
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
    assert hashed(ENTRY._replace(reason="ab", rule="c")) != hashed(ENTRY._replace(reason="a", rule="bc"))
    assert hashed(ENTRY._replace(reason=None)) != hashed(ENTRY._replace(reason=""))
    assert hashed(ENTRY._replace(fields=("a,b",))) != hashed(ENTRY._replace(fields=("a", "b")))


def test_entries_are_linked() -> None:
    """Each entry's hash covers the one before; numbers go on from the first, and replies are committed to."""
    entries = [ENTRY, ENTRY._replace(reply="550 no such user"), ENTRY._replace(attempt=2)]
    links = link_entries(KeyedHash(b"k"), GENESIS, WRITER, 5, AT, entries, bytes(range(48)))
    commitment = text_commitment(bytes(range(16, 32)), "550 no such user")
    assert (links.first, links.texts) == (5, [None, "550 no such user", None])
    assert (links.commitments[1], links.attempts, links.numbers) == (commitment, (1, 1, 2), [0, 0, 0])
    previous = GENESIS
    for n, (entry, written) in enumerate(zip(entries, links.hashes, strict=True), 5):
        previous = entry_hash(KeyedHash(b"k"), previous, WRITER, n, AT, entry, commitment if entry.reply else None)
        assert written == previous


@given(
    st.builds(
        LedgerEntry,
        st.sampled_from(EntryKind),
        st.text(max_size=20),
        st.none() | st.uuids(),
        st.none() | st.integers(0, 2**62),
        st.none() | st.integers(0, 1000),
        *[st.none() | st.text(max_size=20)] * 8,
        st.none() | st.lists(st.text(max_size=9), max_size=3).map(tuple),
        st.none(),
        st.none() | st.text(max_size=40),
        st.none() | st.text(max_size=40),
    ),
    st.none() | st.binary(min_size=32, max_size=32),
)
def test_the_canonical_form_is_the_json_of_the_columns(entry: LedgerEntry, commitment: bytes | None) -> None:
    """The authenticated text is one JSON array, as in the first ledgers, in each way of building it."""
    columns: list[Any] = list(entry)
    kind, brand, mailing_id, *rest, fields, _, message_id, actor = columns
    moment = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    array = [WRITER.hex, 1, moment, kind, brand, mailing_id and mailing_id.hex, *rest, fields]
    array += [commitment and commitment.hex(), message_id, *([] if actor is None else [actor])]
    text = json.dumps(array, separators=(",", ":"))
    assert hashed(entry, commitment=commitment) == hmac.digest(b"k", GENESIS + text.encode(), "sha256")


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_macs(key: bytes, message: bytes) -> None:
    """The MACs equal the HMAC-SHA-256 of Python's own library, for keys of any length."""
    assert KeyedHash(key)(message) == hmac.new(key, message, hashlib.sha256).digest()


def test_one_text_has_many_commitments() -> None:
    """A commitment cannot be guessed from a likely text, since it is salted."""
    assert text_commitment(b"1" * 16, "250 ok") != text_commitment(b"2" * 16, "250 ok")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)))
def test_time_counts_to_the_microsecond(naive: datetime) -> None:
    """Two moments a microsecond apart never share a hash, so that no rounding hides a change."""
    at = naive.replace(tzinfo=UTC)
    assert hashed(ENTRY, at=at) != hashed(ENTRY, at=at + timedelta(microseconds=1))
