"""The API for reports: the figures of a campaign that an advertiser may know."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from mailer.input_types import Name, Slug
from mailer.policy.publisher_rights import ReadableData, ReadDataAttempt
from mailer.ports.reports import AdvertiserCampaignReport, ReportNotReady
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.web_context import TheSite

router = APIRouter(tags=["reports"])


class AdvertiserReport(BaseModel):
    """Figures about groups of people. null: the figure is withheld, as it is about too few people.

    `people` is the number of people to whom mail was handed over, each counted once; `opens` and `clicks` are those of
    people's mail programs. `breakdowns` are people by value; `other` counts the people of cells that are not shown.
    """

    model_config = ConfigDict(from_attributes=True)

    brand: str
    campaign: str
    as_of: datetime
    minimum_cell: int
    mailings: int
    people: int | None
    opens: int | None
    clicks: int | None
    breakdowns: Mapping[str, Mapping[str, int] | None]


@router.get(
    "/api/v1/reports/{brand}/{campaign}",
    response_model=AdvertiserReport,
    summary="The advertiser's report of a campaign",
    responses={
        404: openapi_refusal_response("The brand has no such campaign."),
        409: openapi_refusal_response("The campaign is still running: ask again once it has finished."),
        **REFUSALS,
    },
)
async def report(brand: Slug, campaign: Name, site: TheSite, client: TheClient) -> AdvertiserCampaignReport:
    """Returns the figures of a finished campaign, by its name, or by the id of a mailing without a campaign.

    The report is made at the first request, and stays the same.
    """
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.REPORT))
    policy = site.policies.get(brand)
    try:
        made = await site.reports.get_or_issue_campaign_report(brand, campaign, policy.minimum_cell) if policy else None
    except ReportNotReady as error:
        raise HTTPException(409, str(error)) from error
    if made is None:
        raise HTTPException(404, f"{brand} has no campaign {campaign}")
    return made
