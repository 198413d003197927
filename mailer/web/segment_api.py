"""The API for segments: list, show, save, count and delete them, as staff do at the console."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.segment_display import segment_as_json
from mailer.input_types import Slug
from mailer.policy.publisher_rights import OperationAttempt, Publisher, ReadableData, ReadDataAttempt
from mailer.policy.segment_parsing import CheckedCondition, SegmentRefused
from mailer.ports.segments import Segment, SegmentChanged, SegmentSlow, SegmentStore
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

SEGMENTS = "/api/v1/segments/{brand}"
PAGE = 100
router = APIRouter(tags=["segments"], route_class=JsonRoute)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand, or the brand has no such segment."),
    **REFUSALS,
}
_CHANGES: dict[int | str, dict[str, Any]] = {
    422: openapi_refusal_response("The condition cannot be used: what to mend, a line each."),
    **_RESPONSES,
}


class SegmentShown(BaseModel):
    """A segment. `people` is its last count, and null if nobody has counted since the condition was changed.

    `faults` says why it cannot be used now, such as an attribute that the policy no longer declares.
    """

    brand: str
    name: str
    condition: Any
    sentence: str
    faults: list[str]
    revision: int
    people: int | None
    counted_at: datetime | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


class SegmentsShown(BaseModel):
    """Segments by name. Without `next`, there are no more."""

    segments: list[SegmentShown]
    next: str | None = None


class SegmentOrdered(BaseModel):
    """The condition to save. With `revision`, it is saved only if the segment still has it; 0: only a new one."""

    model_config = ConfigDict(extra="forbid")

    condition: CheckedCondition
    revision: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class SegmentDeleted(BaseModel):
    """The record of a deletion. `drafts` are the campaigns that cannot be sent without the segment."""

    deleted: str
    drafts: list[str]


@router.get(SEGMENTS, name="list", response_model=SegmentsShown, summary="List segments", responses=_RESPONSES)
async def list_segments(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
) -> SegmentsShown:
    """Returns segments in the order of their names. `after` is the `next` of the previous page."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.SEGMENTS))
    policy_or_404(site, brand)
    found = await _store(request, site, client).list_segments(brand, after, limit + 1)
    shown = [_shown(site, one) for one in found[:limit]]
    return SegmentsShown(segments=shown, next=shown[-1].name if len(found) > limit else None)


@router.get(
    SEGMENTS + "/{name}", name="show", response_model=SegmentShown, summary="Show a segment", responses=_RESPONSES
)
async def show_segment(brand: Slug, name: Slug, request: Request, site: TheSite, client: TheClient) -> SegmentShown:
    """Returns a segment with its condition, its sentence and its last count."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.SEGMENTS))
    return _shown(site, await _segment_or_404(request, site, client, brand, name))


@router.put(
    SEGMENTS + "/{name}",
    name="save",
    response_model=SegmentShown,
    summary="Save a segment",
    responses={409: openapi_refusal_response("The segment has another revision: nothing was saved."), **_CHANGES},
)
async def save_segment(
    brand: Slug, name: Slug, ordered: SegmentOrdered, request: Request, site: TheSite, client: TheClient
) -> SegmentShown:
    """Saves a condition under a name, new or known. Mailings that were made with it before stay as they are."""
    refuse_client_without_right(client, OperationAttempt(brand, "write_segments"))
    policy, by = policy_or_404(site, brand), str(client.identity)
    try:
        store = _store(request, site, client)
        return _shown(site, await store.save_segment(policy, name, ordered.condition, by, ordered.revision))
    except SegmentRefused as error:
        raise HTTPException(422, str(error)) from None
    except SegmentChanged:
        raise HTTPException(409, f"the segment {name} has another revision; read it again") from None


@router.post(
    SEGMENTS + "/{name}/count",
    name="count",
    response_model=SegmentShown,
    summary="Count a segment",
    responses={503: openapi_refusal_response("The count took too long, and was stopped."), **_CHANGES},
)
async def count_segment(brand: Slug, name: Slug, request: Request, site: TheSite, client: TheClient) -> SegmentShown:
    """Counts the people of a segment now, for at most 20 seconds, and keeps the figure."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.SEGMENTS))
    await _segment_or_404(request, site, client, brand, name)
    try:
        counted = await _store(request, site, client).count_segment(policy_or_404(site, brand), name)
    except SegmentRefused as error:
        raise HTTPException(422, str(error)) from None
    except SegmentSlow as error:
        raise HTTPException(503, str(error)) from None
    return _shown(site, counted)


@router.delete(
    SEGMENTS + "/{name}",
    name="delete",
    response_model=SegmentDeleted,
    summary="Delete a segment",
    responses=_RESPONSES,
)
async def delete_segment(brand: Slug, name: Slug, request: Request, site: TheSite, client: TheClient) -> SegmentDeleted:
    """Deletes a segment. Mailings that were made with it stay as they are."""
    refuse_client_without_right(client, OperationAttempt(brand, "write_segments"))
    await _segment_or_404(request, site, client, brand, name)
    store = _store(request, site, client)
    drafts = await store.list_drafts_using_segment(brand, name)
    await store.delete_segment(brand, name)
    return SegmentDeleted(deleted=name, drafts=list(drafts))


def _store(request: Request, site: WebContext, client: Publisher) -> SegmentStore:
    return open_operator_stores_for_client(request, site, client).segments


async def _segment_or_404(request: Request, site: WebContext, client: Publisher, brand: str, name: str) -> Segment:
    policy_or_404(site, brand)
    found = await _store(request, site, client).find_segment(brand, name)
    if found is None:
        raise HTTPException(404, f"{brand} has no segment {name!r}")
    return found


def _shown(site: WebContext, segment: Segment) -> SegmentShown:
    return SegmentShown(**segment_as_json(site.policies[segment.brand], segment))
