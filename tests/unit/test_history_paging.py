"""The order and the pages of a history: each entry once, whatever the sources and the size of a page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.history_paging import (
    LAST_UUID,
    HistoryPlace,
    page_of_newest_entries,
    place_of_mail,
    upper_mailing_id_bound_of_page,
)

BEGIN = datetime(2026, 11, 29, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """An entry of a history."""

    place: HistoryPlace


def mail(milliseconds: int, number: int) -> Entry:
    """An entry of a mail."""
    since = int((BEGIN + timedelta(milliseconds=milliseconds)).timestamp() * 1000)
    return Entry(place_of_mail(UUID(int=(since << 80) | number)))


def other(microseconds: int, key: str) -> Entry:
    """An entry of another source."""
    return Entry(HistoryPlace(BEGIN + timedelta(microseconds=microseconds), key))


MAILS = st.sets(st.builds(mail, st.integers(0, 3), st.integers(0, 3)))
OTHERS = st.sets(st.builds(other, st.integers(0, 3000), st.sampled_from(["a1", "l2", "n3", "z4"])))


def page_of(
    mails: set[Entry], others: set[Entry], before: HistoryPlace | None, limit: int
) -> tuple[tuple[Entry, ...], HistoryPlace | None]:
    """A page, as the database reads it: mails by their ids alone, and a few of each source."""
    bound = upper_mailing_id_bound_of_page(before)
    sent = [one for one in mails if UUID(one.place.key[1:]) < bound]
    said = [one for one in others if before is None or one.place < before]
    newest = [sorted(source, key=lambda one: one.place, reverse=True)[: limit + 1] for source in (sent, said)]
    return page_of_newest_entries(newest, limit)


@given(MAILS, OTHERS, st.integers(1, 5))
def test_pages_show_each_entry_once(mails: set[Entry], others: set[Entry], limit: int) -> None:
    """Pages show each entry once, the newest first. The last page says that it is the last."""
    shown: list[Entry] = []
    before = None
    while True:
        page, before = page_of(mails, others, before, limit)
        shown += page
        if before is None:
            break
        assert len(page) == limit
        before = HistoryPlace.parse_place(str(before))
    assert shown == sorted(mails | others, key=lambda one: one.place, reverse=True)


def test_the_newest_page_begins_behind_every_id() -> None:
    """The bound of the first page is above each id that a mailing can have."""
    assert upper_mailing_id_bound_of_page(None) == LAST_UUID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "1.",
        "1.m",
        "1.mx",
        "1000.m0192f0c1",
        "-1.c1",
        "1.C1",
        "1.cÄ",
        "1.c\n",
        "1" * 17 + ".c1",
        "1.c" + "x" * 301,
    ],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    """Nothing but what a page has said as its next is a place."""
    with pytest.raises(ValueError, match="is no place in a history"):
        HistoryPlace.parse_place(text)
