"""The rule of CONTRIBUTING.md for docstrings: each begins with a verb or a noun, not with a relative word."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("mailer", "bench", "scripts", "tests")
FORBIDDEN = frozenset(
    "what who whom whose whether how where of by if in for when as that which".split()  # noqa: SIM905 - one line
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yields the line and the text of each docstring of a source, those below attributes included."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else ():
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
                yield one.lineno, one.value.value


def first_word(text: str) -> str:
    """Returns the first word of a docstring in lower case; "" if it has none."""
    found = re.search(r"\w+", text)
    return found[0].lower() if found else ""


def python_files(folder: str) -> Iterator[Path]:
    """Yields the Python files below a folder, also the scripts whose names have no `.py`."""
    for file in sorted((ROOT / folder).rglob("*")):
        if file.suffix == ".py" or (folder == "scripts" and file.is_file() and is_python_script(file)):
            yield file


def is_python_script(file: Path) -> bool:
    """Tells whether a file's first line names Python as its interpreter."""
    with file.open("rb") as opened:
        return re.match(rb"#!.*python", opened.readline(200)) is not None


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_docstring_begins_with_a_verb_or_a_noun(folder: str) -> None:
    """A sentence that begins with such a word names no subject, and is hard to read for many."""
    files = list(python_files(folder))
    found = [(file, line, text) for file in files for line, text in texts(file.read_text("utf-8"))]
    assert len(found) > len(files) / 2
    assert [
        f"{file.relative_to(ROOT)}:{line}: {text.strip().splitlines()[0]}"
        for file, line, text in found
        if first_word(text) in FORBIDDEN
    ] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"""Whose it is."""', ["whose"]),
        ('class A:\n    """A thing."""\n    b = 1\n    """*Which* b."""', ["a", "which"]),
        ('async def a():\n    """\n    (By whom)."""\n    "Ask."', ["by", "ask"]),
        ('def a():\n    return "By"', []),
    ],
)
def test_every_kind_of_docstring_is_found(source: str, words: list[str]) -> None:
    """Modules, classes, functions and attributes have docstrings; other texts are none."""
    assert [first_word(text) for _, text in texts(source)] == words
