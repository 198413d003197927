"""Words for the clocks of breaches: times in the zone of a reader, and how long is left. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailer.policy.breach.reminders import ReminderMoment
from mailer.policy.moment_wording import day_in_words, moment_in_words

_MOMENTS = {
    ReminderMoment.BEGUN: "A clock has begun",
    ReminderMoment.HALF: "Half of the time is over",
    ReminderMoment.ONE_DAY: "Less than one day is left",
    ReminderMoment.ONE_HOUR: "Less than one hour is left",
    ReminderMoment.MISSED: "The deadline is over",
}
NO_TIME = "without undue delay; the law names no time"


def reminder_in_words(moment: ReminderMoment) -> str:
    """Returns why somebody is reminded, as the beginning of a sentence."""
    return _MOMENTS[moment]


def time_in_zone(at: datetime, zone: ZoneInfo) -> str:
    """Returns an aware time by the clocks of a zone, with the offset: `3 Dec 2026, 13:00 (Europe/Berlin, UTC+01:00)`.

    In the hour that occurs twice, the offset says which of both it is.
    """
    local = at.astimezone(zone)
    # The day is taken as it is in the zone: an aware value would be turned into UTC.
    day = day_in_words(local.date())
    return f"{day}, {local:%H:%M} ({zone.key}, UTC{_offset_in_words(local)})"


def _offset_in_words(local: datetime) -> str:
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def deadline_in_words(due_at: datetime | None, zone: ZoneInfo) -> str:
    """Returns a deadline in UTC and by the clocks of a zone; once only if the zone is UTC."""
    if due_at is None:
        return NO_TIME
    utc = moment_in_words(due_at.astimezone(UTC))
    return utc if zone.key == "UTC" else f"{utc}; {time_in_zone(due_at, zone)}"


def time_left_in_words(due_at: datetime, now: datetime) -> str:
    """Returns how long is left, or since when a deadline is over: `2 days 3 h left`, `5 min left`, `over by 3 h`."""
    left = due_at - now
    said = _span_in_words(abs(left))
    return f"{said} left" if left > timedelta() else f"over by {said}"


def _span_in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} {'day' if days == 1 else 'days'}{f' {hours} h' if hours else ''}"
    if hours:
        return f"{hours} h{f' {rest} min' if rest else ''}"
    return f"{rest} min"
