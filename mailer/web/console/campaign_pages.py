"""The pages of campaigns: list, new, and one with its state line and next action; copy and archive."""

from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from mailer.policy.campaign_draft import CampaignDraft
from mailer.policy.campaign_gaps import campaign_categories, missing_parts
from mailer.policy.campaign_stages import CampaignStage, CampaignState, stage_of_campaign
from mailer.policy.campaign_wording import audience_in_words, schedule_in_words
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import (
    Campaign,
    CampaignChangeRefused,
    CampaignFilter,
    CampaignListPlace,
)
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import (
    CAMPAIGNS,
    CampaignReader,
    CampaignWriter,
    campaign_store,
    path_of_campaign,
    require_campaign,
)
from mailer.web.console.campaign_state_line import state_line
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
ROWS = 50
MAX_NAME = 100
_COPIES = 50
"""The newest campaigns that a new one can begin as a copy of."""


class NextAction(NamedTuple):
    """The one next action of a campaign: the name of its text, and the path; `is_form`: it is a button that posts."""

    text: str
    path: str
    is_form: bool = False


@router.get(CAMPAIGNS)
async def show_campaigns(
    request: CampaignReader,
    state: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Shows the campaigns that were changed last, by state if one is chosen."""
    try:
        chosen = CampaignState(state) if state else None
        place = CampaignListPlace.parse_place(after) if after else None
    except ValueError:
        raise HTTPException(404, "page_bad") from None
    brands = request.visible_brands_with_right(StaffRight.MAILINGS_READ)
    page = await campaign_store(request, None, StaffRight.MAILINGS_READ).list_campaigns(
        CampaignFilter(brands, chosen, place), ROWS
    )
    may_write = bool(request.visible_brands_with_right(StaffRight.CAMPAIGNS_WRITE))
    return console_page(
        request,
        "campaigns.html.j2",
        page=page,
        state=chosen,
        states=list(CampaignState),
        first=after,
        may_write=may_write,
    )


@router.get(f"{CAMPAIGNS}/new")
async def show_form_of_new_campaign(request: CampaignWriter) -> Response:
    """Shows the form of a new campaign; first the choice of its brand, if there are several."""
    return await _new_page(request)


@router.post(f"{CAMPAIGNS}/new")
async def create_campaign(request: CampaignWriter) -> Response:
    """Creates a campaign, empty or as a copy, and leads to its editor."""
    brand, name = request.field("brand"), request.field("name", MAX_NAME)
    policy = _policy_of_writer(request, brand)
    if not name:
        return await _new_page(request, "campaign_nameless", brand)
    by, store = str(request.member.identity), campaign_store(request, brand)
    if copied := request.field("copied"):
        source = await require_campaign(request, _uuid_or_404(copied), StaffRight.CAMPAIGNS_WRITE)
        if source.brand != brand:
            raise HTTPException(404, "campaign_unknown")
        return _redirect_to_editor(request, await store.duplicate_campaign(source.id, name, by))
    if request.field("category") not in campaign_categories(policy):
        return await _new_page(request, "campaign_category", brand)
    try:
        draft = CampaignDraft(category=request.field("category"), purpose=request.field("purpose"))
    except ValidationError:
        return await _new_page(request, "campaign_purpose", brand)
    if draft.purpose not in policy.purposes:
        return await _new_page(request, "campaign_purpose", brand)
    return _redirect_to_editor(request, await store.create_campaign(brand, name, draft, by))


@router.get(f"{CAMPAIGNS}/{{campaign_id}}")
async def show_campaign(campaign_id: UUID, request: CampaignReader) -> Response:
    """Shows one campaign: where it stands, who did what when, and the one next action."""
    return await _campaign_page(request, await require_campaign(request, campaign_id))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/duplicate")
async def duplicate_campaign(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Copies a campaign, and leads to the editor of the copy."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    name = f"Copy of {campaign.name}"[:MAX_NAME]
    copy = await campaign_store(request, campaign.brand).duplicate_campaign(
        campaign.id, name, str(request.member.identity)
    )
    return _redirect_to_editor(request, copy)


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/archive")
async def archive_campaign(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Puts a draft into the archive."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    try:
        await campaign_store(request, campaign.brand).archive_campaign(campaign.id, str(request.member.identity))
    except CampaignChangeRefused as refusal:
        return await _campaign_page(request, campaign, str(refusal))
    return redirect_within_console(request.console, path_of_campaign(campaign))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/unarchive")
async def unarchive_campaign(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Takes a campaign out of the archive, as a draft."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    try:
        await campaign_store(request, campaign.brand).unarchive_campaign(campaign.id, str(request.member.identity))
    except CampaignChangeRefused as refusal:
        return await _campaign_page(request, campaign, str(refusal))
    return redirect_within_console(request.console, path_of_campaign(campaign))


def _uuid_or_404(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise HTTPException(404, "campaign_unknown") from None


def _policy_of_writer(request: ConsoleRequest, brand: str) -> Policy:
    """Returns the policy of a brand for which the person may write campaigns."""
    policy = request.console.operations.policies.get(brand)
    if policy is None:
        raise HTTPException(404, "brand_unknown")
    request.require_right(StaffRight.CAMPAIGNS_WRITE, brand)
    return policy


def _redirect_to_editor(request: ConsoleRequest, campaign: Campaign) -> Response:
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/edit")


async def _new_page(request: ConsoleRequest, error: str | None = None, brand: str = "") -> Response:
    brands = sorted(request.visible_brands_with_right(StaffRight.CAMPAIGNS_WRITE))
    chosen = brand or (brands[0] if len(brands) == 1 else "")
    policy = request.console.operations.policies.get(chosen)
    page = None
    if policy is not None:
        earlier = CampaignFilter(frozenset({chosen}))
        page = await campaign_store(request, None).list_campaigns(earlier, _COPIES)
    return console_page(
        request,
        "campaign_new.html.j2",
        422 if error else 200,
        error,
        writable=brands,
        policy=policy,
        categories=campaign_categories(policy) if policy else [],
        earlier=page.campaigns if page else [],
        longest=MAX_NAME,
    )


def next_action(campaign: Campaign, stage: CampaignStage, has_gaps: bool) -> NextAction:
    """Returns the one next action of a campaign in a stage."""
    path = path_of_campaign(campaign)
    match stage:
        case CampaignStage.DRAFT:
            return NextAction("edit", f"{path}/edit") if has_gaps else NextAction("check", f"{path}/check")
        case CampaignStage.CHECKING:
            return NextAction("see_check", f"{path}/check")
        case CampaignStage.CHECKED | CampaignStage.AWAITING_RELEASE:
            return NextAction("release", f"{path}/release")
        case CampaignStage.ARCHIVED:
            return NextAction("unarchive", f"{path}/unarchive", is_form=True)
        case CampaignStage.CANCELLED:
            return NextAction("duplicate", f"{path}/duplicate", is_form=True)
        case _:
            return NextAction("report", f"{path}/report")


async def _campaign_page(request: ConsoleRequest, campaign: Campaign, problem: str | None = None) -> Response:
    steps = await campaign_store(request, None, StaffRight.MAILINGS_READ).read_steps(campaign)
    stage, missing = stage_of_campaign(campaign.state, steps.states), missing_parts(campaign.draft)
    return console_page(
        request,
        "campaign.html.j2",
        409 if problem else 200,
        problem=problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        steps=steps,
        stage=stage,
        line=state_line(campaign, steps, stage),
        missing=missing,
        next=next_action(campaign, stage, bool(missing)),
        audience=audience_in_words(campaign.draft),
        schedule=schedule_in_words(campaign.draft.schedule),
        may_write=has_staff_right(request.member, StaffRight.CAMPAIGNS_WRITE, campaign.brand),
    )
