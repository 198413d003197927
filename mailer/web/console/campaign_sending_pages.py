"""The page of a campaign that is being sent: the progress of all its mailings, with pause, resume and cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from mailer.actions.campaign_control import cancel_campaign, pause_campaign, resume_campaign
from mailer.policy.campaign_manifest import REST
from mailer.policy.campaign_stages import CampaignState
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import Campaign
from mailer.ports.mailings import MailingStatus
from mailer.ports.manifests import ManifestRefused
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import CAMPAIGNS, CampaignReader, path_of_campaign, require_campaign
from mailer.web.console.campaign_check_pages import CampaignScheduler, open_manifests
from mailer.web.console.console_pages import console_fragment, console_page, redirect_within_console
from mailer.web.console.mailing_pages import MAX_REASON

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class MailingOfCampaign:
    """A mailing of a campaign: its part of the audience, its status, and the time of its next batch, if it waits."""

    part: str
    status: MailingStatus
    next_at: datetime | None


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/sending")
async def show_sending(campaign_id: UUID, request: CampaignReader) -> Response:
    """Shows how many have gone and still will, at which rate, and when the last one goes."""
    return await _sending_page(request, await require_campaign(request, campaign_id))


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/sending/progress")
async def show_sending_progress(campaign_id: UUID, request: CampaignReader) -> Response:
    """Returns the part of the page that changes while the campaign is sent."""
    campaign = await require_campaign(request, campaign_id)
    return console_fragment(request, "sending_progress.html.j2", **await _progress_values(request, campaign))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/pause")
async def pause_all(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Pauses all mailings of a campaign."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    stores = request.open_stores(StaffRight.CAMPAIGNS_SCHEDULE, [campaign.brand])
    await pause_campaign(stores, campaign.id, request.member.identity.name, request.field("reason", MAX_REASON))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/sending")


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/resume")
async def resume_all(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Lets all mailings of a campaign go on."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    stores = request.open_stores(StaffRight.CAMPAIGNS_SCHEDULE, [campaign.brand])
    await resume_campaign(stores, campaign.id, request.member.identity.name)
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/sending")


@router.get(f"{CAMPAIGNS}/{{campaign_id}}/cancel")
async def ask_before_cancelling(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Shows how many have gone and how many would not, before a campaign is cancelled."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    return console_page(request, "sending_cancel.html.j2", **await _progress_values(request, campaign))


@router.post(f"{CAMPAIGNS}/{{campaign_id}}/cancel")
async def cancel_all(campaign_id: UUID, request: CampaignScheduler) -> Response:
    """Ends a campaign for good: its mailings, and the rest of its test."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_SCHEDULE)
    stores = request.open_stores(StaffRight.CAMPAIGNS_SCHEDULE, [campaign.brand])
    try:
        await cancel_campaign(stores, campaign.id, request.member.identity, request.field("reason", MAX_REASON))
    except ManifestRefused as refusal:
        return await _sending_page(request, campaign, str(refusal))
    return redirect_within_console(request.console, path_of_campaign(campaign))


async def _sending_page(request: ConsoleRequest, campaign: Campaign, problem: str | None = None) -> Response:
    return console_page(
        request,
        "sending.html.j2",
        409 if problem else 200,
        problem=problem,
        **await _progress_values(request, campaign),
        may_control=has_staff_right(request.member, StaffRight.CAMPAIGNS_SCHEDULE, campaign.brand),
    )


def _has_waiting_rest(campaign: Campaign, parts: Sequence[str]) -> bool:
    """Tells whether the rest of a test can still be sent."""
    test, is_released = campaign.draft.ab_test, campaign.state is CampaignState.RELEASED
    return is_released and test is not None and test.share_percent < 100 and REST not in parts


async def _progress_values(request: ConsoleRequest, campaign: Campaign) -> dict[str, Any]:
    now, store = datetime.now(UTC), open_manifests(request, None)
    mailings = list[MailingOfCampaign]()
    for one in await store.list_mailings(campaign.id):
        status = await request.console.operations.mailings.find_mailing(one.mailing_id)
        if status is not None:
            mailings.append(MailingOfCampaign(one.variant, status, await store.find_next_batch_time(one.mailing_id)))
    progress = [one.status.progress(now) for one in mailings]
    rate = sum(one.rate or 0 for one in progress)
    ends = [one.eta for one in progress if one.eta]
    return {
        "campaign": campaign,
        "now": now,
        "path": path_of_campaign(campaign),
        "mailings": mailings,
        "gone": sum(one.status.count_in_state("handed_over") for one in mailings),
        "done": sum(one.done for one in progress),
        "open": sum(one.open for one in progress),
        "rate": rate,
        "eta": max(ends) if ends and all(one.eta or not one.open for one in progress) else None,
        "next_at": min((one.next_at for one in mailings if one.next_at), default=None),
        "is_over": bool(mailings)
        and all(one.status.finished_at for one in mailings)
        and not _has_waiting_rest(campaign, [one.part for one in mailings]),
        "is_paused": await store.is_campaign_paused(campaign.id)
        or any("mailing" in one.status.halted for one in mailings),
    }
