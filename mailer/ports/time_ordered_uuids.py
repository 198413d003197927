"""Identifiers that sort by the time at which they were created."""

import os
import re
import time
from datetime import UTC, datetime
from uuid import UUID

_UUID7 = re.compile(r"([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?7[0-9a-fA-F]{3}-?[89abAB][0-9a-fA-F]{3}-?[0-9a-fA-F]{12}")


def uuid7() -> UUID:
    """Returns a new UUID version 7 (RFC 9562 5.7): 48 bits of Unix milliseconds, then 74 random bits.

    Do not use it for values that must not show their order in time, such as nonces in links (invariant 6).
    """
    milliseconds = time.time_ns() // 1_000_000
    value = int.from_bytes(milliseconds.to_bytes(6, "big") + os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def uuid7_creation_time(id: str) -> datetime | None:
    """Returns the end of the millisecond in which an id was created, or None if it is no UUID version 7."""
    found = _UUID7.fullmatch(id)
    if found is None:
        return None
    try:
        return datetime.fromtimestamp((int(found[1] + found[2], 16) + 1) / 1000, UTC)
    except (ValueError, OverflowError):  # beyond the year 9999, which 48 bits reach
        return None
