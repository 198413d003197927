"""The colours of the pages, and the check that a brand's accent colour can be read on them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailer.rendering.colours import Colour, contrast_ratio, parse_colour

MINIMUM_CONTRAST = 4.5
"""The least contrast of text and its background (WCAG 2.2, 1.4.3)."""


@dataclass(frozen=True, slots=True)
class PageColours:
    """The colours of one scheme that touch the accent colour, as in `page.css`.

    Attributes:
        ground: the page. card: the sheet on it. on_accent: the text on a button of the accent colour.
    """

    ground: str
    card: str
    on_accent: str


SCHEMES: Mapping[str, PageColours] = {
    "light": PageColours(ground="#f3f4f6", card="#ffffff", on_accent="#ffffff"),
    "dark": PageColours(ground="#0f1115", card="#191c22", on_accent="#0f1115"),
}
"""The colours by scheme."""

DEFAULT_ACCENTS: Mapping[str, str] = {"light": "#2b4fc7", "dark": "#9db4ff"}
"""The accent colours of a brand without a look, as in `page.css`."""


def contrast_faults(scheme: str, accent: str) -> Iterator[str]:
    """Yields a fault for each pair of colours of which the contrast is too low.

    Args:
        scheme: `light` or `dark`.
        accent: the accent colour, such as `#2b4fc7`.
    """
    colours = SCHEMES[scheme]
    pairs = (
        ("links on the page", accent, colours.ground),
        ("links on the sheet", accent, colours.card),
        ("text on buttons", colours.on_accent, accent),
    )
    for where, text, background in pairs:
        ratio = contrast_ratio(_parse_checked_colour(text), _parse_checked_colour(background))
        if ratio < MINIMUM_CONTRAST:
            change = "darker" if scheme == "light" else "lighter"
            yield (
                f"{where} ({text} on {background}) have a contrast of {_round_ratio_down(ratio)}:1, and"
                f" {MINIMUM_CONTRAST}:1 is the least (WCAG 2.2, 1.4.3); choose a {change} colour"
            )


def _parse_checked_colour(text: str) -> Colour:
    found = parse_colour(text)
    if found is None:
        raise AssertionError(f"{text} is checked before")
    return found


def _round_ratio_down(ratio: float) -> float:
    """Returns a ratio with two digits. It is never rounded up to the least that is allowed."""
    return int(ratio * 100) / 100
