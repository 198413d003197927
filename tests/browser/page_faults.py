"""The faults of a page for people who see it otherwise: those that axe-core finds, and what is cut off at 320 px."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page, ViewportSize

AXE = Path(__file__).parents[2] / ".cache/axe/node_modules/axe-core/axe.min.js"
"""The script, from scripts/setup-axe."""
MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced colours": {"color_scheme": "dark", "forced_colors": "active"},
}
"""The colours in which a page is shown."""
NARROW: ViewportSize = {"width": 320, "height": 640}
"""A window of 1280 px that is enlarged to 400 % (WCAG 2.2, 1.4.10)."""
_RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const options = { resultTypes: ["violations"], runOnly: tags, rules: { "target-size": { enabled: true } } };
  const found = await axe.run(document, options);
  return found.violations.flatMap((one) => one.nodes.map((node) => [one.id, one.impact, node.target.join(" ")]));
}"""
_CUT_OFF = """() => {
  const wide = document.documentElement.scrollWidth;
  const faults = wide > innerWidth ? [`the page is ${wide} px wide`] : [];
  const scrolls = (one) => one && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
  for (const one of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    const isAway = !one.checkVisibility() || one.closest(".away, .skip");
    if (isAway || style.clipPath !== "none" || scrolls(one.parentElement)) continue;
    const name = `${one.localName}.${one.className || "-"} "${(one.textContent || "").trim().slice(0, 30)}"`;
    if (box.width && (box.left < -1 || box.right > innerWidth + 1)) faults.push(`${name} is outside of the window`);
    const isCut = /hidden|clip/.test(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
    if (isCut && !["select", "input"].includes(one.localName)) faults.push(`${name} is cut off`);
  }
  return faults;
}"""


@cache
def _axe() -> str:
    return AXE.read_text("utf-8")


async def axe_faults(page: Page) -> list[str]:
    """The faults that axe finds in a page in each of the `MODES`: the rule, its weight and the element."""
    await page.evaluate(_axe())
    faults = list[str]()
    for mode, colours in MODES.items():
        await page.emulate_media(**colours)
        for rule, impact, element in await page.evaluate(_RUN):
            faults.append(f"{mode}: {rule} ({impact}): {element}")
    return faults


async def cut_off_parts(page: Page) -> list[str]:
    """The parts of a page that a reader does not see, or has to scroll for sidewise, at the width that it has now.

    Tables and other regions that scroll for themselves may be wider (WCAG 2.2, 1.4.10).
    """
    found: list[str] = await page.evaluate(_CUT_OFF)
    return found
