"""Checks of facts that need the time: nothing that has happened is ahead. Pure."""

from datetime import datetime, timedelta
from typing import Final

from mailer.policy.breach.facts import BreachFacts

_AHEAD: Final = timedelta(minutes=5)
"""The most that another clock may be ahead of ours."""
_EASTERNMOST: Final = timedelta(hours=14)
"""No zone is further ahead of UTC, so a day that has not begun anywhere is ahead."""


def refusal_of_facts(facts: BreachFacts, now: datetime) -> str | None:
    """Returns why facts cannot be true at a time, beginning with the name of the fact; None if they can."""
    if facts.found_at is not None and facts.found_at > now + _AHEAD:
        return "found_at: it is ahead; write when the breach was found, with its time zone"
    today = (now + _EASTERNMOST).date()
    for name in ("began_on", "ended_on"):
        day = getattr(facts, name)
        if day is not None and day > today:
            return f"{name}: it is ahead; write the day on which it was"
    return None
