"""Decisions about a case (nobody is told, closed, opened again), and duties that are done."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from mailer.policy.campaign_schedule import known_zone_or_none, moment_of_local_time
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused
from mailer.ports.breach_desk import BreachDutyStore, DutyToMark
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.breach_access import (
    ONE_BREACH,
    BreachReader,
    BreachWriter,
    breach_stores,
    path_of_breach,
    require_breach_case,
)
from mailer.web.console.breach_pages import breach_page
from mailer.web.console.console_pages import console_page, redirect_within_console

DutyMarker = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_RELEASE))]
"""Whoever may release a notice also tells authorities; writers have that right too."""
router = APIRouter(include_in_schema=False)
DECISIONS = ("not_notified", "closed", "open")
LONGEST_REASON = 5000
_LONGEST_LINE = 300


@router.get(f"{ONE_BREACH}/decision")
async def show_decision(case_id: UUID, request: BreachReader) -> Response:
    """Shows the decision about a case, and the forms to make or undo it."""
    return _decision_page(request, await require_breach_case(request, case_id))


@router.post(f"{ONE_BREACH}/decision")
async def save_decision(case_id: UUID, request: BreachWriter) -> Response:
    """Decides that nobody is told, closes a case or opens it again, with the reason."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_WRITE)
    state, reason = request.field("state", 20), request.raw_field("reason", LONGEST_REASON + 1).strip()
    if state not in DECISIONS or not reason:
        return _decision_page(request, case, "breach_reason")
    if len(reason) > LONGEST_REASON:
        return _decision_page(request, case, "breach_reason_long")
    try:
        await breach_stores(request, case.brand).cases.decide_state(
            case.id, state, reason, str(request.member.identity)
        )
    except BreachChangeRefused as refusal:
        return _decision_page(request, case, problem=str(refusal))
    return redirect_within_console(request.console, path_of_breach(case))


@router.post(f"{ONE_BREACH}/duties")
async def mark_duty(case_id: UUID, request: DutyMarker) -> Response:
    """Marks a duty as done: who was told, when, and the reference of the receipt."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_RELEASE)
    told_at = _moment_of_form(request)
    if told_at is None:
        return await breach_page(request, case, "told at: write a day and a time, such as 2026-11-30T03:00")
    duty = DutyToMark(
        request.field("clock"), request.field("told", _LONGEST_LINE), told_at, request.field("reference", _LONGEST_LINE)
    )
    try:
        await _duties(request, case).mark_duty_done(case.id, duty, str(request.member.identity))
    except BreachChangeRefused as refusal:
        return await breach_page(request, case, str(refusal))
    return redirect_within_console(request.console, path_of_breach(case))


@router.post(f"{ONE_BREACH}/duties/undo")
async def unmark_duty(case_id: UUID, request: DutyMarker) -> Response:
    """Says that a duty is not done after all, with the reason. Its reminders go on."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_RELEASE)
    by, store = str(request.member.identity), _duties(request, case)
    try:
        await store.unmark_duty(case.id, request.field("clock"), request.field("reason", _LONGEST_LINE), by)
    except BreachChangeRefused as refusal:
        return await breach_page(request, case, str(refusal))
    return redirect_within_console(request.console, path_of_breach(case))


def _duties(request: ConsoleRequest, case: BreachCase) -> BreachDutyStore:
    return breach_stores(request, case.brand, StaffRight.BREACH_RELEASE).duties


def _moment_of_form(request: ConsoleRequest) -> datetime | None:
    """Returns the moment that was typed by the clocks of a zone, or None if it is none."""
    zone = known_zone_or_none(request.field("zone", 64))
    try:
        local = datetime.fromisoformat(request.field("told_at", 40))
    except ValueError:
        return None
    if zone is None or local.tzinfo is not None or not 2000 <= local.year < 2200:
        return None
    return moment_of_local_time(local.replace(second=0, microsecond=0), zone).astimezone(UTC)


def _decision_page(
    request: ConsoleRequest, case: BreachCase, error: str | None = None, *, problem: str | None = None
) -> Response:
    return console_page(
        request,
        "breach_decision.html.j2",
        422 if error else 409 if problem else 200,
        error,
        problem=problem,
        case=case,
        path=path_of_breach(case),
        typed=request.raw_field("reason", LONGEST_REASON),
        chosen=request.form.get("state", [""])[0],
        longest=LONGEST_REASON,
        may_write=has_staff_right(request.member, StaffRight.BREACH_WRITE, case.brand),
    )
