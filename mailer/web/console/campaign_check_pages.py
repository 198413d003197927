"""The pages of a campaign's check: start, progress, findings, sums, and the people behind each figure."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from mailer.policy.campaign_manifest import LineResult, ManifestSum
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import Campaign
from mailer.ports.manifests import CampaignToCheck, Manifest, ManifestPerson, ManifestRefused, ManifestStore
from mailer.rendering.campaign_findings import CheckFinding, findings_as_json
from mailer.web.address_masking import mask_address
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.campaign_access import CAMPAIGNS, CampaignReader, path_of_campaign, require_campaign
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
CampaignScheduler = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_SCHEDULE))]
PeopleReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]
BAR_WIDTH: Final = 1000
"""The width of the bar of sums, in its own units."""
_SAMPLE: Final = 50
_EXPORTED_AT_ONCE: Final = 2000


class BarPart(NamedTuple):
    """A part of the bar of sums: people with one result. `start` and `width` are in units of the bar."""

    result: LineResult
    people: int
    start: float
    width: float


class LinesOfReason(NamedTuple):
    """The lines of a manifest that have one result and reason."""

    manifest: Manifest
    result: LineResult
    reason: str


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/check")
async def show_check(campaign_id: UUID, request: CampaignReader) -> Response:
    """Shows the check of a campaign, or how to start it."""
    return await _check_page(request, await require_campaign(request, campaign_id))


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/check/progress")
async def show_check_progress(campaign_id: UUID, request: CampaignReader) -> Response:
    """Returns the part of the page that changes while a check runs."""
    campaign = await require_campaign(request, campaign_id)
    manifest = await find_current_manifest(request, campaign)
    return console_fragment(request, "sending_check_progress.html.j2", **sums_values(campaign, manifest))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/check")
async def start_check(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Checks the texts, and starts the manifest if they have no error."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    if request.field("revision") != str(campaign.revision):
        return await _check_page(request, campaign, "check_changed")
    store = open_manifests(request, campaign.brand)
    try:
        outcome = await request.console.operations.campaign_checker.check_campaign(
            store, campaign_to_check(campaign), str(request.member.identity)
        )
    except ManifestRefused as refusal:
        return await _check_page(request, campaign, problem=str(refusal))
    if outcome.manifest is None:
        return await _check_page(request, campaign, "check_errors", findings=_finding_rows(outcome.findings))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/check")


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/ask")
async def ask_for_release(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Lets a checked campaign wait for its release."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    manifest_id = _uuid_of_field(request, "manifest")
    try:
        await open_manifests(request, campaign.brand).ask_for_release(manifest_id, str(request.member.identity))
    except ManifestRefused as refusal:
        return await _check_page(request, campaign, problem=str(refusal))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/release")


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/audience")
async def show_people(
    campaign_id: UUID,
    request: CampaignReader,
    manifest: Annotated[UUID, Query()],
    result: Annotated[LineResult, Query()],
    reason: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Shows people behind a figure, with their addresses masked."""
    campaign = await require_campaign(request, campaign_id)
    lines = LinesOfReason(await _require_manifest(request, campaign, manifest), result, reason)
    return await _people_page(request, campaign, lines, after, is_masked=True)


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/audience")
async def show_addresses(campaign_id: UUID, request: PeopleReader) -> Response:
    """Shows people behind a figure with their addresses, and records in the ledger who has seen them."""
    campaign = await require_campaign(request, campaign_id, StaffRight.PEOPLE_READ)
    lines = await _read_posted_lines_of_reason(request, campaign)
    await _record_look(request, lines, "manifest_people_seen")
    return await _people_page(request, campaign, lines, _number_of_field(request, "after"), is_masked=False)


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/audience/export")
async def export_people(campaign_id: UUID, request: PeopleReader) -> Response:
    """Sends the people behind a figure as CSV, and records in the ledger who has them."""
    campaign = await require_campaign(request, campaign_id, StaffRight.PEOPLE_READ)
    lines = await _read_posted_lines_of_reason(request, campaign)
    await _record_look(request, lines, "manifest_people_exported")
    store = open_manifests(request, campaign.brand, StaffRight.PEOPLE_READ)
    name = f"campaign-{campaign.id.hex[:12]}-{lines.result.value}"
    return StreamingResponse(_csv_of_people(store, lines), media_type="text/csv", headers=csv_headers(name))


def open_manifests(
    request: ConsoleRequest, brand: str | None, right: StaffRight = StaffRight.CAMPAIGNS_SCHEDULE
) -> ManifestStore:
    """Returns the store by which a person checks campaigns of a brand; None: it is only read."""
    return request.open_stores(right, None if brand is None else [brand]).manifests


async def find_current_manifest(request: ConsoleRequest, campaign: Campaign) -> Manifest | None:
    """Returns the manifest of a campaign's last check, or None."""
    if campaign.manifest_id is None:
        return None
    return await open_manifests(request, None).find_manifest(campaign.manifest_id)


def campaign_to_check(campaign: Campaign) -> CampaignToCheck:
    """Returns the campaign of a check, as the page has shown it."""
    return CampaignToCheck(
        campaign.id,
        campaign.brand,
        campaign.name,
        campaign.state.value,
        campaign.revision,
        campaign.draft,
        campaign.manifest_id,
    )


def bar_of_sums(sums: Sequence[ManifestSum]) -> list[BarPart]:
    """Returns the parts of the bar of sums, those who get it first."""
    people = {result: sum(one.people for one in sums if one.result is result) for result in LineResult}
    all_people, start, parts = sum(people.values()) or 1, 0.0, list[BarPart]()
    for result, number in people.items():
        width = BAR_WIDTH * number / all_people
        if number:
            parts.append(BarPart(result, number, round(start, 2), round(width, 2)))
        start += width
    return parts


def sums_values(campaign: Campaign, manifest: Manifest | None) -> dict[str, Any]:
    """Returns the values that the sums of a manifest and its progress need on a page."""
    return {
        "campaign": campaign,
        "path": path_of_campaign(campaign),
        "manifest": manifest,
        "bar": bar_of_sums(manifest.sums) if manifest else [],
        "bar_width": BAR_WIDTH,
    }


async def _check_page(
    request: ConsoleRequest,
    campaign: Campaign,
    error: str | None = None,
    *,
    problem: str | None = None,
    findings: Sequence[Any] | None = None,
) -> Response:
    manifest = await find_current_manifest(request, campaign)
    shown = findings if findings is not None else (manifest.findings if manifest else ())
    return console_page(
        request,
        "sending_check.html.j2",
        409 if error or problem else 200,
        error,
        problem=problem,
        **sums_values(campaign, manifest),
        findings=shown,
        is_running=manifest is not None and manifest.state in ("queued", "building"),
        may_schedule=has_staff_right(request.member, StaffRight.CAMPAIGNS_SCHEDULE, campaign.brand),
    )


def _finding_rows(findings: Sequence[CheckFinding]) -> list[dict[str, Any]]:
    return [dict(one) for one in findings_as_json(findings)]


async def _require_manifest(request: ConsoleRequest, campaign: Campaign, manifest_id: UUID) -> Manifest:
    manifest = await open_manifests(request, None).find_manifest(manifest_id)
    if manifest is None or manifest.campaign_id != campaign.id:
        raise HTTPException(404, "check_unknown")
    return manifest


async def _read_posted_lines_of_reason(request: ConsoleRequest, campaign: Campaign) -> LinesOfReason:
    manifest = await _require_manifest(request, campaign, _uuid_of_field(request, "manifest"))
    try:
        result = LineResult(request.field("result"))
    except ValueError:
        raise HTTPException(404, "check_unknown") from None
    return LinesOfReason(manifest, result, request.field("reason", 100))


def _uuid_of_field(request: ConsoleRequest, name: str) -> UUID:
    try:
        return UUID(request.field(name))
    except ValueError:
        raise HTTPException(404, "check_unknown") from None


def _number_of_field(request: ConsoleRequest, name: str) -> int:
    text = request.field(name, 19)
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**63 else 0


async def _record_look(request: ConsoleRequest, lines: LinesOfReason, what: str) -> None:
    store = open_manifests(request, lines.manifest.brand, StaffRight.PEOPLE_READ)
    await store.record_look(lines.manifest, what, lines.result.value, lines.reason, str(request.member.identity))


async def _people_page(
    request: ConsoleRequest, campaign: Campaign, lines: LinesOfReason, after: int, *, is_masked: bool
) -> Response:
    store = open_manifests(request, None)
    found = await store.list_people(lines.manifest.id, lines.result, lines.reason, after, _SAMPLE + 1)
    people = found[:_SAMPLE]
    return console_page(
        request,
        "sending_people.html.j2",
        campaign=campaign,
        path=path_of_campaign(campaign),
        lines=lines,
        people=[_masked(one) for one in people] if is_masked else people,
        is_masked=is_masked,
        after=after,
        next=people[-1].recipient_id if len(found) > _SAMPLE else None,
        may_read_people=has_staff_right(request.member, StaffRight.PEOPLE_READ, campaign.brand),
    )


def _masked(person: ManifestPerson) -> ManifestPerson:
    return person._replace(
        email=mask_address(person.email) if person.email else None, name=None, ref=f"{(person.ref or '')[:2]}…"
    )


async def _csv_of_people(store: ManifestStore, lines: LinesOfReason) -> AsyncIterator[str]:
    yield csv_lines([("ref", "email", "name", "result", "reason", "variant", "due_at")])
    after = 0
    while some := await store.list_people(lines.manifest.id, lines.result, lines.reason, after, _EXPORTED_AT_ONCE):
        after = some[-1].recipient_id
        yield csv_lines([one[1:] for one in some])
