"""The outcomes of a breach case: who was told and how, who not yet and what is next, and what else is due."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from mailer.policy.breach.duties import duties_after_release
from mailer.policy.breach.outcomes import WHOLE_CASE, BreachFigures, Outcome
from mailer.policy.breach.rules import breach_rules_of_policy
from mailer.policy.delivery_reason_explanations import REASONS
from mailer.policy.staff_rights import StaffRight, has_staff_right
from mailer.ports.breach_outcomes import PersonOutcomeRow
from mailer.web.breach_outcome_rows import outcome_rows
from mailer.web.console.breach_outcome_access import (
    ONE_CASE,
    OutcomeReader,
    PeopleExporter,
    path_of_case,
    policy_of_case,
    require_case,
    stores_of_person,
)
from mailer.web.console.console_pages import console_page
from mailer.web.console.report_charts import WIDTH, lay_parts_out
from mailer.web.csv_writing import csv_headers, csv_lines

router = APIRouter(include_in_schema=False)
_MOST_PLACES: Final = 100
"""The places that the page names; the file has all."""


@router.get(f"{ONE_CASE}/outcomes")
async def show_outcomes(case_id: UUID, request: OutcomeReader) -> Response:
    """Shows the outcomes of a case, as the timekeeper has counted them last, and the deliveries as of now."""
    case = await require_case(request, case_id)
    outcomes = stores_of_person(request, None, StaffRight.MAILINGS_READ).outcomes
    counted, live = await outcomes.case_figures(case_id), await outcomes.count_deliveries(case_id)
    figures = counted.figures
    duties = duties_after_release(figures, case.facts, breach_rules_of_policy(policy_of_case(request, case)))
    return console_page(
        request,
        "breach_outcomes.html.j2",
        case=case,
        path=path_of_case(case),
        counted=counted,
        age=round((datetime.now(UTC) - counted.counted_at).total_seconds()) if counted.counted_at else None,
        live={state: people for state, people in live.items() if people},
        sums=_sums(figures, WHOLE_CASE),
        phases=[(phase, _sums(figures, phase), _bar(figures, phase)) for phase in figures.phases],
        bar=_bar(figures, WHOLE_CASE),
        chart_width=WIDTH,
        reached=[outcome for outcome, people in _sums(figures, WHOLE_CASE) if people],
        reasons=[
            (outcome, reason, step, people)
            for outcome in Outcome
            for reason, step, people in figures.reasons_of(outcome)
        ],
        places=list(figures.people_by_place_and_outcome().items())[:_MOST_PLACES],
        variants=list(figures.people_by_variant_and_outcome().items()),
        channels=figures.people_by("channel"),
        duties=duties,
        known_reasons=REASONS,
        may_export=has_staff_right(request.member, StaffRight.PEOPLE_READ, case.brand),
    )


@router.get(f"{ONE_CASE}/outcomes.csv")
async def send_outcomes(case_id: UUID, request: OutcomeReader) -> Response:
    """Sends the same figures as a file. They name nobody."""
    await require_case(request, case_id)
    counted = await stores_of_person(request, None, StaffRight.MAILINGS_READ).outcomes.case_figures(case_id)
    return Response(csv_lines(outcome_rows(counted)), media_type="text/csv", headers=csv_headers(f"outcomes-{case_id}"))


@router.post(f"{ONE_CASE}/people.csv")
async def send_people(case_id: UUID, request: PeopleExporter) -> Response:
    """Sends the people of a case with the outcome of each. The ledger records who has exported them."""
    case = await require_case(request, case_id, StaffRight.PEOPLE_READ)
    pages = stores_of_person(request, case.brand, StaffRight.PEOPLE_READ).outcomes.export_people(case_id, case.brand)
    nobody: Sequence[PersonOutcomeRow] = ()
    first = await anext(pages, nobody)  # a refusal comes before the file begins
    return StreamingResponse(
        _people_as_csv(first, pages), media_type="text/csv", headers=csv_headers(f"people-{case_id}")
    )


async def _people_as_csv(
    first: Sequence[PersonOutcomeRow], pages: AsyncIterator[Sequence[PersonOutcomeRow]]
) -> AsyncIterator[str]:
    yield csv_lines([PersonOutcomeRow._fields, *first])
    async for people in pages:
        yield csv_lines(people)


def _sums(figures: BreachFigures, phase: int) -> list[tuple[Outcome, int]]:
    found = figures.people_by("outcome", phase)
    return [(outcome, found.get(outcome.value, 0)) for outcome in Outcome]


def _bar(figures: BreachFigures, phase: int) -> object:
    return lay_parts_out({outcome.value: people for outcome, people in _sums(figures, phase)})
