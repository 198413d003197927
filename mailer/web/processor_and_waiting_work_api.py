"""The API for processors and the flow: states, rates, pauses, waiting work, running processes."""

from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.actions.json_for_operators import (
    flow_metrics_as_json,
    halt_as_json,
    processor_state_as_json,
    rate_limit_as_json,
    stream_pause_as_json,
)
from mailer.input_types import Name
from mailer.policy.publisher_rights import OperationAttempt, ReadableData, ReadDataAttempt
from mailer.ports.flow_metrics import FIGURES
from mailer.ports.halts import Halt, HaltScope
from mailer.web.event_api import (
    REFUSALS,
    TheClient,
    openapi_refusal_response,
    refuse_client_unless_right_at_every_brand,
)
from mailer.web.halts_api import OperationOrdered
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

PROCESSORS, FLOW = "/api/v1/processors", "/api/v1/flow"
_HALTS_READ = 1000
router = APIRouter(tags=["operations"], route_class=JsonRoute)


class ProcessorStateShown(BaseModel):
    """The state of a processor as the running workers find it. `times` is the number of windows that met a trouble."""

    processor: str
    state: str
    since: datetime
    last_error: str | None
    remedy: str | None
    times: int
    workers: int


class StreamPauseShown(BaseModel):
    """A stream that pauses: mail of a category by a processor, to one domain or to all. `check` says what to mend."""

    processor: str
    category: str
    domain: str | None
    until: datetime
    reason: str
    says: str | None
    check: str | None


class LimitShown(BaseModel):
    """A rate limit; the scope `pace` is what mailer itself found a domain to take. `n` is null before a plan begins."""

    scope: str
    key: str
    per: str
    n: int | None
    plan: list[int] | None
    began_on: date | None
    by: str
    at: datetime | None
    used: int


class PausedProcessor(BaseModel):
    """A processor that somebody has paused."""

    scope: str
    key: str
    by: str
    reason: str
    at: datetime


class ProcessorsShown(BaseModel):
    """The processors as the workers find them, with their limits, and what pauses."""

    relays: list[ProcessorStateShown]
    streams: list[StreamPauseShown]
    limits: list[LimitShown]
    paused: list[PausedProcessor]


class ProcessorAct(StrEnum):
    """The actions on a processor."""

    PAUSE = "pause"
    RESUME = "resume"


class ProcessorControlResult(BaseModel):
    """`is_new` is false if it was so already. `streams` is the number of streams that go on."""

    is_new: bool
    streams: int = 0


class FigureShown(BaseModel):
    """A figure of the flow, as `/metrics` of the timekeeper has it."""

    figure: str
    labels: dict[str, str]
    value: float


class ProcessShown(BaseModel):
    """A process that has said something within two minutes. A `lease_until` in the past: it is frozen or gone."""

    name: str
    seen_at: datetime | None
    processors: int
    batches: int
    lease_until: datetime | None


class FlowShown(BaseModel):
    """Waiting mail, ten seconds old at most, and the running processes. `missing`: figures that took too long."""

    figures: list[FigureShown]
    missing: list[str]
    processes: list[ProcessShown]


@router.get(PROCESSORS, response_model=ProcessorsShown, summary="The processors", responses=REFUSALS)
async def show_processors(request: Request, site: TheSite, client: TheClient) -> dict[str, Any]:
    """Returns states, last errors, limits, paces and pauses. The key needs the right at each brand."""
    refuse_client_unless_right_at_every_brand(
        site, client, lambda brand: ReadDataAttempt(brand, ReadableData.PROCESSORS)
    )
    operations = site.console.operations
    halts = await operations.halts.list_halts_except_those_of_mailings(_HALTS_READ)
    pauses = await open_operator_stores_for_client(request, site, client).streams.list_current_pauses()
    return {
        "relays": [
            processor_state_as_json(state) for state in await operations.states.list_processor_states_over_all_workers()
        ],
        "streams": [stream_pause_as_json(pause) for pause in pauses],
        "limits": [rate_limit_as_json(limit) for limit in await operations.limits.list_limits_and_paces()],
        "paused": [halt_as_json(one.halt) for one in halts if one.halt.scope is HaltScope.PROCESSOR],
    }


@router.post(
    PROCESSORS + "/{name}/{act}",
    summary="Pause or resume a processor",
    responses={404: openapi_refusal_response("No worker reports it, and the settings do not name it."), **REFUSALS},
)
async def control_processor(
    name: Name,
    act: ProcessorAct,
    request: Request,
    site: TheSite,
    client: TheClient,
    ordered: OperationOrdered | None = None,
) -> ProcessorControlResult:
    """Does it for the mail of every brand. The key needs the right at each brand."""
    refuse_client_unless_right_at_every_brand(site, client, lambda brand: OperationAttempt(brand, f"{act}_processor"))
    await _require_known_processor(site, name)
    stores, by = open_operator_stores_for_client(request, site, client), str(client.identity)
    match act:
        case ProcessorAct.PAUSE:
            halt = Halt(HaltScope.PROCESSOR, name, by, ordered.reason if ordered else "")
            return ProcessorControlResult(is_new=await stores.halts.add_halt(halt))
        case ProcessorAct.RESUME:
            lifted, streams = await stores.halts.resume_processor(name, by)
            return ProcessorControlResult(is_new=lifted, streams=streams)


@router.get(FLOW, response_model=FlowShown, summary="What waits, and what runs", responses=REFUSALS)
async def show_flow(site: TheSite, client: TheClient) -> dict[str, Any]:
    """Returns the figures of queues, outbox and retries, and the workers and timekeepers as they report."""
    refuse_client_unless_right_at_every_brand(site, client, lambda brand: ReadDataAttempt(brand, ReadableData.FLOW))
    figures = await site.console.operations.figures.get_value()
    processes = await site.console.operations.processes.list_running_processes()
    return {
        "figures": flow_metrics_as_json(figures),
        "missing": [definition.metric for name, definition in FIGURES.items() if name not in figures],
        "processes": [asdict(one) for one in processes],
    }


async def _require_known_processor(site: WebContext, name: str) -> None:
    """Refuses a processor that nobody knows.

    Raises:
        HTTPException: 404.
    """
    operations = site.console.operations
    known = {
        *operations.processor_names,
        *(state.relay for state in await operations.states.list_processor_states_over_all_workers()),
    }
    halts = await operations.halts.list_halts_except_those_of_mailings(_HALTS_READ)
    known |= {one.halt.key for one in halts if one.halt.scope is HaltScope.PROCESSOR}
    if name not in known:
        raise HTTPException(404, f"there is no processor {name}: no worker reports it, and the settings do not name it")
