"""Output of commands: strangers' text as text, words whole, at any width."""

import ast
import json
import os
import pty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mailer.cli import shared
from mailer.cli.terminal_layout import escape_json, escape_line, lay_out_facts, lay_out_table

HOSTILE = "[/b][red]x[/red] :smile: \x1b]0;owned\x07\x9b31m\u202egnp.exe\r\nstate  finished \U000e0041"
ROWS = st.lists(st.tuples(st.text(), st.text(), st.one_of(st.none(), st.integers(), st.lists(st.text()))), max_size=5)
COLUMNS = ("id", "reason", "more")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Größe, 漢字, مرحبا, 👩\u200d🔬", "plain, Größe, 漢字, مرحبا, 👩\u200d🔬"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\u202egnp.exe\u2066\u2028", "\\u202egnp.exe\\u2066\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("[red]x[/] :smile:", "[red]x[/] :smile:"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    """Control characters, changes of direction and invisible characters are shown. Ordinary text stays."""
    assert escape_line(text) == shown


@given(st.text())
def test_no_text_gives_orders_to_a_terminal(text: str) -> None:
    """One line, no control or format character but the two joiners, and nothing else is changed."""
    shown = escape_line(text)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" or "\u2028" <= char <= "\u202e" for char in shown)
    if text.isprintable():
        assert shown == text


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_stays_the_same_document(value: object) -> None:
    """A character that a text shows by its code is that character for a program that reads the JSON."""
    shown = escape_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert escape_line(shown) == shown


@given(ROWS, st.one_of(st.none(), st.integers(1, 200)))
def test_every_word_stands_whole_at_every_width(rows: list[tuple[object, ...]], width: int | None) -> None:
    """An id can be copied from any terminal: nothing is cut, and nothing is broken within a word."""
    text = "\n".join(lay_out_table(COLUMNS, rows, width))
    for row in rows:
        for cell in row:
            for line in cell if isinstance(cell, list) else [cell]:
                assert all(word in text for word in escape_line("" if line is None else str(line)).split(" "))


@given(ROWS, st.integers(60, 200))
def test_a_line_is_wider_than_the_terminal_only_for_one_long_word(rows: list[tuple[object, ...]], width: int) -> None:
    """No line is wider than the terminal as long as its words fit."""
    short = [[str(cell)[:10] if cell is not None else None for cell in row] for row in rows]
    assert all(cell_len(line) <= width for line in lay_out_table(COLUMNS, short, width))


def test_a_pipe_gets_a_line_a_row() -> None:
    """Nothing is wrapped where nobody looks, however long it is."""
    lines = lay_out_table(("id", "says"), [(1, "word " * 100), (2, "x" * 500)], None)
    assert len(lines) == 4
    assert lines[3] == f"2   {'x' * 500}"


def test_a_narrow_terminal_gets_names_and_values() -> None:
    """A table that does not fit even when its lines are wrapped is printed a value a line."""
    id_ = "0192f0c1-0000-7000-8000-000000000000"
    lines = lay_out_table(("mailing", "brand"), [(id_, "interpals"), (id_, "x")], 40)
    assert lines == [f"mailing  {id_}", "brand    interpals", "", f"mailing  {id_}", "brand    x"]


def test_no_value_can_look_like_another_line() -> None:
    """A line break within a value is shown, and the lines of a list stand below the first."""
    forged = "x\nstate  finished"
    assert lay_out_facts([("ref", forged), ("body", ["one", "two"])]) == [
        "ref   x\\x0astate  finished",
        "body  one",
        "      two",
    ]
    assert lay_out_table(("ref",), [(forged,)], None)[2:] == ["x\\x0astate  finished"]


def test_markup_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, tables, facts, JSON and errors show markup, emoji names and escape sequences as text."""
    shared.out.print(HOSTILE)
    shared.print_table((HOSTILE,), [(HOSTILE,), ([HOSTILE],)], HOSTILE)
    shared.print_facts({HOSTILE: HOSTILE})
    shared.print_json({HOSTILE: HOSTILE})
    with pytest.raises(SystemExit):
        shared.exit_with_error(HOSTILE, 2)
    printed, said = capsys.readouterr()
    assert printed.count("[/b][red]x[/red] :smile: ") == 9
    assert "[/b][red]x[/red] :smile: " in said
    assert not any(char != "\n" and not char.isprintable() for char in printed + said)


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"}, {"COLUMNS": "20"}])
def test_no_environment_colours_or_cuts_an_id(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """An id is shown whole, without colour, at any width and with any variables of the terminal."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    id_, ours, theirs = "0192f0c1-0000-7000-8000-000000000000", *pty.openpty()
    with open(theirs, "w", encoding="utf-8") as terminal:
        printer = shared.EscapingConsole()
        printer.file = terminal
        monkeypatch.setattr(shared, "out", printer)
        printer.print(f"{id_} is cancelled.")
        shared.print_table(("mailing", "brand"), [(id_, "interpals")])
        shared.print_facts({"mailing": id_})
    printed = b""
    with suppress(OSError):  # the end of a terminal that nobody has open any more
        while more := os.read(ours, 4096):
            printed += more
    os.close(ours)
    assert printed.count(id_.encode()) == 3
    assert b"\x1b" not in printed


def printing(tree: ast.AST) -> Iterator[str]:
    """Names of functions that print past `mailer.cli.shared`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case _ if any(keyword.arg == "markup" for keyword in node.keywords):
                    yield "markup"
                case ast.Name(id="print" | "Console" | "Table" | "echo" | "secho" as name):
                    yield name
                case ast.Attribute(value=ast.Attribute(attr="stdout" | "stderr"), attr=name):
                    yield f"sys.{name}"
                case ast.Attribute(value=ast.Name(id="typer"), attr="echo" | "secho" as name):
                    yield name
                case _:
                    pass


@pytest.mark.parametrize("file", sorted(Path(shared.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_commands_print_by_one_place_only(file: Path) -> None:
    """Nothing is printed but by `mailer.cli.shared`, which shows strangers' text as text."""
    own = {"shared.py": ["print", "Console", "print", "markup"], "demo.py": ["Console"], "__init__.py": ["sys.flush"]}
    assert sorted(printing(ast.parse(file.read_text("utf-8")))) == sorted(own.get(file.name, []))
