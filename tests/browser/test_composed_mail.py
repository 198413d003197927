"""Composed mails in a browser: nothing is cut off, and columns stand below each other on a phone."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from playwright.async_api import Page, Route

from mailer.policy.campaign_draft import HeadingBlock, TextBlock
from mailer.rendering.template_samples import render_template_preview
from tests.browser.chromium import running_chromium
from tests.composed import BLOCKS, BRANDS, compiled
from tests.made_pictures import picture

ARABIC = (HeadingBlock(text="ما الجديد يا {{ name or 'صديق' }}"), TextBlock(markdown="مرحبا *بك*"), *BLOCKS[3:])
SCREENS: Final[tuple[tuple[int, Literal["dark", "light"]], ...]] = ((375, "dark"), (1000, "light"))
"""The widths to look at, each with its colours."""
_READ = """() => {
  const [first, second] = document.querySelectorAll("div[style*='inline-block']");
  const [left, right] = [first.getBoundingClientRect(), second.getBoundingClientRect()];
  const all = [...document.querySelectorAll('td.main *')];
  const cut = all.filter(one => one.getBoundingClientRect().right > innerWidth + 1);
  return {
    width: document.documentElement.scrollWidth,
    stacked: right.top >= left.bottom - 1,
    leading: left.left < right.left,
    cut: cut.map(one => one.outerHTML.slice(0, 80)),
    image: document.querySelector('img').getBoundingClientRect().width,
    preheader: document.querySelector('.preheader').getBoundingClientRect().height,
  };
}"""


async def _answer(route: Route) -> None:
    """Serves each picture of the campaign, and nothing else."""
    if "/m/" in route.request.url:
        await route.fulfill(body=picture(size=(1200, 600)), content_type="image/png")
    else:
        await route.abort()


async def _seen(page: Page, html: str, width: int) -> Mapping[str, Any]:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.set_content(html)
    seen: Mapping[str, Any] = await page.evaluate(_READ)
    return seen


async def test_composed_mails_fit_each_screen() -> None:
    """Each brand, on a phone and a large screen, in dark and light mode, from left to right and from right to left."""
    async with running_chromium() as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await page.route("**/*", _answer)
        for brand in BRANDS:
            pages = {
                "en": render_template_preview(compiled(*BLOCKS, brand=brand, preheader="Psst"), "en").html,
                "ar": render_template_preview(compiled(*ARABIC, brand=brand, locales=("en", "ar")), "ar").html,
            }
            for locale, html in pages.items():
                for width, scheme in SCREENS:
                    await page.emulate_media(color_scheme=scheme)
                    seen = await _seen(page, html, width)
                    place = brand, locale, width, seen
                    assert seen["width"] == width, place
                    assert seen["cut"] == [], place
                    assert seen["stacked"] is (width == 375), place
                    assert width == 375 or seen["leading"] is (locale == "en"), place
                    assert 250 < seen["image"] <= 600, place
                    assert seen["preheader"] == 0, place
        await context.close()
