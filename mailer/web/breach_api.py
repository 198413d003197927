"""The API for breach cases: list, create, read, facts, decisions and duties. It releases nothing."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.actions.breach_clocks import kept_clocks_of_case
from mailer.actions.breach_json import breach_case_as_json, breach_summary_as_json
from mailer.input_types import Slug
from mailer.policy.breach.facts import BreachFacts, Story
from mailer.policy.breach.facts_checks import refusal_of_facts
from mailer.policy.breach.stages import BreachStage
from mailer.policy.campaign_draft import Line
from mailer.policy.publisher_rights import OperationAttempt, Publisher
from mailer.ports.breach_cases import BreachCase, BreachChangedMeanwhile, BreachChangeRefused
from mailer.ports.breach_desk import DutyToMark, KeptClock
from mailer.ports.breach_stores import BreachStores
from mailer.web.event_api import REFUSALS, TheClient, openapi_refusal_response, refuse_client_without_right
from mailer.web.mailing_api import open_operator_stores_for_client
from mailer.web.people_api import policy_or_404
from mailer.web.request_parsing import JsonRoute
from mailer.web.web_context import TheSite, WebContext

BREACH_CASES, ONE = "/api/v1/breach-cases/{brand}", "/api/v1/breach-cases/{brand}/{case_id}"
ACTION = "write_breach_cases"
router = APIRouter(tags=["breach cases"], route_class=JsonRoute)
_T = TypeVar("_T")
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: openapi_refusal_response("There is no such brand or case."),
    **REFUSALS,
}
_CHANGE_REFUSALS: dict[int | str, dict[str, Any]] = {
    409: openapi_refusal_response("The case is not open, or it does not allow this."),
    412: openapi_refusal_response("Somebody has saved another revision. The header field `etag` names it."),
    **_REFUSALS,
}
Name = Annotated[Line, Field(min_length=1, max_length=100)]
ShortLine = Annotated[Line, Field(max_length=300)]
ClockName = Annotated[Line, Field(min_length=1, max_length=200)]


class ListedBreachCase(BaseModel):
    """A case of a list, without its facts."""

    case: UUID
    brand: str
    name: str
    state: Literal["open", "not_notified", "closed"]
    revision: int
    reason: str
    decided_by: str | None
    decided_at: datetime | None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


class BreachCasesShown(BaseModel):
    """Cases, the last changed first."""

    cases: list[ListedBreachCase]


class DoneShown(BaseModel):
    """A duty that is done: who was told, when, the reference of the receipt, and who marked it."""

    told: str
    told_at: datetime
    reference: str
    by: str
    at: datetime


class ClockShown(BaseModel):
    """A clock; `due_at` is null if the law names no time, `done` is null if nobody was told yet."""

    clock: str
    rule: str
    what: str
    whom: str
    because: str
    starts_at: datetime
    due_at: datetime | None
    done: DoneShown | None


class PhaseShown(BaseModel):
    """A phase of the notice."""

    phase: int
    state: str
    revision: int


class BreachCaseShown(ListedBreachCase):
    """A case with its facts, and what follows from them."""

    stage: BreachStage
    facts: BreachFacts
    phases: list[PhaseShown]
    clocks: list[ClockShown]


class BreachCaseWritten(BaseModel):
    """A new case: its name, and the facts that are known."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    facts: BreachFacts = BreachFacts()


class FactsChanged(BaseModel):
    """The facts, all of them, and the revision that the change began with."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=1, lt=2**31)]
    facts: BreachFacts


class DecisionWritten(BaseModel):
    """A decision: nobody is told, closed, or open again; with the reason, which is kept."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "not_notified", "closed"]
    reason: Annotated[Story, Field(min_length=1)]


class DutyWritten(BaseModel):
    """A duty that is done: the clock, who was told, when, and the reference of the receipt."""

    model_config = ConfigDict(extra="forbid")

    clock: ClockName
    told: Annotated[ShortLine, Field(min_length=1)]
    told_at: AwareDatetime
    reference: ShortLine = ""


class DutyTakenBack(BaseModel):
    """A duty that is not done after all, with the reason."""

    model_config = ConfigDict(extra="forbid")

    clock: ClockName
    reason: Annotated[ShortLine, Field(min_length=1)]


@router.get(BREACH_CASES, summary="The breach cases of a brand", responses=_REFUSALS)
async def list_breach_cases(
    brand: Slug,
    request: Request,
    site: TheSite,
    client: TheClient,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BreachCasesShown:
    """Returns the cases that were changed last."""
    cases = await _stores_of_client(brand, request, site, client).cases.list_cases([brand], limit)
    return BreachCasesShown(cases=[ListedBreachCase(**breach_summary_as_json(one)) for one in cases])


@router.post(BREACH_CASES, status_code=201, summary="Create a breach case", responses=_REFUSALS)
async def create_breach_case(
    brand: Slug, written: BreachCaseWritten, request: Request, site: TheSite, client: TheClient
) -> BreachCaseShown:
    """Creates an open case. Nobody is told before a check and a release by a second person."""
    stores = _stores_of_client(brand, request, site, client)
    _refuse_impossible_facts(written.facts)
    case = await stores.cases.create_case(brand, written.name, written.facts, str(client.identity))
    return await _shown(site, stores, case)


@router.get(ONE, summary="One breach case", responses=_REFUSALS)
async def show_breach_case(
    brand: Slug, case_id: UUID, request: Request, site: TheSite, client: TheClient, response: Response
) -> BreachCaseShown:
    """Returns a case with its facts and clocks. The header field `etag` is the revision of the facts."""
    stores = _stores_of_client(brand, request, site, client)
    case = await _case_or_404(stores, brand, case_id)
    response.headers["etag"] = f'"{case.revision}"'
    return await _shown(site, stores, case)


@router.put(f"{ONE}/facts", summary="Save the facts", responses=_CHANGE_REFUSALS)
async def save_facts(
    brand: Slug, case_id: UUID, changed: FactsChanged, request: Request, site: TheSite, client: TheClient
) -> BreachCaseShown:
    """Stores the facts on top of the revision that they name. Unreleased checks are outdated."""
    stores = _stores_of_client(brand, request, site, client)
    await _case_or_404(stores, brand, case_id)
    _refuse_impossible_facts(changed.facts)
    saved = stores.cases.save_facts(case_id, changed.revision, changed.facts, str(client.identity))
    return await _shown(site, stores, await _stored_or_refused(stores, case_id, saved))


@router.post(f"{ONE}/decision", summary="Decide about a breach case", responses=_CHANGE_REFUSALS)
async def decide_breach_case(
    brand: Slug, case_id: UUID, written: DecisionWritten, request: Request, site: TheSite, client: TheClient
) -> BreachCaseShown:
    """Decides that nobody is told, closes the case, or opens it again. Clocks run in open cases only."""
    stores = _stores_of_client(brand, request, site, client)
    await _case_or_404(stores, brand, case_id)
    decided = stores.cases.decide_state(case_id, written.state, written.reason, str(client.identity))
    return await _shown(site, stores, await _stored_or_refused(stores, case_id, decided))


@router.post(f"{ONE}/duties", summary="Mark a duty as done", responses=_CHANGE_REFUSALS)
async def mark_duty_done(
    brand: Slug, case_id: UUID, written: DutyWritten, request: Request, site: TheSite, client: TheClient
) -> BreachCaseShown:
    """Marks a duty as done; a second time corrects it. Its reminders stop."""
    stores = _stores_of_client(brand, request, site, client)
    case = await _case_or_404(stores, brand, case_id)
    await _refuse_unknown_clock(site, stores, case, written.clock)
    duty = DutyToMark(written.clock, written.told, written.told_at, written.reference)
    await _stored_or_refused(stores, case_id, stores.duties.mark_duty_done(case_id, duty, str(client.identity)))
    return await _shown(site, stores, case)


@router.post(f"{ONE}/duties/undo", summary="Take a duty back", responses=_CHANGE_REFUSALS)
async def unmark_duty(
    brand: Slug, case_id: UUID, written: DutyTakenBack, request: Request, site: TheSite, client: TheClient
) -> BreachCaseShown:
    """Says that a duty is not done after all. Its reminders go on."""
    stores = _stores_of_client(brand, request, site, client)
    case = await _case_or_404(stores, brand, case_id)
    undone = stores.duties.unmark_duty(case_id, written.clock, written.reason, str(client.identity))
    await _stored_or_refused(stores, case_id, undone)
    return await _shown(site, stores, case)


def _stores_of_client(brand: str, request: Request, site: WebContext, client: Publisher) -> BreachStores:
    policy_or_404(site, brand)
    refuse_client_without_right(client, OperationAttempt(brand, ACTION))
    return open_operator_stores_for_client(request, site, client).breach


def _refuse_impossible_facts(facts: BreachFacts) -> None:
    if refusal := refusal_of_facts(facts, datetime.now(UTC)):
        raise HTTPException(422, refusal)


async def _case_or_404(stores: BreachStores, brand: str, case_id: UUID) -> BreachCase:
    case = await stores.cases.find_case(case_id)
    if case is None or case.brand != brand:
        raise HTTPException(404, f"{brand} has no breach case {case_id}")
    return case


async def _stored_or_refused(stores: BreachStores, case_id: UUID, change: Awaitable[_T]) -> _T:
    """Returns the result of a change, or answers why it was refused."""
    try:
        return await change
    except BreachChangedMeanwhile as error:
        current = await stores.cases.find_case(case_id)
        etag = {"etag": f'"{current.revision}"'} if current else {}
        raise HTTPException(412, str(error), etag) from error
    except BreachChangeRefused as error:
        raise HTTPException(409, str(error)) from error


async def _refuse_unknown_clock(site: WebContext, stores: BreachStores, case: BreachCase, clock: str) -> None:
    """Refuses a duty of a clock that the case neither has nor had when it was marked before."""
    names = {one.key for one in await _clocks_of_case(site, stores, case)}
    names |= (await stores.duties.list_duties_done([case.id])).get(case.id, {}).keys()
    if clock not in names:
        raise HTTPException(
            422, f"clock: the case has none of this name; there are {', '.join(sorted(names)) or 'none'}"
        )


async def _clocks_of_case(site: WebContext, stores: BreachStores, case: BreachCase) -> list[KeptClock]:
    told = (await stores.duties.list_first_releases([case.id])).get(case.id)
    return kept_clocks_of_case(case.facts, site.policies[case.brand], told)


async def _shown(site: WebContext, stores: BreachStores, case: BreachCase) -> BreachCaseShown:
    clocks = await _clocks_of_case(site, stores, case)
    phases = await stores.cases.list_phases(case.id)
    done = (await stores.duties.list_duties_done([case.id])).get(case.id, {})
    return BreachCaseShown(**breach_case_as_json(case, phases, clocks, done))
