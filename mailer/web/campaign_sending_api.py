"""The API for checks and schedules of campaigns, and for pausing, resuming and cancelling them. Only people release."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.campaign_control import cancel_campaign, pause_campaign, resume_campaign
from mailer.actions.manifest_json import mailings_as_json, manifest_as_json
from mailer.input_types import Line, Slug
from mailer.policy.campaign_draft import Schedule
from mailer.policy.publisher_rights import OperationAttempt, Publisher, ReadableData, ReadDataAttempt
from mailer.ports.campaigns import CampaignChangedMeanwhile, CampaignChangeRefused
from mailer.ports.manifests import CampaignToCheck, Manifest, ManifestRefused
from mailer.ports.operator_stores import OperatorStores
from mailer.rendering.campaign_findings import findings_as_json
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

ONE = "/api/v1/campaigns/{brand}/{campaign_id}"
ACTION = "schedule_campaigns"
router = APIRouter(tags=["campaigns"], route_class=JsonRoute)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such campaign, or it was never checked."),
    409: openapi_refusal_response("The campaign cannot do this now; the answer says what to do."),
    **REFUSALS,
}


class ManifestShown(BaseModel):
    """A check of a campaign: its progress, its sums, which add up to `people`, and its hash once it is ready.

    `findings` are those of the texts. `due_times` has those who get it, by time.
    """

    manifest: UUID
    campaign: UUID
    brand: str
    revision: int
    state: str
    people: int
    people_total: int | None
    people_to_get_mail: int
    sums: list[dict[str, Any]]
    variants: dict[str, int]
    due_times: list[dict[str, Any]]
    zoneless: int
    hash: str | None
    problem: str
    findings: list[dict[str, Any]]
    policy_version: str
    requested_by: str
    requested_at: str
    ready_at: str | None
    asked_by: str | None
    released_by: str | None
    released_at: str | None


class CheckStarted(BaseModel):
    """The manifest that was requested, or null, if a finding is an error; and all findings."""

    manifest: ManifestShown | None
    findings: list[dict[str, Any]]


class RevisionNamed(BaseModel):
    """The revision of the draft that was seen."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1, lt=2**31)


class ScheduleOrdered(RevisionNamed):
    """Another time of sending, for the revision that was seen."""

    schedule: Schedule


class ManifestNamed(BaseModel):
    """The check that was seen."""

    model_config = ConfigDict(extra="forbid")

    manifest: UUID


class CampaignAct(StrEnum):
    """The actions on all mailings of a campaign."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class CampaignControlOrdered(BaseModel):
    """Why it is done; it stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = Field("", max_length=300)


class CampaignMailings(BaseModel):
    """The mailings of a campaign, by variant."""

    mailings: list[dict[str, Any]]


@router.get(f"{ONE}/manifest", summary="The last check of a campaign", responses=_REFUSALS)
async def show_manifest(
    brand: Slug, campaign_id: UUID, request: Request, site: TheSite, client: TheClient
) -> ManifestShown:
    """Returns the check of the draft as it is now, with its progress while it runs."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    stores = open_operator_stores_for_client(request, site, client)
    campaign = await _campaign_or_404(stores, brand, campaign_id)
    manifest = await stores.manifests.find_manifest(campaign.manifest_id) if campaign.manifest_id else None
    if manifest is None:
        raise HTTPException(404, "this draft is not checked")
    return _shown(manifest)


@router.post(f"{ONE}/check", summary="Check a campaign", responses=_REFUSALS)
async def check_one_campaign(
    brand: Slug, campaign_id: UUID, named: RevisionNamed, request: Request, site: TheSite, client: TheClient
) -> CheckStarted:
    """Checks the texts, and requests the manifest, which is built in the background, if no finding is an error."""
    stores, campaign = await _stores_and_campaign(brand, campaign_id, request, site, client)
    if campaign.revision != named.revision:
        raise HTTPException(409, f"the draft has revision {campaign.revision}: read it, and check it again")
    try:
        checker = site.console.operations.campaign_checker
        outcome = await checker.check_campaign(stores.manifests, campaign, str(client.identity))
    except ManifestRefused as error:
        raise HTTPException(409, str(error)) from error
    return CheckStarted(
        manifest=_shown(outcome.manifest) if outcome.manifest else None,
        findings=[dict(one) for one in findings_as_json(outcome.findings)],
    )


@router.post(f"{ONE}/ask-release", summary="Ask for the release of a campaign", responses=_REFUSALS)
async def ask_for_release(
    brand: Slug, campaign_id: UUID, named: ManifestNamed, request: Request, site: TheSite, client: TheClient
) -> ManifestShown:
    """Lets a checked campaign wait for its release, which a person does at the console or by a command."""
    stores, campaign = await _stores_and_campaign(brand, campaign_id, request, site, client)
    manifest = await stores.manifests.find_manifest(named.manifest)
    if manifest is None or manifest.campaign_id != campaign.id:
        raise HTTPException(404, "this campaign has no such check")
    try:
        await stores.manifests.ask_for_release(named.manifest, str(client.identity))
    except ManifestRefused as error:
        raise HTTPException(409, str(error)) from error
    found = await stores.manifests.find_manifest(named.manifest)
    return _shown(found or manifest)


@router.post(f"{ONE}/schedule", summary="Give a campaign another time", responses=_REFUSALS)
async def schedule_one_campaign(
    brand: Slug, campaign_id: UUID, ordered: ScheduleOrdered, request: Request, site: TheSite, client: TheClient
) -> RevisionNamed:
    """Stores another time in the draft, and returns its new revision. A check of the former one is outdated."""
    stores, campaign = await _stores_and_campaign(brand, campaign_id, request, site, client)
    draft = campaign.draft.model_copy(update={"schedule": ordered.schedule})
    try:
        saved = await stores.campaigns.save_draft(campaign.id, ordered.revision, draft, str(client.identity))
    except (CampaignChangeRefused, CampaignChangedMeanwhile) as error:
        raise HTTPException(409, str(error)) from error
    return RevisionNamed(revision=saved.revision)


@router.post(f"{ONE}/mailings/{{act}}", summary="Pause, resume or cancel a campaign", responses=_REFUSALS)
async def control_campaign(
    brand: Slug,
    campaign_id: UUID,
    act: CampaignAct,
    request: Request,
    site: TheSite,
    client: TheClient,
    ordered: CampaignControlOrdered | None = None,
) -> CampaignMailings:
    """Does it to all mailings of the campaign that are not over. The ledger names the holder of the key."""
    refuse_client_without_right(client, OperationAttempt(brand, f"{act}_mailing"))
    stores = open_operator_stores_for_client(request, site, client)
    campaign = await _campaign_or_404(stores, brand, campaign_id)
    by, reason = str(client.identity), ordered.reason if ordered else ""
    match act:
        case CampaignAct.PAUSE:
            await pause_campaign(stores, campaign.id, by, reason)
        case CampaignAct.RESUME:
            await resume_campaign(stores, campaign.id, by)
        case CampaignAct.CANCEL:
            await cancel_campaign(stores, campaign.id, client.identity, reason)
    return CampaignMailings(mailings=mailings_as_json(await stores.manifests.list_mailings(campaign.id)))


async def _stores_and_campaign(
    brand: str, campaign_id: UUID, request: Request, site: WebContext, client: Publisher
) -> tuple[OperatorStores, CampaignToCheck]:
    """Returns the stores of a client who may schedule campaigns, and the campaign."""
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    stores = open_operator_stores_for_client(request, site, client)
    return stores, await _campaign_or_404(stores, brand, campaign_id)


async def _campaign_or_404(stores: OperatorStores, brand: str, campaign_id: UUID) -> CampaignToCheck:
    campaign = await stores.manifests.find_campaign_to_check(campaign_id)
    if campaign is None or campaign.brand != brand:
        raise HTTPException(404, f"{brand} has no campaign {campaign_id}")
    return campaign


def _shown(manifest: Manifest) -> ManifestShown:
    values: Mapping[str, Any] = manifest_as_json(manifest)
    return ManifestShown(**values)
