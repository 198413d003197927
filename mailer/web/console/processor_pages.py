"""The page of processors: state, rates, pace, last error, and the buttons to pause and resume."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.processor_overviews import ProcessorOverview, overviews_of_processors
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.halts import Halt, HaltScope
from mailer.ports.operator_stores import OperatorStores
from mailer.ports.processor_states import STATE_WORDS
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.mailing_pages import MAX_REASON, MailingController

router = APIRouter(include_in_schema=False)
PROCESSORS = f"{HOME}/processors"
_HALTS_READ = 1000
ProcessorReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PROCESSORS_READ))]


@router.get(PROCESSORS)
async def show_processors(request: ProcessorReader) -> Response:
    """Shows each processor as the running workers find it. Processors serve all brands."""
    return console_page(
        request,
        "processors.html.j2",
        processors=await _read_processor_overviews(request),
        words=STATE_WORDS,
        may_control=has_staff_right(request.member, StaffRight.MAILINGS_CONTROL),
    )


@router.post(f"{PROCESSORS}/pause")
async def pause_processor(request: MailingController) -> Response:
    """Hands nothing more to a processor, of any brand."""
    name = await _require_known_processor(request)
    reason = request.field("reason", MAX_REASON)
    await _operator_stores(request).halts.add_halt(
        Halt(HaltScope.PROCESSOR, name, request.member.identity.name, reason)
    )
    return redirect_within_console(request.console, PROCESSORS)


@router.post(f"{PROCESSORS}/resume")
async def resume_processor(request: MailingController) -> Response:
    """Hands mail to a processor again, also to the domains whose streams pause."""
    name, stores = await _require_known_processor(request), _operator_stores(request)
    await stores.halts.resume_processor(name, request.member.identity.name)
    return redirect_within_console(request.console, PROCESSORS)


async def _require_known_processor(request: ConsoleRequest) -> str:
    """Returns the processor that the form names, for a person with the right at every brand.

    Raises:
        HTTPException: 403: the person controls the mail of some brands only. 404: nobody knows the processor.
    """
    request.require_right(StaffRight.MAILINGS_CONTROL)
    name = request.field("processor")
    if name not in {one.name for one in await _read_processor_overviews(request)}:
        raise HTTPException(404, "processor_unknown")
    return name


async def _read_processor_overviews(request: ConsoleRequest) -> list[ProcessorOverview]:
    operations = request.console.operations
    return overviews_of_processors(
        operations.processor_names,
        await operations.states.list_processor_states_over_all_workers(),
        await operations.halts.list_halts_except_those_of_mailings(_HALTS_READ),
        await operations.limits.list_limits_and_paces(),
        await _operator_stores(request).streams.list_current_pauses(),
    )


def _operator_stores(request: ConsoleRequest) -> OperatorStores:
    return request.open_stores(StaffRight.MAILINGS_CONTROL, None)
