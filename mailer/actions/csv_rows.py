"""The rows of a CSV file (RFC 4180): a broken one is told apart, and a quote that never closes is found."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader


class FileUnusable(ValueError):
    """A file that is not what can be imported; the message says what is missing."""


class FileBroken(Exception):
    """A file that cannot be read from one of its lines on; what stands before that line was good.

    Attributes:
        line: its number, from 1 on.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line:,}: {reason}")
        self.line = line


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row, with the number of its first line.

    Attributes:
        cells: its values by column, as they stand.
        fault: why it cannot be taken; None if it can.
    """

    line: int
    cells: dict[str, str]
    fault: str | None = None


def read_rows(lines: Iterable[str], columns: Sequence[str], needed: Sequence[str]) -> Iterator[CsvRow]:
    """The rows below the header line; the header is read at once.

    Raises:
        FileRefused: the header names a column twice, an unknown one, or lacks one that is needed.
        FileBroken: while they are read: from a line on, quotes do not match.
    """
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise FileUnusable(f"the header line cannot be read: {error}") from None
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
        raise FileUnusable(f"the header line {what}; the columns are {', '.join(columns)}")
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
                raise FileBroken(before + 1, reason) from None
            yield CsvRow(reader.line_num, {}, f"cannot be read: {error}; double the quotes within a value")
            continue
        if cells:
            many = len(cells) > len(names)
            fault = "more values than columns; quote values that hold a comma" if many else None
            yield CsvRow(before + 1, dict(zip(names, cells, strict=False)), fault)
