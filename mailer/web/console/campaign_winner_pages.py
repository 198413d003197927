"""The page of an A/B test: the figures with their uncertainty, the winner, and the button to send the rest."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.ab_test_figures import FEWEST_EVENTS, AbTestFigures, choose_winner, figures_of_test, judge_test
from mailer.policy.campaign_draft import AbMetric
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaign_figures import CampaignReport
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.campaign_report_pages import CAMPAIGNS, ReportReader, require_report
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.report_charts import WIDTH, lay_intervals_out

router = APIRouter(include_in_schema=False)
WinnerSender = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_RELEASE))]


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/winner")
async def show_winner(campaign_id: UUID, request: ReportReader) -> Response:
    """Shows the figures of a test, and the winner if there is one."""
    return _winner_page(request, await _require_test(request, campaign_id))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/winner")
async def send_rest(campaign_id: UUID, request: WinnerSender) -> Response:
    """Sends the rest of a test with the variant that the person chose."""
    report = await _require_test(request, campaign_id, StaffRight.CAMPAIGNS_RELEASE)
    variant, open_rest = request.field("variant"), request.console.operations.campaign_reports.open_rest
    if variant not in report.draft.variants:
        return _winner_page(request, report, "winner_variant")
    if open_rest is None:
        return _winner_page(request, report, "rest_refused")
    used = request.bind_right_to_session(StaffRight.CAMPAIGNS_RELEASE, [report.brand])
    sender = open_rest(str(request.member.identity), request.network, used)
    if await sender.send_rest(report.manifest_id, variant, request.member.identity):
        return _winner_page(request, report, "rest_refused")
    return redirect_within_console(request.console, f"{CAMPAIGNS}/{report.id}/winner")


def figures_of_report(request: ConsoleRequest, report: CampaignReport) -> AbTestFigures:
    """Returns the figures of the test of a campaign, by the metric that its draft chose."""
    policy = request.console.operations.policies[report.brand]
    metric = report.draft.ab_test.metric if report.draft.ab_test else AbMetric.OPT_OUTS
    if report.figures is None:
        return AbTestFigures(metric, ())
    return figures_of_test(metric, policy.switches.tracking, report.figures.returns, report.figures.fetches)


async def _require_test(
    request: ConsoleRequest, campaign_id: UUID, right: StaffRight = StaffRight.MAILINGS_READ
) -> CampaignReport:
    report = await require_report(request, campaign_id, right)
    if report.draft.ab_test is None:
        raise HTTPException(404, "report_unknown")
    return report


def _winner_page(request: ConsoleRequest, report: CampaignReport, error: str | None = None) -> Response:
    figures = figures_of_report(request, report)
    is_sender = request.console.operations.campaign_reports.open_rest is not None
    winner = choose_winner(figures)
    return console_page(
        request,
        "report_winner.html.j2",
        409 if error else 200,
        error,
        report=report,
        figures=figures,
        verdict=judge_test(figures),
        winner=winner.variant if winner else None,
        chart=lay_intervals_out(figures.variants),
        chart_width=WIDTH,
        fewest=FEWEST_EVENTS,
        hours=(datetime.now(UTC) - report.released_at).total_seconds() / 3600,
        waiting=report.people_waiting_for_winner,
        may_send=is_sender and has_staff_right(request.member, StaffRight.CAMPAIGNS_RELEASE, report.brand),
        is_sender=is_sender,
    )
