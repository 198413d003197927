"""Makes cells of files that we write harmless for spreadsheets, and reads such cells again."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""The beginnings at which a spreadsheet takes a cell for a formula, also behind apostrophes of ours."""


def make_cell_harmless(text: str) -> str:
    """Returns a cell that no spreadsheet takes for a formula: with an apostrophe before it, if it needs one."""
    return f"'{text}" if _FORMULA.match(text.lstrip(" ")) else text


def undo_harmless_cell(text: str) -> str:
    """Returns the value of a cell that `make_cell_harmless` made, so that a file can be mended and sent again."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text[1:].lstrip(" ")) else text
