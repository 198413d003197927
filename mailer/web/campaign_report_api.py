"""The API for reports of campaigns."""

from uuid import UUID

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from mailer.input_types import Slug
from mailer.policy.publisher_rights import ReadableData, ReadDataAttempt
from mailer.web.campaign_report_values import CampaignReported, report_as_values
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.web_context import TheSite

router = APIRouter(tags=["campaigns"])


@router.get(
    "/api/v1/campaigns/{brand}/{campaign_id}/report",
    summary="The report of a campaign",
    responses={404: openapi_refusal_response("The brand has no such campaign, or it is not released."), **REFUSALS},
)
async def read_campaign_report(brand: Slug, campaign_id: UUID, site: TheSite, client: TheClient) -> CampaignReported:
    """Returns what became of a released campaign, with the figures that the timekeeper counted last."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.REPORT))
    report = await site.console.operations.campaign_reports.reports.find_campaign_report(campaign_id)
    policy = site.policies.get(brand)
    if report is None or policy is None or report.brand != brand:
        raise HTTPException(404, f"{brand} has no released campaign {campaign_id}")
    return report_as_values(report, policy.switches.tracking)
