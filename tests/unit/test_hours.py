"""The hours of the day: where the recipient lives, over changes of the clock, and in countries with several zones."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.policy.sending_hours import now_or_next_opening, time_zones_of_country
from mailer.policy.time_zones_by_country import ZONES
from tests.factories import law

EIGHT, NINE = time(8), time(21)


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("country", "now", "until"),
    [
        ("DE", "2026-12-01T12:00", "2026-12-01T12:00"),
        ("DE", "2026-12-01T06:59:59", "2026-12-01T07:00"),
        ("DE", "2026-12-01T20:00", "2026-12-02T07:00"),
        ("DE", "2026-07-01T19:30", "2026-07-02T06:00"),
        ("DE", "2026-03-28T22:00", "2026-03-29T06:00"),  # the night in which summer time begins
        ("DE", "2026-10-24T22:00", "2026-10-25T07:00"),  # and ends
        ("NP", "2026-12-01T02:00", "2026-12-01T02:15"),
        ("US", "2026-12-01T13:00", "2026-12-01T18:00"),  # eight on Hawaii
        ("US", "2026-12-01T18:00", "2026-12-01T18:00"),
        ("US", "2026-12-02T01:59:59", "2026-12-02T01:59:59"),  # nearly nine in New York
        ("US", "2026-12-02T02:00", "2026-12-02T18:00"),
        ("RU", "2026-12-01T00:00", "2026-12-01T06:00"),  # eight in Kaliningrad, six in the evening on Kamchatka
        ("RU", "2026-12-01T09:00", "2026-12-02T06:00"),
        (None, "2026-12-01T07:00", "2026-12-01T08:00"),
        ("XX", "2026-12-01T21:00", "2026-12-02T08:00"),
    ],
)
def test_the_next_opening(country: str | None, now: str, until: str) -> None:
    """Mail outside the hours waits for the next opening in all zones of the country. Unknown countries use UTC."""
    assert now_or_next_opening(EIGHT, NINE, time_zones_of_country(country), utc(now)) == utc(until)
    assert time_zones_of_country(country and f"{country}\nUS") == time_zones_of_country(country)


def test_an_hour_that_comes_twice() -> None:
    """Hours that begin while the clock goes back begin again with the second round."""
    zones = (ZoneInfo("Europe/Berlin"),)
    first, second = utc("2026-10-25T00:30"), utc("2026-10-25T01:30")
    assert now_or_next_opening(time(2, 30), NINE, zones, first - timedelta(minutes=1)) == first
    assert now_or_next_opening(time(2, 30), NINE, zones, utc("2026-10-25T01:10")) == second


def test_zones_too_far_apart() -> None:
    """The first opening counts if no moment suits all zones, so that nobody waits for ever."""
    assert now_or_next_opening(time(9), time(17), time_zones_of_country("RU"), utc("2026-12-01T00:00")) == utc(
        "2026-12-01T07:00"
    )


@given(
    st.sampled_from(sorted(ZONES)),
    st.integers(4, 8),
    st.integers(19, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1)),
)
def test_it_is_within_the_hours_everywhere(country: str, opens: int, closes: int, naive: datetime) -> None:
    """The moment is within the hours in every zone, and no earlier one was."""
    now, zones = naive.replace(tzinfo=UTC), time_zones_of_country(country)

    def within(moment: datetime) -> bool:
        return all(time(opens) <= moment.astimezone(zone).time() < time(closes) for zone in zones)

    until = now_or_next_opening(time(opens), time(closes), zones, now)
    assert within(until)
    before = range(0, int((until - now).total_seconds()), 900)
    assert not any(within(now + timedelta(seconds=seconds)) for seconds in before)


def test_every_jurisdiction_has_zones() -> None:
    """The table knows the countries that the law is known of, and each zone of it exists."""
    assert set(law().reviewed_countries) <= set(ZONES)
    assert all(time_zones_of_country(country) for country in ZONES)
