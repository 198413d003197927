"""The page that stops a released breach phase, says who was told, and lets it go on or ends it."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from mailer.actions.breach_control import cancel_phase, resume_phase, stop_phase
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_release import BreachRelease, BreachReleaseRefused, BreachStopStore
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.breach_release_access import (
    PHASE,
    PhaseNumber,
    PhaseStopper,
    ReleaseAsker,
    Releaser,
    ReleaseReader,
    path_of_phase,
    require_release,
    stops_of,
)
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.mailing_pages import MAX_REASON
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
ToldReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]
_PORTION = 5000


@router.get(f"{PHASE}/stop")
async def show_stop(case_id: UUID, phase: PhaseNumber, request: ReleaseReader) -> Response:
    """Shows how many were told and how many were not, and asks before a stop."""
    return await _stop_page(request, await require_release(request, case_id, phase))


@router.post(f"{PHASE}/stop")
async def stop_released_phase(case_id: UUID, phase: PhaseNumber, request: PhaseStopper) -> Response:
    """Stops all that the phase still sends."""
    release = await require_release(request, case_id, phase, StaffRight.MAILINGS_CONTROL)
    reason = request.field("reason", MAX_REASON)
    if not reason:
        return await _stop_page(request, release, error="breach_stop_reason")
    stores = request.open_stores(StaffRight.MAILINGS_CONTROL, [release.brand])
    try:
        await stop_phase(stores, case_id, phase, request.member.identity, reason)
    except BreachReleaseRefused as refusal:
        return await _stop_page(request, release, str(refusal))
    return _back(request, release)


@router.post(f"{PHASE}/resume")
async def resume_stopped_phase(case_id: UUID, phase: PhaseNumber, request: Releaser) -> Response:
    """Lets a stopped phase go on."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_RELEASE)
    stores = request.open_stores(StaffRight.BREACH_RELEASE, [release.brand])
    try:
        await resume_phase(stores, case_id, phase, request.member.identity)
    except BreachReleaseRefused as refusal:
        return await _stop_page(request, release, str(refusal))
    return _back(request, release)


@router.post(f"{PHASE}/end")
async def end_stopped_phase(case_id: UUID, phase: PhaseNumber, request: Releaser) -> Response:
    """Ends a stopped phase for good."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_RELEASE)
    stores = request.open_stores(StaffRight.BREACH_RELEASE, [release.brand])
    reason = request.field("reason", MAX_REASON)
    try:
        await cancel_phase(stores, case_id, phase, request.member.identity, reason)
    except BreachReleaseRefused as refusal:
        return await _stop_page(request, release, str(refusal))
    return _back(request, release)


@router.post(f"{PHASE}/told-list")
async def keep_told_as_list(case_id: UUID, phase: PhaseNumber, request: ReleaseAsker) -> Response:
    """Puts the people whom the phase has told on a list, so that another phase tells them."""
    release = await require_release(request, case_id, phase, StaffRight.BREACH_WRITE)
    store = stops_of(request, release.brand, StaffRight.BREACH_WRITE)
    try:
        kept = await store.keep_told_as_list(case_id, phase, str(request.member.identity))
    except BreachReleaseRefused as refusal:
        return await _stop_page(request, release, str(refusal))
    return await _stop_page(request, release, kept=kept)


@router.post(f"{PHASE}/told")
async def export_told(case_id: UUID, phase: PhaseNumber, request: ToldReader) -> Response:
    """Sends the people whom the phase has told as CSV, and records in the ledger who has them."""
    release = await require_release(request, case_id, phase, StaffRight.PEOPLE_READ)
    store = stops_of(request, release.brand, StaffRight.PEOPLE_READ)
    await store.record_export(case_id, phase, str(request.member.identity))
    name = f"told-{case_id.hex[:12]}-{phase}"
    return StreamingResponse(_csv_of_told(store, case_id, phase), media_type="text/csv", headers=csv_headers(name))


async def _csv_of_told(store: BreachStopStore, case_id: UUID, phase: int) -> AsyncIterator[str]:
    yield csv_lines([("number", "ref", "variant", "locale", "channel", "state")])
    after = 0
    while some := await store.list_told(case_id, phase, after, _PORTION):
        yield csv_lines(some)
        after = some[-1].recipient_id


def _back(request: ConsoleRequest, release: BreachRelease) -> Response:
    return redirect_within_console(request.console, f"{path_of_phase(release)}/stop")


async def _stop_page(
    request: ConsoleRequest,
    release: BreachRelease,
    problem: str | None = None,
    *,
    error: str | None = None,
    kept: tuple[str, int] | None = None,
) -> Response:
    store = stops_of(request, None, StaffRight.MAILINGS_READ)
    figures = await store.count_told(release.case_id, release.phase)
    stop = await store.find_stop(release.case_id, release.phase)
    return console_page(
        request,
        "breach_stop.html.j2",
        409 if error or problem else 200,
        error,
        problem=problem,
        release=release,
        path=path_of_phase(release),
        stop=stop,
        is_stopped=stop is not None and stop.ended is None,
        figures=figures,
        sums={told: sum(one.people for one in figures if one.told == told) for told in ("told", "maybe", "not_told")},
        kept=kept,
        may_stop=has_staff_right(request.member, StaffRight.MAILINGS_CONTROL, release.brand),
        may_release=has_staff_right(request.member, StaffRight.BREACH_RELEASE, release.brand),
        may_write=has_staff_right(request.member, StaffRight.BREACH_WRITE, release.brand),
        may_read_people=has_staff_right(request.member, StaffRight.PEOPLE_READ, release.brand),
    )
