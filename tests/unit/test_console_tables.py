"""Tables of the console keep their meaning when their rows are shown as cards in a narrow window."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "mailer/web/console/templates"
TABLES = [
    pytest.param(table, id=f"{file.name}-{number}")
    for file in sorted(TEMPLATES.glob("*.j2"))
    for number, table in enumerate(re.findall(r"<table.*?</table>", file.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("table", TABLES)
def test_each_cell_says_what_it_is(table: str) -> None:
    """Roles are written out, as a card is no table for some browsers; each cell has its heading, or is the card's."""
    head, _, body = table.partition("<tbody")
    assert table.startswith('<table role="table"')
    headings = [re.sub(r"</?span[^>]*>", "", one) for one in re.findall(r'role="columnheader"[^>]*>(.*?)</th>', head)]
    cells = re.findall(r"<(td|th)\b((?:\s[a-z-]+=\"[^\"]*\")*)>", body)
    assert len(cells) == len(headings) > 1
    for number, ((tag, attributes), heading) in enumerate(zip(cells, headings, strict=True)):
        assert f'role="{"rowheader" if tag == "th" else "cell"}"' in attributes
        is_lead = bool(re.search(r'class="lead[ "]', attributes))
        assert (f'data-label="{heading}"' in attributes) is not is_lead
        assert number == 0 or not is_lead
    assert re.findall(r"<(?:thead|tbody)(?! role=\"rowgroup\")|<tr(?! role=\"row\")", table) == []


def test_there_are_tables() -> None:
    """The expression finds them."""
    assert len(TABLES) >= 16
