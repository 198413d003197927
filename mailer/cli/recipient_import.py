"""`mailer recipients import`: imports people from a file of any system, or says what an import would do."""

import gc
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from pydantic import ValidationError

from mailer.actions.csv_reading import InputRefused
from mailer.actions.importing.column_mapping import MAX_MAPPING_BYTES, BadValue, ColumnMapping
from mailer.actions.importing.import_fields import ImportField
from mailer.actions.importing.local_dates import DateOrder
from mailer.actions.importing.mapping_proposal import PRESETS, propose_mapping
from mailer.actions.importing.refused_rows import RefusedRowsWriter
from mailer.actions.importing.row_parsing import RefusedRow, parse_rows
from mailer.actions.importing.table_reading import Table, open_table
from mailer.actions.recipient_import import ImportCounts, import_parsed_rows, refusal_of_other_controllers_import
from mailer.actions.suppression_and_consent_import import SUPPRESSION_COLUMNS, import_suppression_file
from mailer.app import App
from mailer.cli.import_file_helpers import RejectedLinesFile, count_lines_and_open, policy_of_brand_or_raise
from mailer.cli.shared import AsJson, exit_with_error, out, print_json, progress_bar, run_with_app
from mailer.policy.policy_file import Policy
from mailer.runtime.private_files import open_private_file_descriptor

_SHOWN = 50
"""The most refused rows and notes that the terminal shows. The file of refused rows has all."""
_IN_JSON = 1_000
_TIMES_OF_CONSENT = (ImportField.CONSENT_AT, ImportField.CONFIRMED_AT)


class DateAnswer(StrEnum):
    """The answer to the question whether the day or the month stands first."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class BadValueAnswer(StrEnum):
    """The treatment of a value that cannot be read, where a person can be known without it."""

    LEAVE_OUT = "leave-out"
    REFUSE = "refuse"


class _RefusedRowsFile:
    """The file of refused rows. The first one makes it. It is for its owner only."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path, self._table = path, table
        self._file: TextIO | None = None
        self._writer: RefusedRowsWriter | None = None
        self.first: list[RefusedRow] = []

    def add_row(self, row: RefusedRow) -> None:
        """Writes one refused row."""
        if self._writer is None:
            # With a byte order mark, as spreadsheets need it to read UTF-8.
            self._file = open(self._path, "w", newline="", encoding="utf-8-sig", opener=open_private_file_descriptor)  # noqa: SIM115 - see close
            self._writer = RefusedRowsWriter(self._file, self._table)
        self._writer.write_row(row)
        if len(self.first) < _IN_JSON:
            self.first.append(row)

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file is not None:
            self._file.close()


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    brand: Annotated[str, typer.Option(help="Whose recipients they are.")],
    map_: Annotated[
        str | None,
        typer.Option(
            "--map", metavar="FILE.json|PRESET", help=f"What each column is: a file, or {', '.join(PRESETS)}."
        ),
    ] = None,
    dates: Annotated[DateAnswer | None, typer.Option(help="The order of dates that can be read both ways.")] = None,
    bad_values: Annotated[
        BadValueAnswer | None, typer.Option(help="What to do with a value that cannot be read and is not needed.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="The source of the addresses, as the policy names it.")] = None,
    list_: Annotated[list[str], typer.Option("--list", help="A list that all of them join; as often as needed.")] = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what an import would do.")] = False,
    print_map: Annotated[bool, typer.Option("--print-map", help="Print the mapping as JSON, and end.")] = False,
    from_controller: Annotated[
        str | None, typer.Option(metavar="NAME", help="From whom the data were taken over.")
    ] = None,
    suppressions: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="With --from-controller: whom it may not mail.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Imports recipients. Rows that cannot be taken go to FILE.rejected.csv, with reasons. No opt-out is undone."""
    rejected = file.with_suffix(".rejected.csv")
    choices = _Choices(map_, dates, bad_values, source, list_)

    async def act(app: App) -> None:
        if reason := refusal_of_other_controllers_import(from_controller, suppressions):
            raise InputRefused(reason)
        policy = policy_of_brand_or_raise(app, brand)
        table = open_table(file)
        mapping = choices.mapping_for(table, policy)
        if print_map:
            print_json(mapping.model_dump(mode="json", exclude_none=True))
            return
        rejected.unlink(missing_ok=True)
        if from_controller is not None and suppressions is not None and not dry_run:
            await _import_suppressions_first(app, suppressions, brand, from_controller)
        # The rows of a chunk live until it is written. Frequent garbage collection would take a third of the time.
        gc.freeze()
        gc.set_threshold(100_000, 10, 20)
        sys.setswitchinterval(0.0005)  # so the thread that reads lines does not delay the database
        done, refused = await _import_table(app, table, mapping, policy, rejected, from_controller, dry_run=dry_run)
        _print_result(table, mapping, done, refused, file, rejected, as_json=json, dry_run=dry_run)

    try:
        run_with_app(act)
    except InputRefused as error:
        exit_with_error(f"{file}: {error}", 2)


class _Choices:
    """The choices of a person about a file, from the options of the command."""

    def __init__(
        self,
        map_: str | None,
        dates: DateAnswer | None,
        bad_values: BadValueAnswer | None,
        source: str | None,
        lists: list[str],
    ) -> None:
        self._map, self._dates, self._bad_values = map_, dates, bad_values
        self._source, self._lists = source, lists

    def mapping_for(self, table: Table, policy: Policy) -> ColumnMapping:
        """Returns the mapping of a file: the proposed one or that of `--map`, with the choices of the options.

        Raises:
            InputRefused: the mapping or an option is none.
        """
        if self._map is None or self._map in PRESETS:
            mapping = propose_mapping(table, policy, PRESETS.get(self._map or ""))
        else:
            mapping = _read_mapping(Path(self._map))
        if self._dates:
            mapping = mapping.with_date_order(DateOrder(self._dates.replace("-", "_")))
        if self._bad_values:
            mapping = mapping.with_bad_values(BadValue(self._bad_values.replace("-", "_")))
        changed: dict[str, Any] = {"source": self._source} if self._source else {}
        if self._lists:
            changed["audiences"] = [*mapping.audiences, *self._lists]
        return _validated({**mapping.model_dump(), **changed}) if changed else mapping


def _read_mapping(path: Path) -> ColumnMapping:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputRefused(
            f"--map: {path} is no preset ({', '.join(PRESETS)}), and no file: {error.strerror}"
        ) from error
    if len(text) > MAX_MAPPING_BYTES:
        raise InputRefused(f"--map: {path} has {len(text):,} bytes; at most {MAX_MAPPING_BYTES:,}")
    try:
        return ColumnMapping.model_validate_json(text)
    except ValidationError as error:
        raise InputRefused(f"--map: {path} is no mapping: {_first_problem(error)}") from None


def _validated(values: dict[str, Any]) -> ColumnMapping:
    try:
        return ColumnMapping.model_validate(values)
    except ValidationError as error:
        raise InputRefused(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"


async def import_recipients_file(app: App, file: Path, brand: str, rejected: Path) -> ImportCounts:
    """Imports a file by the mapping that its headings propose. Refused rows go to `rejected`, if there are any.

    Raises:
        InputRefused: the file cannot be imported.
    """
    policy = policy_of_brand_or_raise(app, brand)
    table = open_table(file)
    done, _ = await _import_table(app, table, propose_mapping(table, policy), policy, rejected, None, dry_run=False)
    return done


async def _import_table(
    app: App,
    table: Table,
    mapping: ColumnMapping,
    policy: Policy,
    rejected: Path,
    from_controller: str | None,
    *,
    dry_run: bool,
) -> tuple[ImportCounts, list[RefusedRow]]:
    """Imports a table with a progress bar on stderr. Returns the counts and the first refused rows."""
    rows = parse_rows(table, mapping, policy, from_controller)
    refused = _RefusedRowsFile(rejected, table)
    try:
        with progress_bar() as progress:
            bar = progress.add_task("checking" if dry_run else "importing", total=table.count_lines())
            advance: Callable[[int], None] = lambda n: progress.advance(bar, n)  # noqa: E731
            importer = app.recipient_importer(policy.brand)
            done = await import_parsed_rows(importer, rows, refused.add_row, advance, dry_run=dry_run)
    finally:
        refused.close()
    return done, refused.first


def _print_result(
    table: Table,
    mapping: ColumnMapping,
    done: ImportCounts,
    refused: list[RefusedRow],
    file: Path,
    rejected: Path,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Prints the result. Ends with status 1 if nobody was taken, or the file could not be read to its end."""
    if as_json:
        print_json(_result_as_json(table, mapping, done, refused, str(rejected) if done.rejected else None, dry_run))
    else:
        _print_result_as_text(table, mapping, done, refused, rejected, dry_run)
    if done.broken:
        before = f"of the lines before it {done.taken:,} were taken and {done.rejected:,} rejected"
        exit_with_error(f"{file}: {done.broken}; {before}, and nothing from there on", 1)
    if not done.taken:
        exit_with_error(f"{file}: nobody was taken; {done.rejected:,} rows were refused", 1)


def _result_as_json(
    table: Table,
    mapping: ColumnMapping,
    done: ImportCounts,
    refused: list[RefusedRow],
    where: str | None,
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "taken": done.taken,
        "rejected": done.rejected,
        "rejected_file": where,
        "dry_run": dry_run,
        **{name: getattr(done, name) for name in ("new", "changed", "unchanged", "opted_out", "duplicates")},
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "preset": mapping.preset,
        "left_out": [{"column": heading, "why": why} for heading, why in _left_out(mapping)],
        "refused": [{"row": row.number, "reasons": row.reasons} for row in refused],
        "notes": [{"row": note.row, "text": note.text} for note in done.notes],
        "note_count": done.note_count,
        **({"broken": str(done.broken)} if done.broken else {}),
    }


def _print_result_as_text(
    table: Table, mapping: ColumnMapping, done: ImportCounts, refused: list[RefusedRow], rejected: Path, dry_run: bool
) -> None:
    would = "An import would take" if dry_run else "Took"
    parts = f"{done.new:,} new, {done.changed:,} changed, {done.unchanged:,} unchanged"
    out.print(f"{would} {done.taken:,} people: {parts}; {done.opted_out:,} of them opted out.")
    out.print(f"Read as {table.encoding}, with {_delimiter_word(table.delimiter)} between cells.")
    for heading, why in _left_out(mapping):
        out.print(f"Left out the column {heading!r}: {why}.")
    if done.duplicates:
        out.print(f"{done.duplicates:,} rows replaced an earlier row of the same person.")
    for note in done.notes[:_SHOWN]:
        out.print(f"row {note.row:,}: {note.text}")
    _print_how_many_more(done.note_count - min(len(done.notes), _SHOWN), "notes; --json has more")
    if done.rejected:
        for row in refused[:_SHOWN]:
            out.print(f"row {row.number:,} refused: {row.reason}")
        _print_how_many_more(done.rejected - min(len(refused), _SHOWN), "refused rows")
        out.print(
            f"Rejected {done.rejected:,}; they are in {rejected}, with reasons. Mend them there, and import that file."
        )


def _print_how_many_more(count: int, what: str) -> None:
    if count > 0:
        out.print(f"and {count:,} more {what}")


def _left_out(mapping: ColumnMapping) -> list[tuple[str, str]]:
    """Returns the columns of which nothing is kept, or no consent, each with the reason."""
    columns = [
        (column.heading, column.why_left_out or "it is mapped to nothing")
        for column in mapping.columns
        if not column.field and not column.attribute
    ]
    if mapping.consent is None and mapping.preset != "own":
        no_words = "a time is no consent without the words that were shown: say them as `consent` in the mapping"
        columns += [(one.heading, no_words) for one in mapping.columns if one.field in _TIMES_OF_CONSENT]
    return columns


def _delimiter_word(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[delimiter]


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
