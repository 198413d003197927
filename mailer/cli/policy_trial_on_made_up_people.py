"""`mailer policy try`: tries a brand's promises with the rules and templates that would run."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer.cli.policy_check import load_policies_or_exit, load_templates_or_empty_library
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, progress_bar, read_command_settings
from mailer.cli.terminal_layout import Cell, escape_line, lay_out_table
from mailer.rendering.template_library import TemplateError
from mailer.runtime.private_files import open_private_file_descriptor
from mailer.settings import SettingsError
from mailer.trial.trial_run import FAILS, HOLDS, NOT_TRIED, PromiseResult, TrialResult, try_promises_of_brand


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("try")(try_promises_and_print_report)


def try_promises_and_print_report(
    brand: Annotated[str, typer.Argument(help="Such as interpals.")],
    json: AsJson = False,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report here.")] = None,
) -> None:
    """Tries a brand's promises on made-up people and mailings; status 1 if one of them fails.

    It needs neither a database nor a broker, sends nothing, and takes a few seconds.
    """
    current, policies = read_command_settings(), load_policies_or_exit()
    if brand not in policies:
        exit_with_error(f"there is no policy of {brand}; there are {', '.join(policies)}", 2)
    try:
        templates = load_templates_or_empty_library(current, brand)
    except SettingsError as error:
        exit_with_error(str(error), 2)
    except TemplateError as error:
        exit_with_error(
            f"the templates of {brand} have {len(error.faults)} faults; `mailer templates check` lists them", 2
        )
    with progress_bar() as bar:
        task = bar.add_task(f"Trying {brand}", total=None)
        found = try_promises_of_brand(
            policies[brand],
            templates,
            datetime.now(UTC),
            lambda done, of: bar.update(task, completed=done, total=of),
        )
    _print_or_write_report(found, to, json=json)
    if found.failed_promises:
        count = len(found.failed_promises)
        those = "1 promise" if count == 1 else f"{count} promises"
        exit_with_error(
            f"{those} of {brand} {'fails' if count == 1 else 'fail'}, first {found.failed_promises[0].id}", 1
        )


def _print_or_write_report(found: TrialResult, to: Path | None, *, json: bool) -> None:
    if to is None:
        if json:
            print_json(_trial_result_as_json(found))
        for line in () if json else _report_lines(found, out.width if out.is_terminal else None):
            out.print(line)
        return
    report = dumps(_trial_result_as_json(found), ensure_ascii=False) if json else "\n".join(_report_lines(found, None))
    try:
        with open(to, "w", encoding="utf-8", opener=open_private_file_descriptor) as file:
            file.write(f"{report}\n")
    except OSError as error:
        exit_with_error(f"--to {to}: {error.strerror}", 2)
    out.print(f"The report is in {to}.")


def _report_lines(found: TrialResult, width: int | None) -> Iterator[str]:
    """Yields the lines of the report, for the person who is responsible for the promises."""
    yield escape_line(f"Trial of {found.brand}, policy version {found.version}, {found.at:%Y-%m-%d %H:%M} UTC")
    yield f"{found.people:,} made-up people, {found.mailings} made-up mailings; nothing was sent."
    yield ""
    yield from lay_out_table(("promise", "says", "result"), [_promise_row(line) for line in found.lines], width)
    yield ""
    results = [line.result for line in found.lines]
    yield f"{results.count(HOLDS)} hold, {results.count(FAILS)} fail, {results.count(NOT_TRIED)} not tried."
    yield "What holds was tried on made-up people and mailings. `mailer policy check` says what tests have shown."


def _promise_row(line: PromiseResult) -> tuple[Cell, ...]:
    said = [f"{line.result}{_tried_counts_in_words(line)}"]
    if line.failure:
        said.append(f"First: {line.failure}.")
    said += [f"Not tried: {why}." for why in line.not_tried]
    return line.id, line.promise, said


def _tried_counts_in_words(line: PromiseResult) -> str:
    counted = (
        (line.people, "person", "people"),
        (line.mailings, "mailing", "mailings"),
        (line.messages, "message", "messages"),
        (line.attempts, "attempt", "attempts"),
    )
    said = [f"{n:,} {one if n == 1 else many}" for n, one, many in counted if n]
    return f", tried on {', '.join(said)}" if said else ""


def _trial_result_as_json(found: TrialResult) -> dict[str, Any]:
    return {
        "brand": found.brand,
        "version": found.version,
        "at": found.at.isoformat(),
        "people": found.people,
        "mailings": found.mailings,
        "promises": [asdict(line) for line in found.lines],
    }
