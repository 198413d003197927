"""The API for dead letters of a brand: list, show without personal data, replay."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.dead_letter_replay import replay_page_of_dead_letters
from mailer.actions.json_for_operators import dead_letter_without_body_as_json, listed_dead_letter_as_json
from mailer.input_types import Moment, Name, Slug
from mailer.policy.publisher_rights import OperationAttempt, ReadableData, ReadDataAttempt
from mailer.ports.dead_letters import DeadLetterCauseKind, DeadLetterFilter
from mailer.web.console.dead_letter_text import mask_addresses, masked_body, masked_reason
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.suppressions_api import LARGEST
from mailer.web.web_context import TheSite

LETTERS = "/api/v1/dead-letters/{brand}"
_AT_ONCE = 500
_NUMBER = Field(ge=1, le=LARGEST)
router = APIRouter(tags=["operations"], route_class=JsonRoute)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand or dead letter."),
    **REFUSALS,
}


class DeadLetterShown(BaseModel):
    """A message that could not be taken in, without personal data: in its reason, what the publisher wrote is masked.

    `bytes` is the size of its body.
    """

    id: int
    at: datetime
    kind: DeadLetterCauseKind
    reason: str
    exchange: str
    routing_key: str
    event: str | None
    publisher: str | None
    bytes: int
    replayed_at: datetime | None


class DeadLetterWithBody(DeadLetterShown):
    """A dead letter with its body, in which personal data are left out."""

    body: str


class DeadLetterList(BaseModel):
    """Dead letters, the newest first. `older_than` is the `last` of the next page; null: this is the last one.

    A page can be short, or empty, and still have a next one.
    """

    letters: Sequence[DeadLetterShown]
    older_than: int | None


class ReplayOrdered(BaseModel):
    """The dead letters to publish again: those that meet all conditions, at least one of which has to be given.

    `again`: also those that were replayed already. `reason` is a part of their reason as it is shown, `key` their
    routing key.
    """

    model_config = ConfigDict(extra="forbid")

    first: Annotated[int, _NUMBER] = 1
    last: Annotated[int, _NUMBER] = LARGEST
    since: Moment | None = None
    until: Moment | None = None
    kind: DeadLetterCauseKind | None = None
    reason: Name | None = None
    key: Name | None = None
    again: bool = False


class ReplayAnswer(BaseModel):
    """The ids of those that were published again, and of those that were not: not in UTF-8, or of another brand, too.

    `next` is the `first` with which to go on; null: nothing is left.
    """

    replayed: int
    matching: int
    ids: Sequence[int]
    skipped: Sequence[int]
    next: int | None


@router.get(LETTERS, response_model=DeadLetterList, summary="The dead letters of a brand", responses=_REFUSALS)
async def list_dead_letters(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    last: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    kind: DeadLetterCauseKind | None = None,
    replayed: bool = True,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> dict[str, Any]:
    """Returns the newest whose routing key begins with the brand, without their bodies."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.DEAD_LETTERS))
    policy_or_404(site, brand)
    chosen = DeadLetterFilter(last=last, kind=kind, replayed=replayed, brands=frozenset({brand}))
    page = await open_operator_stores_for_client(request, site, client).letters.list_page(chosen, limit)
    shown = [listed_dead_letter_as_json(one) for one in page.letters]
    return {"letters": [_without_personal_data(one) for one in shown], "older_than": page.older_than}


@router.get(LETTERS + "/{number}", response_model=DeadLetterWithBody, summary="One dead letter", responses=_REFUSALS)
async def show_dead_letter(
    brand: Slug, number: int, request: Request, site: TheSite, client: TheClient
) -> dict[str, Any]:
    """Returns a dead letter; of its body only the names of fields, and category, brand, template and times."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.DEAD_LETTERS))
    desk = open_operator_stores_for_client(request, site, client).letters
    letter = await desk.get_dead_letter(number) if 0 < number <= LARGEST else None
    if letter is None or letter.message.routing_key.partition(".")[0] != brand:
        raise HTTPException(404, f"{brand} has no dead letter {number}")
    return {
        **_without_personal_data(dead_letter_without_body_as_json(letter)),
        "body": masked_body(letter.message.body),
    }


@router.post(LETTERS + "/replay", response_model=ReplayAnswer, summary="Replay dead letters", responses=_REFUSALS)
async def replay_dead_letters(
    brand: Slug, ordered: ReplayOrdered, request: Request, site: TheSite, client: TheClient
) -> dict[str, Any]:
    """Publishes events again as their publishers, the oldest 500 that fit. Each is an entry of the ledger."""
    refuse_client_without_right(client, OperationAttempt(brand, "replay_dead_letters"))
    policy_or_404(site, brand)
    if ordered == ReplayOrdered(again=ordered.again):
        raise HTTPException(422, "say which: first and last, since, until, kind, reason or key")
    desk = open_operator_stores_for_client(request, site, client).letters
    result = await replay_page_of_dead_letters(desk, _filter_of_replay_order(brand, ordered), _AT_ONCE)
    return {
        "replayed": len(result.done),
        "matching": len(result.done) + len(result.skipped),
        "ids": result.done,
        "skipped": result.skipped,
        "next": result.next_id,
    }


def _filter_of_replay_order(brand: str, ordered: ReplayOrdered) -> DeadLetterFilter:
    return DeadLetterFilter(
        ordered.first,
        ordered.last,
        ordered.since,
        ordered.until,
        ordered.kind,
        ordered.reason,
        ordered.key,
        ordered.again,
        frozenset({brand}),
        masked_reason,
    )


def _without_personal_data(shape: dict[str, Any]) -> dict[str, Any]:
    """Returns a dead letter as the console shows it. A publisher chose event, keys, and parts of reasons."""
    names = ("exchange", "routing_key", "event", "publisher")
    masked = {name: mask_addresses(shape[name]) for name in names if shape[name] is not None}
    return {**shape, **masked, "reason": masked_reason(shape["reason"])}
