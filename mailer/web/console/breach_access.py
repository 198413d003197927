"""The breach case that a page of the console is about, by the rights of the person who opens it."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends
from starlette.exceptions import HTTPException

from mailer.policy.campaign_schedule import known_zone_or_none
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_stores import BreachStores
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME

BREACHES = f"{HOME}/breaches"
ONE_BREACH = f"{BREACHES}/{{case_id}}"
BreachReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_READ))]
BreachWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_WRITE))]
UTC_ZONE = ZoneInfo("UTC")


async def require_breach_case(
    request: ConsoleRequest, case_id: UUID, right: StaffRight = StaffRight.BREACH_READ
) -> BreachCase:
    """Returns a case of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, it is another brand's, or its brand has no policy here. 403: the person may
            only read it.
    """
    case = await breach_stores(request, None, StaffRight.BREACH_READ).cases.find_case(case_id)
    readable = (StaffRight.BREACH_READ, right)
    if (
        case is None
        or case.brand not in request.console.operations.policies
        or not any(has_staff_right(request.member, one, case.brand) for one in readable)
    ):
        raise HTTPException(404, "breach_unknown")
    request.require_right(right, case.brand)
    return case


def breach_stores(
    request: ConsoleRequest, brand: str | None, right: StaffRight = StaffRight.BREACH_WRITE
) -> BreachStores:
    """Returns the stores by which a person works on cases of a brand; None: they are only read."""
    return request.open_stores(right, None if brand is None else [brand]).breach


def is_breach_path(path: str) -> bool:
    """Tells whether a path is that of a case, whose forms are large: facts, texts and reasons."""
    return path.startswith(f"{BREACHES}/")


def path_of_breach(case: BreachCase) -> str:
    """Returns the path of a case's page."""
    return f"{BREACHES}/{case.id}"


def policy_of_breach(request: ConsoleRequest, case: BreachCase) -> Policy:
    """Returns the policy of a case's brand."""
    return request.console.operations.policies[case.brand]


async def zone_of_viewer(request: ConsoleRequest) -> ZoneInfo:
    """Returns the zone that the person has chosen, or else UTC."""
    stores = breach_stores(request, None, StaffRight.BREACH_READ)
    name = await stores.zones.find_zone(request.member.id)
    return known_zone_or_none(name or "UTC") or UTC_ZONE
