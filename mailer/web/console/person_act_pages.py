"""The pages to act on a person: what an act does, its form, and what was recorded. They need `people:act`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.acts_on_person import (
    ActRefused,
    ErasureGround,
    OrderedActOnPerson,
    OrderIdTaken,
    PersonActName,
    act_on_person,
)
from mailer.actions.people_look_up import has_looked_person_up_recently
from mailer.policy.policy_file import Policy
from mailer.policy.staff_rights import StaffRight
from mailer.policy.standing import EVERYTHING_OPTIONAL
from mailer.ports.person_history import ListedRecipient
from mailer.ports.time_ordered_uuids import uuid7
from mailer.web.console.access_gates import ConsoleRequest, GateKind, RedirectWithinConsole, StaffGate
from mailer.web.console.console_pages import console_page
from mailer.web.console.people_pages import (
    MAX_TYPED,
    PEOPLE,
    build_person_access_by_right,
    path_of_person,
    require_recipient,
)

router = APIRouter(include_in_schema=False)
PersonActor = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_ACT))]
_ACT = f"{PEOPLE}/{{brand}}/{{person}}/acts/{{act}}"
_ORDER = re.compile("staff-[0-9a-f]{32}")
FIELDS: Mapping[PersonActName, tuple[str, ...]] = {
    PersonActName.OPT_OUT: ("scope",),
    PersonActName.RECTIFY: ("email", "name", "locale", "country"),
    PersonActName.HOLD: ("reference", "named"),
    PersonActName.LIFT_HOLD: ("reference",),
}
"""The fields of the forms of acts, beside the reason."""


@router.get(_ACT)
async def show_act_form(brand: str, person: int, act: PersonActName, request: PersonActor) -> Response:
    """Shows what an act does, and its form with an id of its own, so that it counts once however often it is sent.

    Who has not looked the person up lately is sent to the person's page, which asks for the reason.
    """
    recipient = await _require_recently_looked_up_recipient(request, brand, person)
    return _form_page(request, recipient, act, f"staff-{uuid7().hex}")


@router.post(_ACT)
async def do_act(brand: str, person: int, act: PersonActName, request: PersonActor) -> Response:
    """Does an act, and shows what was recorded. The same form again changes nothing, and says so.

    Who has not looked the person up lately is sent to the person's page, as from the form.
    """
    recipient = await _require_recently_looked_up_recipient(request, brand, person)
    order_id = request.field("order")
    if not _ORDER.fullmatch(order_id):
        raise HTTPException(422, "form_old")
    if act is PersonActName.ERASE and not request.field("sure"):
        return _form_page(request, recipient, act, order_id, "sure_missing")
    values = {name: request.field(name, MAX_TYPED) for name in FIELDS.get(act, ())}
    policy, access = (
        request.console.people.policies[brand],
        build_person_access_by_right(request, StaffRight.PEOPLE_ACT, [brand]),
    )
    try:
        done = await act_on_person(
            request.console.people, policy, recipient, OrderedActOnPerson(act, order_id, values), access
        )
    except ActRefused as refusal:
        status = 409 if isinstance(refusal, OrderIdTaken) else 422
        return _form_page(request, recipient, act, order_id, problem=str(refusal), status=status)
    return console_page(
        request,
        "person_act_done.html.j2",
        recipient=recipient,
        path=path_of_person(brand, person),
        act=act,
        values=[(name, value) for name, value in values.items() if value],
        access=access,
        at=datetime.now(UTC),
        done=done,
    )


async def _require_recently_looked_up_recipient(request: ConsoleRequest, brand: str, person: int) -> ListedRecipient:
    """Returns a recipient whom the person has looked up lately.

    Raises:
        HTTPException: 404: the brand has no such recipient.
        RedirectWithinConsole: the look-up is missing or too long ago; the person's page asks for the reason.
    """
    recipient = await require_recipient(request, brand, person)
    if not await has_looked_person_up_recently(request.console.people, brand, person, request.member.identity):
        raise RedirectWithinConsole(path_of_person(brand, person))
    return recipient


def _form_page(
    request: ConsoleRequest,
    recipient: ListedRecipient,
    act: PersonActName,
    order_id: str,
    error: str | None = None,
    problem: str | None = None,
    status: int = 422,
) -> Response:
    return console_page(
        request,
        "person_act.html.j2",
        status if error or problem else 200,
        error,
        problem=problem,
        recipient=recipient,
        path=path_of_person(recipient.brand, recipient.id),
        act=act,
        order=order_id,
        fields=FIELDS.get(act, ()),
        scopes=_optional_scopes_of_policy(request.console.people.policies[recipient.brand]),
        grounds=list(ErasureGround),
    )


def _optional_scopes_of_policy(policy: Policy) -> list[str]:
    """Returns all optional mail, and the optional categories of a brand."""
    return [EVERYTHING_OPTIONAL, *(name for name, category in policy.categories.items() if category.is_optional)]
