"""Files of people as bytes: encodings, separators, line ends, broken and hostile files."""

import time

import pytest

from mailer.actions.csv_reading import CsvUnreadableFromLine, InputRefused
from mailer.actions.importing.mapping_proposal import propose_mapping
from mailer.actions.importing.seen_people import SeenPeople
from mailer.actions.importing.table_reading import MAX_COLUMNS, open_table, read_table
from tests.import_files import FOLDER, parsed_text, policy_with_attributes


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16 with a byte order mark"),
        ("utf-16-le", "UTF-16 (little-endian)"),
        ("utf-16-be", "UTF-16 (big-endian)"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_separators(codec: str, label: str, delimiter: str, end: str) -> None:
    """Each encoding is read with each separator and each line end, and is named."""
    rows = (("E-Mail", "Name", "Land"), ("a@example.org", "Zoë Müller", "Österreich"), ("b@example.org", "B, C", ""))
    lines = [delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    table = read_table((end.join(lines) + end).encode(codec))
    assert (table.encoding, table.delimiter, table.headings) == (label, delimiter, rows[0])
    assert [row.cells for row in table.rows()] == [*rows[1:]]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "cp932", "utf-8"])
def test_japanese_without_a_mark(codec: str) -> None:
    """Kana tell Shift-JIS from Windows-1252, and separators tell UTF-16."""
    text = "メールアドレス,氏名,国\nhanako@example.jp,さとう ハナコ,日本\n"
    [row], _ = parsed_text(text.encode(codec))
    assert (row.row.person.name, row.row.person.country) == ("さとう ハナコ", "JP")


def test_a_file_in_two_encodings() -> None:
    """Only the rows with bytes of another encoding are refused. The others are no mojibake."""
    content = "email,name\na@example.org,Müller\nb@example.org,Größe\n".encode() + "c@example.org,Weiß\n".encode(
        "cp1252"
    )
    taken, [refused] = parsed_text(content)
    assert [row.row.person.name for row in taken] == ["Müller", "Größe"]
    assert (refused.number, refused.reason) == (
        4,
        "has a byte of another encoding than the rest of the file; write it anew",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04" + b"x" * 100, "is a spreadsheet; save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "is a spreadsheet; save it as CSV"),
        (b"\x1f\x8b\x08" + b"x" * 50, "is compressed; unpack it"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (bytes(range(256)) * 40, "is no text|cannot be told"),
        (b"\xff\xfea\x00\x00\xd8\n\x00", "has bytes that are none"),
        (b",,,\n1,2,3\n", "has no headings"),
        (
            "email,Größe,Grüße,Ort\n".encode().replace(b"Ort", b"St\xe4dte"),
            "has a heading with a byte of another encoding",
        ),
        (",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode(), "at most 300"),
        (b'"email\na@example.org\n', "the header line cannot be read"),
        (b"name,colour\nAda,red\n", "lacks ref and email"),
        (b"email,name,email\na@example.org,A,b@example.org\n", "names email twice"),
        (b"E-Mail,name,e-mail\na@example.org,A,b@example.org\n", "names E-Mail twice"),
    ],
)
def test_files_that_are_refused(content: bytes, reason: str) -> None:
    """A file that is no table of people is refused in words that say what to do."""
    with pytest.raises(InputRefused, match=reason):
        propose_mapping(read_table(content), policy_with_attributes())


def test_headings_alone() -> None:
    """A file without rows has no people."""
    assert parsed_text("email,name\n") == ([], [])


def test_a_cell_of_ten_megabytes() -> None:
    """A huge cell costs its row, the others are taken, and nothing huge is kept."""
    content = f"email,name\na@example.org,A\nb@example.org,{'x' * 10_000_000}\nc@example.org,C\n"
    taken, [refused] = parsed_text(content)
    assert [row.number for row in taken] == [2, 4]
    assert refused.number == 3
    assert sum(map(len, refused.cells)) < 2_000_000


def test_cells_longer_than_a_spreadsheet_has() -> None:
    """A cell of more than 32,767 characters costs its row."""
    _, [refused] = parsed_text(f"email,notes\na@example.org,{'x' * 32_768}\n")
    assert "32,767 characters" in refused.reason


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    """The rows before it are read."""
    table = read_table(b'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n')
    rows = table.rows()
    assert next(rows).number == 2
    with pytest.raises(CsvUnreadableFromLine, match="line 3: a quote is opened in this line"):
        list(rows)


def test_blank_rows_and_spare_separators() -> None:
    """Rows of separators only are no people; a separator too many at the end of a row does no harm."""
    taken, refused = parsed_text("email;name;;\n;;;\na@example.org;A;;\n\n  ; ;;\nb@example.org;B;;;;\nc;C;;;more\n")
    assert [row.number for row in taken] == [3, 6]
    assert [row.number for row in refused] == [7]


def test_the_hint_of_excel() -> None:
    """`sep=;` in the first line is no row of the spreadsheet."""
    taken, _ = parsed_text('sep=|\nE-Mail|Name\na@example.org|"A; B, C"\n')
    assert [(row.number, row.row.person.name) for row in taken] == [(2, "A; B, C")]


def test_a_file_on_disk_is_read_line_by_line() -> None:
    """The command reads the file itself; both ways give the same table."""
    for path in sorted(FOLDER.iterdir()):
        on_disk, in_memory = open_table(path), read_table(path.read_bytes())
        assert list(on_disk.rows()) == list(in_memory.rows())
    with pytest.raises(InputRefused, match="cannot be read: No such file"):
        open_table(FOLDER / "none.csv")


def test_people_are_remembered_in_little_memory() -> None:
    """A file that names 50,000 people twice finds each again."""
    seen = SeenPeople()
    assert {seen.put(f"user-{number}", number) for number in range(1, 50_001)} == {None}
    assert all(seen.put(f"user-{number}", number + 50_000) == number for number in range(1, 50_001))
    assert seen.put("user-7", 1) == 50_007


def test_cells_that_take_long_to_read_are_not_read() -> None:
    """Spaces and brackets by the thousand in each column cost no time: all patterns look at short texts only."""
    head = "E-Mail;Land;Sprache;Kunde seit;Abgemeldet;letzte Bestellung;Points;Listen;Name"
    cells = ("1" + " " * 30_000 + "x", "(" * 30_000, "[" * 30_000 + "]", "1,1" * 10_000, "é" + "\u0301" * 30_000)
    began = time.process_time()
    _, refused = parsed_text("\n".join([head, *(";".join([cell] * 9) for cell in cells)]))
    assert len(refused) == len(cells)
    assert time.process_time() - began < 3
