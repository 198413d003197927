"""Replies out of octets, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.processors.smtp.reply_parser import GARBAGE, ReplyParser

STREAM = b"250 2.1.0 Ok\r\n250-several\r\n250-lines\r\n250 here\r\n354\r\n550 5.1.1 no\n421 bye\r\n"
WHOLE = [(250, b"2.1.0 Ok"), (250, b"several\nlines\nhere"), (354, b""), (550, b"5.1.1 no"), (421, b"bye")]


@given(cuts=st.lists(st.integers(0, len(STREAM))))
def test_replies_are_the_same_however_they_come(cuts: list[int]) -> None:
    """All at once, one octet at a time, or anything between."""
    places = sorted({0, len(STREAM), *cuts})
    replies = ReplyParser()
    assert [r for a, b in pairwise(places) for r in replies.feed_octets(STREAM[a:b])] == WHOLE
    assert not replies.has_partial_reply


@pytest.mark.parametrize(
    "octets",
    [
        b"junk\r\n",
        b"\r\n",
        b"25\r\n",
        b"25x Ok\r\n",
        b"2500 Ok\r\n",
        b"+25 Ok\r\n",
        b"\xb2\xb50 Ok\r\n",
        b"250-Ok\r\n550 no\r\n",
        b"250-Ok\r\n250?Ok\r\n",
        b"250 " + b"x" * 9_000 + b"\r\n",
        b"x" * 9_000,
        b"250-more\r\n" * 4_000,
    ],
)
def test_what_is_no_reply(octets: bytes) -> None:
    """Garbage, two codes in one reply, and what does not end."""
    assert GARBAGE in ReplyParser().feed_octets(octets)


@given(octets=st.binary(max_size=200))
def test_nothing_that_comes_is_an_error(octets: bytes) -> None:
    """Any octets of a server are a reply, garbage, or not whole yet. None raises an error."""
    assert all(0 <= code <= 999 for code, _ in ReplyParser().feed_octets(octets))
