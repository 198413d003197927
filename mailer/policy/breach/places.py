"""The place of a person: a country, or a part of one where the law of the part decides. Pure."""

import re
from typing import Final

_REGION: Final = re.compile(r"^[A-Z]{2}-[A-Z0-9]{1,3}$")


def place_of_person(country: str | None, region: str) -> str:
    """Returns a person's place by ISO 3166-1 or 3166-2; empty: unknown.

    Args:
        country: all that were said, one a line, the newest first; None: nobody knows it.
        region: the part of a country, `US-CA`, or empty. It counts in the newest country, or if no country is known.
    """
    newest = (country or "").partition("\n")[0]
    if _REGION.match(region) and newest in ("", region[:2]):
        return region
    return newest


def place_with_file(place: str, place_by_file: str) -> str:
    """Returns the place of somebody in an uploaded file: the file's, if nobody knows it, or it is more exact.

    Args:
        place: as it is known; empty: unknown.
        place_by_file: that of the file; empty: it has none.
    """
    return (place_by_file or place) if place in ("", place_by_file[:2]) else place
