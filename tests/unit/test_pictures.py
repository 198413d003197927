"""The pictures of the documentation, and the pages that `make screenshots` opens."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scripts.people_pictures import people_sitting
from scripts.picture_taking import SITE, Sitting
from scripts.recipient_pictures import recipient_sittings
from scripts.screenshots import DOCS
from tests.processes import ROOT

FOLDER = ROOT / "docs" / "pictures"
MOST_OCTETS = 120_000


def test_each_picture_of_the_documents_is_small_and_is_described() -> None:
    """Twelve pictures, each made by `make pictures`, and shown in a document with words for those who do not see it."""
    files = {file.name for file in FOLDER.iterdir()}
    assert files == {f"{name}-{view.name}.png" for name, view in DOCS.items()}
    assert len(files) == 12
    assert [name for name in sorted(files) if (FOLDER / name).stat().st_size > MOST_OCTETS] == []
    texts = [(ROOT / "README.md").read_text("utf-8"), *(page.read_text("utf-8") for page in ROOT.glob("docs/*.md"))]
    shown = {name: alt for text in texts for alt, name in re.findall(r"!\[([^\]]*)\]\([^)]*pictures/([^)]+)\)", text)}
    assert shown.keys() == files
    assert [name for name, alt in shown.items() if len(alt) < 30] == []


@pytest.mark.parametrize("sit", [lambda: next(recipient_sittings()), people_sitting], ids=["recipients", "people"])
async def test_the_made_up_sites_answer(sit: Callable[[], Sitting]) -> None:
    """The made-up stores have all that the pages ask for: no page fails. The names of pictures are unique."""
    sitting = sit()
    names = [shot.name for shot in sitting.shots]
    assert len(set(names)) == len(names) > 15
    settings: dict[str, Any] = {"headers": sitting.headers, "cookies": dict(sitting.cookies)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sitting.app), base_url=SITE, **settings) as client:
        pages = {shot.name: await client.get(shot.path) for shot in sitting.shots if shot.page is None}
    assert [name for name, page in pages.items() if page.status_code >= 500] == []
