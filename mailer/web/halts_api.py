"""The API for stops: what stands still, and stopping a brand or everything, as at the console."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.halt_control import pause_brand, resume_brand, start_everything, stop_everything
from mailer.actions.json_for_operators import halt_in_force_as_json
from mailer.input_types import Line, Slug
from mailer.policy.publisher_rights import OperationAttempt, ReadableData, ReadDataAttempt
from mailer.web.event_api import (
    REFUSALS,
    TheClient,
    openapi_refusal_response,
    refuse_client_unless_right_at_every_brand,
    refuse_client_without_right,
)
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite

HALTS, EVERYTHING = "/api/v1/halts/{brand}", "/api/v1/everything/{act}"
_ROWS = 500
_REFUSALS: dict[int | str, dict[str, Any]] = {404: openapi_refusal_response("There is no such brand."), **REFUSALS}
router = APIRouter(tags=["operations"], route_class=JsonRoute)


class HaltShown(BaseModel):
    """A stop: `scope` is `everything`, `brand`, `processor` or `mailing`; `key` names it. `event` is a mailing's."""

    scope: str
    key: str
    by: str
    reason: str
    at: datetime
    brand: str | None
    event: str | None


class OperationOrdered(BaseModel):
    """Why it is done; it stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field("", max_length=200)


class HaltAnswer(BaseModel):
    """`is_new` is false if it was so already."""

    is_new: bool


class BrandAct(StrEnum):
    """The actions on the mail of a brand."""

    PAUSE = "pause"
    RESUME = "resume"


class EverythingAct(StrEnum):
    """The actions on all mail."""

    STOP = "stop"
    START = "start"


@router.get(HALTS, response_model=list[HaltShown], summary="What stands still", responses=_REFUSALS)
async def list_halts(brand: Slug, site: TheSite, client: TheClient) -> Sequence[dict[str, Any]]:
    """Returns the stops that concern a brand: of it, its mailings, processors and everything; 500 at most."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.HALTS))
    policy_or_404(site, brand)
    halts = await site.console.operations.halts.list_halts_in_force(_ROWS, [brand])
    return [halt_in_force_as_json(one) for one in halts]


@router.post(HALTS + "/{act}", summary="Stop a brand's mail, or let it go on", responses=_REFUSALS)
async def control_brand(
    brand: Slug,
    act: BrandAct,
    request: Request,
    site: TheSite,
    client: TheClient,
    ordered: OperationOrdered | None = None,
) -> HaltAnswer:
    """Does it within two seconds. The ledger names the holder of the key, the network and the reason."""
    refuse_client_without_right(client, OperationAttempt(brand, f"{act}_brand"))
    policy_or_404(site, brand)
    halts, by = open_operator_stores_for_client(request, site, client).halts, str(client.identity)
    match act:
        case BrandAct.PAUSE:
            return HaltAnswer(is_new=await pause_brand(halts, brand, by, ordered.reason if ordered else ""))
        case BrandAct.RESUME:
            return HaltAnswer(is_new=await resume_brand(halts, brand, by))


@router.post(
    EVERYTHING,
    summary="Stop all mail, or let it go on",
    responses={409: openapi_refusal_response("The database may lack something: what to do at a command."), **REFUSALS},
)
async def control_everything(
    act: EverythingAct, request: Request, site: TheSite, client: TheClient, ordered: OperationOrdered | None = None
) -> HaltAnswer:
    """Does it within two seconds, for every brand. The key needs the right at each brand."""
    refuse_client_unless_right_at_every_brand(site, client, lambda brand: OperationAttempt(brand, f"{act}_everything"))
    halts, by = open_operator_stores_for_client(request, site, client).halts, str(client.identity)
    match act:
        case EverythingAct.STOP:
            return HaltAnswer(is_new=await stop_everything(halts, by, ordered.reason if ordered else ""))
        case EverythingAct.START:
            started = await start_everything(halts, by)
            if started.is_refused:
                raise HTTPException(
                    409,
                    "the database may lack something, as after a restore or a failover; `mailer start` says what to do",
                )
            return HaltAnswer(is_new=started.is_new)
