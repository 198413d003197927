"""Test messages of a draft, to staff of the brand."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.campaign_draft import VARIANT_NAMES
from mailer.policy.campaign_gaps import locales_of_draft
from mailer.policy.staff_rights import StaffRight
from mailer.ports.campaign_tests import TESTS_AN_HOUR, CampaignTestRefused, CampaignTestStore
from mailer.ports.campaigns import Campaign
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.campaign_access import CAMPAIGNS, CampaignWriter, path_of_campaign, require_campaign
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
TEST = f"{CAMPAIGNS}/{{campaign_id}}/test"
_SHOWN = 30


@router.get(TEST)
async def show_tests(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Shows the form of a test, and the tests that were sent."""
    return await _test_page(request, await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE))


@router.post(TEST)
async def order_tests(campaign_id: UUID, request: CampaignWriter) -> Response:
    """Orders a test message of one variant and language for each chosen reader."""
    campaign = await require_campaign(request, campaign_id, StaffRight.CAMPAIGNS_WRITE)
    typed, locale = request.field("variant"), request.field("locale")
    variant = next((one for one in VARIANT_NAMES if one == typed and one in campaign.draft.variants), None)
    chosen = list(dict.fromkeys(request.form.get("reader", [])))
    if variant is None or locale not in campaign.draft.variants[variant] or not all(map(_is_number, chosen)):
        raise HTTPException(422, "page_bad")
    try:
        await _test_store(request, campaign).order_tests(
            campaign, variant, locale, [int(one) for one in chosen], str(request.member.identity)
        )
    except CampaignTestRefused as refusal:
        return await _test_page(request, campaign, str(refusal))
    return redirect_within_console(request.console, f"{path_of_campaign(campaign)}/test")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 18


def _test_store(request: ConsoleRequest, campaign: Campaign) -> CampaignTestStore:
    return request.open_stores(StaffRight.CAMPAIGNS_WRITE, [campaign.brand]).campaign_tests


async def _test_page(request: ConsoleRequest, campaign: Campaign, problem: str | None = None) -> Response:
    store = _test_store(request, campaign)
    return console_page(
        request,
        "campaign_test.html.j2",
        422 if problem else 200,
        problem=problem,
        campaign=campaign,
        path=path_of_campaign(campaign),
        readers=await store.list_staff_for_test_messages(campaign.brand),
        own=request.member.id,
        locales=locales_of_draft(campaign.draft),
        tests=await store.list_tests(campaign.id, _SHOWN),
        most=TESTS_AN_HOUR,
    )
