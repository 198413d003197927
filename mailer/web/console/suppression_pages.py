"""The pages of suppressions: the list of a brand, why an address is suppressed, and lifting on record."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.acts_on_person import ActRefused, lift_suppression_with_reason
from mailer.actions.explanations import suppression_in_words
from mailer.actions.people_look_up import PAGE, LookUpRefused, needs_look_up_reason
from mailer.actions.suppression import LIFTABLE
from mailer.actions.suppression_queries import (
    list_suppressions,
    list_suppressions_of_address_and_log_access,
    list_suppressions_of_ref_and_log_access,
    read_mailing_templates_of_suppressions,
)
from mailer.input_types import parse_moment
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.suppressions import Suppression
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page
from mailer.web.console.people_pages import (
    MAX_TYPED,
    PeopleReader,
    build_person_access_by_right,
    readable_brands,
    require_known_brands,
    suppressions_in_words,
)

router = APIRouter(include_in_schema=False)
SUPPRESSIONS = f"{HOME}/suppressions"
SuppressionLifter = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.SUPPRESSIONS_LIFT))]


@router.get(SUPPRESSIONS)
async def show_suppressions_or_choose_brand(request: PeopleReader) -> Response:
    """Shows the newest suppressions of the chosen brand, or of the only one; else the brands to choose from."""
    brands = sorted(readable_brands(request))
    if request.brand:
        return await _list_page(request, request.brand, None)
    if len(brands) == 1:
        return await _list_page(request, brands[0], None)
    return console_page(request, "suppression_brands.html.j2", readable=brands)


@router.get(f"{SUPPRESSIONS}/{{brand}}")
async def show_suppressions(brand: str, request: PeopleReader, before: int | None = None) -> Response:
    """Shows a page of the suppressions that hold at a brand, the newest first."""
    if before is not None and not 0 < before < 2**63:
        raise HTTPException(422, "page_bad")
    return await _list_page(request, brand, before)


@router.post(f"{SUPPRESSIONS}/{{brand}}")
async def explain_suppressions_of_person(brand: str, request: PeopleReader) -> Response:
    """Shows all suppressions that an address ever had, also ended ones. The address stays out of every URL."""
    require_known_brands(request, [brand])
    people, who = request.console.people, request.field("who", MAX_TYPED)
    explain = list_suppressions_of_address_and_log_access if "@" in who else list_suppressions_of_ref_and_log_access
    try:
        found = await explain(
            people, people.policies[brand], who, build_person_access_by_right(request, StaffRight.PEOPLE_READ, [brand])
        )
    except LookUpRefused as refusal:
        return await _list_page(request, brand, None, str(refusal))
    stops = await suppressions_in_words(request, list(reversed(found)))
    return console_page(
        request, "suppressions_explained.html.j2", at_brand=brand, path=_suppressions_path(brand), stops=stops, who=who
    )


@router.get(f"{SUPPRESSIONS}/{{brand}}/{{number}}")
async def show_suppression(brand: str, number: int, request: PeopleReader) -> Response:
    """Shows one suppression, with the form to lift it if the reader may."""
    return await _suppression_page(request, brand, await _require_suppression(request, brand, number))


@router.post(f"{SUPPRESSIONS}/{{brand}}/{{number}}/lift")
async def lift_one_suppression(brand: str, number: int, request: SuppressionLifter) -> Response:
    """Lifts a suppression with a reason, and shows what was recorded."""
    stop = await _require_suppression(request, brand, number)
    try:
        seen_at = parse_moment(request.field("at"))
    except ValueError:
        raise HTTPException(422, "form_old") from None
    people, access = (
        request.console.people,
        build_person_access_by_right(request, StaffRight.SUPPRESSIONS_LIFT, [brand]),
    )
    try:
        done = await lift_suppression_with_reason(people, people.policies[brand], number, seen_at, access)
    except ActRefused as refusal:
        return await _suppression_page(request, brand, stop, str(refusal))
    return console_page(
        request,
        "suppression_lifted.html.j2",
        at_brand=brand,
        path=_suppressions_path(brand),
        stop=stop,
        words=suppression_in_words(stop, await read_mailing_templates_of_suppressions(people, [stop])),
        access=access,
        at=datetime.now(UTC),
        done=done,
    )


async def _list_page(request: ConsoleRequest, brand: str, before: int | None, problem: str | None = None) -> Response:
    require_known_brands(request, [brand])
    people = request.console.people
    page = await list_suppressions(people, people.policies[brand], before, PAGE)
    return console_page(
        request,
        "suppressions.html.j2",
        422 if problem else 200,
        problem=problem,
        at_brand=brand,
        path=_suppressions_path(brand),
        readable=sorted(readable_brands(request)),
        stops=await suppressions_in_words(request, list(page.stops)),
        is_newest=before is None,
        next=page.next,
        is_reason_needed=needs_look_up_reason(people.policies, [brand]),
    )


async def _suppression_page(
    request: ConsoleRequest, brand: str, stop: Suppression, problem: str | None = None
) -> Response:
    [shown] = await suppressions_in_words(request, [stop])
    may_lift = has_staff_right(request.member, StaffRight.SUPPRESSIONS_LIFT, brand)
    return console_page(
        request,
        "suppression.html.j2",
        422 if problem else 200,
        problem=problem,
        at_brand=brand,
        path=_suppressions_path(brand),
        shown=shown,
        is_liftable=stop.reason in LIFTABLE and stop.lifted_at is None,
        may_lift=may_lift,
    )


async def _require_suppression(request: ConsoleRequest, brand: str, number: int) -> Suppression:
    """Returns a suppression of a brand or its controller; the answer is the same for none and another brand's.

    Raises:
        HTTPException: 404.
    """
    require_known_brands(request, [brand])
    people = request.console.people
    controller = people.policies[brand].controller.id
    is_number = 0 < number < 2**63
    found = await people.suppressions.get_suppression_by_id(brand, controller, number) if is_number else None
    if found is None:
        raise HTTPException(404, "suppression_unknown")
    return found


def _suppressions_path(brand: str) -> str:
    return f"{SUPPRESSIONS}/{brand}"
