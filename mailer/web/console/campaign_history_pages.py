"""The history of a draft: its revisions, their differences, and restoring one as a new revision."""

from itertools import pairwise
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.campaign_differences import compare_drafts
from mailer.policy.campaign_stages import refusal_to_change_draft
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import Campaign, CampaignChangedMeanwhile, CampaignChangeRefused, CampaignUnknown
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import (
    CAMPAIGNS,
    CampaignReader,
    CampaignWriter,
    campaign_store,
    path_of_campaign,
    require_campaign,
)
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
HISTORY = f"{CAMPAIGNS}/{{campaign_id}}/history"
_MOST_REVISIONS = 200
Number = Annotated[int, Query(ge=0, lt=2**31)]


@router.get(HISTORY)
async def show_history(campaign_id: UUID, request: CampaignReader, before: Number = 0, after: Number = 0) -> Response:
    """Shows the revisions, and the differences between two of them if they are chosen."""
    campaign = await require_campaign(request, campaign_id)
    return await _history_page(request, campaign, before, after)


@router.post(f"{HISTORY}/restore")
async def restore_revision(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Stores an old revision as a new one, and leads to the editor."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    try:
        revision, expected = int(request.field("revision", 9)), int(request.field("expected", 9))
    except ValueError:
        raise HTTPException(422, "page_bad") from None
    store, by = campaign_store(request, campaign.brand), str(request.member.identity)
    try:
        await store.restore_revision(campaign.id, expected, revision, by)
    except CampaignUnknown:
        raise HTTPException(404, "revision_unknown") from None
    except (CampaignChangeRefused, CampaignChangedMeanwhile) as refusal:
        return await _history_page(request, campaign, 0, 0, str(refusal))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/edit")


async def _history_page(
    request: ConsoleRequest, campaign: Campaign, before: int, after: int, problem: str | None = None
) -> Response:
    store = campaign_store(request, None, StaffRight.MAILINGS_READ)
    revisions = await store.read_history(campaign.id, _MOST_REVISIONS)
    differences = None
    if before or after:
        old, new = await store.find_revision(campaign.id, before), await store.find_revision(campaign.id, after)
        if old is None or new is None:
            raise HTTPException(404, "revision_unknown")
        differences = compare_drafts(old.draft, new.draft)
    may_write = has_staff_right(request.member, StaffRight.CAMPAIGNS_WRITE, campaign.brand)
    return console_page(
        request,
        "campaign_history.html.j2",
        409 if problem else 200,
        problem=problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        revisions=revisions,
        former={new.revision: old.revision for new, old in pairwise(revisions)},
        before=before,
        after=after,
        differences=differences,
        may_restore=may_write and refusal_to_change_draft(campaign.state) is None,
    )
