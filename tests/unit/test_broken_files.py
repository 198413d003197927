"""CSV files that are broken: lines before the fault are told apart from lines behind it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from mailer.actions.csv_reading import CsvRow, InputRefused, check_header_and_read_rows
from mailer.actions.importing.row_parsing import RefusedRow
from mailer.actions.importing.table_reading import read_table
from mailer.actions.recipient_import import ImportCounts, import_recipients
from mailer.ports.recipient_import import RecipientImportRow, WrittenRows
from tests.factories import policies

DUPLICATE = Path(__file__).parents[1] / "cases" / "csv" / "dup-header.csv"
HEADER = "ref,email,name,collected_at\n"


class Importer:
    """A stand-in for the importer. It keeps the refs of all rows."""

    def __init__(self) -> None:
        self.refs: list[str] = []

    async def import_rows_in_one_transaction(
        self, rows: Sequence[RecipientImportRow], said_at: datetime | None = None, *, dry_run: bool = False
    ) -> WrittenRows:
        """Keeps the refs of a chunk."""
        self.refs += [row.person.ref for row in rows]
        return WrittenRows()


def line(number: int, name: str = "Ann", collected_at: str = "") -> str:
    """A line that is good, but for these."""
    return f"u{number},u{number}@example.org,{name},{collected_at}\n"


async def imported(lines: list[str]) -> tuple[ImportCounts, list[str], list[RefusedRow]]:
    """Imports these lines below the header: the refs taken, and what was rejected."""
    importer, rejected = Importer(), list[RefusedRow]()
    table = read_table("".join([HEADER, *lines]).encode())
    done = await import_recipients(importer, policies()["interpals"], table, rejected.append, lambda done: None)
    return done, importer.refs, rejected


def test_a_column_stands_once() -> None:
    """A file with two `email` columns is refused before a line is read, since nobody can tell which one counts."""
    with (
        DUPLICATE.open(encoding="utf-8", newline="") as file,
        pytest.raises(InputRefused, match="names email twice"),
    ):
        check_header_and_read_rows(file, ("ref", "email", "name"), ("ref", "email"))


async def test_a_quote_that_is_never_closed_is_named() -> None:
    """The lines before an open quote are accepted, its own line is named, and no line behind it is accepted."""
    lines = [line(number, name='"Ann' if number == 1_500 else "Ann") for number in range(3_000)]
    done, refs, rejected = await imported(lines)
    assert refs == [f"u{number}" for number in range(1_500)]
    assert (done.taken, done.rejected, rejected) == (1_500, 0, [])
    assert str(done.broken).startswith("line 1,502: a quote is opened in this line")


async def test_a_quote_that_is_closed_by_the_next_one_is_named() -> None:
    """Nothing in between is passed over in silence where another quote far below ends it."""
    quoted = {200: '"Ann', 2_000: '"Bob"'}
    done, refs, _ = await imported([line(number, name=quoted.get(number, "Ann")) for number in range(3_000)])
    assert (refs[-1], done.taken) == ("u199", 200)
    assert done.broken is not None
    assert done.broken.line == 202


async def test_a_field_of_several_lines_is_read_whole() -> None:
    """RFC 4180 2.6: it is one row, and the rows below it have the numbers of a spreadsheet."""
    done, refs, [rejected] = await imported([line(1), line(2, name='"Ann\nLee"'), line(3, collected_at="soon")])
    assert (refs, done.broken) == (["u1", "u2"], None)
    assert rejected.number == 4


async def test_a_bad_quote_costs_its_own_line() -> None:
    """Text behind a closed quote, and a field without end, are rejected with their line, and the others are taken."""
    done, refs, rejected = await imported([line(1), line(2, name='"Ann"x'), line(3, name="x" * 200_000), line(4)])
    assert (refs, done.taken, done.rejected) == (["u1", "u4"], 2, 2)
    assert [item.number for item in rejected] == [3, 4]
    assert all(item.reason.startswith("cannot be read: ") for item in rejected)


@pytest.mark.parametrize(
    "at",
    ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-14:00", "2020", "20261224", "1735032600", "2026-02-30T00:00Z"],
)
async def test_a_time_that_is_none_costs_its_own_line(at: str) -> None:
    """Line 12,001 is rejected, and all others are taken (case S10)."""
    lines = [line(number, collected_at=at if number == 11_999 else "2026-01-01T00:00:00Z") for number in range(12_500)]
    done, refs, [rejected] = await imported(lines)
    assert (len(refs), done.taken, done.rejected) == (12_499, 12_499, 1)
    assert rejected.number == 12_001
    assert rejected.reason.startswith("collected_at: is no")


@pytest.mark.parametrize("text", ["", "\n", '"', "ref,email\n\n\n"])
def test_a_file_without_lines_has_none(text: str) -> None:
    """A file without lines is refused for its header, or read to its end."""
    try:
        found = list(check_header_and_read_rows(text.splitlines(keepends=True), ("ref", "email"), ("ref", "email")))
    except InputRefused:
        found = list[CsvRow]()
    assert found == []
