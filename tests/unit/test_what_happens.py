"""docs/what-happens-when.md is true: its tests exist, its lines are logged, no crash point is left out."""

import ast
import re
from functools import cache
from pathlib import Path

from mailer.crash_points import CrashPoint

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "what-happens-when.md").read_text("utf-8")
CODE = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "mailer").rglob("*.py")))
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.endswith("| shown by |")
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[(\w+)\])?`")


@cache
def named_in(file: str) -> frozenset[str]:
    """The names of the tests of a file."""
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8") if path.exists() else "")
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_each_row_is_shown_by_tests_that_exist() -> None:
    """The last cell of each row names tests, and nothing else; each of them is there."""
    assert len(ROWS) > 100
    for row in ROWS:
        assert len(row) == 5, row
        found = TEST.findall(row[-1])
        assert found, row
        assert TEST.sub("", row[-1]).strip(", ") == "", row
        missing = [f"{file}::{name}" for file, name, _ in found if name not in named_in(file)]
        assert missing == [], row[0]


def test_every_crash_point_is_told() -> None:
    """Each has one row, which names the case of the test that dies there."""
    told = {row[0].strip("`"): row[-1] for row in ROWS if f"[{row[0].strip('`')}]" in row[-1]}
    assert told.keys() == {point.value for point in CrashPoint}


def test_what_is_quoted_is_logged() -> None:
    """A line of the log stands in the code as it stands on the page."""
    quoted = re.findall(r'`"([^"]+)"`', PAGE)
    assert len(quoted) > 10
    assert [line for line in quoted if line not in CODE] == []


def test_every_situation_is_in_the_contents() -> None:
    """The contents link each section, in their order."""
    contents = re.findall(r"\[([^]]+)\]\(#[\w-]+\)", PAGE.partition("**Contents:**")[2].partition("## ")[0])
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert [entry.casefold() for entry in contents] == [heading.casefold() for heading in headings]
