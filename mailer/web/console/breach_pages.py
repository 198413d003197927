"""The pages of breach cases: list, new, one with its clocks and the one next action, and the history of its facts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.breach.clock_wording import time_in_zone
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.facts_wording import FactDifference, compare_facts, facts_in_words
from mailer.policy.breach.rules import breach_rules_of_policy, clocks_of_case
from mailer.policy.breach.stages import BreachStage, missing_facts, stage_of_case
from mailer.policy.campaign_schedule import known_zone_or_none
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.policy.time_zones_by_country import ZONES
from mailer.ports.breach_cases import BreachCase, BreachPhase
from mailer.ports.breach_desk import FactsRevision
from mailer.ports.breach_release import BreachStop
from mailer.web.console.access_gates import ConsoleRequest, FieldRefused
from mailer.web.console.breach_access import (
    BREACHES,
    ONE_BREACH,
    BreachReader,
    BreachWriter,
    breach_stores,
    path_of_breach,
    policy_of_breach,
    require_breach_case,
    zone_of_viewer,
)
from mailer.web.console.breach_clock_rows import ClockRow, clock_rows, next_open_row
from mailer.web.console.breach_next_action import next_breach_action
from mailer.web.console.breach_state_line import breach_state_line
from mailer.web.console.console_context import console_path_or_home
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
MAX_NAME = 100
ROWS = 100
_REVISIONS = 200
_REMINDERS = 40
SHOWN_ZONES = sorted({zone for zones in ZONES.values() for zone in zones} | {"UTC"})


class ListedCase(NamedTuple):
    """A case of the list, with its stage and its next clock that is not done."""

    case: BreachCase
    stage: BreachStage
    clock: ClockRow | None


class ChangedFacts(NamedTuple):
    """A revision of the facts, and what it has differently from the one before it."""

    revision: FactsRevision
    differences: list[FactDifference]


@router.get(BREACHES)
async def show_breaches(request: BreachReader) -> Response:
    """Shows the cases that were changed last, each with its next deadline."""
    brands = request.visible_brands_with_right(StaffRight.BREACH_READ)
    stores = breach_stores(request, None, StaffRight.BREACH_READ)
    zone, now = await zone_of_viewer(request), datetime.now(UTC)
    cases = await stores.cases.list_cases(brands, ROWS)
    ids = [one.id for one in cases]
    done, told = await stores.duties.list_duties_done(ids), await stores.duties.list_first_releases(ids)
    listed = list[ListedCase]()
    for case in cases:
        rules = breach_rules_of_policy(policy_of_breach(request, case))
        clocks = clocks_of_case(case.facts, rules, told.get(case.id)) if case.state == "open" else ()
        rows = clock_rows(clocks, rules, done.get(case.id, {}), zone, now)
        phases = await stores.cases.list_phases(case.id)
        stage = stage_of_case(case.state, case.facts, [one.state for one in phases])
        listed.append(ListedCase(case, stage, next_open_row(rows)))
    may_write = bool(request.visible_brands_with_right(StaffRight.BREACH_WRITE))
    return console_page(
        request, "breaches.html.j2", cases=listed, may_write=may_write, zone=zone, zones=SHOWN_ZONES, here=BREACHES
    )


@router.get(f"{BREACHES}/new")
async def show_form_of_new_breach(request: BreachWriter) -> Response:
    """Shows the form of a new case."""
    return _new_page(request)


@router.post(f"{BREACHES}/new")
async def create_breach(request: BreachWriter) -> Response:
    """Creates a case, and leads to the first step of its facts."""
    brand, name = request.field("brand"), request.field("name", MAX_NAME)
    if brand not in request.console.operations.policies:
        raise HTTPException(404, "brand_unknown")
    request.require_right(StaffRight.BREACH_WRITE, brand)
    if not name:
        return _new_page(request, "breach_nameless")
    store = breach_stores(request, brand).cases
    case = await store.create_case(brand, name, BreachFacts(), str(request.member.identity))
    return redirect_within_console(request.console, f"{path_of_breach(case)}/facts?step=when")


@router.post(f"{BREACHES}/time-zone")
async def save_time_zone(request: BreachReader) -> Response:
    """Stores the zone in which the person reads deadlines, on pages and in reminders."""
    zone = known_zone_or_none(request.field("zone", 64))
    if zone is None:
        raise FieldRefused("breach_zone")
    await breach_stores(request, None, StaffRight.BREACH_READ).zones.save_zone(request.member.id, zone.key)
    return redirect_within_console(request.console, console_path_or_home(request.field("next")))


@router.get(ONE_BREACH)
async def show_breach(case_id: UUID, request: BreachReader) -> Response:
    """Shows one case: where it stands, every clock, the one next action, and the ways to all its parts."""
    return await breach_page(request, await require_breach_case(request, case_id))


@router.get(f"{ONE_BREACH}/history")
async def show_history_of_facts(case_id: UUID, request: BreachReader) -> Response:
    """Shows who changed which facts when."""
    case = await require_breach_case(request, case_id)
    stores = breach_stores(request, None, StaffRight.BREACH_READ)
    revisions = list(await stores.duties.list_facts(case.id, _REVISIONS))
    changes = [ChangedFacts(new, compare_facts(old.facts, new.facts)) for new, old in pairwise(revisions)]
    if revisions and revisions[-1].revision == 1:
        changes.append(ChangedFacts(revisions[-1], compare_facts(BreachFacts(), revisions[-1].facts)))
    return console_page(request, "breach_history.html.j2", case=case, path=path_of_breach(case), changes=changes)


async def breach_page(request: ConsoleRequest, case: BreachCase, problem: str | None = None) -> Response:
    """Returns the page of a case; with a problem, that of an act that was refused."""
    stores = breach_stores(request, None, StaffRight.BREACH_READ)
    rules, now = breach_rules_of_policy(policy_of_breach(request, case)), datetime.now(UTC)
    phases = await stores.cases.list_phases(case.id)
    stage = stage_of_case(case.state, case.facts, [one.state for one in phases])
    done = (await stores.duties.list_duties_done([case.id])).get(case.id, {})
    zone = await zone_of_viewer(request)
    told = (await stores.duties.list_first_releases([case.id])).get(case.id)
    rows = clock_rows(clocks_of_case(case.facts, rules, told), rules, done, zone, now)
    kept = {row.clock.key for row in rows}
    return console_page(
        request,
        "breach.html.j2",
        409 if problem else 200,
        problem=problem,
        case=case,
        path=path_of_breach(case),
        stage=stage,
        line=breach_state_line(case, phases, await stores.duties.read_steps(case.id), stage),
        released_alone=await stores.duties.list_phases_released_alone(case.id),
        next=next_breach_action(case, phases, stage, await _stops_of_phases(request, phases)),
        missing=missing_facts(case.facts),
        rows=rows,
        done_without_clock=[one for key, one in done.items() if key not in kept],
        facts={name: words for name, words in facts_in_words(case.facts).items() if words},
        phases=phases,
        reminders=await stores.duties.list_reminders(case.id, _REMINDERS),
        zone=zone,
        zones=SHOWN_ZONES,
        here=path_of_breach(case),
        now_local=_local_minute(now, zone),
        found_local=time_in_zone(case.facts.found_at, zone) if case.facts.found_at else "",
        may_write=has_staff_right(request.member, StaffRight.BREACH_WRITE, case.brand),
        may_mark=has_staff_right(request.member, StaffRight.BREACH_RELEASE, case.brand),
        may_print=has_staff_right(request.member, StaffRight.NOTICES_WORK, case.brand),
        may_export=has_staff_right(request.member, StaffRight.EVIDENCE_EXPORT, case.brand),
    )


async def _stops_of_phases(request: ConsoleRequest, phases: Sequence[BreachPhase]) -> list[BreachStop]:
    """Returns the last stop of each released phase that has one."""
    store = request.open_stores(StaffRight.BREACH_READ, None).breach_stops
    found = [await store.find_stop(one.case_id, one.phase) for one in phases if one.state == "released"]
    return [stop for stop in found if stop is not None]


def _local_minute(now: datetime, zone: ZoneInfo) -> str:
    return now.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _new_page(request: ConsoleRequest, error: str | None = None) -> Response:
    brands = sorted(request.visible_brands_with_right(StaffRight.BREACH_WRITE))
    return console_page(request, "breach_new.html.j2", 422 if error else 200, error, writable=brands, longest=MAX_NAME)
