"""Text for a terminal: control characters are escaped, and lines are wrapped between words."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

Cell = object
"""A value of a row. A list gets a line for each item; None is empty."""

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ue000-\uf8ff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
"""Control characters, half surrogates, private use, invisible characters, and those that change text direction.
The joiners U+200C and U+200D are not in it: Persian, Hindi and emoji need them."""
_GAP = "  "


def escape_line(text: str) -> str:
    r"""Returns a text on one line, with each control character replaced by its code: `\x1b`, `\u202e`."""
    return text if text.isprintable() else _HIDDEN.sub(_escape_code, text)


def escape_json(document: str) -> str:
    """Returns a JSON document on one line, with each control character as a JSON escape; its values do not change."""
    return document if document.isprintable() else _HIDDEN.sub(_json_escape_of_character, document)


def lay_out_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None) -> list[str]:
    """Returns the lines of a table.

    Args:
        columns: the names of the columns.
        rows: each row has a cell for each column.
        width: the width of the terminal in characters. Lines are wrapped between words; if the longest words of the
            columns together are wider than the terminal, each row becomes lines of names and values. None: there is
            no terminal, so nothing is wrapped.
    """
    cells = [[_escaped_items_of_cell(cell) for cell in row] for row in rows]
    widths = [
        max(cell_len(line) for line in (name, *(line for row in cells for line in row[place])))
        for place, name in enumerate(columns)
    ]
    if width is not None and _total_width(widths) > width:
        least = [
            max(
                cell_len(word)
                for line in (name, *(line for row in cells for line in row[place]))
                for word in _split_at_spaces(line)
            )
            for place, name in enumerate(columns)
        ]
        if _total_width(least) > width and cells:
            return _lay_out_as_records(columns, cells)
        widths = _fit_widths(widths, least, width)
    head = [
        _lines_of_table_row([[name] for name in columns], widths),
        _lines_of_table_row([["-" * size] for size in widths], widths),
    ]
    body = [_lines_of_table_row(row, widths) for row in cells]
    apart = any(len(lines) > 1 for lines in body)
    return [line for lines in head for line in lines] + [
        line for place, lines in enumerate(body) for line in ([""] * (apart and place > 0) + lines)
    ]


def lay_out_facts(values: Sequence[tuple[str, Cell]]) -> list[str]:
    """Returns the lines of names and values, one pair a line. Further lines of a value stand below its first line."""
    size = max((cell_len(name) for name, _ in values), default=0)
    return [
        f"{_padded(name if first else '', size)}{_GAP}{line}".rstrip(" ")
        for name, value in values
        for first, line in _lines_with_is_first_flag(_escaped_items_of_cell(value))
    ]


def _lines_with_is_first_flag(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((place == 0, line) for place, line in enumerate(lines))


def _escaped_items_of_cell(cell: Cell) -> list[str]:
    if cell is None:
        return [""]
    if isinstance(cell, list):
        return [escape_line(str(line)) for line in cell] or [""]
    return [escape_line(str(cell))]


def _lay_out_as_records(columns: Sequence[str], cells: Sequence[Sequence[list[str]]]) -> list[str]:
    records = [lay_out_facts(list(zip(columns, row, strict=True))) for row in cells]
    return [line for place, record in enumerate(records) for line in ([""] * (place > 0) + record)]


def _lines_of_table_row(cells: Sequence[list[str]], widths: Sequence[int]) -> list[str]:
    wrapped = [
        [part for line in cell for part in _wrap_line(line, size)] for cell, size in zip(cells, widths, strict=True)
    ]
    height = max(map(len, wrapped), default=0)
    return [
        _GAP.join(
            _padded(lines[place] if place < len(lines) else "", size)
            for lines, size in zip(wrapped, widths, strict=True)
        ).rstrip(" ")
        for place in range(height)
    ]


def _wrap_line(line: str, size: int) -> Iterator[str]:
    """Wraps a line to a width between words; a word is never cut."""
    if cell_len(line) <= size:
        yield line
        return
    kept = ""
    for word in _split_at_spaces(line):
        if kept and cell_len(f"{kept} {word}") > size:
            yield kept
            kept = word
        else:
            kept = f"{kept} {word}" if kept else word
    yield kept


def _split_at_spaces(line: str) -> list[str]:
    return line.split(" ")


def _fit_widths(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Returns widths that fit into the terminal; the widest columns shrink first, down to their longest word."""
    narrowed = list(widths)
    for _ in range(_total_width(widths) - width):
        candidates = [place for place, size in enumerate(narrowed) if size > least[place]]
        if not candidates:
            break
        narrowed[max(candidates, key=narrowed.__getitem__)] -= 1
    return narrowed


def _total_width(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _padded(text: str, size: int) -> str:
    return text + " " * (size - cell_len(text))


def _escape_code(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape_of_character(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
