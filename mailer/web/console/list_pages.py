"""The pages of lists of people: which there are, who is on one, and taking people off."""

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.segment_display import count_in_words
from mailer.policy.staff_rights import StaffRight
from mailer.ports.audience_lists import AudienceList, ListRefused
from mailer.ports.segments import SegmentSlow
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.brand_choice import show_for_chosen_brand
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.people_pages import require_known_brands
from mailer.web.console.segment_pages import ROWS, Writer, masked_person, open_audience_list_store, writable_brands

router = APIRouter(include_in_schema=False)
LISTS = f"{HOME}/lists"
_LARGEST = 2**63 - 1
MAX_REF = 200


@router.get(LISTS)
async def show_lists_or_choose_brand(request: Writer) -> Response:
    """Shows the lists of the chosen brand, or of the only one; else the brands to choose from."""
    return await show_for_chosen_brand(
        request, StaffRight.CAMPAIGNS_WRITE, lambda brand: _list_page(request, brand, ""), LISTS, "lists"
    )


@router.get(f"{LISTS}/{{brand}}")
async def show_lists_of_brand(brand: str, request: Writer, after: str = "") -> Response:
    """Shows the lists of a brand in the order of their names, with their last counts."""
    require_known_brands(request, [brand])
    return await _list_page(request, brand, after[:60])


@router.get(f"{LISTS}/{{brand}}/{{name}}")
async def show_list(brand: str, name: str, request: Writer, after: int = 0) -> Response:
    """Shows a list with some of its people, whose addresses are masked."""
    if not 0 <= after <= _LARGEST:
        raise HTTPException(422, "page_bad")
    return await _people_page(request, await _require_list(request, brand, name), after)


@router.post(f"{LISTS}/{{brand}}/{{name}}/count")
async def count_list(brand: str, name: str, request: Writer) -> Response:
    """Counts a list for a bounded time, and shows it."""
    one = await _require_list(request, brand, name)
    try:
        await open_audience_list_store(request, brand).count_list(brand, name)
    except (ListRefused, SegmentSlow) as refusal:
        return await _people_page(request, one, 0, str(refusal))
    return redirect_within_console(request.console, f"{LISTS}/{brand}/{name}")


@router.post(f"{LISTS}/{{brand}}/{{name}}/remove")
async def remove_people(brand: str, name: str, request: Writer) -> Response:
    """Takes the people who are ticked, or the one whose ref was typed, off a list."""
    one = await _require_list(request, brand, name)
    ids = {int(text) for text in request.form.get("person", []) if text.isascii() and text.isdigit() and len(text) < 19}
    if ref := request.field("ref", MAX_REF):
        found = await request.console.people.standings.find_recipient_id(brand, ref)
        if found is None:
            return await _people_page(request, one, 0, "ref: is of nobody at this brand")
        ids.add(found)
    if not ids:
        return await _people_page(request, one, 0, "tick somebody, or write a ref")
    await open_audience_list_store(request, brand).remove_people_from_list(brand, name, sorted(ids))
    still = await open_audience_list_store(request, brand).find_list(brand, name)
    return redirect_within_console(request.console, f"{LISTS}/{brand}/{name}" if still else f"{LISTS}/{brand}")


@router.get(f"{LISTS}/{{brand}}/{{name}}/delete")
async def ask_before_deleting(brand: str, name: str, request: Writer) -> Response:
    """Says what a deletion does, before a list is deleted."""
    one = await _require_list(request, brand, name)
    return console_page(request, "list_delete.html.j2", one=one, path=f"{LISTS}/{brand}/{name}")


@router.post(f"{LISTS}/{{brand}}/{{name}}/delete")
async def delete_list(brand: str, name: str, request: Writer) -> Response:
    """Deletes a list. A second press changes nothing."""
    require_known_brands(request, [brand])
    await open_audience_list_store(request, brand).delete_list(brand, name)
    return redirect_within_console(request.console, f"{LISTS}/{brand}")


async def _require_list(request: ConsoleRequest, brand: str, name: str) -> AudienceList:
    """Returns a list of a brand.

    Raises:
        HTTPException: 404.
    """
    require_known_brands(request, [brand])
    found = await open_audience_list_store(request, brand).find_list(brand, name)
    if found is None:
        raise HTTPException(404, "list_unknown")
    return found


async def _list_page(request: ConsoleRequest, brand: str, after: str) -> Response:
    found, now = await open_audience_list_store(request, brand).list_lists(brand, after, ROWS + 1), datetime.now(UTC)
    return console_page(
        request,
        "lists.html.j2",
        at_brand=brand,
        path=f"{LISTS}/{brand}",
        lists=[(one, count_in_words(one.people, one.counted_at, now)) for one in found[:ROWS]],
        is_first=not after,
        next=found[ROWS - 1].name if len(found) > ROWS else None,
        has_several_brands=len(writable_brands(request)) > 1,
    )


async def _people_page(request: ConsoleRequest, one: AudienceList, after: int, problem: str | None = None) -> Response:
    people = await open_audience_list_store(request, one.brand).read_people_of_list(
        one.brand, one.name, after, ROWS + 1
    )
    return console_page(
        request,
        "list.html.j2",
        422 if problem else 200,
        problem=problem,
        one=one,
        count=count_in_words(one.people, one.counted_at, datetime.now(UTC)),
        people=[masked_person(person) for person in people[:ROWS]],
        next=people[ROWS - 1].id if len(people) > ROWS else None,
        is_first=not after,
        path=f"{LISTS}/{one.brand}/{one.name}",
        parent=f"{LISTS}/{one.brand}",
    )
