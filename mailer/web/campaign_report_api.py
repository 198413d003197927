"""The API for reports of campaigns: the figures, and those of an A/B test."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.input_types import Slug
from mailer.policy.ab_test_figures import AbTestVerdict, choose_winner, figures_of_test, judge_test
from mailer.policy.campaign_draft import AbMetric
from mailer.policy.campaign_figures import CampaignFigures, ShownAndDone
from mailer.policy.publisher_rights import ReadableData, ReadDataAttempt
from mailer.policy.switches import Tracking
from mailer.ports.campaign_figures import CampaignReport
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.web_context import TheSite

router = APIRouter(tags=["campaigns"])


class AbVariantReported(BaseModel):
    """The share of one variant's mails that have the event which decides, and the 95 % interval of that share."""

    variant: str
    sent: int
    events: int
    low: float
    high: float


class AbTestReported(BaseModel):
    """The figures of an A/B test. `winner` is null unless one variant is better than each other one beyond chance."""

    metric: AbMetric
    verdict: AbTestVerdict
    winner: str | None
    variants: Sequence[AbVariantReported]


class CampaignReported(BaseModel):
    """The report of a released campaign.

    `figures` are as of `counted_at`; null: they are not counted yet. Opens and clicks below the brand's minimum cell are
    null; while mail is still to go out, they rise by whole cells. `shown_and_done` adds up: `shown`, less `lost`, plus
    `gained`, is `sent` and `open`.
    """

    campaign: UUID
    brand: str
    name: str
    released_by: str
    released_at: datetime
    audience: int
    counted_at: datetime | None
    is_final: bool
    shown_and_done: ShownAndDone | None
    figures: CampaignFigures | None
    test: AbTestReported | None


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


def report_as_values(report: CampaignReport, tracking: Tracking) -> CampaignReported:
    """Returns a report in the form of the API and of commands. `tracking` is the policy's level."""
    return CampaignReported(
        campaign=report.id,
        brand=report.brand,
        name=report.name,
        released_by=report.released_by,
        released_at=report.released_at,
        audience=report.people,
        counted_at=report.counted_at,
        is_final=report.is_final,
        shown_and_done=report.figures.shown_and_done if report.figures else None,
        figures=report.figures,
        test=_test_as_values(report, report.figures, tracking) if report.figures and report.draft.ab_test else None,
    )


def _test_as_values(report: CampaignReport, figures: CampaignFigures, tracking: Tracking) -> AbTestReported:
    metric = report.draft.ab_test.metric if report.draft.ab_test else AbMetric.OPT_OUTS
    found = figures_of_test(metric, tracking, figures.returns, figures.fetches)
    winner = choose_winner(found)
    return AbTestReported(
        metric=metric,
        verdict=judge_test(found),
        winner=winner.variant if winner else None,
        variants=[
            AbVariantReported(variant=one.variant, sent=one.sent, events=one.events, low=one.low, high=one.high)
            for one in found.variants
        ],
    )
