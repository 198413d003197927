"""Each page for recipients in six languages, with and without JavaScript, at 320 px: in words, direction and width."""

import pytest
from playwright.async_api import Page

from mailer.web.languages import LANGUAGES, PageLanguage
from tests.browser.chromium import running_chromium, serving
from tests.browser.page_faults import NARROW, cut_off_parts
from tests.browser.recipient_tour import add_newsletter, add_notice_and_busy_brand, add_reader, take_tour
from tests.browser.tours import Look, Sight, Tour
from tests.factories import BRAND, World


def look_in_language(language: PageLanguage, faults: list[str]) -> Look:
    """A look that asserts the language of a page, and collects what is cut off."""

    async def look(page: Page, sight: Sight) -> None:
        assert (sight.lang, sight.dir, sight.direction) == (language.code, language.dir, language.dir), sight.name
        faults.extend(f"{language.code}: {sight.name}: {part}" for part in await cut_off_parts(page))

    return look


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
async def test_each_page_in_each_language(world: World, *, has_script: bool) -> None:
    """Each page speaks the person's language and each button works; at 400 % nothing is cut off, in Arabic neither."""
    await add_notice_and_busy_brand(world)
    await add_newsletter(world)
    faults, asked = list[str](), set[str]()
    async with serving(world) as url, running_chromium() as browser:
        for number, (code, language) in enumerate(LANGUAGES.items()):
            reader = await add_reader(world, number, code)
            context = await browser.new_context(
                base_url=url, locale=code, java_script_enabled=has_script, viewport=NARROW, accept_downloads=True
            )
            page = await context.new_page()
            page.on("request", lambda request: asked.add(request.url))
            await take_tour(Tour(page, look_in_language(language, faults)), world, reader)
            assert await context.cookies() == []
            await context.close()
            standing = await world.standings.get_standing(BRAND, reader.id)
            assert standing is not None
            assert standing.erased
        assert {one for one in asked if not one.startswith((url, "data:"))} == set()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
async def test_the_switch_keeps_page_and_choice(world: World, *, has_script: bool) -> None:
    """A reader of the wrong language finds theirs in the foot of the page, and keeps it after the press of a button."""
    reader = await add_reader(world, 1, "ja")
    async with serving(world) as url, running_chromium() as browser:
        context = await browser.new_context(base_url=url, locale="en", java_script_enabled=has_script)
        page = await context.new_page()
        await page.goto(reader.leaving())
        for code, language in LANGUAGES.items():
            await page.click(f"nav a[hreflang={code}]")
            assert await page.locator("html").get_attribute("lang") == code
            assert await page.inner_text("button.main") == language.texts["leave"]
            assert await page.inner_text("nav a[aria-current]") == language.texts["name"]
        await page.click("button.main")
        assert await page.inner_text("h1") == language.texts["done_title"]
    standing = await world.standings.get_standing(BRAND, reader.id)
    assert standing is not None
    assert standing.opted_out == {"newsletter"}
