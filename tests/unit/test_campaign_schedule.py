"""Local times of campaigns on the days on which clocks change, and people whose zone nobody knows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailer.policy.campaign_draft import Schedule, ScheduleKind
from mailer.policy.campaign_schedule import (
    DueTimes,
    clock_change_on_day,
    moment_of_local_time,
    zone_of_person_or_none,
)

# Zone, local time, the moment in UTC. The gaps and overlaps of 2027 are those of the tz database.
_TABLE = [
    ("Europe/Berlin", "2027-03-28T01:59", "2027-03-28T00:59"),
    ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00"),
    ("Europe/Berlin", "2027-03-28T03:00", "2027-03-28T01:00"),
    ("Europe/Berlin", "2027-03-28T09:00", "2027-03-28T07:00"),
    ("Europe/Berlin", "2027-10-31T02:30", "2027-10-31T00:30"),
    ("Europe/Berlin", "2027-10-31T09:00", "2027-10-31T08:00"),
    ("America/New_York", "2027-03-14T02:30", "2027-03-14T07:00"),
    ("America/New_York", "2027-03-14T09:00", "2027-03-14T13:00"),
    ("America/New_York", "2027-11-07T01:30", "2027-11-07T05:30"),
    ("America/New_York", "2027-11-07T09:00", "2027-11-07T14:00"),
    ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45"),
    ("Australia/Lord_Howe", "2027-04-04T09:00", "2027-04-03T22:30"),
    ("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02T15:30"),
    ("Australia/Lord_Howe", "2027-10-03T09:00", "2027-10-02T22:00"),
    ("America/Santiago", "2027-04-03T23:30", "2027-04-04T02:30"),
    ("America/Santiago", "2027-04-04T09:00", "2027-04-04T13:00"),
    ("America/Santiago", "2027-09-05T00:30", "2027-09-05T04:00"),
    ("America/Santiago", "2027-09-05T09:00", "2027-09-05T12:00"),
    ("Asia/Beirut", "2027-03-28T00:15", "2027-03-27T22:00"),
    ("Asia/Beirut", "2027-03-28T09:00", "2027-03-28T06:00"),
    ("Asia/Beirut", "2027-10-30T23:30", "2027-10-30T20:30"),
    ("Asia/Beirut", "2027-10-31T09:00", "2027-10-31T07:00"),
    ("Europe/Lisbon", "2027-03-28T01:30", "2027-03-28T01:00"),
    ("Europe/Lisbon", "2027-03-28T09:00", "2027-03-28T08:00"),
    ("Europe/Lisbon", "2027-10-31T01:30", "2027-10-31T00:30"),
    ("Europe/Lisbon", "2027-10-31T09:00", "2027-10-31T09:00"),
    ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00"),  # the day that Samoa left out: a "9:00" that never was
]


@pytest.mark.parametrize(("zone", "local", "expected"), _TABLE)
def test_local_times_on_days_when_clocks_change(zone: str, local: str, expected: str) -> None:
    """A time in a gap is the first moment after it; a time that occurs twice is the first one."""
    found = moment_of_local_time(datetime.fromisoformat(local), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_clock_changes_are_found_on_their_day_only() -> None:
    """The day of a change is told, with both offsets; its neighbours have none."""
    berlin = ZoneInfo("Europe/Berlin")
    change = clock_change_on_day(date(2027, 3, 28), berlin)
    assert change is not None
    assert change.is_forward
    assert (change.at, change.before, change.after) == (
        datetime(2027, 3, 28, 1, tzinfo=UTC),
        timedelta(hours=1),
        timedelta(hours=2),
    )
    autumn = clock_change_on_day(date(2027, 10, 31), berlin)
    assert autumn is not None
    assert not autumn.is_forward
    assert clock_change_on_day(date(2027, 3, 27), berlin) is None
    assert clock_change_on_day(date(2027, 3, 29), berlin) is None


def test_clock_change_at_midnight_belongs_to_the_day_that_it_begins() -> None:
    """Chile's clocks go from 24:00 to 1:00: the new day has the change, the old one has none."""
    santiago = ZoneInfo("America/Santiago")
    assert clock_change_on_day(date(2027, 9, 4), santiago) is None
    change = clock_change_on_day(date(2027, 9, 5), santiago)
    assert change is not None
    assert change.at == datetime(2027, 9, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "country", "expected"),
    [
        ("Asia/Tokyo", "DE", "Asia/Tokyo"),
        (None, "DE", "Europe/Berlin"),
        (None, "FR\nUS", "Europe/Paris"),
        (None, "US", None),
        (None, None, None),
        ("Mars/Olympus", "DE", "Europe/Berlin"),
        ("Mars/Olympus", None, None),
        ("../../etc/passwd", None, None),
        ("", "JP", "Asia/Tokyo"),
    ],
)
def test_zone_of_person(time_zone: str | None, country: str | None, expected: str | None) -> None:
    """The attribute counts first, then a country with one zone. An unknown name counts as none."""
    zone = zone_of_person_or_none(time_zone, country)
    assert (zone.key if zone else None) == expected


def _local(**values: Any) -> DueTimes:
    return DueTimes(Schedule(kind=ScheduleKind.LOCAL, local="2027-06-01T09:00", zone="America/New_York", **values))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("author_zone", "2027-06-01T13:00"), ("last", "2027-06-01T21:00"), ("leave_out", None)],
)
def test_people_without_a_zone_follow_the_rule(rule: str, expected: str | None) -> None:
    """The rule for people without a zone is used for them only, and they can be told apart."""
    times = _local(zoneless=rule)
    known, unknown = times.due_time_of_person("Asia/Tokyo", None), times.due_time_of_person(None, "US")
    assert (known.at, known.is_zoneless) == (datetime(2027, 6, 1, 0, tzinfo=UTC), False)
    assert unknown.is_zoneless
    assert unknown.is_left_out == (expected is None)
    assert unknown.at == (datetime.fromisoformat(expected).replace(tzinfo=UTC) if expected else None)


def test_last_is_after_the_time_in_every_zone_of_the_table() -> None:
    """No zone still waits for the time, with the rule `last`."""
    from mailer.policy.time_zones_by_country import ZONES

    times = _local(zoneless="last")
    last = times.due_time_of_person(None, None).at
    assert last is not None
    for zones in ZONES.values():
        for zone in zones:
            at = times.due_time_of_person(zone, None).at
            assert at is not None
            assert at <= last


def test_instants_hold_for_everybody_and_now_has_no_time() -> None:
    """An instant is the same moment in all zones; `now` leaves the time to the release."""
    at = datetime(2027, 6, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    instant = DueTimes(Schedule(kind=ScheduleKind.INSTANT, at=at))
    assert instant.due_time_of_person("Asia/Tokyo", None).at == datetime(2027, 6, 1, 7, tzinfo=UTC)
    assert DueTimes(Schedule()).due_time_of_person("Asia/Tokyo", None).at is None


def test_unknown_zone_of_the_author_is_refused() -> None:
    """A schedule in a zone that does not exist is not guessed at."""
    with pytest.raises(ValueError, match="Europe/Berlin"):
        DueTimes(Schedule(zone="Mars/Olympus"))
