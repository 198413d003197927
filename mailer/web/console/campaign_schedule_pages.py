"""The page of a campaign's time of sending: now, at an instant, at each person's local time, and spread over hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError

from mailer.policy.campaign_draft import SCHEDULE_YEARS, Schedule, ScheduleKind, ZonelessRule
from mailer.policy.campaign_schedule import (
    ClockChange,
    clock_change_on_day,
    known_zone_or_none,
    moment_of_local_time,
)
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.policy.time_zones_by_country import ZONES
from mailer.ports.campaigns import Campaign, CampaignChangedMeanwhile, CampaignChangeRefused
from mailer.ports.manifests import Manifest
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import (
    CAMPAIGNS,
    CampaignReader,
    campaign_store,
    path_of_campaign,
    require_campaign,
)
from mailer.web.console.campaign_check_pages import CampaignScheduler, find_current_manifest
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
_ZONES: Final = sorted({zone for zones in ZONES.values() for zone in zones} | {"UTC"})
_SHOWN_TIMES: Final = 60
"""The most due times of the page; there are some forty zones with different clocks."""


class ChangingZone(NamedTuple):
    """A zone whose clocks change on the day of sending."""

    zone: str
    change: ClockChange


class DueTimeRow(NamedTuple):
    """People who get it at one time, in UTC and by the author's clock."""

    at: datetime
    author_time: str
    people: int


@dataclass(frozen=True, slots=True)
class TypedSchedule:
    """The form as it was typed."""

    kind: str
    local: str
    zone: str
    zoneless: str
    over_hours: str


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/schedule")
async def show_schedule(campaign_id: UUID, request: CampaignReader) -> Response:
    """Shows when a campaign goes out, and the form to change it."""
    campaign = await require_campaign(request, campaign_id)
    return await _schedule_page(request, campaign, typed_schedule(campaign.draft.schedule))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/schedule")
async def save_schedule(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Stores another time in the draft. A check of the former one is outdated."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    names = ("kind", "local", "zone", "zoneless", "over_hours")
    typed = TypedSchedule(*(request.field(name, 64) for name in names))
    try:
        schedule = schedule_of_form(typed)
    except ValueError:
        return await _schedule_page(request, campaign, typed, "schedule_time")
    revision = request.field("revision", 10)
    if revision != str(campaign.revision):
        return await _schedule_page(request, campaign, typed, "check_changed")
    store = campaign_store(request, campaign.brand, StaffRight.CAMPAIGNS_SCHEDULE)
    draft = campaign.draft.model_copy(update={"schedule": schedule})
    try:
        await store.save_draft(campaign.id, campaign.revision, draft, str(request.member.identity))
    except (CampaignChangeRefused, CampaignChangedMeanwhile) as refusal:
        return await _schedule_page(request, campaign, typed, problem=str(refusal))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/schedule")


def typed_schedule(schedule: Schedule) -> TypedSchedule:
    """Returns a stored schedule as the form shows it: an instant by the author's clock."""
    zone = known_zone_or_none(schedule.zone) or UTC
    at = schedule.at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if schedule.at else ""
    local = schedule.local or at
    return TypedSchedule(schedule.kind.value, local, schedule.zone, schedule.zoneless.value, str(schedule.over_hours))


def schedule_of_form(typed: TypedSchedule) -> Schedule:
    """Returns the schedule of a form.

    Raises:
        ValueError: the time, the zone or the hours are none.
    """
    zone = known_zone_or_none(typed.zone)
    if zone is None:
        raise ValueError("an unknown zone")
    raw: dict[str, Any] = {
        "kind": typed.kind,
        "zone": zone.key,
        "zoneless": typed.zoneless or ZonelessRule.AUTHOR_ZONE.value,
        "over_hours": typed.over_hours or 0,
    }
    if typed.kind == ScheduleKind.INSTANT:
        raw["at"] = moment_of_local_time(_parse_local_time(typed.local), zone)
    if typed.kind == ScheduleKind.LOCAL:
        raw["local"] = _parse_local_time(typed.local).strftime("%Y-%m-%dT%H:%M")
    try:
        return Schedule.model_validate(raw)
    except ValidationError as error:
        raise ValueError("not a schedule") from error


def _parse_local_time(text: str) -> datetime:
    """Returns a time without a zone. Raises ValueError: it is none."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is not None or time.year not in SCHEDULE_YEARS:
        raise ValueError("not a local time")
    return time.replace(second=0, microsecond=0)


def zones_with_clock_change(schedule: Schedule) -> list[ChangingZone]:
    """Returns the zones whose clocks change on the day of sending: all of the table, or the author's for an instant."""
    names: Sequence[str]
    if schedule.local is not None:
        names, day = _ZONES, datetime.fromisoformat(schedule.local).date()
    elif schedule.at is not None and (zone := known_zone_or_none(schedule.zone)):
        names, day = [zone.key], schedule.at.astimezone(zone).date()
    else:
        return []
    zones = [(name, zone) for name in names if (zone := known_zone_or_none(name))]
    return [ChangingZone(name, change) for name, zone in zones if (change := clock_change_on_day(day, zone))]


def _due_time_rows(manifest: Manifest | None, zone_name: str) -> list[DueTimeRow]:
    zone = known_zone_or_none(zone_name) or UTC
    times = manifest.due_times[:_SHOWN_TIMES] if manifest else ()
    return [DueTimeRow(at, at.astimezone(zone).strftime("%Y-%m-%d %H:%M"), people) for at, people in times]


async def _schedule_page(
    request: ConsoleRequest,
    campaign: Campaign,
    typed: TypedSchedule,
    error: str | None = None,
    *,
    problem: str | None = None,
) -> Response:
    manifest, schedule = await find_current_manifest(request, campaign), campaign.draft.schedule
    return console_page(
        request,
        "sending_schedule.html.j2",
        422 if error else 409 if problem else 200,
        error,
        problem=problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        typed=typed,
        schedule=schedule,
        kinds=list(ScheduleKind),
        rules=list(ZonelessRule),
        zones=_ZONES,
        changing=zones_with_clock_change(schedule),
        manifest=manifest if manifest and manifest.state in ("ready", "released") else None,
        times=_due_time_rows(manifest, schedule.zone),
        may_schedule=has_staff_right(request.member, StaffRight.CAMPAIGNS_SCHEDULE, campaign.brand)
        and campaign.state.value in ("draft", "checking", "checked", "awaiting_release"),
    )
