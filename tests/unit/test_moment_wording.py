"""The form in which people read a moment."""

from datetime import UTC, date, datetime, timedelta, timezone

from mailer.policy.moment_wording import (
    MOMENT_IN_WORDS,
    datetime_attribute_of_words,
    day_in_words,
    moment_in_words,
)
from mailer.web.console.console_pages import mark_moments


def test_a_moment_is_read_in_utc_to_the_minute() -> None:
    """Another zone is converted, also over the end of a year; no moment is no day."""
    assert moment_in_words(datetime(2026, 11, 4, 9, 5, 59, tzinfo=UTC)) == "4 Nov 2026, 09:05 UTC"
    east = timezone(timedelta(hours=9))
    assert moment_in_words(datetime(2027, 1, 1, 8, 30, tzinfo=east)) == "31 Dec 2026, 23:30 UTC"
    assert day_in_words(datetime(2027, 1, 1, 8, 30, tzinfo=east)) == "31 Dec 2026"
    assert day_in_words(date(2027, 1, 1)) == "1 Jan 2027"
    assert moment_in_words(None) == "an unknown day"


def test_each_moment_within_a_sentence_is_marked_for_machines() -> None:
    """The words of a moment lead back to it; the rest of the sentence is text, whatever stands in it."""
    for month in range(1, 13):
        at = datetime(2026, month, 7, 0, 1, tzinfo=UTC)
        [groups] = MOMENT_IN_WORDS.findall(f"since {moment_in_words(at)}, by Grace")
        assert datetime.fromisoformat(datetime_attribute_of_words(*groups)) == at
    marked = mark_moments("left <b> on 1 Nov 2026, 12:00 UTC, until 2 Nov 2026, 13:00 UTC (a & b)")
    assert marked == (
        'left &lt;b&gt; on <time datetime="2026-11-01T12:00Z">1 Nov 2026, 12:00 UTC</time>, until '
        '<time datetime="2026-11-02T13:00Z">2 Nov 2026, 13:00 UTC</time> (a &amp; b)'
    )
    assert mark_moments("45 Nov 2026 12:00") == "45 Nov 2026 12:00"
