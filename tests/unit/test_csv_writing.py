"""CSV files: what was written is read back, and no cell begins a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from mailer.web.csv_writing import csv_lines

FORMULAS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - spreadsheets read these, too
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.builds(
    lambda blanks, first, text: blanks + first + text,
    st.sampled_from(["", " ", "\u00a0 "]),
    st.sampled_from(FORMULAS),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), max_size=5))
def test_any_texts_are_read_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    """Each text comes back, at most with an apostrophe before it; blanks before a formula do not hide it."""
    read = list(csv.reader(io.StringIO(csv_lines(rows), newline="")))
    assert len(read) == len(rows)
    for written, found in zip(rows, read, strict=True):
        assert [
            cell.removeprefix("'") if not text.startswith("'") else cell
            for text, cell in zip(written, found, strict=True)
        ] == written
        assert not any(cell.strip(" \u00a0").startswith(tuple(FORMULAS)) for cell in found)


def test_numbers_stay_numbers() -> None:
    """A negative number is a number, and nothing is an empty cell."""
    assert csv_lines([(-3, 0.5, None, "-3")]) == "-3,0.5,,'-3\r\n"
