"""Commands `mailer letters`: letters of breaches, their runs for a printer, and what became of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.letter_contents import content_of_letter
from mailer.actions.letter_making import csv_rows_of_run, put_preview_together
from mailer.actions.letter_report_import import ImportedReports, import_letter_reports
from mailer.actions.typesetting.letter_typesetting import LetterTypesetter, TypesettingFailed
from mailer.app import App
from mailer.cli.shared import (
    AsJson,
    acting_person,
    exit_with_error,
    format_utc_time,
    out,
    print_json,
    print_table,
    run_with_app,
)
from mailer.cli.stop_start import By, person_or_system_user
from mailer.policy.breach.letter_sheets import WindowFormat
from mailer.policy.breach.letter_states import LetterState
from mailer.ports.letters import (
    MOST_LETTERS_OF_RUN,
    USUAL_LETTERS_OF_RUN,
    LetterChangeRefused,
    LetterRun,
    LetterToSet,
    PersonWithoutAddress,
)
from mailer.rendering.letter_pages import LetterUnprintable
from mailer.runtime.private_files import open_private_file_descriptor
from mailer.web.csv_writing import csv_lines

app = typer.Typer(help="Letters of breaches: count, list, print in runs, import states.", no_args_is_help=True)

_T = TypeVar("_T")
Case = Annotated[UUID, typer.Argument(metavar="CASE", help="The case's id, which its page shows.")]
Run = Annotated[UUID, typer.Argument(metavar="RUN", help="The run's id; `mailer letters runs` shows it.")]
OutFile = Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not exist.")]
Number = Annotated[int, typer.Argument(metavar="LETTER", min=1, max=2**63 - 1, help="By `mailer letters list`.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, in order of their numbers.")]
After = Annotated[int, typer.Option(metavar="LETTER", min=0, max=2**63 - 1, help="Those behind this number.")]
MOST_WITHOUT_ADDRESS = 100_000


@app.command()
def count(case: Case, json: AsJson = False) -> None:
    """Counts the letters of a case by state; those that wait for a run by language and window."""
    found = _run_or_exit(lambda app: app.breach_stores.letters.count_letters(case))
    if json:
        print_json({"counted_at": found.counted_at, "counts": [one._asdict() for one in found.counts]})
        return
    rows = [(one.state, one.language, one.window, one.letters) for one in found.counts]
    print_table(("state", "language", "window", "letters"), rows)
    out.print(f"As of {format_utc_time(found.counted_at)}.")


@app.command("list")
def list_(
    case: Case,
    state: Annotated[LetterState | None, typer.Option(help="Only in this state.")] = None,
    limit: Limit = 100,
    after: After = 0,
    json: AsJson = False,
) -> None:
    """Shows the letters of a case, without any data of people."""
    found = _run_or_exit(lambda app: app.breach_stores.letters.list_letters(case, state, after, limit))
    if json:
        print_json([asdict(letter) for letter in found])
        return
    print_table(
        ("letter", "phase", "variant", "reason", "state", "run", "posted", "returned", "code", "problem"),
        [
            (
                *(one.letter, one.phase, one.variant, one.reason, one.state, one.run_id),
                *(one.posted_on, one.returned_on, one.return_code, one.problem),
            )
            for one in found
        ],
    )


@app.command()
def runs(
    case: Annotated[UUID | None, typer.Argument(metavar="[CASE]", help="Only this case's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    json: AsJson = False,
) -> None:
    """Shows runs of letters, the newest first."""
    found = _run_or_exit(lambda app: app.breach_stores.letters.list_runs(app.policies, case, limit))
    if json:
        print_json([_run_as_json(run) for run in found])
        return
    print_table(
        ("run", "case", "window", "language", "state", "letters", "pages", "asked for", "problem"),
        [
            (
                *(one.id, one.case_id, one.window_format, one.language, one.state, one.letters, one.pages),
                *(format_utc_time(one.requested_at), one.problem),
            )
            for one in found
        ],
    )


@app.command()
def run(
    case: Case,
    language: Annotated[str, typer.Option(help="Of the letters, by `mailer letters count`.")],
    window: Annotated[WindowFormat, typer.Option(help="Of the envelope, by `mailer letters count`.")],
    letters: Annotated[
        int, typer.Option(min=1, max=MOST_LETTERS_OF_RUN, help="The most letters in it.")
    ] = USUAL_LETTERS_OF_RUN,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Takes waiting letters into a run. The timekeeper makes the PDF."""
    who, today = _acting(by), datetime.now(UTC).date()
    _print_run(
        _run_or_exit(lambda app: app.breach_stores.letters.request_run(case, language, window, letters, who, today)),
        json,
    )


@app.command()
def retry(run_id: Run, by: By = "", json: AsJson = False) -> None:
    """Makes a run again that failed, or has letters that must not go out any more."""
    who = _acting(by)
    _print_run(_run_or_exit(lambda app: app.breach_stores.letters.retry_run(run_id, who)), json)


@app.command()
def export(run_id: Run, file: OutFile, by: By = "", json: AsJson = False) -> None:
    """Writes the PDF of a run, or its addresses if FILE ends in .csv. It is on record."""
    who = _acting(by)
    if file.suffix.lower() not in (".pdf", ".csv"):
        exit_with_error(f"{file}: end it in .pdf for the letters, or in .csv for the addresses", 2)

    async def act(app: App) -> bytes:
        desk = app.breach_stores.letters
        if file.suffix.lower() == ".pdf":
            return await desk.read_file(run_id, who)
        addresses = await desk.read_addresses(run_id, who)
        found = await desk.find_run(run_id)
        assert found is not None  # noqa: S101 - its addresses were read
        return csv_lines(csv_rows_of_run(addresses, found.window_format, found.language)).encode()

    _write_file(file, _run_or_exit(act), json)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV: letter,state,day,code.")
    ],
    by: By = "",
    json: AsJson = False,
) -> None:
    """Imports what a printer or the post reports: printed, posted, returned. The same file twice changes nothing."""
    who, today, content = _acting(by), datetime.now(UTC).date(), file.read_bytes()

    async def act(app: App) -> ImportedReports:
        return await import_letter_reports(app.breach_stores.letters, app.policies, content, who, today)

    done = _run_or_exit(act)
    if json:
        print_json(asdict(done))
    else:
        out.print(f"{done.changed:,} rows recorded, {done.known:,} were known, {len(done.problems):,} refused.")
        for problem in done.problems:
            out.print(f"row {problem.row}: {problem.why}")
    if done.problems:
        raise typer.Exit(2)


@app.command()
def preview(letter: Number, file: OutFile, by: By = "", json: AsJson = False) -> None:
    """Writes one letter as PDF, as it would be printed. It is on record."""
    who, today = _acting(by), datetime.now(UTC).date()

    async def act(app: App) -> bytes:
        found = await app.breach_stores.letters.read_letter_to_set(letter, who)
        if found is None:
            raise LetterChangeRefused(f"there is no letter {letter}; `mailer letters list` shows them")
        return await _set_one(app, found)

    async def _set_one(app: App, found: LetterToSet) -> bytes:
        typesetter = LetterTypesetter(app.settings.letter_fonts)
        policy = app.policies[found.brand]
        pages = await put_preview_together(found, policy, today, content_of_letter, typesetter)
        return (await typesetter.set_pdf(pages, is_tagged=True)).content

    _write_file(file, _run_or_exit(act), json)


@app.command()
def missing(
    case: Case,
    file: OutFile,
    ask: Annotated[bool, typer.Option("--ask", help="Note that they are asked for their address.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_WITHOUT_ADDRESS, help="How many.")] = 10_000,
    after: After = 0,
    by: By = "",
    json: AsJson = False,
) -> None:
    """Writes people who cannot be written to, as CSV. Fill in the address, then `mailer recipients import`."""
    who = _acting(by)

    async def act(app: App) -> Sequence[PersonWithoutAddress]:
        desk = app.breach_stores.letters
        people = await desk.list_people_without_address(case, after, limit, who)
        if ask:
            await desk.mark_asked_for_address(case, [one.letter for one in people], who)
        return people

    found = _run_or_exit(act)
    _write_file(file, csv_lines([PersonWithoutAddress._fields, *found]).encode(), json)


def _acting(by: str) -> str:
    """Returns the identity of the person who acts, as text."""
    person_or_system_user(by)
    return str(acting_person())


def _run_or_exit(act: Callable[[App], Awaitable[_T]]) -> _T:
    try:
        return run_with_app(act)
    except (LetterChangeRefused, LetterUnprintable, InputRefused) as error:
        exit_with_error(str(error), 2)
    except TypesettingFailed as error:
        exit_with_error(str(error), 1)


def _write_file(file: Path, content: bytes, json: bool) -> None:
    try:
        with open(file, "xb", opener=open_private_file_descriptor) as opened:
            opened.write(content)
    except OSError as error:
        exit_with_error(f"{file}: {error.strerror}", 1)
    if json:
        print_json({"file": str(file), "octets": len(content)})
    else:
        out.print(f"Wrote {len(content):,} octets to {file}.")


def _print_run(run: LetterRun, json: bool) -> None:
    if json:
        print_json(_run_as_json(run))
    else:
        out.print(f"Run {run.id}: {run.letters:,} letters, {run.state}. `mailer letters runs` shows when it is ready.")


def _run_as_json(run: LetterRun) -> dict[str, Any]:
    return {**asdict(run), "digest": run.digest.hex() if run.digest else None}
