"""The API for the outcomes of breach cases, and for their reports to authorities."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from mailer.actions.breach_reports import UnknownAuthorityForm, make_report
from mailer.input_types import Slug
from mailer.policy.publisher_rights import Publisher, ReadableData, ReadDataAttempt
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_stores import BreachStores
from mailer.web.brand_look import PLAIN_LOOK
from mailer.web.breach_outcome_rows import outcomes_as_json, report_as_json
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.web_context import TheSite, WebContext

_CASE = "/api/v1/breach-cases/{brand}/{case_id}"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such case, or there is no such form."),
    **REFUSALS,
}
router = APIRouter(tags=["breach cases"])


@router.get(f"{_CASE}/outcomes", summary="The outcomes of a breach case", responses=_REFUSALS)
async def read_breach_outcomes(
    brand: Slug, case_id: UUID, request: Request, site: TheSite, client: TheClient
) -> dict[str, Any]:
    """Returns the people of a case by outcome, phase, variant, place, channel and reason, as they were counted last."""
    _, stores = await _find_case(brand, case_id, request, site, client)
    return outcomes_as_json(await stores.outcomes.case_figures(case_id))


@router.get(f"{_CASE}/reports/{{name}}", summary="A report for an authority", responses=_REFUSALS)
async def read_breach_report(
    brand: Slug, case_id: UUID, name: str, request: Request, site: TheSite, client: TheClient
) -> dict[str, Any]:
    """Returns a form, such as `gdpr-art-33`, filled from a case, with the fields that are missing."""
    case, stores = await _find_case(brand, case_id, request, site, client)
    contact = site.looks.get(brand, PLAIN_LOOK).contact_in_words
    try:
        report = await make_report(name, case, site.policies[brand], contact, stores.outcomes, datetime.now(UTC))
    except UnknownAuthorityForm as error:
        raise HTTPException(404, str(error)) from None
    return report_as_json(report)


async def _find_case(
    brand: str, case_id: UUID, request: Request, site: WebContext, client: Publisher
) -> tuple[BreachCase, BreachStores]:
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.REPORT))
    stores = open_operator_stores_for_client(request, site, client).breach
    case = await stores.cases.find_case(case_id)
    if case is None or case.brand != brand or brand not in site.policies:
        raise HTTPException(404, f"{brand} has no breach case {case_id}")
    return case, stores
