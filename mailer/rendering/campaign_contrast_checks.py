"""Checks of the contrast of a campaign's texts and buttons, in light and in dark mode (WCAG 2.2, 1.4.3)."""

from collections.abc import Iterator
from typing import Final

from mailer.rendering.campaign_facts import PageUnderCheck
from mailer.rendering.campaign_findings import CheckFinding, warning_check
from mailer.rendering.campaign_text_checks import letters_in, quoted
from mailer.rendering.element_style import LEAST_SIZE, TextStyle

LEAST_CONTRAST: Final = 4.5
LEAST_CONTRAST_OF_LARGE_TEXT: Final = 3.0
_LARGE: Final = 24.0
"""The size in pixels from which text counts as large (18 points)."""

CONTRAST_LIGHT = warning_check(
    "contrast-low",
    f"A text or button has less contrast with its background than {LEAST_CONTRAST}:1; large text, less than"
    f" {LEAST_CONTRAST_OF_LARGE_TEXT:.0f}:1.",
    "Choose a darker or lighter colour.",
)
CONTRAST_DARK = warning_check(
    "contrast-low-in-dark-mode",
    "The same in dark mode, by the rules that the layout has for it.",
    "Choose a colour for dark mode in the layout, or do not set colours in the block.",
)
CHECKS: Final = (CONTRAST_LIGHT, CONTRAST_DARK)
"""The checks of this module."""


def find_contrast_faults(page: PageUnderCheck) -> Iterator[CheckFinding]:
    """Yields each pair of colours of too little contrast once, with the first words that have it."""
    found = set[tuple[bool, TextStyle]]()
    for run in page.runs:
        if not letters_in(run.words):
            continue
        for medium, style in run.styles.items():
            is_dark = _is_dark_mode(medium)
            if style is None or not _is_contrast_low(style) or (medium and not is_dark):
                continue
            if (is_dark, style) in found or (is_dark and style == run.styles[""]):
                continue
            found.add((is_dark, style))
            check = CONTRAST_DARK if is_dark else CONTRAST_LIGHT
            text = f"{quoted(run.words)} has a contrast of {_contrast(style):.1f}:1."
            yield check.finding(text, page.place_of(run.words.strip()))


def _is_dark_mode(medium: str) -> bool:
    return "prefers-color-scheme" in medium and "dark" in medium


def _is_contrast_low(style: TextStyle) -> bool:
    """Tells whether a text is hard to read. Text that is hidden on purpose, such as a preheader, is another check's."""
    is_meant_to_be_read = style.is_seen and style.is_open and style.size >= LEAST_SIZE
    least = LEAST_CONTRAST_OF_LARGE_TEXT if style.size >= _LARGE else LEAST_CONTRAST
    return is_meant_to_be_read and _contrast(style) < least


def _contrast(style: TextStyle) -> float:
    colour = style.colour
    if colour is None:
        return style.least_contrast
    return style._replace(colour=colour._replace(alpha=colour.alpha * style.opacity)).least_contrast
