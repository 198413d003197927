"""Reads what a printer or the post reports of letters, from a CSV file with the columns letter, state, day, code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pydantic import ValidationError

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.table_reading import Table, read_table
from mailer.policy.breach.letter_states import LetterNow, LetterReport, ReportRefused, letter_after_report

COLUMNS: Final = ("letter", "state", "day", "code")
MOST_ROWS: Final = 20_000
"""The most rows of a file."""
MOST_OCTETS: Final = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report, with the number of its row in a spreadsheet."""

    row: int
    report: LetterReport


@dataclass(frozen=True, slots=True)
class RowProblem:
    """The reason for which a row was not taken."""

    row: int
    why: str


@dataclass(frozen=True, slots=True)
class ReadReports:
    """The rows of a file: reports, and the problems of those that cannot be read."""

    rows: tuple[ReportRow, ...]
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True)
class JudgedReports:
    """The rows of a file beside the letters.

    Attributes:
        changes: rows that change a letter, in the order of the file. known: the number of rows that change nothing.
    """

    changes: tuple[ReportRow, ...]
    known: int
    problems: tuple[RowProblem, ...]


def read_letter_reports(content: bytes) -> ReadReports:
    """Reads a file. A faulty row is a problem of its own, and stops no other.

    Raises:
        InputRefused: the file is too large, has no row, or other columns.
    """
    if len(content) > MOST_OCTETS:
        raise InputRefused(f"the file is larger than {MOST_OCTETS // 1024 // 1024} MB; split it")
    try:
        table = read_table(content)
        if sorted(table.headings) != sorted(COLUMNS):
            raise InputRefused(f"the columns are {', '.join(COLUMNS)}, and no others; correct the first line")
        found = list(_iterate_rows(table))
    except CsvUnreadableFromLine as error:
        raise InputRefused(str(error)) from error
    rows = tuple(one for one in found if isinstance(one, ReportRow))
    problems = tuple(one for one in found if isinstance(one, RowProblem))
    return ReadReports(rows, problems)


def judge_letter_reports(rows: tuple[ReportRow, ...], letters: Mapping[int, LetterNow], today: date) -> JudgedReports:
    """Compares reports with letters, in the order of the file: a letter may be printed and posted in one file."""
    now, known = dict(letters), 0
    changes, problems = list[ReportRow](), list[RowProblem]()
    for one in rows:
        letter = now.get(one.report.letter)
        if letter is None:
            problems.append(RowProblem(one.row, "letter: there is none of this number here"))
            continue
        after = letter_after_report(letter, one.report, today)
        if isinstance(after, ReportRefused):
            problems.append(RowProblem(one.row, after.why))
        elif after == letter:
            known += 1
        else:
            now[letter.letter] = after
            changes.append(one)
    return JudgedReports(tuple(changes), known, tuple(problems))


def _iterate_rows(table: Table) -> Iterator[ReportRow | RowProblem]:
    for count, row in enumerate(table.rows(), 1):
        if count > MOST_ROWS:
            raise InputRefused(f"the file has more than {MOST_ROWS:,} rows; split it")
        if row.fault:
            yield RowProblem(row.number, row.fault)
            continue
        cells = dict(zip(table.headings, row.cells, strict=False))
        try:
            values = {name: cells.get(name, "").strip() for name in COLUMNS}
            yield ReportRow(row.number, LetterReport.model_validate_strings(values))
        except ValidationError as error:
            yield RowProblem(row.number, _first_fault(error))


def _first_fault(error: ValidationError) -> str:
    """Returns the first fault of a row. It quotes nothing of the row."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, fault["loc"]))
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
