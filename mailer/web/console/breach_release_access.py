"""The phase of a breach case that a page about its release is of, by the rights of the person who opens it."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from starlette.exceptions import HTTPException

from mailer.policy.breach.release import is_factor_fresh
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_release import BreachRelease, BreachReleaser, BreachStopStore
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME

PHASE = f"{HOME}/breaches/{{case_id}}/phases/{{phase}}"
PhaseNumber = Annotated[int, Path(ge=1, le=100)]
ReleaseReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_READ))]
ReleaseAsker = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_WRITE))]
Releaser = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.BREACH_RELEASE))]
PhaseStopper = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.MAILINGS_CONTROL))]


async def require_release(
    request: ConsoleRequest, case_id: UUID, phase: int, right: StaffRight = StaffRight.MAILINGS_READ
) -> BreachRelease:
    """Returns the last check of a phase of a brand at which the person has a right.

    Raises:
        HTTPException: 404: there is none, or it is another brand's. 403: the person may only read it.
    """
    found = await releases_of(request, None, StaffRight.MAILINGS_READ).find_release_of_phase(case_id, phase)
    readable = (StaffRight.MAILINGS_READ, right)
    if found is None or not any(has_staff_right(request.member, one, found.brand) for one in readable):
        raise HTTPException(404, "breach_check_unknown")
    request.require_right(right, found.brand)
    return found


def releases_of(request: ConsoleRequest, brand: str | None, right: StaffRight) -> BreachReleaser:
    """Returns the store by which a person releases phases of a brand; None: they are only read."""
    return request.open_stores(right, None if brand is None else [brand]).breach_releases


def stops_of(request: ConsoleRequest, brand: str | None, right: StaffRight) -> BreachStopStore:
    """Returns the store by which a person stops phases of a brand; None: they are only read."""
    return request.open_stores(right, None if brand is None else [brand]).breach_stops


def path_of_phase(release: BreachRelease) -> str:
    """Returns the path of a phase's page."""
    return f"{HOME}/breaches/{release.case_id}/phases/{release.phase}"


def is_factor_fresh_in(request: ConsoleRequest) -> bool:
    """Tells whether the person has lately signed in with a second factor, as a release asks for."""
    session = request.session
    return session is not None and is_factor_fresh(session.has_second_factor, session.created_at, datetime.now(UTC))
