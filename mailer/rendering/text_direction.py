"""Latin words and numbers within text that is read from right to left. Pure."""

import re
from typing import Final

MARK: Final = "\u200e"
"""LEFT-TO-RIGHT MARK (UAX #9, 2.6), which nobody sees."""
_LATIN = re.compile(r"(?:(?<=\s)|^)[+(]?[A-Za-z0-9](?:[A-Za-z0-9 ,.:()/+@_&'-]*[A-Za-z0-9)])?")
_NEEDS_ORDER = re.compile(r"[A-Za-z]|\d[ ()/-]+\d")


def keep_latin_in_order(text: str) -> str:
    """Returns a text of a right-to-left language whose telephone numbers and Latin addresses keep their order.

    After an Arabic letter, 1-877-438 would be shown as 438-877-1 (UAX #9, W2 and W4). A mark before and after it
    prevents that.
    """
    return _LATIN.sub(lambda found: f"{MARK}{found[0]}{MARK}" if _NEEDS_ORDER.search(found[0]) else found[0], text)
