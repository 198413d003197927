import time
from uuid import RFC_4122

from mailer.ports.ids import uuid7


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
    """Many of one millisecond are all different, in all of the random bits."""
    many = [uuid7().int for _ in range(10_000)]
    assert len(set(many)) == len(many)
    for bit in (*range(62), *range(64, 76)):
        assert 4_000 < sum(one >> bit & 1 for one in many) < 6_000
