"""Audience and schedule of a campaign in plain words. Pure."""

from mailer.policy.campaign_draft import CampaignDraft, Schedule, ScheduleKind, ZonelessRule
from mailer.policy.moment_wording import moment_in_words

_ZONELESS = {
    ZonelessRule.AUTHOR_ZONE: "people without a known zone get it when it is that time in {zone}",
    ZonelessRule.LAST: "people without a known zone get it when it was that time everywhere",
    ZonelessRule.LEAVE_OUT: "people without a known zone do not get it",
}


def audience_in_words(draft: CampaignDraft) -> str:
    """Returns the audience as a sentence."""
    excluded = f", without {_joined([_name_in_words(name) for name in draft.exclude])}" if draft.exclude else ""
    return f"To {_name_in_words(draft.audience)}{excluded}."


def _name_in_words(audience: str) -> str:
    if audience == "everyone":
        return "everyone"
    kind, _, name = audience.rpartition(":")
    return f"the segment {name}" if kind else f"the list {name}"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def schedule_in_words(schedule: Schedule) -> str:
    """Returns the time of sending as a sentence."""
    spread = f", spread over {_hours(schedule.over_hours)}" if schedule.over_hours else ""
    if schedule.kind is ScheduleKind.INSTANT:
        return f"At {moment_in_words(schedule.at)}, for everybody at once{spread}."
    if schedule.kind is ScheduleKind.LOCAL:
        day, _, time = str(schedule.local).partition("T")
        rule = _ZONELESS[schedule.zoneless].format(zone=schedule.zone)
        return f"On {day} at {time} of each person's own time; {rule}{spread}."
    return f"As soon as it is released{spread}."


def _hours(number: int) -> str:
    return "one hour" if number == 1 else f"{number} hours"
