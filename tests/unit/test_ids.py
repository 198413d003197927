import time
from datetime import UTC, datetime
from uuid import RFC_4122, uuid4

import pytest

from mailer.ports.time_ordered_uuids import uuid7, uuid7_creation_time


def test_it_is_a_uuid_of_version_7() -> None:
    """Version and variant are those of RFC 9562 5.7."""
    one = uuid7()
    assert (one.version, one.variant) == (7, RFC_4122)


def test_it_begins_with_the_time() -> None:
    """The first 48 bits are the Unix milliseconds at which it was minted."""
    before = time.time_ns() // 1_000_000
    minted = uuid7().int >> 80
    assert before <= minted <= time.time_ns() // 1_000_000


def test_they_differ() -> None:
    """The ids of one millisecond all differ, in all of the random bits."""
    many = [uuid7().int for _ in range(10_000)]
    assert len(set(many)) == len(many)
    for bit in (*range(62), *range(64, 76)):
        assert 4_000 < sum(one >> bit & 1 for one in many) < 6_000


def test_the_time_of_an_id() -> None:
    """An id is never earlier than it was minted, and at most a millisecond later, in either form."""
    before = datetime.now(UTC)
    id_ = uuid7()
    for form in (str(id_), id_.hex, str(id_).upper()):
        said = uuid7_creation_time(form)
        assert said is not None
        assert before < said
        assert (said - datetime.now(UTC)).total_seconds() <= 0.001


@pytest.mark.parametrize(
    "id_",
    ["", "welcome-17", str(uuid4()), f"{uuid7()}0", f"ffffffff-ffff-7{str(uuid7())[15:]}"],
    ids=("nothing", "words", "version 4", "too long", "in the year 10889"),
)
def test_other_ids_have_no_time(id_: str) -> None:
    """Words, random UUIDs, texts that are too long, and a time after the year 9999 have no time."""
    assert uuid7_creation_time(id_) is None
