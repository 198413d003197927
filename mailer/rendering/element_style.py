"""The style of an element: enough of CSS to tell whether its text is legible. Unknown CSS counts as illegible."""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from mailer.rendering.colours import Colour, colours_in, contrast_ratio, parse_colour

LEAST_CONTRAST = 1.5
"""Text with less contrast looks like its background. The palest grey that designers use for footers on white has
1.6."""
LEAST_SIZE = 7.0
"""The smallest legible font size, in pixels."""
_LEAST_OPACITY = 0.35
_FAR, _TOO_FAR = 100.0, 1000.0
"""Offsets in pixels that move an element out of sight: a negative one, and a positive one."""

_DECLARATION = re.compile(r"([\w-]+)\s*:\s*((?:[^;\"'()]|\"[^\"]*\"|'[^']*'|\((?:[^()]|\([^()]*\))*\))*)", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$")
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([a-z]*|%)")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "rem": 16.0}
_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
    "initial": 16.0,
}
_OF_TAG = {"small": 0.83, "sub": 0.83, "sup": 0.83, "big": 1.2}
_OF_FONT = (10.0, 13.0, 16.0, 18.0, 24.0, 32.0, 48.0)
_SAME = ("inherit", "unset", "currentcolor", "revert")
_NONE = ("none", "auto", "normal", "initial", "unset", "0", "1", "100%")
_MOVES = frozenset({"clip", "clip-path", "filter", "mask", "mask-image", "-webkit-mask", "-webkit-mask-image"})
_MOVES |= {"mix-blend-mode", "transform", "-webkit-transform", "translate", "rotate", "scale", "zoom"}
"""Properties that can hide an element in many ways. Any value but a neutral one counts as hiding."""
_OFFSETS = frozenset({"left", "right", "top", "bottom", "text-indent", "margin", "padding"})
_EXTENTS = frozenset({"height", "max-height", "width", "max-width"})
_BLACK, _WHITE, _LINK = Colour(0, 0, 0), Colour(1, 1, 1), Colour(0, 0, 238 / 255)

Declarations = Mapping[str, tuple[str, bool]]
"""The value of each property, and whether it is important."""


class TextStyle(NamedTuple):
    """The style of an element's text.

    Attributes:
        colour: the colour of the letters; None if it is unknown.
        under: the colours that may be behind them; empty if they are unknown.
        size: the font size in pixels; 0 if it is unknown.
        opacity: the opacity of the element with its contents.
        is_open: whether its line height has room for the text. is_seen: whether it is not `visibility: hidden`.
    """

    colour: Colour | None = _BLACK
    under: tuple[Colour, ...] = (_WHITE,)
    size: float = 16.0
    opacity: float = 1.0
    is_open: bool = True
    is_seen: bool = True

    @property
    def is_legible(self) -> bool:
        """Tells whether a reader can read the text."""
        if self.colour is None or not self.is_seen or not self.is_open or self.size < LEAST_SIZE or not self.under:
            return False
        return self.least_contrast >= LEAST_CONTRAST

    @property
    def least_contrast(self) -> float:
        """The least contrast ratio with the colours behind it, from 1 to 21; 21 if a colour is unknown."""
        colour = self.colour
        if colour is None:
            return 21.0
        return min((contrast_ratio(colour.blend_over(under), under) for under in self.under), default=21.0)


@lru_cache(maxsize=1000)
def parse_declarations(css: str) -> Declarations:
    """Parses CSS declarations.

    Of two for one property the later one counts, unless only the earlier one is important.
    """
    found: dict[str, tuple[str, bool]] = {}
    for name, value in _DECLARATION.findall(css.lower()):
        plain, weight = _IMPORTANT.sub("", value.strip()), bool(_IMPORTANT.search(value))
        if weight or not found.get(name, ("", False))[1]:
            found[name] = plain, weight
    return found


def is_hidden_style(told: Declarations, size: float = 16.0) -> bool:
    """Tells whether declarations hide an element with its contents.

    Args:
        told: the declarations.
        size: the font size around the element, in pixels.
    """
    return any(_is_hiding_declaration(name, value, size) for name, (value, _) in told.items())


def element_style(tag: str, attributes: Mapping[str, str], told: Declarations, above: TextStyle) -> TextStyle | None:
    """Returns the style of an element, or None if it is hidden.

    Args:
        tag: its name.
        attributes: its HTML attributes that change its style, and `href`.
        told: its declarations.
        above: the style of its parent element.
    """
    if is_hidden_style(told, above.size):
        return None
    opacity = above.opacity * _opacity_value(told.get("opacity", ("1", False))[0])
    if opacity < _LEAST_OPACITY:
        return None
    under = _background_colours(attributes, told, above)
    return TextStyle(
        _text_colour(tag, attributes, told, above, under),
        under,
        _font_size_of(tag, attributes, told, above.size),
        opacity,
        _is_line_height_legible(told, above),
        _is_shown_by_visibility(told, above),
    )


def _is_hiding_declaration(name: str, value: str, size: float) -> bool:
    match name:
        case "display":
            return value == "none" or value.startswith("table-column")
        case "content-visibility":
            return value == "hidden"
        case "mso-hide":
            return value == "all"
        case "pointer-events":  # it is seen, and leads nowhere
            return value == "none"
        case "position":
            return value in ("absolute", "fixed")
        case "z-index":
            return value.startswith("-")
        case "letter-spacing":
            return value.startswith("-") and _pixels_or_zero(value, size) <= -0.25 * size
        case _ if name in _MOVES:
            return value not in _NONE
        case _ if name in _EXTENTS:
            return (
                _LENGTH.fullmatch(value) is not None
                and (_pixels_or_zero(value, size) < LEAST_SIZE)
                and not _is_percentage_above_zero(value)
            )
        case _ if name.partition("-")[0] in ("margin", "padding") or name in _OFFSETS:
            return any(
                not -_FAR < _pixels_or_zero(part, size) < _TOO_FAR for part in value.split() if _LENGTH.fullmatch(part)
            )
        case _:
            return False


def _is_percentage_above_zero(length: str) -> bool:
    """Tells whether a length is a percentage above 0."""
    return length.endswith("%") and float(length[:-1]) > 0


def _pixels_or_zero(length: str, size: float) -> float:
    """Returns a length in pixels, or 0 if it is unknown."""
    found = _LENGTH.fullmatch(length)
    if found is None:
        return 0.0
    number, unit = float(found[1]), found[2]
    return number * (size / 100 if unit == "%" else _PIXELS.get(unit, size if unit in ("em", "ex", "ch") else 0.0))


def _opacity_value(value: str) -> float:
    """Returns an opacity from 0 to 1, as CSS Color 4 clamps it; 0 for what is no number."""
    try:
        number = float(value.rstrip("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        return 0.0
    return min(max(number, 0.0), 1.0) if isfinite(number) else 0.0


def _text_colour(
    tag: str, attributes: Mapping[str, str], told: Declarations, above: TextStyle, under: tuple[Colour, ...]
) -> Colour | None:
    """Returns the colour of letters.

    For a link without a colour: the less legible of its parent's colour and default blue.
    """
    said = told.get("-webkit-text-fill-color") or told.get("color")
    value = said[0] if said else attributes.get("color", "").lower()
    if value in _SAME:
        return above.colour
    if value:
        return parse_colour(value)
    around = above.colour
    if tag != "a" or "href" not in attributes or around is None or not under:
        return around
    return min(
        (around, _LINK), key=lambda colour: min(contrast_ratio(colour.blend_over(below), below) for below in under)
    )


def _background_colours(attributes: Mapping[str, str], told: Declarations, above: TextStyle) -> tuple[Colour, ...]:
    """Returns the possible colours behind an element's letters: all of a gradient; none, if it has an image."""
    under = above.under
    if bgcolor := attributes.get("bgcolor", "").lower():
        under = _blend_background_over(bgcolor, under)
    for name in ("background", "background-color", "background-image"):
        if name in told:
            under = _blend_background_over(told[name][0], under)
    return under


def _blend_background_over(value: str, under: tuple[Colour, ...]) -> tuple[Colour, ...]:
    if "url(" in value or "var(" in value:
        return ()
    if "gradient(" in value:
        return tuple(dict.fromkeys(one.blend_over(below) for one in colours_in(value) for below in under))
    if value in (*_SAME, "none", "initial"):
        return under
    found = [parse_colour(value)] if parse_colour(value) else colours_in(value)
    return tuple(found[-1].blend_over(below) for below in under or (_WHITE,)) if found and found[-1] else ()


def _font_size_of(tag: str, attributes: Mapping[str, str], told: Declarations, above: float) -> float:
    if tag == "font" and "size" in attributes:
        above = _parse_size_of_font_tag(attributes["size"])
    above *= _OF_TAG.get(tag, 1.0)
    if "font-size" in told:
        return _css_font_size(told["font-size"][0], above)
    if "font" in told and told["font"][0] not in _SAME:
        for word in told["font"][0].split():
            size = word.partition("/")[0]
            if size in _SIZES or (_LENGTH.fullmatch(size) and not size.isdigit()) or "/" in word or size == "0":
                return _css_font_size(size, above)
        return 0.0
    return above


def _css_font_size(value: str, above: float) -> float:
    if value in _SAME:
        return above
    if value in ("smaller", "larger"):
        return above * (0.83 if value == "smaller" else 1.2)
    return _SIZES.get(value) or _pixels_or_zero(value, above)


def _parse_size_of_font_tag(value: str) -> float:
    try:
        number = int(value)
    except ValueError:
        return 0.0
    return _OF_FONT[min(max(number + 3 if value[:1] in "+-" else number, 1), 7) - 1]


def _is_line_height_legible(told: Declarations, above: TextStyle) -> bool:
    value = told.get("line-height", ("inherit", False))[0]
    if value in (*_SAME, "normal", "initial"):
        return above.is_open if value in _SAME else True
    found = _LENGTH.fullmatch(value)
    if found is None:
        return False
    number, unit = float(found[1]), found[2]
    return number >= 0.6 if not unit else _pixels_or_zero(value, 16.0) >= LEAST_SIZE - 1


def _is_shown_by_visibility(told: Declarations, above: TextStyle) -> bool:
    value = told.get("visibility", ("inherit", False))[0]
    return above.is_seen if value in _SAME else value in ("visible", "initial")
