"""The faults of a page for people who see it otherwise: those that axe-core finds, and what is cut off at 320 px."""

from collections.abc import Mapping
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
_EVERY_RULE: Mapping[str, Any] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_RULES_OF_COLOURS: Mapping[str, Any] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules that may find something else in other colours."""
_RULES_OF_WIDTHS: Mapping[str, Any] = {"type": "rule", "values": ["scrollable-region-focusable", "target-size"]}
"""The rules that may find something else in a narrow window."""
_RUN = """async (runOnly) => {
  const rules = { "target-size": { enabled: true } };
  const options = { resultTypes: ["violations"], preload: false, iframes: false, runOnly, rules };
  const found = await axe.run(document, options);
  return found.violations.flatMap((one) => one.nodes.map((node) => [one.id, one.impact, node.target.join(" ")]));
}"""
_PREPARE = """() => {
  document.querySelectorAll(".wide").forEach((one) => { one.style.backgroundImage = "none"; });
  document.querySelectorAll("tbody").forEach((one) => [...one.rows].slice(20).forEach((row) => row.remove()));
}"""
"""Takes the shadows off the edges of tables, since axe says nothing of a contrast over a gradient, and leaves 20 rows
of each, since axe takes seconds for hundreds that are alike."""
_CUT_OFF = """() => {
  const wide = document.documentElement.scrollWidth;
  const faults = wide > innerWidth ? [`the page is ${wide} px wide`] : [];
  const scrolls = (one) => one && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
  for (const one of document.querySelectorAll(".wide")) {
    if (one.scrollWidth > one.clientWidth + 1) faults.push(`${one.ariaLabel || one.className} scrolls sideways`);
  }
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
    """The faults that axe finds in a page in each of the `MODES`: the rule, its weight and the element.

    In the first mode every rule runs, in the others those that depend on colours. In the end, the window has the width
    of `NARROW`, and those that depend on widths run.
    """
    await page.evaluate(_axe())
    await page.evaluate(_PREPARE)
    faults, rules = list[str](), _EVERY_RULE
    for mode, colours in MODES.items():
        await page.emulate_media(**colours)
        faults += await _faults_by_rules(page, mode, rules)
        rules = _RULES_OF_COLOURS
    await page.set_viewport_size(NARROW)
    return faults + await _faults_by_rules(page, "at 400 %", _RULES_OF_WIDTHS)


async def _faults_by_rules(page: Page, mode: str, rules: Mapping[str, Any]) -> list[str]:
    found = await page.evaluate(_RUN, rules)
    return [f"{mode}: {rule} ({impact}): {element}" for rule, impact, element in found]


async def cut_off_parts(page: Page) -> list[str]:
    """The parts of a page that a reader does not see, or has to scroll for sidewise, at the width that it has now.

    Tables and other regions that scroll for themselves may be wider (WCAG 2.2, 1.4.10).
    """
    found: list[str] = await page.evaluate(_CUT_OFF)
    return found
