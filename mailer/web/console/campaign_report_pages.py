"""The report of a campaign: the page, its figures as a file, an export of its people, and a follow-up."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from mailer.policy.campaign_figures import Difference
from mailer.policy.campaign_follow_ups import may_be_followed_up
from mailer.policy.delivery_reason_explanations import REASONS
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaign_figures import CampaignReport
from mailer.ports.campaign_people import (
    MOST_EXPORTED,
    CampaignPeopleStore,
    CampaignPerson,
    ExportReason,
    FollowUpRefused,
)
from mailer.web.campaign_report_rows import report_rows
from mailer.web.console.access_gates import ConsoleRequest, FieldRefused, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.report_charts import WIDTH, lay_parts_out, stack_days
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
CAMPAIGNS: Final = f"{HOME}/campaigns"
ReportReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_READ))]
CampaignWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_WRITE))]
PeopleExporter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.EVIDENCE_EXPORT))]
_SEPARATOR: Final = "/"


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/report")
async def show_report(campaign_id: UUID, request: ReportReader) -> Response:
    """Shows what became of a released campaign."""
    return _report_page(request, await require_report(request, campaign_id))


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/report.csv")
async def send_figures(campaign_id: UUID, request: ReportReader) -> Response:
    """Sends the same figures as a file."""
    report = await require_report(request, campaign_id)
    text = csv_lines(report_rows(report))
    return Response(text, media_type="text/csv", headers=csv_headers(f"report-{report.id}"))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/people.csv")
async def send_people(campaign_id: UUID, request: PeopleExporter) -> Response:
    """Sends the people of a campaign with what happened to each. The ledger records who has exported them, and why."""
    report = await require_report(request, campaign_id, StaffRight.EVIDENCE_EXPORT)
    reason = request.field("reason")
    if reason not in ExportReason.__members__.values():
        return _report_page(request, report, "export_reason")
    if report.people > MOST_EXPORTED:
        raise FieldRefused("export_large", people=report.people, most=MOST_EXPORTED, campaign=str(report.id))
    pages = _open_people(request, StaffRight.EVIDENCE_EXPORT, report).export_people(report, ExportReason(reason))
    nobody: Sequence[CampaignPerson] = ()
    first = await anext(pages, nobody)  # a refusal comes before the file begins
    return StreamingResponse(
        people_as_csv(first, pages), media_type="text/csv", headers=csv_headers(f"people-{report.id}")
    )


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/follow-up")
async def create_follow_up(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Makes a draft for people who did not get a campaign, and leads to it."""
    report = await require_report(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    offered = {f"{one.state}{_SEPARATOR}{one.reason}": (one.state, one.reason) for one in follow_up_ends(report)}
    chosen = [offered[name] for name in request.form.get("end", []) if name in offered]
    if not chosen:
        return _report_page(request, report, "follow_up_reasons")
    try:
        made = await _open_people(request, StaffRight.CAMPAIGNS_WRITE, report).create_follow_up(report, chosen)
    except FollowUpRefused:
        return _report_page(request, report, "follow_up_nobody")
    return redirect_within_console(request.console, f"{CAMPAIGNS}/{made.campaign_id}/edit")


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/withdraw")
async def withdraw_from_archive(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Takes a newsletter out of the archive page. A second press changes nothing."""
    report = await require_report(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    await _open_people(request, StaffRight.CAMPAIGNS_WRITE, report).withdraw_from_archive(report)
    return redirect_within_console(request.console, f"{CAMPAIGNS}/{report.id}/report")


async def require_report(
    request: ConsoleRequest, campaign_id: UUID, right: StaffRight = StaffRight.MAILINGS_READ
) -> CampaignReport:
    """Returns the report of a released campaign of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, it is another brand's, or it is not released. 403: the person may only read.
    """
    report = await request.console.operations.campaign_reports.reports.find_campaign_report(campaign_id)
    if report is None or not has_staff_right(request.member, StaffRight.MAILINGS_READ, report.brand):
        raise HTTPException(404, "report_unknown")
    request.require_right(right, report.brand)
    return report


def follow_up_ends(report: CampaignReport) -> list[Difference]:
    """Returns the ends of people who did not get a campaign, and may be written to again."""
    done = report.figures.shown_and_done.not_sent if report.figures else ()
    return [one for one in done if may_be_followed_up(one.state, one.reason)]


async def people_as_csv(
    first: Sequence[CampaignPerson], pages: AsyncIterator[Sequence[CampaignPerson]]
) -> AsyncIterator[str]:
    """Yields the people of a campaign as lines of CSV, with a heading."""
    yield csv_lines([CampaignPerson._fields, *first])
    async for people in pages:
        yield csv_lines(people)


def _open_people(request: ConsoleRequest, right: StaffRight, report: CampaignReport) -> CampaignPeopleStore:
    return request.console.operations.campaign_reports.open_people(
        str(request.member.identity), request.network, request.bind_right_to_session(right, [report.brand])
    )


def _report_page(request: ConsoleRequest, report: CampaignReport, error: str | None = None) -> Response:
    figures = report.figures
    done = figures.shown_and_done if figures else None

    def may(right: StaffRight) -> bool:
        return has_staff_right(request.member, right, report.brand)

    return console_page(
        request,
        "report.html.j2",
        422 if error else 200,
        error,
        report=report,
        done=done,
        reasons=REASONS,
        bar=lay_parts_out({"sent": done.sent, "open": done.open, "not_sent": done.audience - done.sent - done.open})
        if done
        else [],
        chart=stack_days(figures.days) if figures else None,
        chart_width=WIDTH,
        age=round((datetime.now(UTC) - report.counted_at).total_seconds()) if report.counted_at else None,
        ends=follow_up_ends(report) if may(StaffRight.CAMPAIGNS_WRITE) else [],
        separator=_SEPARATOR,
        may_export=may(StaffRight.EVIDENCE_EXPORT),
        export_reasons=list(ExportReason),
        may_withdraw=may(StaffRight.CAMPAIGNS_WRITE) and report.draft.is_in_archive and not report.is_withdrawn,
    )
