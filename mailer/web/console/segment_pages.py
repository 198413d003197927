"""The pages of segments: list, form, count, the people of a preview, freezing and deletion."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.actions.people_look_up import LookUpRefused, check_look_up_reason, needs_look_up_reason
from mailer.actions.segment_display import count_in_words, read_stored_condition, sentence_of_segment
from mailer.input_types import parse_json_with_unique_keys
from mailer.policy.segment_checks import faults_of_condition
from mailer.policy.segment_parsing import SegmentRefused, condition_to_json, parse_condition
from mailer.policy.segments import Condition, is_new_name_allowed
from mailer.policy.staff_rights import StaffRight, brands_with_right, has_staff_right
from mailer.ports.audience_lists import AudienceListStore, ListRefused
from mailer.ports.person_history import ListedRecipient
from mailer.ports.segments import COUNT_SECONDS, SAMPLE_PEOPLE, Segment, SegmentChanged, SegmentSlow, SegmentStore
from mailer.rendering.segment_sentences import sentence_of_condition
from mailer.web.address_masking import mask_address
from mailer.web.console.access_gates import ConsoleRequest, GateKind, StaffGate
from mailer.web.console.brand_choice import show_for_chosen_brand
from mailer.web.console.console_context import HOME
from mailer.web.console.console_pages import console_page, redirect_within_console
from mailer.web.console.people_pages import PeopleReader, build_person_access_by_right, require_known_brands
from mailer.web.console.segment_form import (
    OPERATOR_GROUPS,
    SegmentForm,
    condition_of_form,
    facts_of_policy,
    form_of_condition,
    read_segment_form,
)

router = APIRouter(include_in_schema=False)
SEGMENTS = f"{HOME}/segments"
ROWS = 50
MAX_JSON = 60_000
"""The longest JSON that the page takes, in characters. The body of a page is not longer."""
SAVE_COUNT_SECONDS = 2.0
"""The time for which saving a segment also counts it."""
Writer = Annotated[ConsoleRequest, Depends(StaffGate(GateKind.RIGHT, StaffRight.CAMPAIGNS_WRITE))]


@router.get(SEGMENTS)
async def show_segments_or_choose_brand(request: Writer) -> Response:
    """Shows the segments of the chosen brand, or of the only one; else the brands to choose from."""
    return await show_for_chosen_brand(
        request, StaffRight.CAMPAIGNS_WRITE, lambda brand: _list_page(request, brand, ""), SEGMENTS, "segments"
    )


@router.get(f"{SEGMENTS}/{{brand}}")
async def show_segments(brand: str, request: Writer, after: str = "") -> Response:
    """Shows the segments of a brand in the order of their names, with their last counts."""
    require_known_brands(request, [brand])
    return await _list_page(request, brand, after[:60])


@router.get(f"{SEGMENTS}/{{brand}}/_new")
async def show_empty_form(brand: str, request: Writer) -> Response:
    """Shows the form of a new segment."""
    require_known_brands(request, [brand])
    return _form_page(request, brand, None, SegmentForm())


@router.post(f"{SEGMENTS}/{{brand}}/_new")
async def save_new_segment(brand: str, request: Writer) -> Response:
    """Saves a new segment, or shows its form with more rows or its sentence."""
    require_known_brands(request, [brand])
    return await _save_or_show_form(request, brand, None)


@router.get(f"{SEGMENTS}/{{brand}}/{{name}}")
async def show_segment(brand: str, name: str, request: Writer) -> Response:
    """Shows a segment: whom it chooses, its last count, and what can be done with it."""
    return _segment_page(request, await _require_segment(request, brand, name))


@router.get(f"{SEGMENTS}/{{brand}}/{{name}}/edit")
async def show_form(brand: str, name: str, request: Writer) -> Response:
    """Shows the form of a segment; its JSON if the form cannot show it."""
    segment = await _require_segment(request, brand, name)
    condition = read_stored_condition(segment)
    form = form_of_condition(condition) if condition else None
    return _form_page(request, brand, segment, form, condition)


@router.post(f"{SEGMENTS}/{{brand}}/{{name}}/edit")
async def save_segment(brand: str, name: str, request: Writer) -> Response:
    """Saves a segment, or shows its form with more rows or its sentence."""
    return await _save_or_show_form(request, brand, await _require_segment(request, brand, name))


@router.post(f"{SEGMENTS}/{{brand}}/{{name}}/count")
async def count_segment(brand: str, name: str, request: Writer) -> Response:
    """Counts a segment for a bounded time, and shows it."""
    segment = await _require_segment(request, brand, name)
    try:
        policy = request.console.people.policies[brand]
        await segment_store(request, brand).count_segment(policy, name)
    except (SegmentRefused, SegmentSlow) as refusal:
        return _segment_page(request, segment, str(refusal))
    return redirect_within_console(request.console, path_of_segment(segment))


@router.get(f"{SEGMENTS}/{{brand}}/{{name}}/people")
async def show_masked_people(brand: str, name: str, request: Writer) -> Response:
    """Shows up to ten people of a segment, with masked addresses."""
    return await _people_page(request, await _require_segment(request, brand, name), is_masked=True)


@router.post(f"{SEGMENTS}/{{brand}}/{{name}}/people")
async def show_people(brand: str, name: str, request: PeopleReader) -> Response:
    """Shows up to ten people of a segment with their addresses. Each look is an entry of the ledger."""
    return await _people_page(request, await _require_segment(request, brand, name), is_masked=False)


@router.post(f"{SEGMENTS}/{{brand}}/{{name}}/freeze")
async def freeze_segment(brand: str, name: str, request: Writer) -> Response:
    """Puts the people of a segment on a new list, and shows the list."""
    segment = await _require_segment(request, brand, name)
    policy, by = request.console.people.policies[brand], str(request.member.identity)
    to = request.field("list")
    if not is_new_name_allowed(to):
        return _segment_page(request, segment, "list: is no name; write at most 60 letters, digits and hyphens")
    try:
        await open_audience_list_store(request, brand).freeze_segment(policy, name, to, by, COUNT_SECONDS)
    except (SegmentRefused, ListRefused) as refusal:
        return _segment_page(request, segment, str(refusal))
    except SegmentSlow:
        return _segment_page(request, segment, "it takes longer than a page waits; use `mailer segment freeze`")
    return redirect_within_console(request.console, f"{HOME}/lists/{brand}/{to}")


@router.get(f"{SEGMENTS}/{{brand}}/{{name}}/delete")
async def ask_before_deleting(brand: str, name: str, request: Writer) -> Response:
    """Shows which drafts name a segment, before it is deleted."""
    segment = await _require_segment(request, brand, name)
    drafts = await segment_store(request, brand).list_drafts_using_segment(brand, name)
    return console_page(
        request, "segment_delete.html.j2", segment=segment, drafts=drafts, path=path_of_segment(segment)
    )


@router.post(f"{SEGMENTS}/{{brand}}/{{name}}/delete")
async def delete_segment(brand: str, name: str, request: Writer) -> Response:
    """Deletes a segment. A second press changes nothing."""
    require_known_brands(request, [brand])
    await segment_store(request, brand).delete_segment(brand, name)
    return redirect_within_console(request.console, f"{SEGMENTS}/{brand}")


def writable_brands(request: ConsoleRequest) -> list[str]:
    """Returns the brands at which the sender of a request may write campaigns, sorted."""
    return sorted(brands_with_right(request.member, StaffRight.CAMPAIGNS_WRITE, request.console.brands))


def segment_store(request: ConsoleRequest, brand: str) -> SegmentStore:
    """Returns the store of segments, which the person changes by their right at the brand."""
    return request.open_stores(StaffRight.CAMPAIGNS_WRITE, [brand]).segments


def open_audience_list_store(request: ConsoleRequest, brand: str) -> AudienceListStore:
    """Returns the store of lists, which the person changes by their right at the brand."""
    return request.open_stores(StaffRight.CAMPAIGNS_WRITE, [brand]).lists


def masked_person(one: ListedRecipient) -> dict[str, Any]:
    """Returns the facts of a person that somebody without `people:read` may see."""
    address = mask_address(one.email) if one.email else ""
    return {"id": one.id, "address": address, "name": "", "ref": "", "country": one.country, "locale": one.locale}


def path_of_segment(segment: Segment) -> str:
    """Returns the path of a segment's page."""
    return f"{SEGMENTS}/{segment.brand}/{segment.name}"


async def _require_segment(request: ConsoleRequest, brand: str, name: str) -> Segment:
    """Returns a segment of a brand.

    Raises:
        HTTPException: 404.
    """
    require_known_brands(request, [brand])
    found = await segment_store(request, brand).find_segment(brand, name)
    if found is None:
        raise HTTPException(404, "segment_unknown")
    return found


async def _list_page(request: ConsoleRequest, brand: str, after: str) -> Response:
    found = await segment_store(request, brand).list_segments(brand, after, ROWS + 1)
    return console_page(
        request,
        "segments.html.j2",
        at_brand=brand,
        path=f"{SEGMENTS}/{brand}",
        segments=[(one, *_words_of_segment(request, one)) for one in found[:ROWS]],
        is_first=not after,
        next=found[ROWS - 1].name if len(found) > ROWS else None,
        has_several_brands=len(writable_brands(request)) > 1,
    )


def _words_of_segment(request: ConsoleRequest, segment: Segment) -> tuple[str, tuple[str, ...], str]:
    """Returns the sentence, the faults and the count with its age."""
    sentence, faults = sentence_of_segment(request.console.people.policies[segment.brand], segment)
    return sentence, faults, count_in_words(segment.people, segment.counted_at, datetime.now(UTC))


def _segment_page(request: ConsoleRequest, segment: Segment, problem: str | None = None) -> Response:
    sentence, faults, count = _words_of_segment(request, segment)
    return console_page(
        request,
        "segment.html.j2",
        422 if problem else 200,
        problem=problem,
        segment=segment,
        sentence=sentence,
        faults=faults,
        count=count,
        path=path_of_segment(segment),
        parent=f"{SEGMENTS}/{segment.brand}",
    )


async def _people_page(request: ConsoleRequest, segment: Segment, *, is_masked: bool) -> Response:
    brand, desk = segment.brand, request.console.people
    try:
        access = None if is_masked else build_person_access_by_right(request, StaffRight.PEOPLE_READ, [brand])
        if access is not None:
            check_look_up_reason(desk.policies, [brand], access)
        found = await segment_store(request, brand).read_people_of_segment(desk.policies[brand], segment.name)
        if access is not None and found:
            await desk.access.record_look_up([(one.brand, one.id) for one in found], access)
    except (SegmentRefused, SegmentSlow, LookUpRefused) as refusal:
        return _segment_page(request, segment, str(refusal))
    return console_page(
        request,
        "segment_people.html.j2",
        segment=segment,
        people=[masked_person(one) if is_masked else _whole_person(one) for one in found],
        is_masked=is_masked,
        most=SAMPLE_PEOPLE,
        may_read=has_staff_right(request.member, StaffRight.PEOPLE_READ, brand),
        is_reason_needed=needs_look_up_reason(desk.policies, [brand]),
        path=path_of_segment(segment),
    )


def _whole_person(one: ListedRecipient) -> dict[str, Any]:
    return {**masked_person(one), "address": one.email or "", "name": one.name or "", "ref": one.ref}


async def _save_or_show_form(request: ConsoleRequest, brand: str, segment: Segment | None) -> Response:
    """Saves the condition of the form or of its JSON, if that is asked for and nothing is wrong with it."""
    typed = request.raw_field("json", MAX_JSON)
    form = None if typed.strip() else read_segment_form(request.form)
    pressed = request.field("do")
    if pressed not in ("save", "show"):
        return _form_page(request, brand, segment, form)
    condition = None
    try:
        condition = condition_of_form(form) if form else _condition_of_json(typed)
        policy = request.console.people.policies[brand]
        if faults := faults_of_condition(policy, condition):
            raise SegmentRefused(faults)
        name = segment.name if segment else _new_name(request)
        if pressed == "show":
            return _form_page(request, brand, segment, form, condition)
        store, by = segment_store(request, brand), str(request.member.identity)
        saved = await store.save_segment(policy, name, condition, by, _seen_revision(request))
    except SegmentRefused as error:
        return _form_page(request, brand, segment, form, condition, error.problems)
    except SegmentChanged:
        return _form_page(request, brand, segment, form, condition, ("somebody has saved it since you opened it",))
    with suppress(SegmentRefused, SegmentSlow):  # the page offers to count it
        await store.count_segment(policy, saved.name, SAVE_COUNT_SECONDS)
    return redirect_within_console(request.console, path_of_segment(saved))


def _seen_revision(request: ConsoleRequest) -> int:
    """Returns the revision that the form was opened with; 0 for a new segment."""
    text = request.field("revision", 9)
    return int(text) if text.isascii() and text.isdigit() else 0


def _new_name(request: ConsoleRequest) -> str:
    name = request.field("name")
    if not is_new_name_allowed(name):
        raise SegmentRefused(["name: is none; write at most 60 lower case letters, digits and single hyphens"])
    return name


def _condition_of_json(text: str) -> Condition:
    try:
        return parse_condition(parse_json_with_unique_keys(text))
    except SegmentRefused:
        raise
    except ValueError as error:
        raise SegmentRefused([str(error)]) from None


def _form_page(
    request: ConsoleRequest,
    brand: str,
    segment: Segment | None,
    form: SegmentForm | None,
    condition: Condition | None = None,
    problems: tuple[str, ...] = (),
) -> Response:
    typed = request.raw_field("json", MAX_JSON)
    json = typed if typed.strip() or condition is None or form else condition_to_json(condition)
    return console_page(
        request,
        "segment_form.html.j2",
        422 if problems else 200,
        at_brand=brand,
        segment=segment,
        form=form,
        json=json,
        problems=problems,
        sentence=sentence_of_condition(condition) if condition and not problems else "",
        facts=facts_of_policy(request.console.people.policies[brand]),
        operators=OPERATOR_GROUPS,
        path=f"{path_of_segment(segment)}/edit" if segment else f"{SEGMENTS}/{brand}/_new",
        back=path_of_segment(segment) if segment else f"{SEGMENTS}/{brand}",
    )
