"""Writes refused rows as CSV in the columns of their file, to be mended and sent again. No cell begins a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from mailer.actions.importing.formula_cells import make_cell_harmless
from mailer.actions.importing.row_parsing import RefusedRow

REASON: Final = "reason"
"""The heading of the last column. An import leaves it out."""
_BYTE_ORDER_MARK: Final = "\ufeff"
"""The first character of the file: without it, Excel takes UTF-8 for Windows-1252."""


def refused_rows_header(headings: Iterable[str]) -> bytes:
    """Returns the beginning of the file: its encoding, and the headings."""
    return _BYTE_ORDER_MARK.encode() + _csv_line([*headings, REASON])


def refused_row_line(row: RefusedRow, columns: int) -> bytes:
    """Returns the line of a row. Values that are too many for the columns stand behind the reason.

    Args:
        row: the row. columns: the number of columns of its file.
    """
    missing = [""] * (columns - len(row.cells))
    return _csv_line([*row.cells[:columns], *missing, row.reason, *row.cells[columns:]])


def _csv_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([make_cell_harmless(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")
