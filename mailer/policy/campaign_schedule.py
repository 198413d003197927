"""The times at which a campaign's mail may begin: zones of people, local times on days when clocks change. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from mailer.policy.campaign_draft import Schedule, ScheduleKind, ZonelessRule
from mailer.policy.country_codes import newest_country_of_person
from mailer.policy.time_zones_by_country import ZONES

_WESTERNMOST: Final = timedelta(hours=12)
"""No zone is further behind UTC, so a local time is over in every zone so long after the same time in UTC."""
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PersonalDueTime:
    """The time at which one person's mail may begin.

    Attributes:
        at: an aware time in UTC; None: with the mailing.
        is_zoneless: no zone of the person is known, so the rule for such people was used.
        is_left_out: by that rule the person does not get it.
    """

    at: datetime | None = None
    is_zoneless: bool = False
    is_left_out: bool = False


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of a zone's clocks on one day.

    Attributes:
        at: the first moment with the new offset, in UTC.
        before, after: the offsets from UTC.
    """

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def is_forward(self) -> bool:
        """True if clocks are set forward, so that some local times do not exist."""
        return self.after > self.before


@lru_cache(maxsize=1024)
def known_zone_or_none(name: str) -> ZoneInfo | None:
    """Returns the zone of a name in the tz database, or None if it has no such zone."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # an unknown zone is a KeyError
        return None


def zone_of_person_or_none(time_zone: str | None, country: str | None) -> ZoneInfo | None:
    """Returns a person's zone: by the attribute `time_zone`; else the country's only zone; None if nobody knows it.

    Args:
        time_zone: the value of the attribute. An unknown name counts as none.
        country: of the standing: ISO 3166-1 codes, one a line, the newest first.
    """
    if time_zone and (zone := known_zone_or_none(time_zone)):
        return zone
    zones = ZONES.get(newest_country_of_person(country) or "", ())
    return known_zone_or_none(zones[0]) if len(zones) == 1 else None


@lru_cache(maxsize=4096)
def moment_of_local_time(local: datetime, zone: ZoneInfo) -> datetime:
    """Returns the moment, in UTC, at which clocks of a zone show a local time.

    A time that occurs twice means the first of both. A time that does not exist means the first moment after the gap.

    Args:
        local: a naive time.
        zone: of the clocks.
    """
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local:
        return moment
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)  # by the later offset: before the clocks are set
    return _first_moment_with_new_offset(before, moment, zone)


def _first_moment_with_new_offset(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Returns the first moment, to the second, that has the offset of `after`. `before` has another one."""
    new = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after


def clock_change_on_day(day: date, zone: ZoneInfo) -> ClockChange | None:
    """Returns the change of a zone's clocks on a day of that zone, or None if there is none."""
    start = moment_of_local_time(datetime.combine(day, time()), zone)
    end = moment_of_local_time(datetime.combine(day + timedelta(days=1), time()), zone)
    # A change at midnight belongs to the day that it begins.
    before = (start - _SECOND).astimezone(zone).utcoffset() or timedelta()
    last = (end - _SECOND).astimezone(zone)
    after = last.utcoffset() or timedelta()
    if before == after:
        return None
    return ClockChange(_first_moment_with_new_offset(start - _SECOND, end - _SECOND, zone), before, after)


class DueTimes:
    """The due times of people by a schedule.

    Args:
        schedule: of the draft.

    Raises:
        ValueError: the author's zone is not in the tz database.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        zone = known_zone_or_none(schedule.zone)
        if zone is None:
            raise ValueError("the time zone is unknown; choose one such as Europe/Berlin")
        self._author = zone
        self._local = datetime.fromisoformat(schedule.local) if schedule.local else None
        self._by_place: dict[tuple[str | None, str | None], PersonalDueTime] = {}

    @property
    def needs_zones(self) -> bool:
        """True if the times differ by the zones of people."""
        return self._local is not None

    def due_time_of_person(self, time_zone: str | None, country: str | None) -> PersonalDueTime:
        """Returns the time for a person, by the attribute `time_zone` and the country of the standing."""
        place = (time_zone, country)
        known = self._by_place.get(place)
        if known is None:
            known = self._by_place[place] = self._work_out_due_time(time_zone, country)
        return known

    def _work_out_due_time(self, time_zone: str | None, country: str | None) -> PersonalDueTime:
        if self._schedule.kind is ScheduleKind.INSTANT and self._schedule.at:
            return PersonalDueTime(self._schedule.at.astimezone(UTC))
        if self._local is None:
            return PersonalDueTime()
        if zone := zone_of_person_or_none(time_zone, country):
            return PersonalDueTime(moment_of_local_time(self._local, zone))
        match self._schedule.zoneless:
            case ZonelessRule.AUTHOR_ZONE:
                return PersonalDueTime(moment_of_local_time(self._local, self._author), is_zoneless=True)
            case ZonelessRule.LAST:
                return PersonalDueTime(self._local.replace(tzinfo=UTC) + _WESTERNMOST, is_zoneless=True)
            case ZonelessRule.LEAVE_OUT:
                return PersonalDueTime(is_zoneless=True, is_left_out=True)
