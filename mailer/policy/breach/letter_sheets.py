"""Sheets of letters: the paper, the window of the envelope, and the zones that are printed on. Pure values in mm."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never


class WindowFormat(StrEnum):
    """The envelope whose window shows the address."""

    GB = "gb"
    """A4 folded to C5 or DL, as GOV.UK Notify's print specification has it: 95.4 x 26.8 mm at 24.6, 39.5 mm."""
    DIN = "din"
    """A4 by DIN 5008 form B: 85 x 45 mm at 20, 45 mm, with a line for the sender inside."""
    US = "us"
    """US Letter, folded in three, in a #10 envelope with a left window of 4.5 x 1.125 inches."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A rectangle on the first page, in millimetres from the left and the top edge."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first page of a letter, in millimetres.

    Attributes:
        window: what the envelope can show, however the sheet slides in it; nothing but the address is printed here.
        address: where the address is printed. sender: for the sender, the date and the reference.
        return_line: for the sender in one small line, inside the window; None: there is none.
        body_at: the distance of the text from the top edge. margin: on the left and the right of the text.
    """

    width: float
    height: float
    margin: float
    window: Zone
    address: Zone
    sender: Zone
    return_line: Zone | None
    body_at: float


_GB: Final = Sheet(
    210, 297, 25, Zone(24.6, 39.5, 95.4, 26.8), Zone(26.6, 40.5, 91.4, 24.8), Zone(128, 20, 62, 60), None, 88
)
_DIN: Final = Sheet(
    210, 297, 25, Zone(20, 45, 85, 45), Zone(25, 62.7, 78, 27.3), Zone(125, 32, 65, 58), Zone(25, 57, 78, 4), 103.5
)
# The sheet is 93.1 mm high when folded, the envelope 104.8 mm: it slides by 11.7 mm, and by 25.4 mm to the side.
_US: Final = Sheet(
    215.9, 279.4, 22.2, Zone(22.2, 51.9, 88.9, 40.2), Zone(22.7, 63.5, 87.9, 17), Zone(140, 20, 57, 60), None, 98
)
_COUNTRIES: Final = {
    **dict.fromkeys(("GB", "IE", "GG", "JE", "IM", "AU", "NZ"), WindowFormat.GB),
    **dict.fromkeys(("US", "CA", "MX", "PR", "PH"), WindowFormat.US),
}
COUNTRIES_OF_GB: Final = tuple(code for code, window in _COUNTRIES.items() if window is WindowFormat.GB)
COUNTRIES_OF_US: Final = tuple(code for code, window in _COUNTRIES.items() if window is WindowFormat.US)


def window_of_country(country: str | None) -> WindowFormat:
    """Returns the format for a country by ISO 3166-1. `DIN` is that of all countries that are not named."""
    return _COUNTRIES.get(country or "", WindowFormat.DIN)


def sheet_of_window(window: WindowFormat) -> Sheet:
    """Returns the sheet of a format."""
    match window:
        case WindowFormat.GB:
            return _GB
        case WindowFormat.DIN:
            return _DIN
        case WindowFormat.US:
            return _US
        case _:
            assert_never(window)
