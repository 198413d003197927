"""The guided pages of a case's facts: a step each, with what follows from them beside it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mailer.policy.breach.facts import BreachFacts, DataKind, Risk
from mailer.policy.breach.facts_wording import FactDifference, compare_facts
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.policy.staff_rights import StaffRight
from mailer.ports.breach_cases import BreachCase, BreachChangedMeanwhile, BreachChangeRefused
from mailer.web.console.access_gates import ConsoleRequest
from mailer.web.console.breach_access import (
    ONE_BREACH,
    BreachWriter,
    breach_stores,
    path_of_breach,
    policy_of_breach,
    require_breach_case,
    zone_of_viewer,
)
from mailer.web.console.breach_consequences import consequences_of_facts
from mailer.web.console.breach_facts_form import (
    STEPS,
    FactFault,
    Typed,
    build_facts,
    read_typed_facts,
    step_after,
    typed_facts,
)
from mailer.web.console.breach_pages import SHOWN_ZONES
from mailer.web.console.console_pages import console_page, redirect_within_console

router = APIRouter(include_in_schema=False)
FACTS = f"{ONE_BREACH}/facts"
Step = Annotated[str, Query(max_length=20)]


@dataclass(frozen=True, slots=True)
class FactsAnswer:
    """The faults and problems that a step shows beside what was typed.

    Attributes:
        faults: of the fields. problem: a sentence about all of it.
        differences: between what somebody else has stored and what was typed.
        status: of the answer.
    """

    faults: list[FactFault] = field(default_factory=list)
    problem: str | None = None
    differences: list[FactDifference] = field(default_factory=list)
    status: int = 200


@router.get(FACTS)
async def show_facts(case_id: UUID, request: BreachWriter, step: Step = "when") -> Response:
    """Shows one step of the facts, and what follows from all of them."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_WRITE)
    if step not in STEPS:
        raise HTTPException(404, "page_bad")
    if case.state != "open":
        return redirect_within_console(request.console, f"{path_of_breach(case)}/decision")
    zone = await zone_of_viewer(request)
    return await _facts_page(request, case, step, typed_facts(case.facts, step, zone), zone, FactsAnswer())


@router.post(FACTS)
async def save_facts(case_id: UUID, request: BreachWriter, step: Step = "when") -> Response:
    """Stores one step, and leads to the next one. Whoever saves on top of another's saving is told first."""
    case = await require_breach_case(request, case_id, StaffRight.BREACH_WRITE)
    if step not in STEPS:
        raise HTTPException(404, "page_bad")
    zone, typed = await zone_of_viewer(request), read_typed_facts(request.form, step)
    facts, faults = build_facts(typed, step, case.facts)
    if facts is None:
        return await _facts_page(request, case, step, typed, zone, FactsAnswer(faults, status=422))
    try:
        await breach_stores(request, case.brand).cases.save_facts(
            case.id, _read_revision(request), facts, str(request.member.identity)
        )
    except BreachChangedMeanwhile as conflict:
        return await _conflict_page(request, case, step, typed, zone, facts, str(conflict).removeprefix("person:"))
    except BreachChangeRefused as refusal:
        return await _facts_page(request, case, step, typed, zone, FactsAnswer(problem=str(refusal), status=409))
    return _redirect_after(request, case, step)


def _redirect_after(request: ConsoleRequest, case: BreachCase, step: str) -> Response:
    path, following = path_of_breach(case), step_after(step)
    is_next = request.field("do", 20) != "end" and following is not None
    return redirect_within_console(request.console, f"{path}/facts?step={following}" if is_next else path)


async def _conflict_page(
    request: ConsoleRequest,
    case: BreachCase,
    step: str,
    typed: Typed,
    zone: ZoneInfo,
    mine: BreachFacts,
    problem: str,
) -> Response:
    """Returns the step with what was typed, and its differences from what is stored; goes on if there are none."""
    current = await require_breach_case(request, case.id, StaffRight.BREACH_WRITE)
    merged = current.facts.model_copy(update={name: getattr(mine, name) for name in STEPS[step]})
    differences = compare_facts(current.facts, merged)
    if not differences:
        return _redirect_after(request, current, step)
    answer = FactsAnswer(problem=problem, differences=differences, status=409)
    return await _facts_page(request, current, step, typed, zone, answer)


def _read_revision(request: ConsoleRequest) -> int:
    text = request.field("revision", 10)
    if not (text.isascii() and text.isdecimal()):
        raise HTTPException(422, "page_bad")
    return int(text)


async def _facts_page(
    request: ConsoleRequest, case: BreachCase, step: str, typed: Typed, zone: ZoneInfo, answer: FactsAnswer
) -> Response:
    rules = breach_rules_of_policy(policy_of_breach(request, case))
    laws = {row.sector_law for row in rules.rows if row.sector_law} | set(case.facts.sector_laws)
    return console_page(
        request,
        "breach_facts.html.j2",
        answer.status,
        problem=answer.problem,
        case=case,
        path=path_of_breach(case),
        step=step,
        steps=list(STEPS),
        typed=typed,
        faults=answer.faults,
        fault_of={one.field: one.text for one in reversed(answer.faults)},
        differences=answer.differences,
        kinds=[kind.value for kind in DataKind],
        risks=[risk.value for risk in Risk],
        laws=sorted(laws),
        zones=SHOWN_ZONES,
        consequences=consequences_of_facts(case.facts, rules, zone, datetime.now(UTC)),
        is_last=step_after(step) is None,
    )
