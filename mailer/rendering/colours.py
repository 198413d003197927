"""Colours of CSS and HTML, and their contrast."""

import colorsys
import re
from functools import lru_cache
from typing import NamedTuple

_NAMED = {
    "black": "000000",
    "silver": "c0c0c0",
    "gray": "808080",
    "grey": "808080",
    "white": "ffffff",
    "maroon": "800000",
    "red": "ff0000",
    "purple": "800080",
    "fuchsia": "ff00ff",
    "green": "008000",
    "lime": "00ff00",
    "olive": "808000",
    "yellow": "ffff00",
    "navy": "000080",
    "blue": "0000ff",
    "teal": "008080",
    "aqua": "00ffff",
    "orange": "ffa500",
    "transparent": "00000000",
}
"""The colour names of CSS 2.1. Templates write other colours as #rrggbb."""
_HEX = re.compile(r"#?(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"(rgb|hsl)a?\(([^()]*)\)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)%?")
_COLOUR = re.compile(r"#[0-9a-f]+|(?:rgb|hsl)a?\([^()]*\)|[a-z][a-z-]*(?![\w(-])")


class Colour(NamedTuple):
    """A colour; each part is from 0 to 1, and `alpha` 0 is transparent."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def blend_over(self, under: "Colour") -> "Colour":
        """Returns the visible colour if this one lies over another."""
        red, green, blue = (
            mine * self.alpha + theirs * (1 - self.alpha) for mine, theirs in zip(self[:3], under[:3], strict=True)
        )
        return Colour(red, green, blue)


@lru_cache(maxsize=1000)
def parse_colour(value: str) -> Colour | None:
    """Parses a colour in lower case. Returns None if it is unknown."""
    value = _NAMED.get(value.strip(), value.strip())
    if _HEX.fullmatch(value):
        digits = value.removeprefix("#")
        digits = "".join(digit * 2 for digit in digits) if len(digits) < 6 else digits
        return Colour(*(int(digits[at : at + 2], 16) / 255 for at in range(0, len(digits), 2)))
    found = _FUNCTION.fullmatch(value)
    numbers = _NUMBER.findall(found[2]) if found else []
    if found is None or len(numbers) not in (3, 4):
        return None
    alpha = _parse_number_as_fraction(numbers[3], 1) if len(numbers) == 4 else 1.0
    if found[1] == "rgb":
        red, green, blue = (_parse_number_as_fraction(number, 255) for number in numbers[:3])
    else:
        red, green, blue = colorsys.hls_to_rgb(
            float(numbers[0].strip("%")) / 360, *_parse_hsl_lightness_and_saturation(numbers)
        )
    return Colour(red, green, blue, alpha)


def colours_in(value: str) -> list[Colour]:
    """Returns all colours in a CSS value, such as those of a gradient."""
    return [one for word in _COLOUR.findall(value) if (one := parse_colour(word))]


@lru_cache(maxsize=1000)
def contrast_ratio(one: Colour, other: Colour) -> float:
    """Returns the contrast ratio of two colours, from 1 (equal) to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _parse_number_as_fraction(number: str, whole: float) -> float:
    value = float(number.rstrip("%")) / (100 if number.endswith("%") else whole)
    return min(max(value, 0.0), 1.0)


def _parse_hsl_lightness_and_saturation(numbers: list[str]) -> tuple[float, float]:
    """Returns the lightness and saturation of `hsl()`, in the order of `colorsys.hls_to_rgb`."""
    return _parse_number_as_fraction(numbers[2], 100), _parse_number_as_fraction(numbers[1], 100)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.red, colour.green, colour.blue)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
