"""`mailer recipients`: imports people from a file, lists them, and serves the rights of a person."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.actions.csv_reading import InputRefused
from mailer.actions.recipient_import import (
    COLUMNS,
    ImportCounts,
    import_recipients,
    refusal_of_other_controllers_import,
)
from mailer.actions.suppression_and_consent_import import SUPPRESSION_COLUMNS, import_suppression_file
from mailer.app import App
from mailer.cli import data_subject_right_commands, recipient_limits, recipient_queries
from mailer.cli.import_file_helpers import (
    RejectedLinesFile,
    count_lines_and_open,
    policy_of_brand_or_raise,
    print_import_result,
)
from mailer.cli.shared import AsJson, exit_with_error, progress_bar, run_with_app

app = typer.Typer(help="Recipients: import, list, find, show; a person's rights.", no_args_is_help=True)
recipient_queries.register(app)
data_subject_right_commands.register(app)
recipient_limits.register(app)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    brand: Annotated[str, typer.Option(help="Whose recipients they are.")],
    from_controller: Annotated[
        str | None, typer.Option(metavar="NAME", help="From whom the data were taken over.")
    ] = None,
    suppressions: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="With --from-controller: whom it may not mail.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Imports recipients. Lines that cannot be taken go to FILE.rejected.csv, with reasons. No opt-out is undone."""
    rejected = file.with_suffix(".rejected.csv")
    rejected.unlink(missing_ok=True)

    async def act(app: App) -> ImportCounts:
        if reason := refusal_of_other_controllers_import(from_controller, suppressions):
            raise InputRefused(reason)
        if from_controller is not None and suppressions is not None:
            await _import_suppressions_first(app, suppressions, brand, from_controller)
        # The rows of a chunk live until it is written. Frequent garbage collection would take a third of the time.
        gc.freeze()
        gc.set_threshold(100_000, 10, 20)
        sys.setswitchinterval(0.0005)  # so the thread that reads lines does not delay the database
        return await import_recipients_file(app, file, brand, rejected, from_controller)

    try:
        done = run_with_app(act)
    except InputRefused as error:
        exit_with_error(f"{file}: {error}", 2)
    print_import_result(done, file, rejected, json)


async def import_recipients_file(
    app: App, file: Path, brand: str, rejected: Path, from_controller: str | None = None
) -> ImportCounts:
    """Imports a file with a progress bar on stderr. Rejected lines go to `rejected`, which the first one makes."""
    policy = policy_of_brand_or_raise(app, brand)
    lines, source = count_lines_and_open(file)
    with source, RejectedLinesFile(rejected, COLUMNS) as rejects, progress_bar() as progress:
        bar = progress.add_task("importing", total=max(lines - 1, 0))
        return await import_recipients(
            app.recipient_importer(brand),
            policy,
            source,
            rejects.add_line,
            lambda n: progress.advance(bar, n),
            from_controller,
        )


async def _import_suppressions_first(app: App, file: Path, brand: str, from_controller: str) -> None:
    """Imports the suppressions of the other controller before its recipients are imported."""
    policy = policy_of_brand_or_raise(app, brand)
    _, source = count_lines_and_open(file)
    rejected = file.with_suffix(".rejected.csv")
    with source, RejectedLinesFile(rejected, SUPPRESSION_COLUMNS) as rejects:
        done = await import_suppression_file(
            app.suppressions, policy, source, rejects.add_line, f"taken over from {from_controller}"
        )
    if done.broken:
        raise InputRefused(f"its suppressions, {file}, cannot be read: {done.broken}")
    if done.rejected:
        raise InputRefused(f"{done.rejected} lines of its suppressions are no good; mend them first: see {rejected}")
