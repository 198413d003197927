"""The campaign that a page of the console is about, by the rights of the person who opens it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.exceptions import HTTPException

from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.campaigns import Campaign, CampaignStore
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME

CAMPAIGNS = f"{HOME}/campaigns"
CampaignReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_READ))]
CampaignWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_WRITE))]


async def require_campaign(
    request: ConsoleRequest, campaign_id: UUID, right: StaffRight = StaffRight.MAILINGS_READ
) -> Campaign:
    """Returns a campaign of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, or it is another brand's. 403: the person may only read it.
    """
    campaign = await campaign_store(request, None).find_campaign(campaign_id)
    readable = (StaffRight.MAILINGS_READ, right)
    if campaign is None or not any(has_staff_right(request.member, one, campaign.brand) for one in readable):
        raise HTTPException(404, "campaign_unknown")
    request.require_right(right, campaign.brand)
    return campaign


def campaign_store(
    request: ConsoleRequest, brand: str | None, right: StaffRight = StaffRight.CAMPAIGNS_WRITE
) -> CampaignStore:
    """Returns the store by which a person changes campaigns of a brand; None: it is only read."""
    return request.open_stores(right, None if brand is None else [brand]).campaigns


def is_editor_path(path: str) -> bool:
    """Tells whether a path is that of a campaign's editor, whose forms are large."""
    return path.startswith(f"{CAMPAIGNS}/") and path.endswith("/edit")


def path_of_campaign(campaign: Campaign) -> str:
    """Returns the path of a campaign's page."""
    return f"{CAMPAIGNS}/{campaign.id}"
