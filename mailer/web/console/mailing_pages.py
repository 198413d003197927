"""The pages of mailings: list, state with live progress, and the buttons to pause, resume, cancel and release."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.mailing_control import resume_mailing_and_held_deliveries
from mailer.policy.staff_rights import StaffRight, has_staff_right, right_required_to_release_category
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailing_release_previews import UnpreviewableMailing, preview_counts_in_words
from mailer.ports.mailings import MailingFilter, MailingListState, MailingStatus, ReleaseRefused
from mailer.ports.operator_stores import OperatorStores
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
MAILINGS = f"{HOME}/mailings"
ROWS = 50
MOST_FORESEEN = 500
"""The most recipients about whom the page of a release decides: 50 ms, of which the database takes most."""
MAX_REASON = 300
"""The longest reason that somebody can give, in characters."""
MailingReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_READ))]
MailingController = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_CONTROL))]


@router.get(MAILINGS)
async def show_mailings(
    request: MailingReader, state: Annotated[str, Query()] = "", before: Annotated[UUID | None, Query()] = None
) -> Response:
    """Shows the newest mailings of the brands that the person has, by state if one is chosen."""
    chosen = MailingListState(state) if state in MailingListState.__members__.values() else None
    brands = request.visible_brands_with_right(StaffRight.MAILINGS_READ)
    page = await request.console.operations.mailings.list_mailings(MailingFilter(brands, chosen, before), ROWS)
    return console_page(
        request, "mailings.html.j2", page=page, state=chosen, states=list(MailingListState), first=before
    )


@router.get(f"{MAILINGS}/{{mailing_id}}")
async def show_mailing(mailing_id: UUID, request: MailingReader) -> Response:
    """Shows one mailing: its state, its progress, and why it waits."""
    return await _mailing_page(request, await require_mailing(request, mailing_id))


@router.get(f"{MAILINGS}/{{mailing_id}}/progress")
async def show_progress(mailing_id: UUID, request: MailingReader) -> Response:
    """Returns the part of a mailing's page that changes while it runs."""
    status = await require_mailing(request, mailing_id)
    return console_fragment(request, "mailing_progress.html.j2", **await _progress_values(request, status))


@router.post(f"{MAILINGS}/{{mailing_id}}/pause")
async def pause_mailing(mailing_id: UUID, request: MailingController) -> Response:
    """Pauses a mailing; its page then says how many have gone. A second press changes nothing."""
    status = await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL)
    try:
        await open_stores_to_control_mailing(request, status).halts.pause_mailing(
            status.id, request.member.identity.name, request.field("reason", MAX_REASON)
        )
    except MailingControlRefused:
        return await _mailing_page(request, status, "mailing_over")
    return redirect_to_mailing(request, status)


@router.post(f"{MAILINGS}/{{mailing_id}}/resume")
async def resume_mailing(mailing_id: UUID, request: MailingController) -> Response:
    """Lets a mailing go on, and tries what of it is held."""
    status = await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL)
    stores = open_stores_to_control_mailing(request, status)
    try:
        await resume_mailing_and_held_deliveries(stores.halts, stores.held, status.id, request.member.identity.name)
    except MailingControlRefused:
        return await _mailing_page(request, status, "mailing_over")
    return redirect_to_mailing(request, status)


@router.get(f"{MAILINGS}/{{mailing_id}}/cancel")
async def ask_before_cancelling(mailing_id: UUID, request: MailingController) -> Response:
    """Shows how many have gone and how many would not, before a mailing is cancelled."""
    status = await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL)
    return console_page(request, "mailing_cancel.html.j2", **await _progress_values(request, status))


@router.post(f"{MAILINGS}/{{mailing_id}}/cancel")
async def cancel_mailing(mailing_id: UUID, request: MailingController) -> Response:
    """Ends a mailing for good."""
    status = await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL)
    name, reason = request.member.identity.name, request.field("reason", MAX_REASON)
    try:
        await open_stores_to_control_mailing(request, status).halts.cancel_mailing(status.id, name, reason)
    except MailingControlRefused:
        return await _mailing_page(request, status, "mailing_over")
    return redirect_to_mailing(request, status)


@router.get(f"{MAILINGS}/{{mailing_id}}/release")
async def ask_before_releasing(mailing_id: UUID, request: MailingReader) -> Response:
    """Shows whom a mailing would reach, before it is released."""
    return await _release_page(request, await _require_mailing_and_right_to_release(request, mailing_id))


@router.post(f"{MAILINGS}/{{mailing_id}}/release")
async def release_mailing(mailing_id: UUID, request: MailingReader) -> Response:
    """Releases a mailing that somebody else has published."""
    status = await _require_mailing_and_right_to_release(request, mailing_id)
    if request.field("send_at") != _scheduled_time_as_form_value(status):
        return await _release_page(request, status, "release_rescheduled")
    try:
        foreseen = await request.console.operations.previews.preview_release(status, MOST_FORESEEN)
        if not foreseen.mail and not request.field("reaching_nobody"):
            return await _release_page(request, status, "release_reaches_nobody")
        stores = request.open_stores(right_required_to_release_category(status.category), [status.brand])
        await stores.mailings.release_mailing(status.id, request.member.identity.name, status)
    except UnpreviewableMailing:
        return await _release_page(request, status, "release_unforeseen")
    except ReleaseRefused:
        return await _release_page(request, status, "release_refused")
    return redirect_to_mailing(request, status)


async def require_mailing(
    request: ConsoleRequest, mailing_id: UUID, right: StaffRight = StaffRight.MAILINGS_READ
) -> MailingStatus:
    """Returns a mailing of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, or it is another brand's. 403: the person may only read it.
    """
    status = await request.console.operations.mailings.find_mailing(mailing_id)
    if status is None or not has_staff_right(request.member, StaffRight.MAILINGS_READ, status.brand):
        raise HTTPException(404, "mailing_unknown")
    request.require_right(right, status.brand)
    return status


async def _require_mailing_and_right_to_release(request: ConsoleRequest, mailing_id: UUID) -> MailingStatus:
    status = await require_mailing(request, mailing_id)
    request.require_right(right_required_to_release_category(status.category), status.brand)
    return status


def open_stores_to_control_mailing(request: ConsoleRequest, status: MailingStatus) -> OperatorStores:
    """Returns the stores by which a person controls a mailing."""
    return request.open_stores(StaffRight.MAILINGS_CONTROL, [status.brand])


def redirect_to_mailing(request: ConsoleRequest, status: MailingStatus) -> Response:
    """Returns a redirect to the page of a mailing."""
    return redirect_within_console(request.console, f"{MAILINGS}/{status.id}")


async def _progress_values(request: ConsoleRequest, status: MailingStatus) -> dict[str, Any]:
    now = datetime.now(UTC)
    waits = await request.console.operations.waits.explain_waits(status, now)
    return {"mailing": status, "progress": status.progress(now), "waits": waits, "now": now}


async def _mailing_page(request: ConsoleRequest, status: MailingStatus, error: str | None = None) -> Response:
    may_control = has_staff_right(request.member, StaffRight.MAILINGS_CONTROL, status.brand)
    may_release = has_staff_right(request.member, right_required_to_release_category(status.category), status.brand)
    return console_page(
        request,
        "mailing.html.j2",
        409 if error else 200,
        error,
        **await _progress_values(request, status),
        may_control=may_control and status.finished_at is None and status.state not in ("cancelled", "ended"),
        may_release=may_release and status.state == "awaiting_release",
        is_own=str(request.member.identity) in (status.publisher, status.rescheduled_by),
    )


async def _release_page(request: ConsoleRequest, status: MailingStatus, error: str | None = None) -> Response:
    try:
        foreseen = await request.console.operations.previews.preview_release(status, MOST_FORESEEN)
    except UnpreviewableMailing:
        foreseen, error = None, "release_unforeseen"
    return console_page(
        request,
        "mailing_release.html.j2",
        409 if error else 200,
        error,
        mailing=status,
        foreseen=foreseen,
        counts=preview_counts_in_words(foreseen) if foreseen else [],
        is_own=str(request.member.identity) in (status.publisher, status.rescheduled_by),
        seen_at=_scheduled_time_as_form_value(status),
    )


def _scheduled_time_as_form_value(status: MailingStatus) -> str:
    """Returns the time of a mailing for the form of its release: who releases it has seen this time."""
    return status.send_at.isoformat() if status.send_at else ""
