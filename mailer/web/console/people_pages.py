"""The pages to find a person and to read their history. They need `people:read` at the person's brand."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.explanations import suppression_in_words
from mailer.actions.people_look_up import (
    LookUpRefused,
    has_looked_person_up_recently,
    look_people_up,
    needs_look_up_reason,
    read_page_of_person_history,
    read_person_overview,
    record_look_at_person,
)
from mailer.actions.person_history import history_in_words, mailings_named_by_suppressions
from mailer.actions.suppression_queries import read_mailing_templates_of_suppressions
from mailer.input_types import MAX_ADDRESS
from mailer.policy.history_paging import HistoryPlace
from mailer.policy.policy_versions import describe_versions
from mailer.policy.staff_rights import StaffRight, brands_with_right, has_staff_right
from mailer.policy.standing import Standing
from mailer.ports.person_history import AccessInterface, AccessorAndReason, ListedRecipient
from mailer.ports.suppressions import Suppression
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
PEOPLE = f"{HOME}/people"
MAX_TYPED = 1000
"""The most characters of a field that are read. Shorter limits have words of their own."""
PeopleReader = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.PEOPLE_READ))]


@dataclass(frozen=True, slots=True)
class SuppressionInWords:
    """A suppression with its words."""

    stop: Suppression
    words: str


@router.get(PEOPLE)
async def show_look_up(request: PeopleReader) -> Response:
    """Shows the form to find a person."""
    return _look_up_page(request)


@router.post(PEOPLE)
async def look_up(request: PeopleReader) -> Response:
    """Finds people, and shows the one that was found, or a list. Refs and addresses stay out of every URL."""
    chosen = request.field("brand")
    brands = [chosen] if chosen else sorted(readable_brands(request))
    require_known_brands(request, brands)
    try:
        access = build_person_access_by_right(request, StaffRight.PEOPLE_READ, brands)
        found = await look_people_up(request.console.people, brands, request.field("who", MAX_TYPED), access)
    except LookUpRefused as refusal:
        return _look_up_page(request, problem=str(refusal))
    if len(found) == 1:
        return redirect_within_console(request.console, path_of_person(found[0].brand, found[0].id))
    return _look_up_page(request, found=found)


@router.get(f"{PEOPLE}/{{brand}}/{{person}}")
async def show_person(brand: str, person: int, request: PeopleReader, before: str = "") -> Response:
    """Shows a person after a recent look-up by the reader. Else it asks for the reason."""
    recipient = await require_recipient(request, brand, person)
    if not await has_looked_person_up_recently(request.console.people, brand, person, request.member.identity):
        return _ask_for_look_up_reason_page(request, recipient)
    try:
        place = HistoryPlace.parse_place(before) if before else None
    except ValueError:
        raise HTTPException(422, "page_bad") from None
    return await _person_page(request, recipient, place)


@router.post(f"{PEOPLE}/{{brand}}/{{person}}")
async def record_reason_for_viewing_person(brand: str, person: int, request: PeopleReader) -> Response:
    """Records why somebody looks at a person, and shows the person."""
    recipient = await require_recipient(request, brand, person)
    try:
        access = build_person_access_by_right(request, StaffRight.PEOPLE_READ, [brand])
        await record_look_at_person(request.console.people, brand, person, access)
    except LookUpRefused as refusal:
        return _ask_for_look_up_reason_page(request, recipient, str(refusal))
    return redirect_within_console(request.console, path_of_person(brand, person))


def path_of_person(brand: str, person: int) -> str:
    """Returns the path of a person's page, by the ledger's number."""
    return f"{PEOPLE}/{brand}/{person}"


def readable_brands(request: ConsoleRequest) -> frozenset[str]:
    """Returns the brands whose people the sender of a request may read."""
    return brands_with_right(request.member, StaffRight.PEOPLE_READ, request.console.brands)


def require_known_brands(request: ConsoleRequest, brands: list[str]) -> None:
    """Refuses a brand that does not exist.

    Raises:
        HTTPException: 404.
    """
    if not set(brands) <= request.console.brands:
        raise HTTPException(404, "brand_unknown")


async def require_recipient(request: ConsoleRequest, brand: str, person: int) -> ListedRecipient:
    """Returns a recipient. The answer is the same for a number that nobody has, and one of another brand.

    Raises:
        HTTPException: 404.
    """
    is_number = 0 < person < 2**63
    found = await request.console.people.directory.find_recipient_by_id(brand, person) if is_number else None
    if found is None:
        raise HTTPException(404, "recipient_unknown")
    return found


def build_person_access_by_right(
    request: ConsoleRequest, right: StaffRight, brands: Collection[str]
) -> AccessorAndReason:
    """Returns who looks or acts by a right at some brands, from where, and why: the field `reason`."""
    identity, reason = request.member.identity, request.field("reason", MAX_TYPED)
    return AccessorAndReason(
        identity, AccessInterface.CONSOLE, request.network, reason, request.bind_right_to_session(right, brands)
    )


async def suppressions_in_words(request: ConsoleRequest, stops: list[Suppression]) -> list[SuppressionInWords]:
    """Returns suppressions with their words, each a sentence without its subject and full stop."""
    titles = await read_mailing_templates_of_suppressions(request.console.people, stops)
    return [SuppressionInWords(stop, suppression_in_words(stop, titles)) for stop in stops]


def _look_up_page(request: ConsoleRequest, *, found: object = None, problem: str | None = None) -> Response:
    brands = sorted(readable_brands(request))
    return console_page(
        request,
        "people.html.j2",
        422 if problem else 200,
        problem=problem,
        found=found,
        readable=brands,
        longest=MAX_ADDRESS,
        is_reason_needed=needs_look_up_reason(request.console.people.policies, brands),
    )


def _ask_for_look_up_reason_page(
    request: ConsoleRequest, recipient: ListedRecipient, problem: str | None = None
) -> Response:
    needed = needs_look_up_reason(request.console.people.policies, [recipient.brand])
    return console_page(
        request,
        "person_reason.html.j2",
        422 if problem else 200,
        problem=problem,
        path=path_of_person(recipient.brand, recipient.id),
        recipient=recipient,
        is_reason_needed=needed,
    )


async def _person_page(request: ConsoleRequest, recipient: ListedRecipient, before: HistoryPlace | None) -> Response:
    people, brand = request.console.people, recipient.brand
    shown, page = (
        await read_person_overview(people, recipient),
        await read_page_of_person_history(people, recipient, before),
    )
    names = await people.directory.read_template_names(mailings_named_by_suppressions(page))
    return console_page(
        request,
        "person.html.j2",
        path=path_of_person(brand, recipient.id),
        recipient=recipient,
        standing=shown.standing,
        facts=_facts_of_standing(shown.standing),
        stops=await suppressions_in_words(request, list(shown.stops)),
        lines=history_in_words(page.items, people.policies[brand], names),
        is_newest=before is None,
        next=page.next,
        may_act=has_staff_right(request.member, StaffRight.PEOPLE_ACT, brand),
    )


_FLAGS = (
    *("objected", "restricted", "deactivated", "under_13", "address_dead", "erased", "erased_before"),
    *("electronic_refused", "personalisation_refused", "tracking_refused"),
)


def _facts_of_standing(standing: Standing) -> list[tuple[str, str]]:
    """Returns the facts of a standing that are shown: the key of the label, and the value."""
    facts = [
        ("flags", ", ".join(name.replace("_", " ") for name in _FLAGS if getattr(standing, name))),
        ("left", ", ".join(sorted(standing.opted_out))),
        ("consents", ", ".join(sorted(standing.consents))),
        ("products", ", ".join(sorted(standing.products))),
        ("channel", standing.channel),
        ("source", describe_versions(standing.source) or ""),
        ("collected_under", describe_versions(standing.collected_under) or ""),
    ]
    return [(label, value) for label, value in facts if value]
