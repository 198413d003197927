"""The page "Staff": the people who may sign in, and their roles. It needs `staff:manage`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from mailer.input_types import Address
from mailer.policy.publisher_and_staff_identity import parse_person_identity
from mailer.policy.sign_in_rules import MAX_STAFF_NAME
from mailer.policy.staff_rights import (
    EVERY_BRAND,
    RIGHTS_OF_ROLE,
    RIGHTS_THAT_WORK_FOR_EVERY_BRAND_ONLY,
    RoleAtBrand,
    StaffRight,
    StaffRole,
    parse_role_at_brand,
    refusal_to_change_staff,
)
from mailer.ports.staff import StaffNameTaken, StaffRecord
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
STAFF = f"{HOME}/staff"
_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
StaffManager = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.STAFF_MANAGE))]


@router.get(STAFF)
async def show_staff(request: StaffManager) -> Response:
    """Shows everybody, and a form to add somebody."""
    return await _staff_page(request)


@router.post(STAFF)
async def add_staff_member(request: StaffManager) -> Response:
    """Adds a person, and shows the one-time link for the only time."""
    try:
        identity = parse_person_identity(request.field("name", MAX_STAFF_NAME))
    except ValueError:
        return await _staff_page(request, "name_bad")
    try:
        _ADDRESS.validate_python(request.field("email", 254))
    except ValidationError:
        return await _staff_page(request, "email_bad")
    roles = _chosen_roles(request)
    try:
        token = await request.console.staff.directory.add_staff_member(
            identity, request.field("email", 254), roles, request.actor
        )
    except StaffNameTaken:
        return await _staff_page(request, "name_taken")
    return _one_time_link_page(request, identity.name, token)


@router.get(f"{STAFF}/{{staff_id}}")
async def show_staff_member(staff_id: int, request: StaffManager) -> Response:
    """Shows one person."""
    return await _member_page(request, staff_id)


@router.post(f"{STAFF}/{{staff_id}}/roles")
async def replace_roles(staff_id: int, request: StaffManager) -> Response:
    """Gives a person the roles that are ticked, if those held still are the ones shown. Roles not offered stay."""
    known = await _require_staff_record_of_other_person(request, staff_id)
    offered = {f"{role}@{brand}" for role, brands in choosable_roles(request.console.brands) for brand in brands}
    wanted = _chosen_roles(request) | {held for held in known.member.roles if str(held) not in offered}
    if wanted != known.member.roles:
        is_as_shown = frozenset(request.form.get("shown", [])) == frozenset(map(str, known.member.roles))
        directory = request.console.staff.directory
        if not is_as_shown or not await directory.replace_roles(known.member, wanted, request.actor):
            return await _member_page(request, staff_id, "roles_changed", 409)
    return redirect_within_console(request.console, f"{STAFF}/{staff_id}")


@router.post(f"{STAFF}/{{staff_id}}/disable")
async def disable_staff_member(staff_id: int, request: StaffManager) -> Response:
    """Ends a person's access, and all sessions at once."""
    known = await _require_staff_record_of_other_person(request, staff_id)
    await request.console.staff.directory.disable_staff_member(known.member, request.actor)
    return redirect_within_console(request.console, f"{STAFF}/{staff_id}")


@router.post(f"{STAFF}/{{staff_id}}/enable")
async def enable_staff_member(staff_id: int, request: StaffManager) -> Response:
    """Lets a person sign in again."""
    known = await _require_staff_record_of_other_person(request, staff_id)
    await request.console.staff.directory.enable_staff_member(known.member, request.actor)
    return redirect_within_console(request.console, f"{STAFF}/{staff_id}")


@router.post(f"{STAFF}/{{staff_id}}/reset")
async def reset_staff_member(staff_id: int, request: StaffManager) -> Response:
    """Ends sessions, password and second factors of a person, and shows a new one-time link."""
    known = await _require_staff_record_of_other_person(request, staff_id)
    token = await request.console.staff.directory.reset_staff_member(known.member, request.actor)
    if token is None:
        return await _member_page(request, staff_id, "reset_disabled")
    return _one_time_link_page(request, known.member.identity.name, token)


def choosable_roles(brands: frozenset[str]) -> list[tuple[StaffRole, list[str]]]:
    """Returns each role with the brands that it can be given for."""
    return [
        (
            role,
            [EVERY_BRAND, *([] if RIGHTS_OF_ROLE[role] & RIGHTS_THAT_WORK_FOR_EVERY_BRAND_ONLY else sorted(brands))],
        )
        for role in StaffRole
    ]


def _chosen_roles(request: ConsoleRequest) -> frozenset[RoleAtBrand]:
    """Returns the roles of the form.

    Raises:
        HTTPException: 422: one of them, or its brand, does not exist.
    """
    chosen = set()
    for text in request.form.get("role", []):
        role, _, brand = text.partition("@")
        if brand != EVERY_BRAND and brand not in request.console.brands:
            raise HTTPException(422, "role_bad")
        try:
            chosen.add(parse_role_at_brand(role, brand))
        except ValueError:
            raise HTTPException(422, "role_bad") from None
    return frozenset(chosen)


async def _require_staff_record(request: ConsoleRequest, staff_id: int) -> StaffRecord:
    known = await request.console.staff.directory.get_staff_record(staff_id) if 0 < staff_id < 2**63 else None
    if known is None:
        raise HTTPException(404, "person_unknown")
    return known


async def _require_staff_record_of_other_person(request: ConsoleRequest, staff_id: int) -> StaffRecord:
    known = await _require_staff_record(request, staff_id)
    if refusal_to_change_staff(request.member.identity, known.member.identity):
        raise HTTPException(403, "own_access")
    return known


async def _staff_page(request: ConsoleRequest, error: str | None = None) -> Response:
    people = await request.console.staff.directory.list_staff()
    roles = choosable_roles(request.console.brands)
    return console_page(request, "staff.html.j2", 422 if error else 200, error, people=people, roles=roles)


async def _member_page(request: ConsoleRequest, staff_id: int, error: str | None = None, status: int = 422) -> Response:
    known = await _require_staff_record(request, staff_id)
    directory = request.console.staff.directory
    return console_page(
        request,
        "staff_member.html.j2",
        status if error else 200,
        error,
        known=known,
        held=sorted(map(str, known.member.roles)),
        sessions=await directory.list_sessions(staff_id),
        links=await directory.list_issued_one_time_links(staff_id),
        roles=choosable_roles(request.console.brands),
        is_own=known.member.id == request.member.id,
    )


def _one_time_link_page(request: ConsoleRequest, name: str, token: str) -> Response:
    link = f"{request.console.public_url.rstrip('/')}{HOME}/join/{token}"
    return console_page(request, "one_time_link.html.j2", name=name, link=link)
