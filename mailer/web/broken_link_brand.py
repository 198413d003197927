"""Links that were cut or changed on their way: the brand in them, so that the page of the problem can help."""

import base64
import re
from collections.abc import Container

_BRAND = re.compile(rb'\["([a-z0-9-]{1,60})"')
_READ = 120
"""The characters of a token that are read. The brand stands at its beginning."""


def brand_in_broken_link(token: str, brands: Container[str]) -> str | None:
    """Returns the brand that a token names, whether or not its signature is ours; it only chooses a public page.

    Args:
        token: the token, perhaps cut off.
        brands: the brands of this site.

    Returns:
        None if it names none of them, or cannot be read.
    """
    payload = token[:_READ].partition(".")[0]
    try:
        said = base64.urlsafe_b64decode(payload[: len(payload) // 4 * 4])
    except ValueError:
        return None
    found = _BRAND.match(said)
    brand = found[1].decode() if found else ""
    return brand if brand in brands else None
