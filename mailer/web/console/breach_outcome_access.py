"""The breach case that a page about its outcomes is of, by the rights of the person who opens it."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends
from starlette.exceptions import HTTPException

from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_cases import BreachCase
from mailer.ports.breach_stores import BreachStores
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME

ONE_CASE: Final = f"{HOME}/breaches/{{case_id}}"
OutcomeReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_READ))]
PeopleExporter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]
NoticeWriter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_WRITE))]
NoticeReleaser = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_RELEASE))]


async def require_case(
    request: ConsoleRequest, case_id: UUID, right: StaffRight = StaffRight.MAILINGS_READ
) -> BreachCase:
    """Returns a case of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, it is another brand's, or its brand has no policy here. 403: the person may
            only read it.
    """
    case = await stores_of_person(request, None, right).cases.find_case(case_id)
    readable = (StaffRight.MAILINGS_READ, right)
    if (
        case is None
        or case.brand not in request.console.operations.policies
        or not any(has_staff_right(request.member, one, case.brand) for one in readable)
    ):
        raise HTTPException(404, "breach_unknown")
    request.require_right(right, case.brand)
    return case


def stores_of_person(request: ConsoleRequest, brand: str | None, right: StaffRight) -> BreachStores:
    """Returns the stores by which a person works on cases of a brand; None: they are only read."""
    return request.open_stores(right, None if brand is None else [brand]).breach


def policy_of_case(request: ConsoleRequest, case: BreachCase) -> Policy:
    """Returns the policy of a case's brand."""
    return request.console.operations.policies[case.brand]


def path_of_case(case: BreachCase) -> str:
    """Returns the path of a case's page."""
    return f"{HOME}/breaches/{case.id}"
