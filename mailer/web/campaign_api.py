"""The API for drafts of campaigns: list, create, read, save, history, copy, archive and preview."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.campaign_json import campaign_as_json, campaign_revision_as_json, campaign_summary_as_json
from mailer.actions.campaign_rendering import UnrenderableDraft
from mailer.input_types import Slug
from mailer.policy.campaign_draft import CampaignDraft, Line, Locale, VariantName
from mailer.policy.campaign_gaps import refusal_of_category_or_purpose
from mailer.policy.campaign_stages import CampaignStage, CampaignState
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.campaigns import (
    Campaign,
    CampaignChangedMeanwhile,
    CampaignChangeRefused,
    CampaignFilter,
    CampaignListPlace,
    CampaignStore,
    CampaignUnknown,
)
from mailer.ports.time_ordered_uuids import uuid7
from mailer.rendering.campaign_samples import made_up_person, parts_of_message
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

CAMPAIGNS, ONE = "/api/v1/campaigns/{brand}", "/api/v1/campaigns/{brand}/{campaign_id}"
ACTION = "write_campaigns"
_MOST_REVISIONS = 200
router = APIRouter(tags=["campaigns"], route_class=JsonRoute)
_T = TypeVar("_T")
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand, campaign or revision."),
    **REFUSALS,
}
_CHANGE_REFUSALS: dict[int | str, dict[str, Any]] = {
    409: openapi_refusal_response("It may not be changed any more: copy it; or it is archived."),
    412: openapi_refusal_response("Somebody has saved another revision. The header field `etag` names it."),
    **_REFUSALS,
}
Name = Annotated[Line, Field(min_length=1, max_length=100)]


class CampaignShown(BaseModel):
    """A campaign with its draft."""

    campaign: UUID
    brand: str
    name: str
    state: CampaignState
    revision: int
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    draft: CampaignDraft


class ListedCampaign(BaseModel):
    """A campaign of a list; `state` is the stage that people see, such as `sending`."""

    campaign: UUID
    brand: str
    name: str
    state: CampaignStage
    revision: int
    category: str
    updated_by: str
    updated_at: datetime


class CampaignsShown(BaseModel):
    """Campaigns, the last changed first. `next` is the value of `after` for the next page; null: this is the last."""

    campaigns: list[ListedCampaign]
    next: str | None


class RevisionShown(BaseModel):
    """A revision that the history keeps."""

    revision: int
    by: str
    at: datetime
    draft: CampaignDraft


class CampaignWritten(BaseModel):
    """A new campaign: its name and its draft."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    draft: CampaignDraft


class CampaignChanged(BaseModel):
    """A change of a draft, and the revision that it began with. Without a name, the old one stays."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=1, lt=2**31)]
    draft: CampaignDraft
    name: Name | None = None


class CampaignCopied(BaseModel):
    """The name of the copy."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class PreviewWanted(BaseModel):
    """The choice of a preview: a made-up reader with a value for each field, or without any."""

    model_config = ConfigDict(extra="forbid")

    variant: VariantName = "a"
    locale: Locale
    lacks_values: bool = False


class PreviewShown(BaseModel):
    """The message that the sending engine makes. Its links stand for nobody."""

    subject: str
    html: str
    text: str


@router.get(CAMPAIGNS, summary="The campaigns of a brand", responses=_REFUSALS)
async def list_campaigns(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    state: CampaignState | None = None,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> CampaignsShown:
    """Returns the campaigns that were changed last; archived ones only if they are asked for."""
    store = _store_of_client(brand, request, site, client)
    try:
        place = CampaignListPlace.parse_place(after) if after else None
    except ValueError:
        raise HTTPException(422, "after: it is the value `next` of a page") from None
    page = await store.list_campaigns(CampaignFilter(frozenset({brand}), state, place), limit)
    shown = [ListedCampaign(**campaign_summary_as_json(one)) for one in page.campaigns]
    return CampaignsShown(campaigns=shown, next=str(page.next) if page.next else None)


@router.post(CAMPAIGNS, status_code=201, summary="Create a campaign", responses=_REFUSALS)
async def create_campaign(
    brand: Slug, written: CampaignWritten, request: Request, site: TheSite, client: TheClient
) -> CampaignShown:
    """Creates a campaign with its first revision. Nothing is sent before a check and a release."""
    store = _store_of_client(brand, request, site, client)
    _refuse_unfit_draft(site, brand, written.draft)
    made = store.create_campaign(brand, written.name, written.draft, str(client.identity))
    return _shown(await _stored_or_refused(made))


@router.get(ONE, summary="One campaign", responses=_REFUSALS)
async def show_campaign(
    brand: Slug, campaign_id: UUID, request: Request, site: TheSite, client: TheClient, response: Response
) -> CampaignShown:
    """Returns a campaign with its draft. The header field `etag` is its revision."""
    campaign = await _campaign_or_404(_store_of_client(brand, request, site, client), brand, campaign_id)
    response.headers["etag"] = f'"{campaign.revision}"'
    return _shown(campaign)


@router.put(ONE, summary="Save a draft", responses=_CHANGE_REFUSALS)
async def save_draft(
    brand: Slug, campaign_id: UUID, changed: CampaignChanged, request: Request, site: TheSite, client: TheClient
) -> CampaignShown:
    """Stores a draft on top of the revision that it names. A check of the former revision is outdated."""
    store = _store_of_client(brand, request, site, client)
    await _campaign_or_404(store, brand, campaign_id)
    _refuse_unfit_draft(site, brand, changed.draft)
    saved = store.save_draft(campaign_id, changed.revision, changed.draft, str(client.identity), changed.name)
    return _shown(await _stored_or_refused(saved))


@router.get(f"{ONE}/history", summary="The revisions of a campaign", responses=_REFUSALS)
async def show_history(
    brand: Slug, campaign_id: UUID, request: Request, site: TheSite, client: TheClient
) -> list[RevisionShown]:
    """Returns the newest revisions, at most 200. Savings of one person within ten minutes replace each other."""
    store = _store_of_client(brand, request, site, client)
    await _campaign_or_404(store, brand, campaign_id)
    revisions = await store.read_history(campaign_id, _MOST_REVISIONS)
    return [RevisionShown(**campaign_revision_as_json(one)) for one in revisions]


@router.post(f"{ONE}/duplicate", status_code=201, summary="Copy a campaign", responses=_REFUSALS)
async def duplicate_campaign(
    brand: Slug, campaign_id: UUID, copied: CampaignCopied, request: Request, site: TheSite, client: TheClient
) -> CampaignShown:
    """Creates a campaign with the draft of another one, without its time of sending."""
    store = _store_of_client(brand, request, site, client)
    await _campaign_or_404(store, brand, campaign_id)
    return _shown(await store.duplicate_campaign(campaign_id, copied.name, str(client.identity)))


@router.post(f"{ONE}/archive", summary="Archive a draft", responses=_CHANGE_REFUSALS)
async def archive_campaign(
    brand: Slug, campaign_id: UUID, request: Request, site: TheSite, client: TheClient
) -> CampaignShown:
    """Puts a draft into the archive. A second time changes nothing."""
    store = _store_of_client(brand, request, site, client)
    await _campaign_or_404(store, brand, campaign_id)
    return _shown(await _stored_or_refused(store.archive_campaign(campaign_id, str(client.identity))))


@router.post(f"{ONE}/unarchive", summary="Take a draft out of the archive", responses=_CHANGE_REFUSALS)
async def unarchive_campaign(
    brand: Slug, campaign_id: UUID, request: Request, site: TheSite, client: TheClient
) -> CampaignShown:
    """Makes an archived campaign a draft again."""
    store = _store_of_client(brand, request, site, client)
    await _campaign_or_404(store, brand, campaign_id)
    return _shown(await _stored_or_refused(store.unarchive_campaign(campaign_id, str(client.identity))))


@router.post(
    f"{ONE}/preview",
    summary="Preview a draft",
    responses={422: openapi_refusal_response("It cannot be rendered: each fault."), **_REFUSALS},
)
async def preview_draft(
    brand: Slug, campaign_id: UUID, wanted: PreviewWanted, request: Request, site: TheSite, client: TheClient
) -> PreviewShown:
    """Renders the draft for a made-up reader, as the sending engine does."""
    campaign = await _campaign_or_404(_store_of_client(brand, request, site, client), brand, campaign_id)
    if wanted.locale not in campaign.draft.variants.get(wanted.variant, {}):
        raise HTTPException(422, f"locale: variant {wanted.variant} has no texts in {wanted.locale}")
    reader = made_up_person(site.policies[brand], wanted.locale, lacks_values=wanted.lacks_values)
    try:
        rendered = await site.console.operations.campaign_renderer.render_draft(
            brand, campaign.id, campaign.draft, wanted.variant, reader, uuid7(), datetime.now(UTC)
        )
    except UnrenderableDraft as faults:
        raise HTTPException(422, str(faults)) from faults
    return PreviewShown(**parts_of_message(rendered.outgoing.content)._asdict())


def _store_of_client(brand: str, request: Request, site: WebContext, client: Publisher) -> CampaignStore:
    policy_or_404(site, brand)
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    return open_operator_stores_for_client(request, site, client).campaigns


async def _campaign_or_404(store: CampaignStore, brand: str, campaign_id: UUID) -> Campaign:
    campaign = await store.find_campaign(campaign_id)
    if campaign is None or campaign.brand != brand:
        raise HTTPException(404, f"{brand} has no campaign {campaign_id}")
    return campaign


def _refuse_unfit_draft(site: WebContext, brand: str, draft: CampaignDraft) -> None:
    if refusal := refusal_of_category_or_purpose(draft, site.policies[brand]):
        raise HTTPException(422, refusal)


async def _stored_or_refused(change: Awaitable[_T]) -> _T:
    """Returns the result of a change, or answers why it was refused."""
    try:
        return await change
    except CampaignUnknown as error:
        raise HTTPException(404, str(error)) from error
    except CampaignChangedMeanwhile as error:
        raise HTTPException(412, str(error), {"etag": f'"{error.current.revision}"'}) from error
    except CampaignChangeRefused as error:
        raise HTTPException(409, str(error)) from error


def _shown(campaign: Campaign) -> CampaignShown:
    return CampaignShown.model_validate(campaign_as_json(campaign))
