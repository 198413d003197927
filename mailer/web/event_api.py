"""The API for applications: publish an event, ask for the status of its mailing."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mailer.account_event_types import account_event_schema
from mailer.event_digests import EventIdTakenByDifferentEvent
from mailer.events import Audience, EventRefused, MessageEvent
from mailer.input_types import Id, Slug, limited_problems
from mailer.policy.publisher_rights import (
    PublishAttempt,
    Publisher,
    ReadableData,
    ReadDataAttempt,
    Wish,
    has_right,
    refusal_of_publisher_without_right,
)
from mailer.policy.segments import SEGMENT_PREFIX
from mailer.ports.broker import BrokerMessage, HeaderName
from mailer.ports.mailings import MailingStatus
from mailer.web.web_context import TheSite, WebContext

EVENTS = "/api/v1/events"
OPENAPI = "/api/v1/openapi.json"
SCHEMA_REF = "#/components/schemas/{model}"

router = APIRouter(tags=["events"])


class Problems(BaseModel):
    """The problems of a refused request, one line each."""

    problems: list[str]


class EventAccepted(BaseModel):
    """The event is stored, and intake will take it in."""

    event: str
    brand: str
    state: str = "accepted"
    status_url: str


class DeliveryCount(BaseModel):
    """The number of deliveries in one state, for one reason."""

    state: str
    reason: str
    count: int


class EventStatus(BaseModel):
    """The status of the event's mailing.

    `opens` are fetches of the pixel by people's mail programs, `machine_opens` those by proxies and scanners;
    `unique_opens` is the number of opened messages, as far as that may be known. Clicks have the same figures. The
    figures grow every hour. A figure below the policy's `minimum_cell` is null. While the mailing runs, figures are
    multiples of `minimum_cell`.
    """

    event: str
    brand: str
    state: str
    mailing: UUID
    category: str
    template: str
    campaign: str | None
    publisher: str
    audience_size: int | None
    created_at: datetime
    released_by: str | None
    finished_at: datetime | None
    counts: list[DeliveryCount]
    opens: int | None
    machine_opens: int | None
    unique_opens: int | None
    clicks: int | None
    machine_clicks: int | None
    unique_clicks: int | None
    status_url: str


def openapi_refusal_response(description: str) -> dict[str, Any]:
    """Returns the description of a refusal for OpenAPI."""
    return {"model": Problems, "description": description}


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: openapi_refusal_response("No key, or none that is good."),
    403: openapi_refusal_response("The key's holder may not do this: how an operator grants it."),
}
"""The refusals of each route that asks for a key."""

_bearer = HTTPBearer(auto_error=False, scheme_name="API key", description="The key that `mailer` issued to you.")


async def _require_client(
    site: TheSite, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Publisher:
    client = await site.publishers.find_publisher_by_api_key(credentials.credentials) if credentials else None
    if client is None:
        raise HTTPException(
            401, "send a key that is good, as Authorization: Bearer KEY", {"www-authenticate": "Bearer"}
        )
    return client


TheClient = Annotated[Publisher, Depends(_require_client)]


@router.post(
    EVENTS,
    status_code=202,
    response_model=EventAccepted,
    summary="Publish an event",
    responses={
        200: {
            "model": EventStatus | EventAccepted,
            "description": "The event was known already: what became of its mailing, where the key may read that.",
        },
        202: {"description": "Accepted. Publish again with the same id wherever the answer got lost."},
        413: openapi_refusal_response(
            "The event is too large: use a named audience, or a link instead of an attachment."
        ),
        409: openapi_refusal_response("The id stands for another event: which fields differ."),
        422: openapi_refusal_response("Not JSON, or not an event that can be mailed: what to mend, a line each."),
        **REFUSALS,
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": SCHEMA_REF.format(model="MessageEvent")}}},
        }
    },
)
async def publish(request: Request, site: TheSite, client: TheClient) -> Response:
    """Takes an event in. The same `id` again, within a brand, is answered with the first mailing."""
    body = await request.body()
    event = await site.reader.parse_message_event_without_blocking(body)
    policy = site.policies.get(event.brand)
    if policy is None or event.category not in policy.categories:
        site.admit(event)  # raises EventRefused, and lists the known ones
    refuse_client_without_right(client, PublishAttempt(event.brand, event.category, event.template))
    known = await site.mailings.find_mailing_status_of_event(event.brand, event.id)
    if known is not None:
        if fields := await site.mailings.fields_differing_from_known_event(event):
            raise EventIdTakenByDifferentEvent(fields)
        readable = has_right(client, ReadDataAttempt(event.brand, ReadableData.STATUS))
        return _json_response(
            _event_status_of_mailing(site, known) if readable else _build_event_accepted_answer(site, event), 200
        )
    site.admit(event)
    await _refuse_segment_that_cannot_be_used(site, event)
    message = BrokerMessage(body, event.routing_key, event.id, {HeaderName.PUBLISHER: str(client.identity)})
    await site.outbox.add_messages("mailer.events", [message])
    return _json_response(_build_event_accepted_answer(site, event), 202)


@router.get(
    EVENTS + "/{brand}/{event_id:path}",
    name="status",
    response_model=EventStatus,
    summary="What became of an event",
    responses={404: openapi_refusal_response("Unknown, or accepted and not taken in yet."), **REFUSALS},
)
async def show_event_status(brand: Slug, event_id: Id, site: TheSite, client: TheClient) -> Response:
    """The state of the event's mailing, and its deliveries by state and reason."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.STATUS))
    known = await site.mailings.find_mailing_status_of_event(brand, event_id)
    if known is None:
        raise HTTPException(
            404,
            f"{brand} has no mailing for this event id; if the event was accepted a moment ago, it has not been "
            "taken in yet: ask again",
        )
    return _json_response(_event_status_of_mailing(site, known), 200)


async def _refuse_segment_that_cannot_be_used(site: WebContext, event: MessageEvent) -> None:
    """Refuses an event to a segment that is unknown or not allowed. A list may still be imported before its intake."""
    if isinstance(event.to, Audience) and event.to.audience.startswith(SEGMENT_PREFIX):
        fault = await site.mailings.find_audience_fault(event.brand, event.to.audience)
        if fault:
            raise EventRefused([f"to.audience: {fault}"])


async def refused_event_answer(_: Request, error: EventRefused) -> Response:
    """Returns the answer for an event that cannot be accepted."""
    return problems_answer(list(error.problems), 409 if isinstance(error, EventIdTakenByDifferentEvent) else 422)


def problems_answer(problems: list[str], status: int, headers: dict[str, str] | None = None) -> Response:
    """Returns a refusal in the form that all refusals have."""
    return _json_response(Problems(problems=list(limited_problems(problems))), status, headers)


def event_schema_components() -> dict[str, Any]:
    """Returns the schemas of the events and their parts, by name, for the components of OpenAPI."""
    schema = MessageEvent.model_json_schema(ref_template=SCHEMA_REF)
    account = account_event_schema(SCHEMA_REF)
    parts: dict[str, Any] = {**schema.pop("$defs"), **account.pop("$defs")}
    return {**parts, "MessageEvent": schema, "AccountEvent": account}


def refuse_client_without_right(client: Publisher, wish: Wish) -> None:
    """Raises HTTPException 403 if the holder of the key lacks a right."""
    if problem := refusal_of_publisher_without_right(client.identity, client, wish):
        raise HTTPException(403, problem)


def refuse_client_unless_right_at_every_brand(site: WebContext, client: Publisher, wish: Callable[[str], Wish]) -> None:
    """Raises HTTPException 403 if the holder of the key lacks a right at any brand that has a policy here.

    Processors, the flow and publishers belong to no brand. `wish` returns the wish for a brand.
    """
    for brand in sorted(site.policies):
        refuse_client_without_right(client, wish(brand))


def _build_event_accepted_answer(site: WebContext, event: MessageEvent) -> EventAccepted:
    return EventAccepted(event=event.id, brand=event.brand, status_url=_status_url(site, event.brand, event.id))


def _status_url(site: WebContext, brand: str, event_id: str) -> str:
    return f"{site.public_url.rstrip('/')}{EVENTS}/{brand}/{quote(event_id, safe='')}"


def _event_status_of_mailing(site: WebContext, mailing: MailingStatus) -> EventStatus:
    counts = sorted(mailing.counts.items())
    return EventStatus(
        event=mailing.event_id,
        brand=mailing.brand,
        state=mailing.state,
        mailing=mailing.id,
        category=mailing.category,
        template=mailing.template,
        campaign=mailing.campaign,
        publisher=mailing.publisher,
        audience_size=mailing.audience_size,
        created_at=mailing.created_at,
        released_by=mailing.released_by,
        finished_at=mailing.finished_at,
        counts=[DeliveryCount(state=state, reason=reason, count=count) for (state, reason), count in counts],
        opens=mailing.opens,
        machine_opens=mailing.machine_opens,
        unique_opens=mailing.unique_opens,
        clicks=mailing.clicks,
        machine_clicks=mailing.machine_clicks,
        unique_clicks=mailing.unique_clicks,
        status_url=_status_url(site, mailing.brand, mailing.event_id),
    )


def _json_response(model: BaseModel, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(model.model_dump_json(), status, headers, media_type="application/json")
