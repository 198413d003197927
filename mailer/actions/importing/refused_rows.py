"""Writes refused rows as CSV in the file's own columns with the reasons. They can be mended and sent again."""

import csv
from typing import TextIO

from mailer.actions.importing.formula_cells import make_cell_harmless
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import Table


class RefusedRowsWriter:
    """Writes refused rows below the headings of their file. No cell begins a formula.

    The reason is in the column `reason`, the number of the row in `row`. A file that has such columns from before gets
    new ones in their place.
    """

    def __init__(self, file: TextIO, table: Table) -> None:
        """Takes a text file in UTF-8 with `newline=""`, and writes the headings to it."""
        self._kept = [place for place, heading in enumerate(table.headings) if heading not in ("row", "reason")]
        self._writer = csv.writer(file, delimiter=table.delimiter)
        self._writer.writerow([*(make_cell_harmless(table.headings[place]) for place in self._kept), "row", "reason"])

    def write_row(self, row: RefusedRow) -> None:
        """Writes one refused row."""
        cells = [row.cells[place] if place < len(row.cells) else "" for place in self._kept]
        self._writer.writerow([*map(make_cell_harmless, map(_storable, cells)), row.number, row.reason])


def _storable(text: str) -> str:
    """Returns a cell as text that can be written in UTF-8: bytes of another encoding become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
