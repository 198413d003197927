"""The glossary, held against the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
ROWS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| `(mailer\.[\w.]+)` \|$", GLOSSARY, re.MULTILINE)


def test_each_word_stands_once_in_alphabetical_order() -> None:
    """The table has a row for each line, and no word twice."""
    words = [word for word, _, _ in ROWS]
    assert len(ROWS) == sum(line.startswith("| ") for line in GLOSSARY.splitlines()) - 1
    assert words == sorted(set(words))


@pytest.mark.parametrize(("word", "meaning", "module"), ROWS, ids=[word for word, _, _ in ROWS])
def test_the_owning_module_uses_the_word(word: str, meaning: str, module: str) -> None:
    """The module exists and has the word, also as a part of a name; the meaning is short."""
    path = ROOT.joinpath(*module.split("."))
    file = path.with_suffix(".py") if not path.is_dir() else path / "__init__.py"
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", f"{module} {file.read_text()}")
    assert word.replace("-", " ") in " ".join(spaced.lower().split())
    assert len(meaning) <= 120
