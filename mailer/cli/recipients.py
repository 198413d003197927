"""`mailer recipients`: people from a file."""

import csv
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailer.actions.imports import FileRefused, Imported, Rejected, import_recipients, rejected_columns
from mailer.app import App
from mailer.cli.shared import AsJson, fail, out, print_json, with_app

app = typer.Typer(help="Recipients: import.", no_args_is_help=True)


@app.callback()
def recipients() -> None:
    """Recipients: import."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    brand: Annotated[str, typer.Option(help="Whose recipients they are.")],
    json: AsJson = False,
) -> None:
    """Imports recipients. Lines that cannot be taken go to FILE.rejected.csv, with reasons. No opt-out is undone."""
    rejected = file.with_suffix(".rejected.csv")
    rejected.unlink(missing_ok=True)
    try:
        done = with_app(lambda app: import_file(app, file, brand, rejected))
    except FileRefused as error:
        fail(f"{file}: {error}", 2)
    if json:
        where = str(rejected) if done.rejected else None
        print_json({"taken": done.taken, "rejected": done.rejected, "rejected_file": where})
        return
    out.print(f"Took {done.taken:,} lines.")
    if done.rejected:
        out.print(f"Rejected {done.rejected:,}; they are in {rejected}, with reasons.", markup=False)


async def import_file(app: App, file: Path, brand: str, rejected: Path) -> Imported:
    """Imports a file with a progress bar on stderr; writes rejected lines to a file, which is made when one is met."""
    if brand not in app.policies:
        raise FileRefused(f"there is no brand {brand}; there are {', '.join(app.policies)}")
    lines, source = _open(file)
    with source, _Rejects(rejected) as rejects, _progress() as progress:
        bar = progress.add_task("importing", total=max(lines - 1, 0))
        return await import_recipients(
            app.importer(brand), app.policies[brand], source, rejects.add, lambda n: progress.advance(bar, n)
        )


def _open(file: Path) -> tuple[int, TextIO]:
    """How many lines a file has, and the file. A first pass meets a bad byte before any row is taken."""
    try:
        with file.open(encoding="utf-8-sig") as whole:
            lines = sum(1 for _ in whole)
        return lines, file.open(encoding="utf-8-sig", newline="")
    except (OSError, UnicodeDecodeError) as error:
        raise FileRefused(f"cannot be read as UTF-8: {error}") from error


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=None, transient=True, disable=not out.is_terminal)


class _Rejects:
    """The file of rejected lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, object]] = []

    def __enter__(self) -> "_Rejects":
        return self

    def add(self, line: Rejected) -> None:
        """Keeps one."""
        self._rows.append({**line.values, "line": line.line, "reason": line.reason})

    def __exit__(self, *_: object) -> None:
        if not self._rows:
            return
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rejected_columns(), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self._rows)
