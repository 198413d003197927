"""Reads the rows of a file of people, whatever its encoding, its separator and its line ends are."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from mailer.actions.csv_reading import CsvRecord, CsvUnreadableFromLine, InputRefused, read_csv_records, read_header
from mailer.actions.importing.text_decoding import TextEncoding, find_encoding

MAX_FILE_BYTES: Final = 100 * 1024 * 1024
"""The largest file that is read from memory. The command reads larger ones from disk."""
MAX_COLUMNS: Final = 300
MAX_CELL: Final = 32_767
"""The longest cell in characters, as in a spreadsheet."""
MAX_HEADING: Final = 200
_MAX_LINE: Final = 1 << 20
"""The most characters of one line that are looked at. Cells of such a length are refused with their row."""
_DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE_ROWS: Final = 50
_FOREIGN: Final = re.compile("[\udc80-\udcff]")
_HINT: Final = "sep="
"""The first line of a file may say the separator in this way, for Excel. No spreadsheet shows that line."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row below the headings.

    Attributes:
        number: its number in a spreadsheet; the row of the headings is 1.
        cells: its values in the order of the headings, unchanged; cells at the end may be missing.
        fault: the reason why it cannot be read; None if it can.
    """

    number: int
    cells: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file of people as a table. It does not hold the rows: `rows` reads them anew each time.

    Attributes:
        encoding: the name of its encoding, for people.
        delimiter: the character between cells.
        headings: the headings, each once: a second `notes` is `notes (2)`, an empty one `column 3`.
        open_lines: opens the file, and returns its lines after the hint of the separator.
    """

    encoding: str
    delimiter: str
    headings: tuple[str, ...]
    open_lines: Callable[[], Iterator[str]]

    def rows(self) -> Iterator[TableRow]:
        """Yields the rows below the headings that are not blank.

        Raises:
            CsvUnreadableFromLine: from a line on, quotes do not match.
        """
        records = read_csv_records(self.open_lines(), self.delimiter)
        read_header(records)
        width = len(self.headings)
        for record in records:
            if record.fault or any(cell and not cell.isspace() for cell in record.cells):
                yield _row_of_record(record, width)

    def count_lines(self) -> int:
        """Counts the lines below the headings: the number of rows, if none has a line break in a cell."""
        return max(sum(1 for _ in self.open_lines()) - 1, 0)


def read_table(content: bytes) -> Table:
    """Reads a file of people from memory.

    Args:
        content: at most `MAX_FILE_BYTES`.

    Raises:
        InputRefused: it is too large, no text, empty, or has no headings that can be read.
    """
    if len(content) > MAX_FILE_BYTES:
        raise InputRefused(f"has {len(content):,} bytes; at most {MAX_FILE_BYTES:,}: split it")
    return _build_table(lambda: BytesIO(content))


def open_table(path: Path) -> Table:
    """Reads a file of people from disk. Only a line at a time is in memory.

    Raises:
        InputRefused: as `read_table`, and if the file cannot be opened.
    """
    try:
        return _build_table(lambda: path.open("rb"))
    except OSError as error:
        raise InputRefused(f"cannot be read: {error.strerror}") from error


def _build_table(open_file: Callable[[], BinaryIO]) -> Table:
    with open_file() as file:
        encoding = find_encoding(file)

    def open_lines() -> Iterator[str]:
        return _bounded_lines(open_file(), encoding)

    first = next(open_lines(), "")
    hint = first.strip().strip('"')
    if hint.lower().startswith(_HINT) and hint[len(_HINT) :] in _DELIMITERS:
        return _table_of_lines(lambda: islice(open_lines(), 1, None), encoding.label, hint[len(_HINT) :])
    if first.rstrip("\r\n").lower() == "sep=\t":
        return _table_of_lines(lambda: islice(open_lines(), 1, None), encoding.label, "\t")
    return _table_of_lines(open_lines, encoding.label, None)


def _table_of_lines(open_lines: Callable[[], Iterator[str]], encoding: str, delimiter: str | None) -> Table:
    delimiter = delimiter or _find_delimiter(list(islice(open_lines(), 4 * _SAMPLE_ROWS)))
    names = read_header(read_csv_records(open_lines(), delimiter))
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InputRefused("has no headings; the first row names the columns")
    if len(names) > MAX_COLUMNS:
        raise InputRefused(f"has {len(names):,} columns; at most {MAX_COLUMNS}: remove those that are not needed")
    if any(len(name) > MAX_HEADING for name in names):
        raise InputRefused(f"has a heading of more than {MAX_HEADING} characters; the first row names the columns")
    if any(_FOREIGN.search(name) or "\0" in name for name in names):
        raise InputRefused("has a heading with a byte of another encoding than the rest of the file; write it anew")
    return Table(encoding, delimiter, _distinct_headings(names), open_lines)


def _bounded_lines(file: BinaryIO, encoding: TextEncoding) -> Iterator[str]:
    """Yields the lines of a file with their ends. Of a line that is too long, only its beginning."""
    with TextIOWrapper(file, encoding=encoding.codec, errors=encoding.errors, newline="") as text:
        while line := text.readline(_MAX_LINE):
            if len(line) == _MAX_LINE and line[-1] not in "\r\n":
                while (rest := text.readline(_MAX_LINE)) and rest[-1] not in "\r\n":
                    pass
                line += "\n"
            yield line


def _find_delimiter(lines: Sequence[str]) -> str:
    """Finds the character that splits most rows into as many cells as there are headings."""
    return max(_DELIMITERS, key=lambda delimiter: _fit_of_delimiter(lines, delimiter))


def _fit_of_delimiter(lines: Sequence[str], delimiter: str) -> tuple[bool, float, int]:
    """Returns how well a delimiter fits: it splits the headings; the share of rows that have as many cells."""
    widths: list[int] = []
    try:
        for record in islice(read_csv_records(lines, delimiter), _SAMPLE_ROWS):
            widths.append(len(record.cells))
    except (CsvUnreadableFromLine, csv.Error):
        pass  # the sample may end within a cell
    if not widths or widths[0] < 2:
        return False, 0.0, 0
    return True, sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _distinct_headings(names: Sequence[str]) -> tuple[str, ...]:
    made: list[str] = []
    for place, name in enumerate(names, 1):
        name = name or f"column {place}"
        copies = sum(1 for other in names[: place - 1] if other == name)
        made.append(f"{name} ({copies + 1})" if copies else name)
    return tuple(made)


def _row_of_record(record: CsvRecord, width: int) -> TableRow:
    cells = record.cells
    if record.fault:
        return TableRow(record.number, cells, record.fault)
    if len(cells) > width:
        if any(cell.strip() for cell in cells[width:]):
            return TableRow(record.number, cells, "more values than columns; quote values that hold a comma")
        cells = cells[:width]
    text = "".join(cells)
    if not text.isascii() and _FOREIGN.search(text):
        return TableRow(record.number, cells, "has a byte of another encoding than the rest of the file; write it anew")
    if "\0" in text:
        return TableRow(record.number, cells, "has a NUL character; remove it")
    if len(text) > MAX_CELL and any(len(cell) > MAX_CELL for cell in cells):
        return TableRow(record.number, cells, f"has a cell of more than {MAX_CELL:,} characters; shorten it")
    return TableRow(record.number, cells)
