"""`mailer breach outcomes`, `people`, `report` and `public-notice`: what became of a released breach notice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from mailer.actions.breach_reports import UnknownAuthorityForm, make_report
from mailer.app import App
from mailer.brand_look_loading import load_brand_looks
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_facts,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.breach.authority_forms import FORMS
from mailer.policy.breach.authority_reports import AuthorityReport, report_as_markdown
from mailer.policy.breach.draft import ELSEWHERE
from mailer.policy.breach.outcomes import Outcome
from mailer.policy.breach.public_notice import BreachPublicNoticeRefused
from mailer.policy.public_notices import PublicNotice
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused
from mailer.ports.breach_outcomes import CountedBreachFigures, PersonOutcomeRow
from mailer.postgres.breach_stores import build_breach_stores
from mailer.web.brand_look import PLAIN_LOOK
from mailer.web.breach_outcome_rows import outcomes_as_json, report_as_json, report_rows
from mailer.web.csv_writing import csv_lines

_T = TypeVar("_T")
Case = Annotated[UUID, typer.Argument(metavar="CASE", help="The case's id.")]


class ReportFormat(StrEnum):
    """The format of a report."""

    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Adds the commands to those of breach cases."""
    app.command()(outcomes)
    app.command()(people)
    app.command()(report)
    app.command("public-notice")(public_notice)


def outcomes(case: Case, json: AsJson = False) -> None:
    """Shows who was told and how, who not yet and what is next, as the timekeeper has counted last."""

    async def act(app: App) -> CountedBreachFigures:
        await _find_case_or_raise(app, case)
        return await app.breach_stores.outcomes.case_figures(case)

    found = _run_or_exit(act)
    if json:
        print_json(outcomes_as_json(found))
        return
    when = format_utc_time(found.counted_at) if found.counted_at else "not yet; the timekeeper counts what is released"
    print_facts({"counted": when, "people": found.figures.people})
    rows = [
        (outcome.value.replace("_", " "), reason.replace("_", " "), step.value.replace("_", " "), str(people))
        for outcome in Outcome
        for reason, step, people in found.figures.reasons_of(outcome)
    ]
    print_table(("outcome", "reason", "next", "people"), rows)
    unreachable = [(place or "unknown", str(n)) for place, n in found.figures.unreachable_by_place.items()]
    if unreachable:
        print_table(("place", "people"), unreachable, "Neither mail nor letter reaches them now")


def people(case: Case, by: By = "") -> None:
    """Writes everybody of a case, with address and outcome, as CSV to stdout. It is on record."""
    person_or_system_user(by)

    async def act(app: App) -> None:
        found = await _find_case_or_raise(app, case)
        stores = build_breach_stores(app.pool, app.writers.writers_with_actor(str(acting_person()), ""))
        _print_lines(csv_lines([PersonOutcomeRow._fields]))
        async for some in stores.outcomes.export_people(case, found.brand):
            _print_lines(csv_lines(some))

    _run_or_exit(act)


def report(
    case: Case,
    form: Annotated[str, typer.Option("--for", help=f"The form: {', '.join(FORMS)}.")],
    format_: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.MARKDOWN,
) -> None:
    """Writes the report for an authority, filled from facts and figures. Fields that are missing are named."""

    async def act(app: App) -> AuthorityReport:
        found = await _find_case_or_raise(app, case)
        policy = app.policies.get(found.brand)
        if policy is None:
            raise BreachChangeRefused(f"no policy of the brand {found.brand} is in force")
        look = load_brand_looks(app.settings.policies, app.policies).get(found.brand, PLAIN_LOOK)
        return await make_report(
            form, found, policy, look.contact_in_words, app.breach_stores.outcomes, datetime.now(UTC)
        )

    found = _run_or_exit(act)
    match format_:
        case ReportFormat.MARKDOWN:
            _print_lines(report_as_markdown(found))
        case ReportFormat.JSON:
            print_json(report_as_json(found))
        case ReportFormat.CSV:
            _print_lines(csv_lines(report_rows(found)))


def public_notice(
    case: Case,
    phase: Annotated[int, typer.Option(min=1, max=100, help="The released phase that gives the texts.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how many days it stands; 30 at least.")],
    variant: Annotated[str, typer.Option(help="The variant that gives the texts.")] = ELSEWHERE,
    by: By = "",
) -> None:
    """Drafts a public notice from a released phase; another person releases it with `mailer public-notices release`."""
    person_or_system_user(by)

    async def act(app: App) -> PublicNotice:
        stores = build_breach_stores(app.pool, app.writers.writers_with_actor(str(acting_person()), ""))
        return await stores.public_notices.add_draft_of_phase(case, phase, variant, days, str(acting_person()))

    made = _run_or_exit(act)
    out.print(f"Drafted {made.id}; a second person releases it: mailer public-notices release {made.id} --by PERSON")


async def _find_case_or_raise(app: App, case: UUID) -> BreachCase:
    found = await app.breach_stores.cases.find_case(case)
    if found is None:
        raise BreachChangeRefused(f"there is no breach case {case}; `mailer breach list` shows them")
    return found


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except (BreachChangeRefused, BreachPublicNoticeRefused, UnknownAuthorityForm) as error:
        exit_with_error(str(error), 2)


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        out.print(line)
