"""The API to look people up, read their history, and act on them, as staff do at the console: each with a reason."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.acts_on_person import ActRefused, OrderedActOnPerson, OrderIdTaken, PersonActName, act_on_person
from mailer.actions.people_look_up import (
    MAX_PAGE,
    PAGE,
    LookUpRefused,
    look_people_up,
    person_with_ref,
    read_page_of_person_history,
)
from mailer.actions.person_history import history_in_words, mailings_named_by_suppressions
from mailer.input_types import Id, Name, Slug, Words
from mailer.policy.history_paging import HistoryPlace
from mailer.policy.policy_file import Policy
from mailer.policy.publisher_rights import AccountActionAttempt, Publisher, ReadableData, ReadDataAttempt
from mailer.policy.sign_in_rules import masked_network
from mailer.ports.person_history import AccessInterface, AccessorAndReason, ListedRecipient
from mailer.web.account_api import ProcessorErasureDuty
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext, find_policy_and_recipient_or_404

PEOPLE = "/api/v1/people/{brand}"

router = APIRouter(tags=["people"], route_class=JsonRoute)
RESPONSES: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("The brand has no such recipient."),
    422: openapi_refusal_response("The reason is missing, or it cannot be done: what to mend, a line each."),
    **REFUSALS,
}
"""The refusals of requests that look people up or act on them."""


class PersonSought(BaseModel):
    """A look-up. `who` is a ref, an address in any spelling, or a number. The reason stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    who: Words
    reason: str = ""


class PersonFound(BaseModel):
    """A person at the brand. `number` is the person's number in the ledger. `state` is the narrowest that holds."""

    ref: str
    number: int
    state: str
    opted_out: list[str]
    since: datetime


class PeopleFound(BaseModel):
    """The people with that ref, address or number."""

    people: list[PersonFound]


class HistoryAsked(BaseModel):
    """A page of a person's history. `before` is the `next` of the page before."""

    model_config = ConfigDict(extra="forbid")

    ref: Name
    reason: str = ""
    before: str | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE


class HistoryEntry(BaseModel):
    """An entry of a history, in words. `mailing` is the mailing that it is about."""

    at: datetime
    kind: str
    title: str
    details: list[str]
    mailing: UUID | None


class HistoryShown(BaseModel):
    """A page of a person's history, the newest entry first. Without `next` it is the last one."""

    brand: str
    ref: str
    entries: list[HistoryEntry]
    next: str | None


class ActOrdered(BaseModel):
    """An act on a person, with its reason. The same `id` again changes nothing; with other values, it is refused.

    `scope` goes with `opt_out`, `reference` and `named` with `hold` and `lift_hold`, and `email`, `name`, `locale` and
    `country` with `rectify`. The reason of `erase` is one of a few grounds.
    """

    model_config = ConfigDict(extra="forbid")

    ref: Name
    act: PersonActName
    id: Id
    reason: str
    scope: str = ""
    email: str = ""
    name: str = ""
    locale: str = ""
    country: str = ""
    reference: str = ""
    named: bool = False


class ActAnswer(BaseModel):
    """The record of an act. `is_new` is false if the act was recorded before. After an erasure, it has its result."""

    brand: str
    ref: str
    act: PersonActName
    is_new: bool
    cancelled: int | None = None
    processors: list[ProcessorErasureDuty] | None = None
    kept_until: datetime | None = None


@router.post(PEOPLE + "/find", response_model=PeopleFound, summary="Find a person", responses=RESPONSES)
async def find(brand: Slug, sought: PersonSought, request: Request, site: TheSite, client: TheClient) -> PeopleFound:
    """Finds people by ref, address or number. The look-up is an entry of the ledger, also if it finds nobody."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.HISTORY))
    policy_or_404(site, brand)
    access = build_person_access_of_client(request, client, sought.reason)
    try:
        found = await look_people_up(site.console.people, [brand], sought.who, access)
    except LookUpRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal
    return PeopleFound(people=[_recipient_as_person_found(one) for one in found])


@router.post(
    PEOPLE + "/history",
    name="history",
    response_model=HistoryShown,
    summary="Read a person's history",
    responses=RESPONSES,
)
async def show_history_of_person(
    brand: Slug, asked: HistoryAsked, request: Request, site: TheSite, client: TheClient
) -> HistoryShown:
    """Returns mail that was sent or not, and why, consents, opt-outs, complaints, requests, changes, and look-ups."""
    refuse_client_without_right(client, ReadDataAttempt(brand, ReadableData.HISTORY))
    desk, policy = site.console.people, policy_or_404(site, brand)
    access = build_person_access_of_client(request, client, asked.reason)
    try:
        before = HistoryPlace.parse_place(asked.before) if asked.before else None
        person = person_with_ref(await look_people_up(desk, [brand], asked.ref, access), asked.ref)
    except LookUpRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal
    except ValueError as error:
        raise HTTPException(422, f"before: {error}") from error
    if person is None:
        raise HTTPException(404, f"{brand} has no recipient {asked.ref}; events and imports make people known")
    page = await read_page_of_person_history(desk, person, before, asked.limit)
    names = await desk.directory.read_template_names(mailings_named_by_suppressions(page))
    entries = [
        HistoryEntry(at=line.at, kind=line.kind, title=line.title, details=list(line.details), mailing=line.mailing)
        for line in history_in_words(page.items, policy, names)
    ]
    return HistoryShown(brand=brand, ref=asked.ref, entries=entries, next=str(page.next) if page.next else None)


@router.post(
    PEOPLE + "/acts",
    response_model=ActAnswer,
    response_model_exclude_none=True,
    summary="Act on a person",
    responses={409: openapi_refusal_response("The id belongs to an order with other values."), **RESPONSES},
)
async def act(brand: Slug, ordered: ActOrdered, request: Request, site: TheSite, client: TheClient) -> ActAnswer:
    """Does an act once, with a reason that stands in the ledger beside the change."""
    refuse_client_without_right(client, AccountActionAttempt(brand, ordered.act))
    policy, recipient_id = await find_policy_and_recipient_or_404(site, brand, ordered.ref)
    person = await site.console.people.directory.find_recipient_by_id(brand, recipient_id)
    if person is None:
        raise HTTPException(404, f"{brand} has no recipient {ordered.ref}; events and imports make people known")
    order = OrderedActOnPerson(ordered.act, ordered.id, _values_of_act(ordered))
    access = build_person_access_of_client(request, client, ordered.reason)
    try:
        done = await act_on_person(site.console.people, policy, person, order, access)
    except OrderIdTaken as refusal:
        raise HTTPException(409, str(refusal)) from refusal
    except ActRefused as refusal:
        raise HTTPException(422, str(refusal)) from refusal
    answer = ActAnswer(brand=brand, ref=ordered.ref, act=ordered.act, is_new=done.is_new)
    if done.erasure is None:
        return answer
    keepers = [ProcessorErasureDuty.model_validate(keeper) for keeper in done.erasure.keepers]
    return answer.model_copy(
        update={
            "cancelled": done.erasure.cancelled,
            "processors": keepers,
            "kept_until": done.erasure.expires_at,
        }
    )


def policy_or_404(site: WebContext, brand: str) -> Policy:
    """Returns the policy of a brand.

    Raises:
        HTTPException: 404.
    """
    policy = site.policies.get(brand)
    if policy is None:
        raise HTTPException(404, f"there is no brand {brand}")
    return policy


def build_person_access_of_client(request: Request, client: Publisher, reason: str) -> AccessorAndReason:
    """Returns who looks or acts by the API, from which masked network, and why."""
    network = masked_network(request.client.host if request.client else "")
    return AccessorAndReason(client.identity, AccessInterface.API, network, reason)


def _recipient_as_person_found(one: ListedRecipient) -> PersonFound:
    return PersonFound(ref=one.ref, number=one.id, state=one.state, opted_out=sorted(one.opted_out), since=one.since)


def _values_of_act(ordered: ActOrdered) -> dict[str, str]:
    names = ("scope", "email", "name", "locale", "country", "reference")
    return {name: getattr(ordered, name) for name in names} | {"named": "yes" if ordered.named else ""}
