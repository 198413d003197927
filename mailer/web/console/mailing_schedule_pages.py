"""The page that gives a mailing another time."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.input_types import parse_moment
from mailer.policy.staff_rights import StaffRight
from mailer.ports.halts import MailingControlRefused
from mailer.ports.mailings import MailingStatus
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.console_pages import console_page
from mailer.web.console.mailing_pages import (
    MAILINGS,
    MAX_REASON,
    MailingController,
    open_stores_to_control_mailing,
    redirect_to_mailing,
    require_mailing,
)

router = APIRouter(include_in_schema=False)


@router.get(f"{MAILINGS}/{{mailing_id}}/reschedule")
async def ask_for_new_time(mailing_id: UUID, request: MailingController) -> Response:
    """Shows when a mailing begins, and asks for another time."""
    return _reschedule_form_page(request, await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL))


@router.post(f"{MAILINGS}/{{mailing_id}}/reschedule")
async def reschedule_mailing(mailing_id: UUID, request: MailingController) -> Response:
    """Lets a mailing that has not begun begin at another time. One that was released waits for its release again."""
    status = await require_mailing(request, mailing_id, StaffRight.MAILINGS_CONTROL)
    reason = request.field("reason", MAX_REASON)
    if not reason:
        return _reschedule_form_page(request, status, error="reschedule_reason")
    try:
        at = _parse_utc_time(request.field("at", 40))
    except ValueError:
        return _reschedule_form_page(request, status, error="reschedule_time")
    try:
        schedule = open_stores_to_control_mailing(request, status).schedule
        await schedule.reschedule_mailing(status.id, at, request.member.identity, reason)
    except MailingControlRefused as refusal:
        return _reschedule_form_page(request, status, problem=str(refusal))
    return redirect_to_mailing(request, status)


def _parse_utc_time(text: str) -> datetime:
    """Returns the time of a field for a local time, which is UTC here.

    Raises:
        ValueError: it is none.
    """
    return parse_moment(f"{text}Z")


def _reschedule_form_page(
    request: ConsoleRequest, status: MailingStatus, *, error: str | None = None, problem: str | None = None
) -> Response:
    needs_release = status.state == "awaiting_release" or status.released_by is not None
    return console_page(
        request,
        "mailing_reschedule.html.j2",
        422 if error else 409 if problem else 200,
        error,
        problem=problem,
        mailing=status,
        needs_release=needs_release,
    )
