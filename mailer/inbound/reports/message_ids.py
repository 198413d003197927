"""Message-IDs in header fields (RFC 5322 3.6.4). Pure."""

import re
from typing import Final

MAX_IDS: Final = 50
"""The most Message-IDs of one field."""
_MESSAGE_ID: Final = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,450}>")


def read_message_ids(value: str) -> list[str]:
    """Returns the Message-IDs of a field with their brackets: the first, which began the thread, and the last ones.

    They are printable ASCII, so that they can be quoted in a header.
    """
    found = _MESSAGE_ID.findall(value)
    return found if len(found) <= MAX_IDS else [found[0], *found[1 - MAX_IDS :]]
