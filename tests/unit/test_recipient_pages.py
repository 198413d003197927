"""The order of what stands on recipients' pages, seen over the made-up person of the pictures."""

import re

import httpx

from mailer.web.languages import LANGUAGES
from scripts.picture_taking import SITE
from scripts.recipient_pictures import recipient_sittings

TEXTS = LANGUAGES["en"].texts


async def pages_of(*names: str) -> list[str]:
    """The HTML of pages, by the names of their pictures."""
    sitting = next(recipient_sittings())
    paths = {shot.name: shot.path for shot in sitting.shots}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sitting.app), base_url=SITE) as client:
        return [(await client.get(paths[name])).text for name in names]


async def test_what_can_be_asked_for_stands_in_groups() -> None:
    """The last form of the preferences has groups with titles, of which only the first is open, and one button."""
    [page] = await pages_of("preferences")
    [form] = [form for form in re.findall("<form.*?</form>", page, re.DOTALL) if 'name="want"' in form]
    groups = re.findall(r"<details( open)?>\s*<summary>(.*?)</summary>(.*?)</details>", form, re.DOTALL)
    titles = [TEXTS["want_groups"][name] for name in ("mail", "frequency", "offers", "breach_notices")]
    assert [title for _, title, _ in groups] == titles
    assert [bool(is_open) for is_open, _, _ in groups] == [True, False, False, False]
    wanted = [re.findall(r'name="want" value="([^"]+)"', boxes) for _, _, boxes in groups]
    assert wanted[0] == ["newsletter", "promotional", "shown"]
    assert wanted[3] == ["notices-in-writing", "notices-by-email"]
    assert sum(map(len, wanted)) == form.count('name="want"')
    assert form.count("<button") == 1


async def test_each_wish_has_its_words_and_its_button_in_one_box() -> None:
    """Buttons to confirm are main ones, each described by the wish beside it; the one to stop mail is not."""
    [page] = await pages_of("confirm")
    boxes = re.findall(r'<form method="post" class="wish">(.*?)</form>', page, re.DOTALL)
    for number, (box, kind) in enumerate(zip(boxes, ("newsletter", "promotional"), strict=True), 1):
        assert f'<p id="wish-{number}"><strong>{TEXTS["kinds"][kind][0]}</strong>' in box
        assert f'<button class="main" name="wish" value="{kind}" aria-describedby="wish-{number}">' in box
    assert f"<button>{TEXTS['stop_button']}</button>" in page
    assert TEXTS["stop"] in page


async def test_a_problem_leads_on_by_buttons() -> None:
    """A stale link and one that was cut off lead to leaving by an address first; one of nobody leads nowhere."""
    stale, cut_off, bad = await pages_of("problem-stale", "problem-cut-off-link", "problem-bad-link")
    for page, brand in ((stale, "paltalk-2006"), (cut_off, "interpals")):
        assert re.findall(r'class="(button[^"]*)" href="([^"]+)"', page) == [
            ("button main", f"{SITE}/leave/{brand}"),
            ("button", f"{SITE}/data/{brand}"),
        ]
    assert 'class="button' not in bad
    assert TEXTS["ways_on_title"] not in bad


async def test_the_foot_of_a_page_is_in_order() -> None:
    """The sender first, then contact, privacy policy and the pages for everybody, then the languages."""
    [page] = await pages_of("leave-ask")
    foot = page.partition("<footer>")[2]
    parts = ["1 Example Plaza", "mailto:privacy@", "/privacy", "/leave/interpals", "/data/interpals", "?lang=ar"]
    places = [foot.index(part) for part in parts]
    assert places == sorted(places)
