"""The API for releases and stops of breach phases: read, ask, stop. Only people release, and let a phase go on."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.breach_control import stop_phase
from mailer.actions.breach_release_json import release_as_json, told_as_json
from mailer.input_types import Line, Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher, ReadableData, ReadDataAttempt
from mailer.ports.breach_release import BreachRelease, BreachReleaseRefused
from mailer.ports.operator_stores import OperatorStores
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

ONE = "/api/v1/breach-cases/{brand}/{case_id}/phases/{phase}"
ACTION, STOP = "write_breach_cases", "pause_mailing"
router = APIRouter(tags=["breach cases"], route_class=JsonRoute)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such case, or the phase is not checked."),
    409: openapi_refusal_response("The phase cannot do this now; the answer says what to do."),
    **REFUSALS,
}
PhaseNumber = Annotated[int, Path(ge=1, le=100)]


class ReleaseShown(BaseModel):
    """A check of a phase or its release, with its sums, which add up to `people`, and its hash."""

    manifest: UUID
    case: UUID
    phase: int
    state: str
    phase_state: str
    is_current: bool
    people: int
    sums: list[dict[str, Any]]
    hash: str | None
    asked_by: str | None
    released_by: str | None
    released_at: datetime | None
    break_glass: str | None
    second_look_by: str | None
    second_look: str | None


class BreachManifestNamed(BaseModel):
    """The check that was seen."""

    model_config = ConfigDict(extra="forbid")

    manifest: UUID


class BreachStopOrdered(BaseModel):
    """Why it is stopped; it stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field(min_length=1, max_length=300)


class ToldShown(BaseModel):
    """To how many people of a phase what happened, and its last stop, or null."""

    stop: dict[str, Any] | None
    figures: list[dict[str, Any]]


@router.get(f"{ONE}/release", summary="The check or the release of a phase", responses=_REFUSALS)
async def show_release(
    brand: Slug, case_id: UUID, phase: PhaseNumber, request: Request, site: TheSite, client: TheClient
) -> ReleaseShown:
    """Returns the last check of a phase as it is now, or its release."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    _, release = await _stores_and_release(brand, case_id, phase, request, site, client)
    return ReleaseShown(**release_as_json(release))


@router.post(f"{ONE}/ask-release", summary="Ask for the release of a phase", responses=_REFUSALS)
async def ask_for_release(
    brand: Slug,
    case_id: UUID,
    phase: PhaseNumber,
    named: BreachManifestNamed,
    request: Request,
    site: TheSite,
    client: TheClient,
) -> ReleaseShown:
    """Lets a checked phase wait for its release, which a person does at the console or by a command."""
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    stores, release = await _stores_and_release(brand, case_id, phase, request, site, client)
    if release.id != named.manifest:
        raise HTTPException(409, "this is not the last check of the phase; read it again")
    try:
        await stores.breach_releases.ask_for_release(named.manifest, str(client.identity))
    except BreachReleaseRefused as error:
        raise HTTPException(409, str(error)) from error
    return ReleaseShown(**release_as_json(await _release_or_404(stores, brand, case_id, phase)))


@router.get(f"{ONE}/told", summary="How many people a phase has told", responses=_REFUSALS)
async def show_told(
    brand: Slug, case_id: UUID, phase: PhaseNumber, request: Request, site: TheSite, client: TheClient
) -> ToldShown:
    """Returns the figures of a phase, and its last stop."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    stores, _ = await _stores_and_release(brand, case_id, phase, request, site, client)
    return ToldShown(**await told_as_json(stores.breach_stops, case_id, phase))


@router.post(f"{ONE}/stop", summary="Stop a released phase", responses=_REFUSALS)
async def stop_released_phase(
    brand: Slug,
    case_id: UUID,
    phase: PhaseNumber,
    ordered: BreachStopOrdered,
    request: Request,
    site: TheSite,
    client: TheClient,
) -> ToldShown:
    """Stops all that the phase still sends. The ledger names the holder of the key."""
    refuse_client_without_right(client, OperationAttempt(brand, STOP))
    stores, _ = await _stores_and_release(brand, case_id, phase, request, site, client)
    try:
        await stop_phase(stores, case_id, phase, client.identity, ordered.reason)
    except BreachReleaseRefused as error:
        raise HTTPException(409, str(error)) from error
    return ToldShown(**await told_as_json(stores.breach_stops, case_id, phase))


async def _stores_and_release(
    brand: str, case_id: UUID, phase: int, request: Request, site: WebContext, client: Publisher
) -> tuple[OperatorStores, BreachRelease]:
    stores = open_operator_stores_for_client(request, site, client)
    return stores, await _release_or_404(stores, brand, case_id, phase)


async def _release_or_404(stores: OperatorStores, brand: str, case_id: UUID, phase: int) -> BreachRelease:
    release = await stores.breach_releases.find_release_of_phase(case_id, phase)
    if release is None or release.brand != brand:
        raise HTTPException(404, f"{brand} has no checked phase {phase} of a case {case_id}")
    return release
