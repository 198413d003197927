"""The hours of the day: optional mail goes out within them, in the recipient's own time zone.

Which zones a country has is a table; when their clocks change, `zoneinfo` reads from the tz database, once a zone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from mailer.policy.countries import country_of_locale, newest_country
from mailer.policy.decision import DecisionFacts, Hold
from mailer.policy.rule_registry import rule
from mailer.policy.rules import Verdict
from mailer.policy.time_zones import ZONES

_SEARCHED = timedelta(days=3)
"""In which there is a moment that suits all zones of a country, if there is any."""


@rule("mail-hours", "the policy's hours", sees=("policy.hours", "standing.country", "standing.locale", "now"))
def check_mail_hours(facts: DecisionFacts) -> Verdict:
    """Optional mail goes out within the policy's hours, by the clocks of the recipient's country or language."""
    hours = facts.policy.hours
    if hours is None or facts.category.mandatory:
        return None
    zones = zones_of(facts.standing.country or country_of_locale(facts.standing.locale))
    until = next_opening(*hours.opening_and_closing, zones, facts.now)
    return None if until == facts.now else Hold(until, "outside_hours", "mail-hours", facts.policy.version)


@cache
def zones_of(country: str | None) -> tuple[tzinfo, ...]:
    """The inhabited time zones of a country (ISO 3166-1), or of the newest of several; UTC where there are none."""
    return tuple(ZoneInfo(name) for name in ZONES.get(newest_country(country), ("UTC",)))


def next_opening(opens: time, closes: time, zones: Sequence[tzinfo], now: datetime) -> datetime:
    """The first moment from now on that is within the hours of the day everywhere.

    Where the zones lie so far apart that there is none, those of the first zone count.

    Args:
        opens: on a clock.
        closes: on a clock; it is outside.
        zones: where the recipient may be.
        now: an aware datetime, which is returned as it is if it will do.
    """
    moment = now
    while moment - now < _SEARCHED:
        later = max(_opening_in_zone(opens, closes, zone, moment) for zone in zones)
        if later == moment:
            return moment
        moment = later
    return _opening_in_zone(opens, closes, zones[0], now)


def _opening_in_zone(opens: time, closes: time, zone: tzinfo, moment: datetime) -> datetime:
    """The moment, if it is within a zone's hours; else when they begin next, in UTC."""
    local = moment.astimezone(zone)
    clock = local.time()
    if opens <= clock < closes:
        return moment
    day = local.date() + timedelta(days=clock >= closes)
    opening = datetime.combine(day, opens, zone).astimezone(UTC)
    # Where the clock goes back over it, it comes a second time.
    return opening if opening > moment else datetime.combine(day, opens.replace(fold=1), zone).astimezone(UTC)
