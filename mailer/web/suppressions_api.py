"""The API to list, explain and lift suppressions, as staff do at the console."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from mailer.actions.acts_on_person import ActRefused, lift_suppression_with_reason
from mailer.actions.explanations import suppression_in_words
from mailer.actions.people_look_up import MAX_PAGE, PAGE, LookUpRefused
from mailer.actions.suppression_queries import (
    list_suppressions,
    list_suppressions_of_address_and_log_access,
    list_suppressions_of_ref_and_log_access,
    read_mailing_templates_of_suppressions,
)
from mailer.input_types import Moment, Slug
from mailer.policy.publisher_rights import LIFT, AccountActionAttempt, ReadableData, ReadDataAttempt
from mailer.ports.suppressions import Suppression
from mailer.web.event_api import TheClient, refuse_client_without_right
from mailer.web.people_api import RESPONSES, PersonSought, build_person_access_of_client, policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite

SUPPRESSIONS = "/api/v1/suppressions/{brand}"
LARGEST = 2**63 - 1

router = APIRouter(tags=["suppressions"], route_class=JsonRoute)


class SuppressionShown(BaseModel):
    """A suppression. `brand` is null if it holds for the whole controller. `address_hash` is a keyed hash."""

    number: int
    brand: str | None
    scope: str
    reason: str
    source: str
    actor: str
    words: str
    at: datetime
    expires_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None
    address_hash: str


class SuppressionsShown(BaseModel):
    """Suppressions. Without `next`, there are no more."""

    suppressions: list[SuppressionShown]
    next: int | None = None


class LiftOrdered(BaseModel):
    """The reason for which a suppression is lifted, for the ledger, and its `at` as it was read.

    A suppression that was said again since then is not lifted.
    """

    model_config = ConfigDict(extra="forbid")

    at: Moment
    reason: str


class LiftAnswer(BaseModel):
    """The record of a lift. `is_new` is false if the suppression had been lifted before. No consent comes back."""

    number: int
    is_new: bool


@router.get(
    SUPPRESSIONS, name="show_list", response_model=SuppressionsShown, summary="List suppressions", responses=RESPONSES
)
async def show_suppressions(
    brand: Slug,
    site: TheSite,
    client: TheClient,
    before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
) -> SuppressionsShown:
    """Returns the suppressions that hold now, the newest first. `before` is the `next` of the previous page."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.SUPPRESSIONS))
    page = await list_suppressions(site.console.people, policy_or_404(site, brand), before, limit)
    shown = [_suppression_for_answer(stop, suppression_in_words(stop, page.templates)) for stop in page.stops]
    return SuppressionsShown(suppressions=shown, next=page.next)


@router.post(
    SUPPRESSIONS + "/explain",
    name="explain",
    response_model=SuppressionsShown,
    summary="Say why an address is suppressed",
    responses=RESPONSES,
)
async def explain_suppressions_of_person(
    brand: Slug, sought: PersonSought, request: Request, site: TheSite, client: TheClient
) -> SuppressionsShown:
    """All that an address ever had, by the address or a ref, oldest first. The look-up is an entry of the ledger."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.SUPPRESSIONS))
    desk, policy = site.console.people, policy_or_404(site, brand)
    read = list_suppressions_of_address_and_log_access if "@" in sought.who else list_suppressions_of_ref_and_log_access
    try:
        found = await read(desk, policy, sought.who, build_person_access_of_client(request, client, sought.reason))
    except LookUpRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal
    titles = await read_mailing_templates_of_suppressions(desk, found)
    return SuppressionsShown(
        suppressions=[_suppression_for_answer(stop, suppression_in_words(stop, titles)) for stop in found]
    )


@router.post(
    SUPPRESSIONS + "/{number}/lift",
    name="lift",
    response_model=LiftAnswer,
    summary="Lift a suppression",
    responses=RESPONSES,
)
async def lift_one_suppression(
    brand: Slug, number: int, ordered: LiftOrdered, request: Request, site: TheSite, client: TheClient
) -> LiftAnswer:
    """Ends it on record, for everybody who shares the address. Consents from before it stay without effect."""
    refuse_client_without_right(client, AccountActionAttempt(brand, LIFT))
    desk, policy = site.console.people, policy_or_404(site, brand)
    known = 0 < number <= LARGEST and await desk.suppressions.get_suppression_by_id(brand, policy.controller.id, number)
    if not known:
        raise HTTPException(404, f"{brand} has no suppression {number}")
    try:
        done = await lift_suppression_with_reason(
            desk, policy, number, ordered.at, build_person_access_of_client(request, client, ordered.reason)
        )
    except ActRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal
    return LiftAnswer(number=number, is_new=done.is_new)


def _suppression_for_answer(stop: Suppression, words: str) -> SuppressionShown:
    return SuppressionShown(
        number=stop.id,
        brand=stop.brand,
        scope=stop.scope,
        reason=stop.reason,
        source=stop.source,
        actor=stop.actor,
        words=words,
        at=stop.at,
        expires_at=stop.expires_at,
        lifted_at=stop.lifted_at,
        lifted_by=stop.lifted_by,
        lift_reason=stop.lift_reason,
        address_hash=stop.hash,
    )
