"""The page of the halts that hold now, with the buttons to stop everything or a brand, and to go on."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.halt_control import pause_brand, resume_brand, resume_promotions, start_everything, stop_everything
from mailer.policy.staff_rights import StaffRight, brands_with_right, has_staff_right
from mailer.ports.halts import HaltScope, HaltStore
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.mailing_pages import MAX_REASON, MailingController, MailingReader

router = APIRouter(include_in_schema=False)
HALTS = f"{HOME}/halts"
_ROWS = 500


@router.get(HALTS)
async def show_halts(request: MailingReader) -> Response:
    """Shows the halts that concern the person's brands: since when, by whom and why."""
    return await _halts_page(request)


@router.post(f"{HALTS}/stop")
async def stop_all_mail(request: MailingController) -> Response:
    """Stops all mail of every brand. A second press changes nothing."""
    request.require_right(StaffRight.MAILINGS_CONTROL)
    reason = request.field("reason", MAX_REASON)
    await stop_everything(_halt_store(request, None), request.member.identity.name, reason)
    return redirect_within_console(request.console, HALTS)


@router.post(f"{HALTS}/start")
async def start_all_mail(request: MailingController) -> Response:
    """Lets everything go on that a person has stopped."""
    request.require_right(StaffRight.MAILINGS_CONTROL)
    if (await start_everything(_halt_store(request, None), request.member.identity.name)).is_refused:
        return await _halts_page(request, "start_refused")
    return redirect_within_console(request.console, HALTS)


@router.post(f"{HALTS}/brand/pause")
async def stop_mail_of_brand(request: MailingController) -> Response:
    """Stops all mail of one brand."""
    brand, reason = _require_brand(request), request.field("reason", MAX_REASON)
    await pause_brand(_halt_store(request, [brand]), brand, request.member.identity.name, reason)
    return redirect_within_console(request.console, HALTS)


@router.post(f"{HALTS}/brand/resume")
async def start_mail_of_brand(request: MailingController) -> Response:
    """Lets the mail of one brand go on."""
    brand = _require_brand(request)
    await resume_brand(_halt_store(request, [brand]), brand, request.member.identity.name)
    return redirect_within_console(request.console, HALTS)


@router.post(f"{HALTS}/promotions/resume")
async def start_promotions_of_brand(request: MailingController) -> Response:
    """Lets the promotions of one brand go on."""
    brand = _require_brand(request)
    await resume_promotions(_halt_store(request, [brand]), brand, request.member.identity.name)
    return redirect_within_console(request.console, HALTS)


def _require_brand(request: ConsoleRequest) -> str:
    """Returns the brand of the form. The gate has checked the right at it.

    Raises:
        HTTPException: 404: there is no such brand.
    """
    brand = request.field("brand")
    if brand not in request.console.brands:
        raise HTTPException(404, "brand_unknown")
    request.require_right(StaffRight.MAILINGS_CONTROL, brand)
    return brand


def _halt_store(request: ConsoleRequest, brands: Sequence[str] | None) -> HaltStore:
    return request.open_stores(StaffRight.MAILINGS_CONTROL, brands).halts


async def _halts_page(request: ConsoleRequest, error: str | None = None) -> Response:
    seen = request.visible_brands_with_right(StaffRight.MAILINGS_READ)
    halts = await request.console.operations.halts.list_halts_in_force(_ROWS, seen)
    controlled = brands_with_right(request.member, StaffRight.MAILINGS_CONTROL, request.console.brands)
    stopped = {one.halt.key for one in halts if one.halt.scope is HaltScope.BRAND}
    return console_page(
        request,
        "halts.html.j2",
        409 if error else 200,
        error,
        halts=halts,
        may_stop_all=has_staff_right(request.member, StaffRight.MAILINGS_CONTROL),
        is_stopped=any(one.halt.scope is HaltScope.EVERYTHING for one in halts),
        stoppable=sorted(controlled - stopped),
        resumable=sorted(controlled & stopped),
        promotions=sorted(controlled & {one.halt.key for one in halts if one.halt.scope is HaltScope.PROMOTIONAL}),
    )
