"""The API for the texts of a breach case: read a phase with its findings, save its draft, begin the next one."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.input_types import Slug
from mailer.policy.breach.draft import BreachPhaseDraft
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.policy.breach.text_changes import TextChangeRefused, check_size
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.breach_cases import (
    BreachCase,
    BreachCaseStore,
    BreachChangedMeanwhile,
    BreachChangeRefused,
    BreachPhase,
)
from mailer.rendering.breach_checks import check_breach_texts
from mailer.rendering.campaign_findings import findings_as_json
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

PHASES = "/api/v1/breach-cases/{brand}/{case_id}/phases"
ONE = f"{PHASES}/{{phase}}"
ACTION = "write_breach_cases"
router = APIRouter(tags=["breach cases"], route_class=JsonRoute)
Number = Annotated[int, Path(ge=1, le=100)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand, case or phase."),
    **REFUSALS,
}
_CHANGE_REFUSALS: dict[int | str, dict[str, Any]] = {
    409: openapi_refusal_response("The phase is released, or the case is not open."),
    412: openapi_refusal_response("Somebody has saved another revision. The header field `etag` names it."),
    **_REFUSALS,
}


class TextFinding(BaseModel):
    """The finding of a check: its name, its place, the fault and the remedy. `block` is the number of the part."""

    name: str
    severity: Literal["error", "warning", "note"]
    variant: str | None
    locale: str | None
    block: int | None
    text: str
    remedy: str


class PhaseShown(BaseModel):
    """A phase with its draft, and the findings about its texts."""

    case: UUID
    phase: int
    state: str
    revision: int
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    draft: BreachPhaseDraft
    findings: list[TextFinding]


class PhaseChanged(BaseModel):
    """A whole draft, and the revision that it changes."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=1, lt=2**31)]
    draft: BreachPhaseDraft


@router.get(ONE, summary="One phase of a breach case", responses=_REFUSALS)
async def show_phase(
    brand: Slug, case_id: UUID, phase: Number, request: Request, site: TheSite, client: TheClient, response: Response
) -> PhaseShown:
    """Returns a phase with its texts and their findings. The header field `etag` is its revision."""
    cases = _cases_of_client(brand, request, site, client)
    case = await _case_or_404(cases, brand, case_id)
    found = await _phase_or_404(cases, case, phase)
    response.headers["etag"] = f'"{found.revision}"'
    return await _shown(site, case, found)


@router.put(ONE, summary="Save the draft of a phase", responses=_CHANGE_REFUSALS)
async def save_phase(
    brand: Slug,
    case_id: UUID,
    phase: Number,
    changed: PhaseChanged,
    request: Request,
    site: TheSite,
    client: TheClient,
) -> PhaseShown:
    """Stores the whole draft on top of the revision that it names. A check of the former revision is outdated."""
    cases = _cases_of_client(brand, request, site, client)
    case = await _case_or_404(cases, brand, case_id)
    await _phase_or_404(cases, case, phase)
    try:
        check_size(changed.draft)
        saved = await cases.save_phase(case_id, phase, changed.revision, changed.draft, str(client.identity))
    except TextChangeRefused as error:
        raise HTTPException(422, f"draft: {error}") from error
    except BreachChangedMeanwhile as error:
        current = await _phase_or_404(cases, case, phase)
        raise HTTPException(412, str(error), {"etag": f'"{current.revision}"'}) from error
    except BreachChangeRefused as error:
        raise HTTPException(409, str(error)) from error
    return await _shown(site, case, saved)


@router.post(PHASES, status_code=201, summary="Begin the next phase", responses=_CHANGE_REFUSALS)
async def begin_phase(brand: Slug, case_id: UUID, request: Request, site: TheSite, client: TheClient) -> PhaseShown:
    """Begins the next phase with the texts of the last one, which has to be released or cancelled."""
    cases = _cases_of_client(brand, request, site, client)
    case = await _case_or_404(cases, brand, case_id)
    try:
        return await _shown(site, case, await cases.create_phase(case_id, str(client.identity)))
    except BreachChangeRefused as error:
        raise HTTPException(409, str(error)) from error


def _cases_of_client(brand: str, request: Request, site: WebContext, client: Publisher) -> BreachCaseStore:
    policy_or_404(site, brand)
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    return open_operator_stores_for_client(request, site, client).breach.cases


async def _case_or_404(cases: BreachCaseStore, brand: str, case_id: UUID) -> BreachCase:
    case = await cases.find_case(case_id)
    if case is None or case.brand != brand:
        raise HTTPException(404, f"{brand} has no breach case {case_id}")
    return case


async def _phase_or_404(cases: BreachCaseStore, case: BreachCase, phase: int) -> BreachPhase:
    found = await cases.find_phase(case.id, phase)
    if found is None:
        raise HTTPException(404, f"the case {case.id} has no phase {phase}")
    return found


async def _shown(site: WebContext, case: BreachCase, phase: BreachPhase) -> PhaseShown:
    policy = site.policies[case.brand]
    rules = breach_rules_of_policy(policy)
    # In a thread: long texts in many languages take seconds, in which others are to be served.
    findings = await asyncio.to_thread(check_breach_texts, phase.draft, case.facts, rules, policy)
    return PhaseShown(
        case=case.id,
        phase=phase.phase,
        state=phase.state,
        revision=phase.revision,
        created_by=phase.created_by,
        created_at=phase.created_at,
        updated_by=phase.updated_by,
        updated_at=phase.updated_at,
        draft=phase.draft,
        findings=[TextFinding.model_validate(one) for one in findings_as_json(findings)],
    )
