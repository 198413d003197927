"""CSV files (RFC 4180) that no spreadsheet reads as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

_BEGINS_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""The characters by which spreadsheets take a cell for a formula; the last four are those of full width."""
Cell = str | int | float | datetime | None


def csv_lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Returns rows as lines of CSV. A text that a spreadsheet could take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def csv_headers(file_name: str) -> dict[str, str]:
    """Returns the header fields of a CSV file that a browser stores under a name of ASCII letters, digits and `-`."""
    return {"content-disposition": f'attachment; filename="{file_name}.csv"'}


def _safe_cell(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.isoformat()
        case str() if cell.lstrip(" \u00a0").startswith(_BEGINS_FORMULA):
            return f"'{cell}"
        case _:
            return cell
