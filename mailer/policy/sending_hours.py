"""The hours of the day in which optional mail goes out, in the recipient's own time zone.

A table has the zones of each country. `zoneinfo` reads the changes of their clocks from the tz database, once a zone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from mailer.policy.country_codes import country_of_locale, newest_country_of_person
from mailer.policy.decision_types import FactsForRules, Hold
from mailer.policy.rule_registry import rule
from mailer.policy.rules import Verdict
from mailer.policy.time_zones_by_country import ZONES

_SEARCHED = timedelta(days=3)
"""The search for a moment that suits all zones of a country looks this far ahead."""


@rule("mail-hours", "the policy's hours", sees=("policy.hours", "standing.country", "standing.locale", "now"))
def hold_until_mail_hours(facts: FactsForRules) -> Verdict:
    """Optional mail goes out within the policy's hours, by the clocks of the recipient's country or language."""
    hours = facts.policy.hours
    if hours is None or facts.category.mandatory:
        return None
    zones = time_zones_of_country(facts.standing.country or country_of_locale(facts.standing.locale))
    until = now_or_next_opening(*hours.opening_and_closing, zones, facts.now)
    return None if until == facts.now else Hold(until, "outside_hours", "mail-hours", facts.policy.version)


@cache
def time_zones_of_country(country: str | None) -> tuple[tzinfo, ...]:
    """Returns the inhabited time zones of a country (ISO 3166-1), or of the newest of several; UTC if none is known."""
    return tuple(ZoneInfo(name) for name in ZONES.get(newest_country_of_person(country), ("UTC",)))


def now_or_next_opening(opens: time, closes: time, zones: Sequence[tzinfo], now: datetime) -> datetime:
    """Returns the first moment from now on that is within the hours of the day in each zone.

    If the zones lie too far apart for such a moment, only the first zone counts.

    Args:
        opens: the first time of the day.
        closes: the end of the hours; this time is outside.
        zones: the zones in which the recipient may be.
        now: an aware datetime. It is returned unchanged if it is within the hours.
    """
    moment = now
    while moment - now < _SEARCHED:
        later = max(_moment_or_next_opening_of_zone(opens, closes, zone, moment) for zone in zones)
        if later == moment:
            return moment
        moment = later
    return _moment_or_next_opening_of_zone(opens, closes, zones[0], now)


def _moment_or_next_opening_of_zone(opens: time, closes: time, zone: tzinfo, moment: datetime) -> datetime:
    """Returns the moment if it is within the hours of a zone, else the next opening in UTC."""
    local = moment.astimezone(zone)
    clock = local.time()
    if opens <= clock < closes:
        return moment
    day = local.date() + timedelta(days=clock >= closes)
    opening = datetime.combine(day, opens, zone).astimezone(UTC)
    # If the clock is set back over the opening, the opening comes a second time.
    return opening if opening > moment else datetime.combine(day, opens.replace(fold=1), zone).astimezone(UTC)
