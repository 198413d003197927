"""Reads the rows of a CSV file (RFC 4180). It reports rows with errors, and quotes that are never closed."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader


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


def check_header_and_read_rows(lines: Iterable[str], columns: Sequence[str], needed: Sequence[str]) -> Iterator[CsvRow]:
    """Checks the header line at once, and returns an iterator over the rows below it.

    Raises:
        InputRefused: the header names a column twice, names an unknown one, or lacks a column that is needed.
        CsvUnreadableFromLine: raised by the iterator: from a line on, quotes do not match.
    """
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InputRefused(f"the header line cannot be read: {error}") from None
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
    return _rows_below_header(reader, names)


def _rows_below_header(reader: "Reader", names: Sequence[str]) -> Iterator[CsvRow]:
    while True:
        before = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > before + 1 or "unexpected end of data" in str(error):
                reason = f"a quote is opened in this line, and not closed as it should be ({error}); mend it"
                raise CsvUnreadableFromLine(before + 1, reason) from None
            yield CsvRow(reader.line_num, {}, f"cannot be read: {error}; double the quotes within a value")
            continue
        if cells:
            many = len(cells) > len(names)
            fault = "more values than columns; quote values that hold a comma" if many else None
            yield CsvRow(before + 1, dict(zip(names, cells, strict=False)), fault)
