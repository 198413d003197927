"""`mailer breach`: breach cases: list, show, create, facts, not-notify, close, reopen, done, undone."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from mailer.actions.breach_clocks import kept_clocks_of_case
from mailer.actions.breach_json import breach_case_as_json, breach_summary_as_json
from mailer.actions.csv_reading import InputRefused
from mailer.app import App
from mailer.cli.import_file_helpers import policy_of_brand_or_raise
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
from mailer.input_types import parse_json_with_unique_keys, parse_moment_of_column_or_option
from mailer.policy.breach.clock_wording import NO_TIME, time_left_in_words
from mailer.policy.breach.facts import BreachFacts
from mailer.policy.breach.facts_checks import refusal_of_facts
from mailer.policy.breach.facts_wording import facts_in_words
from mailer.policy.breach.stages import missing_facts, stage_of_case
from mailer.ports.breach_cases import BreachCase, BreachChangeRefused, BreachPhase
from mailer.ports.breach_desk import DutyDone, DutyToMark, KeptClock, SentReminder

app = typer.Typer(
    help="Breach cases: facts, clocks, duties and decisions. Nothing is sent before a second person releases it.",
    no_args_is_help=True,
)
_T = TypeVar("_T")
MAX_FACTS_OCTETS = 262_144
Id = Annotated[UUID, typer.Argument(metavar="ID", help="The case's id; `mailer breach list` shows it.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept with the case.")]
Clock = Annotated[str, typer.Argument(metavar="CLOCK", help="The name of the clock; `mailer breach show` shows it.")]


class CaseInFull(NamedTuple):
    """A case with all that its commands show."""

    case: BreachCase
    phases: Sequence[BreachPhase]
    clocks: Sequence[KeptClock]
    done: Mapping[str, DutyDone]
    reminders: Sequence[SentReminder]


@app.command("list")
def list_(
    brand: Annotated[str | None, typer.Option(help="Only this brand's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the last changed first.")] = 20,
    json: AsJson = False,
) -> None:
    """Shows the cases that were changed last, each with its next deadline."""

    async def act(app: App) -> list[CaseInFull]:
        brands = frozenset(app.policies) if brand is None else frozenset({policy_of_brand_or_raise(app, brand).brand})
        return [await _in_full(app, one) for one in await app.breach_stores.cases.list_cases(brands, limit)]

    cases = _run_or_exit(act)
    if json:
        print_json([breach_summary_as_json(one.case) for one in cases])
        return
    columns = ("case", "brand", "name", "state", "next deadline", "left", "changed")
    print_table(columns, [_row_of_case(one, datetime.now(UTC)) for one in cases])


@app.command()
def show(case: Id, json: AsJson = False) -> None:
    """Shows one case: its facts, every clock with what is done, and the reminders that did not arrive."""
    found = _run_or_exit(lambda app: _find_in_full(app, case))
    if json:
        print_json(breach_case_as_json(found.case, found.phases, found.clocks, found.done))
        return
    summary = {name: value for name, value in breach_summary_as_json(found.case).items() if value not in (None, "")}
    facts = {name: words for name, words in facts_in_words(found.case.facts).items() if words}
    missing = ", ".join(missing_facts(found.case.facts)) or "nothing"
    print_facts({**summary, **facts, "missing": missing})
    now = datetime.now(UTC)
    columns = ("clock", "deadline", "left", "what", "done")
    print_table(columns, [_row_of_clock(one, found.done.get(one.key), now) for one in found.clocks], "Clocks")
    unsent = [one for one in found.reminders if one.state != "sent"]
    rows = [(one.reader, one.state, one.problem, format_utc_time(one.queued_at)) for one in unsent]
    if rows:
        print_table(("reminder to", "state", "problem", "since"), rows, "Reminders that were not sent")


@app.command()
def create(
    brand: Annotated[str, typer.Option(help="The brand.")],
    name: Annotated[str, typer.Option("--name", help="The case's name, at most 100 characters; no person's.")],
    file: Annotated[
        Path | None, typer.Option("--facts", metavar="FILE", help="Facts as JSON; - is standard input.")
    ] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Creates an open case. Clocks begin with the fact `found_at`."""
    person_or_system_user(by)
    facts = _read_facts_or_exit(file) if file else BreachFacts()

    async def act(app: App) -> CaseInFull:
        policy = policy_of_brand_or_raise(app, brand)
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise InputRefused("--name: a name is one line of 1 to 100 characters")
        case = await app.breach_stores.cases.create_case(policy.brand, name.strip(), facts, str(acting_person()))
        return await _in_full(app, case)

    _print_changed(_run_or_exit(act), as_json=json)


@app.command()
def facts(
    case: Id,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Facts as JSON; - is standard input.")] = None,
    revision: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="The revision that the change began with.")
    ] = None,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Prints the facts as JSON, or stores a file of them on top of a revision, with --revision.

    If somebody has saved meanwhile, it stores nothing, with status 1.
    """
    if file is None:
        found = _run_or_exit(lambda app: _find_or_raise(app, case))
        print_json({"revision": found.revision, "facts": found.facts.model_dump(mode="json")})
        return
    if revision is None:
        exit_with_error("--revision: name the one that the change began with; without FILE, this command shows it", 2)
    person_or_system_user(by)
    read, number = _read_facts_or_exit(file), revision

    async def act(app: App) -> CaseInFull:
        saved = await app.breach_stores.cases.save_facts(case, number, read, str(acting_person()))
        return await _in_full(app, saved)

    _print_changed(_run_or_exit(act), as_json=json)


@app.command("not-notify")
def not_notify(case: Id, reason: Why, by: By = "", json: AsJson = False) -> None:
    """Decides that nobody is told, with the reason (GDPR Art. 33(5)). Its clocks and reminders stop."""
    _decide(case, "not_notified", reason, by, as_json=json)


@app.command()
def close(case: Id, reason: Why, by: By = "", json: AsJson = False) -> None:
    """Closes a case. Its clocks and reminders stop; mail and letters that are under way go on."""
    _decide(case, "closed", reason, by, as_json=json)


@app.command()
def reopen(case: Id, reason: Why, by: By = "", json: AsJson = False) -> None:
    """Opens a case again. Its clocks run on from the time at which the breach was found."""
    _decide(case, "open", reason, by, as_json=json)


@app.command()
def done(
    case: Id,
    clock: Clock,
    told: Annotated[str, typer.Option(help="Who was told, such as the name of the authority.")],
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When, with its zone; without it: now.")] = None,
    reference: Annotated[str, typer.Option(help="Of the receipt.")] = "",
    by: By = "",
    json: AsJson = False,
) -> None:
    """Marks a duty as done; a second time corrects it. Its reminders stop."""
    person_or_system_user(by)
    try:
        told_at = datetime.now(UTC) if at is None else parse_moment_of_column_or_option("--at", at)
    except ValueError as error:
        exit_with_error(str(error), 2)
    duty = DutyToMark(clock, told, told_at, reference)

    async def act(app: App) -> CaseInFull:
        found = await _find_in_full(app, case)
        if clock not in {one.key for one in found.clocks} | found.done.keys():
            raise InputRefused(f"CLOCK: the case has none of this name; there are {_names_of_clocks(found)}")
        await app.breach_stores.duties.mark_duty_done(case, duty, str(acting_person()))
        return await _find_in_full(app, case)

    _print_changed(_run_or_exit(act), as_json=json)


@app.command()
def undone(case: Id, clock: Clock, reason: Why, by: By = "", json: AsJson = False) -> None:
    """Says that a duty is not done after all. Its reminders go on."""
    person_or_system_user(by)

    async def act(app: App) -> CaseInFull:
        await app.breach_stores.duties.unmark_duty(case, clock, reason, str(acting_person()))
        return await _find_in_full(app, case)

    _print_changed(_run_or_exit(act), as_json=json)


def _decide(case: UUID, state: str, reason: str, by: str, *, as_json: bool) -> None:
    person_or_system_user(by)

    async def act(app: App) -> CaseInFull:
        if not reason.strip() or len(reason) > 5000:
            raise InputRefused("--reason: say why in 1 to 5,000 characters")
        decided = await app.breach_stores.cases.decide_state(case, state, reason.strip(), str(acting_person()))
        return await _in_full(app, decided)

    _print_changed(_run_or_exit(act), as_json=as_json)


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    """Runs an act. What is refused ends the command: with status 2 for bad input, and else 1."""
    try:
        return run_with_app(act)
    except InputRefused as error:
        exit_with_error(str(error), 2)
    except BreachChangeRefused as error:
        exit_with_error(str(error), 1)


async def _find_or_raise(app: App, case_id: UUID) -> BreachCase:
    found = await app.breach_stores.cases.find_case(case_id)
    if found is None:
        raise BreachChangeRefused(f"there is no breach case {case_id}; `mailer breach list` shows them")
    return found


async def _find_in_full(app: App, case_id: UUID) -> CaseInFull:
    return await _in_full(app, await _find_or_raise(app, case_id))


async def _in_full(app: App, case: BreachCase) -> CaseInFull:
    stores, policy = app.breach_stores, app.policies.get(case.brand)
    told = (await stores.duties.list_first_releases([case.id])).get(case.id)
    clocks = kept_clocks_of_case(case.facts, policy, told) if policy else []
    done = (await stores.duties.list_duties_done([case.id])).get(case.id, {})
    reminders = await stores.duties.list_reminders(case.id, 100)
    return CaseInFull(case, await stores.cases.list_phases(case.id), clocks, done, reminders)


def _read_facts_or_exit(file: Path) -> BreachFacts:
    """Reads facts. Those that cannot be read end the command, with the place of each fault."""
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as opened:
            content = opened.read(MAX_FACTS_OCTETS + 1)
        if len(content) > MAX_FACTS_OCTETS:
            exit_with_error(f"{file}: facts have at most {MAX_FACTS_OCTETS:,} octets", 2)
        read = BreachFacts.model_validate(parse_json_with_unique_keys(content))
    except OSError as error:
        exit_with_error(f"{file}: cannot be read: {error.strerror}", 2)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:20]]
        exit_with_error(f"{file}: {'; '.join(faults)}", 2)
    except ValueError as error:
        exit_with_error(f"{file}: {error}", 2)
    if refusal := refusal_of_facts(read, datetime.now(UTC)):
        exit_with_error(f"{file}: {refusal}", 2)
    return read


def _names_of_clocks(found: CaseInFull) -> str:
    return ", ".join(one.key for one in found.clocks) or "none: say when the breach was found"


def _row_of_case(one: CaseInFull, now: datetime) -> tuple[object, ...]:
    stage = stage_of_case(one.case.state, one.case.facts, [phase.state for phase in one.phases])
    open_ = [clock.due_at for clock in one.clocks if clock.due_at and clock.key not in one.done]
    due = min(open_, default=None) if one.case.state == "open" else None
    left = time_left_in_words(due, now) if due else ""
    changed = format_utc_time(one.case.updated_at)
    return one.case.id, one.case.brand, one.case.name, stage, format_utc_time(due) if due else "", left, changed


def _row_of_clock(clock: KeptClock, done: DutyDone | None, now: datetime) -> tuple[object, ...]:
    due = clock.due_at
    left = time_left_in_words(due, now) if due and done is None else ""
    said = f"{done.told}, {format_utc_time(done.told_at)}" if done else ""
    return clock.key, format_utc_time(due) if due else NO_TIME, left, f"{clock.what} {clock.whom}", said


def _print_changed(found: CaseInFull, *, as_json: bool) -> None:
    if as_json:
        print_json(breach_case_as_json(found.case, found.phases, found.clocks, found.done))
    else:
        out.print(f"{found.case.id}: {found.case.state}, revision {found.case.revision}.")
