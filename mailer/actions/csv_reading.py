"""Reads the rows of a CSV file (RFC 4180). It reports rows with errors, and quotes that are never closed."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count


class InputRefused(ValueError):
    """The header of a file does not allow an import. The message gives the reason."""


class CsvUnreadableFromLine(Exception):
    """A file cannot be read from one line on. The lines before it were read.

    Attributes:
        line: the number of that line; the first line is 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line:,}: {reason}")
        self.line = line


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row of a CSV file.

    Attributes:
        line: the number of its first line.
        cells: its values by column, unchanged.
        fault: the reason why it cannot be imported; None if it can.
    """

    line: int
    cells: dict[str, str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """A record of a CSV file, which may take several lines.

    Attributes:
        number: its number, as a spreadsheet counts rows: the first is 1. Empty lines count.
        line: the number of its first line.
        cells: its values, unchanged; empty if it cannot be read.
        fault: the reason why it cannot be read; None if it can.
    """

    number: int
    line: int
    cells: tuple[str, ...]
    fault: str | None = None


def read_csv_records(lines: Iterable[str], delimiter: str = ",") -> Iterator[CsvRecord]:
    """Yields the records of a CSV file that are not empty.

    Raises:
        CsvUnreadableFromLine: from a line on, quotes do not match.
    """
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    for number in count(1):
        before = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > before + 1 or "unexpected end of data" in str(error):
                reason = f"a quote is opened in this line, and not closed as it should be ({error}); mend it"
                raise CsvUnreadableFromLine(before + 1, reason) from None
            yield CsvRecord(number, reader.line_num, (), f"cannot be read: {error}; double the quotes within a value")
            continue
        if cells:
            yield CsvRecord(number, before + 1, tuple(cells))


def check_header_and_read_rows(lines: Iterable[str], columns: Sequence[str], needed: Sequence[str]) -> Iterator[CsvRow]:
    """Checks the header line at once, and returns an iterator over the rows below it.

    Raises:
        InputRefused: the header names a column twice, names an unknown one, or lacks a column that is needed.
        CsvUnreadableFromLine: raised by the iterator: from a line on, quotes do not match.
    """
    records = read_csv_records(lines)
    names = read_header(records)
    unknown = [name for name in names if name not in columns]
    missing = [name for name in needed if name not in names]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if missing or unknown or twice:
        what = (
            f"has the unknown column {', '.join(unknown)}"
            if unknown
            else f"lacks {', '.join(missing)}"
            if missing
            else f"names {', '.join(twice)} twice; which one counts cannot be told: remove one"
        )
        raise InputRefused(f"the header line {what}; the columns are {', '.join(columns)}")
    return (_row_of_record(record, names) for record in records)


def read_header(records: Iterator[CsvRecord]) -> list[str]:
    """Reads the headings, which stand in the first record; an empty list if there is none.

    Raises:
        InputRefused: it cannot be read.
    """
    try:
        header = next(records, None)
    except CsvUnreadableFromLine as error:
        raise InputRefused(f"the header line cannot be read: {error}") from None
    if header is not None and header.fault:
        raise InputRefused(f"the header line {header.fault}")
    return [name.strip() for name in header.cells] if header else []


def _row_of_record(record: CsvRecord, names: Sequence[str]) -> CsvRow:
    many = len(record.cells) > len(names)
    fault = "more values than columns; quote values that hold a comma" if many else record.fault
    return CsvRow(record.line, dict(zip(names, record.cells, strict=False)), fault)
